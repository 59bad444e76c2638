"""A request as the resources see it, and what they may answer with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from reconciler.sandbox.fate import ORDINARY_FILE, ORDINARY_JOB, FileFate, JobFate
from reconciler.sandbox.state import Sandbox

Json = dict[str, object]


@dataclass(frozen=True)
class Raw:
    """An answer that isn't one JSON object: bytes, or the file that holds them."""

    body: bytes | Path
    content_type: str


Reply = Json | Raw


@dataclass(frozen=True)
class FormContent:
    """A multipart form that came in whole.

    Attributes:
        fields: The values of its fields by name.
        filename: What the client calls the file.
        path: Where the file lies until a handler moves it away; None if the form had none.
        size: Bytes of the file.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    filename: str | None = None
    path: Path | None = None
    size: int = 0


NO_FORM: Final = FormContent()


@dataclass(frozen=True)
class Call:
    """One call of the API.

    Attributes:
        sandbox: What it is answered from.
        now: The simulated time at which it came.
        path: The parts of the address that name something.
        query: The query string.
        body: The JSON body; empty where the call has none.
        form: The multipart form; empty where the call has none.
        job_fate: What is to become of a job that the call makes.
        file_fate: What is to become of a file that the call makes.
    """

    sandbox: Sandbox
    now: float
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Json
    form: FormContent = NO_FORM
    job_fate: JobFate = ORDINARY_JOB
    file_fate: FileFate = ORDINARY_FILE


def listed(objects: list[Json], limit: int, *, has_ends: bool = False) -> Json:
    """Return a page as a list object; one object beyond the limit tells that there are more."""
    shown = objects[:limit]
    page: Json = {"object": "list", "data": shown, "has_more": len(objects) > limit}
    if has_ends:
        page["first_id"] = shown[0]["id"] if shown else ""
        page["last_id"] = shown[-1]["id"] if shown else ""
    return page
