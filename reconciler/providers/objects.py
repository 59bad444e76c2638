"""Objects of the API read from plain JSON, leniently: real ones differ from the schema.

What may be missing, null or of another name is listed in OpenAI's and Azure's real answers, not in
their documents: ``error: {}`` on healthy jobs, null hyperparameters for dpo, unknown statuses.

A scan reads a row a hundred thousand times: a JSON object is known by ``dict``, whose check costs a
fraction of ``Mapping``'s. Bodies are parsed by ``json``: jiter takes a third less time for it, and
can't read half a character, which escapes may hold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Protocol

from reconciler.errors import ScanIncomplete, Unavailable
from reconciler.providers.protocol import Event
from reconciler.state import Checkpoint, Job, JobError, JobStatus, RemoteFile, read_status

Raw = Mapping[str, object]
Hook = Callable[[dict[str, object]], object]
"""Told each object of an answer as it is read; what it returns is put in its place."""
_SCALAR = (int, float, str)
LATEST = 10**11
"""More than any time in seconds, in the year 5138, and less than any in thousandths."""


class HasJson(Protocol):
    """An HTTP response, as far as it matters here."""

    def json(self, *, object_hook: Hook | None = None) -> object:
        """The parsed body; raises ValueError if it is none."""


def read_job(raw: Raw) -> Job:
    """A job from its JSON. Only ``id`` is insisted on; openai-facts names what real ones lack."""
    if not text_of(raw, "id"):
        raise Unavailable("a job without an id")
    method = mapping_of(raw.get("method"))
    kind = text_of(method, "type") or "supervised"
    declared = mapping_of(mapping_of(method.get(kind)).get("hyperparameters"))
    return Job(
        id=text_of(raw, "id"),
        status=_read_status(raw),
        created_at=_moment(raw.get("created_at")) or 0,
        finished_at=_moment(raw.get("finished_at")),
        model=text_of(raw, "model"),
        fine_tuned_model=text_of(raw, "fine_tuned_model") or None,
        training_file=text_of(raw, "training_file"),
        validation_file=text_of(raw, "validation_file") or None,
        method=kind,
        hyperparameters=_scalars(declared or mapping_of(raw.get("hyperparameters"))),
        seed=_whole(raw.get("seed")),
        suffix=text_of(raw, "user_provided_suffix") or text_of(raw, "suffix") or None,
        trained_tokens=_whole(raw.get("trained_tokens")),
        error=_read_error(raw.get("error")),
        metadata=_read_metadata(mapping_of(raw.get("metadata"))),
        result_files=_texts(raw.get("result_files")),
    )


def read_checkpoint(raw: Raw) -> Checkpoint:
    """A checkpoint from its JSON; without its step or its model it is none that can be chosen."""
    step, model = _whole(raw.get("step_number")), text_of(raw, "fine_tuned_model_checkpoint")
    if step is None or not model:
        raise Unavailable("a checkpoint without a step or a model")
    return Checkpoint(step, model)


def read_file(raw: Raw) -> RemoteFile:
    """A file from its JSON; a missing status counts as usable."""
    return RemoteFile(
        id=text_of(raw, "id"),
        name=text_of(raw, "filename"),
        bytes=_whole(raw.get("bytes")) or 0,
        created_at=_moment(raw.get("created_at")) or 0,
        is_usable=text_of(raw, "status") not in ("error", "failed", "deleted"),
    )


def _read_status(raw: Raw) -> JobStatus:
    """A status that nobody has told us counts as alive, unless the job says when it ended.

    An error alone ends nothing: the service may be at it again, and a second job would be paid.
    """
    status = read_status(text_of(raw, "status"))
    has_ended = bool(_whole(raw.get("finished_at")))
    return JobStatus.FAILED if status is JobStatus.UNKNOWN and has_ended else status


def _read_error(raw: object) -> JobError | None:
    """Healthy jobs carry ``{}``: only an error with a code or a message is one."""
    error = mapping_of(raw)
    code, message = text_of(error, "code"), text_of(error, "message")
    return JobError(code, message, text_of(error, "param")) if code or message else None


def read_event(raw: Raw) -> Event:
    """One line of a job's story."""
    return Event(
        id=text_of(raw, "id"),
        created_at=_moment(raw.get("created_at")) or 0,
        level=text_of(raw, "level") or "info",
        message=text_of(raw, "message"),
        type=text_of(raw, "type") or "message",
        data=mapping_of(raw.get("data")),
    )


def read_page(path: str, page: Raw, may_hide: int) -> tuple[list[Raw], bool]:
    """The rows of one page and whether more follow; fails closed where that can't be known.

    ``may_hide``: the rows from which on a page that doesn't tell counts as followed by another.
    """
    rows = page.get("data")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ScanIncomplete(f"the list {path} holds no rows")
    has_more = page.get("has_more")
    if not isinstance(has_more, bool):  # some servers leave it out
        has_more = len(rows) >= may_hide
    if has_more and not rows:
        raise ScanIncomplete(f"the list {path} says that it goes on, and shows nothing")
    return rows, has_more


def json_object(response: HasJson, hook: Hook | None = None) -> Raw:
    """The body as a JSON object; anything else is no answer. ``hook`` sees each object in it."""
    try:
        body = response.json(object_hook=hook)
    except ValueError as error:
        raise Unavailable("the endpoint's answer is not JSON") from error
    if not isinstance(body, dict):
        raise Unavailable("the endpoint's answer is not a JSON object")
    return body


def mapping_of(value: object) -> Raw:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def text_of(raw: Raw, name: str) -> str:
    """The text under a name, empty if there is none; what is no Unicode text in it reads as "?"."""
    value = raw.get(name)
    return _well_formed(value) if isinstance(value, str) else ""


def _well_formed(text: str) -> str:
    """JSON's escapes may hold half a character, which nobody could print or write."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _texts(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else []
    return tuple(item for item in items if isinstance(item, str))


def _whole(value: object) -> int | None:
    if type(value) is int:  # and no bool
        return value
    return int(value) if isinstance(value, float) and isfinite(value) else None


def _moment(value: object) -> int | None:
    """Unix seconds; some servers tell thousandths of them. A time before all jobs is none."""
    seconds = _whole(value)
    while seconds and seconds > LATEST:
        seconds //= 1000
    return None if seconds is None or seconds < 0 else seconds


def _read_metadata(raw: Raw) -> dict[str, str]:
    return {_well_formed(name): text_of(raw, name) for name in raw if isinstance(raw[name], str)}


def _scalars(raw: Raw) -> dict[str, int | float | str]:
    return {k: v for k, v in raw.items() if isinstance(v, _SCALAR)}
