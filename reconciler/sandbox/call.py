"""A request as the resources see it, and what they may answer with."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import Response

from reconciler.sandbox.state import Sandbox

Json = dict[str, object]
Reply = Json | Response


@dataclass(frozen=True)
class Call:
    """One call of the API.

    Attributes:
        sandbox: What it is answered from.
        now: The simulated time at which it came.
        path: The parts of the address that name something.
        query: The query string.
        body: The JSON body; empty where the call has none.
    """

    sandbox: Sandbox
    now: float
    path: Mapping[str, str]
    query: Mapping[str, str]
    body: Json


def listed(objects: list[Json], limit: int, *, has_ends: bool = False) -> Json:
    """Return a page as a list object; one object beyond the limit tells that there are more."""
    shown = objects[:limit]
    page: Json = {"object": "list", "data": shown, "has_more": len(objects) > limit}
    if has_ends:
        page["first_id"] = shown[0]["id"] if shown else ""
        page["last_id"] = shown[-1]["id"] if shown else ""
    return page
