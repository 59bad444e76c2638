"""What each fault does to a call: refuses it, twists it, or tells its answer otherwise.

refusal   before it is carried out      twisted   what is carried out
shown     what its answer says          spoiled   how the answer arrives
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, assert_never

from reconciler.sandbox import errors, pending
from reconciler.sandbox.answer import Answer, Ending, refused
from reconciler.sandbox.bases import find_base
from reconciler.sandbox.call import Call, Json, Reply
from reconciler.sandbox.errors import ApiError
from reconciler.sandbox.fate import FileFate, JobError, JobFate
from reconciler.sandbox.faults import kinds
from reconciler.sandbox.faults.operations import Operation

NOT_JSON: Final = b"<html><body><h1>502 Bad Gateway</h1></body></html>\n"
_ERRORS: Final = {
    "data": JobError(
        "invalid_training_file",
        "The job failed due to an invalid training file. Invalid file format. "
        "Example 3, message 2 Discriminator 'role' is missing in value",
        "training_file",
    ),
    "policy": JobError(
        "invalid_training_file",
        "This training file was blocked because too many examples were flagged by our moderation "
        "policy.",
        "training_file",
    ),
    "server_error": JobError("server_error", "The job failed due to an internal error.", None),
}


def refusal(fault: kinds.Refusing, operation: Operation, call: Call) -> ApiError | None:
    """Return the refusal of a call, unless the fault doesn't concern what the call names."""
    match fault:
        case kinds.ErrorBefore():
            return errors.server_error(fault.status)
        case kinds.Refuse():
            return ApiError(
                fault.status, fault.message, code=fault.code, retry_after=fault.retry_after
            )
        case kinds.BaseRetired():
            return _retired(fault, operation, call)
        case _:
            return _usual_refusal(fault)


def _usual_refusal(fault: kinds.RefusingAsUsual) -> ApiError:
    match fault:
        case kinds.RateLimit():
            return errors.rate_limited(fault.retry_after)
        case kinds.Quota():
            return errors.out_of_quota()
        case kinds.KeyRevoked():
            return errors.revoked_key()
        case kinds.TrainingNotAvailable():
            return errors.no_training()
        case _:
            assert_never(fault)


def _retired(fault: kinds.BaseRetired, operation: Operation, call: Call) -> ApiError | None:
    named = str(call.path.get("model", call.body.get("model", "")))
    if not _rests_on(named, fault.model):
        return None
    if operation is Operation.CREATE_JOB:
        return errors.unavailable_base()
    return errors.unknown_model(named)


def _rests_on(model: str, base: str) -> bool:
    """Tell whether a model is a base, by name or alias, or was fine-tuned from it."""
    retired = find_base(base)
    own = model.removeprefix("ft:").partition(":")[0] if model.startswith("ft:") else model
    return own == base or (retired is not None and find_base(own) is retired)


def twisted(fault: kinds.Twisting, call: Call) -> Call:
    """Return the call as it is carried out."""
    match fault:
        case kinds.IgnoreCursor():
            return _without(call, lambda name: name == "after")
        case kinds.IgnoreFilter():
            return _without(call, lambda name: name == "purpose" or name.startswith("metadata["))
        case kinds.DropMetadata():
            body = {name: value for name, value in call.body.items() if name != "metadata"}
            return replace(call, body=body)
        case kinds.Md5Mismatch():
            return replace(call, body=call.body | {"md5": "0" * 32})
        case kinds.ExpireUpload():
            pending.expire(call.sandbox.store, call.path["upload"], call.now)
            return call
        case _:
            assert_never(fault)


def _without(call: Call, is_ignored: Callable[[str], bool]) -> Call:
    query = {name: value for name, value in call.query.items() if not is_ignored(name)}
    return replace(call, query=query)


def fated(fault: kinds.Fating, call: Call) -> Call:
    """Return the call with what is to become of the object that it makes."""
    match fault:
        case kinds.FileStuck():
            return replace(call, file_fate=FileFate(fault.status))
        case kinds.FileError():
            return replace(call, file_fate=FileFate("error", fault.details))
        case _:
            return replace(call, job_fate=_job_fate(fault, call.job_fate))


def _job_fate(fault: kinds.FatingJobs, fate: JobFate) -> JobFate:
    match fault:
        case kinds.JobStuck():
            return replace(fate, stuck_in=fault.status)
        case kinds.JobFails():
            return replace(fate, error=_job_error(fault))
        case kinds.JobCancelled():
            return replace(fate, cancelled_in=fault.seconds)
        case kinds.JobDeleted():
            return replace(fate, deleted_in=fault.seconds)
        case kinds.ModelDeleted():
            return replace(fate, model_deleted_in=fault.seconds)
        case _:
            assert_never(fault)


def _job_error(fault: kinds.JobFails) -> JobError:
    usual = _ERRORS[fault.why]
    return JobError(fault.code or usual.code, fault.message or usual.message, usual.param)


# ---- what the answer says ------------------------------------------------------------------------


def shown(fault: kinds.Showing, call: Call, reply: Json, again: Callable[[Call], Reply]) -> Json:
    """Return what is said instead; `again` asks the handler for another page."""
    match fault:
        case kinds.Stale():
            return _stale(fault, call, reply, again)
        case kinds.EmptyPage():
            return _with_rows(reply, []) | {"has_more": True}
        case kinds.LoopCursor():
            return _looping(call, reply, again)
        case kinds.BaseRetired():
            rows = [row for row in _rows(reply) if not _rests_on(str(row["id"]), fault.model)]
            return _with_rows(reply, rows) if reply.get("object") == "list" else reply
        case kinds.LostPart():
            pending.lose_part(call.sandbox.store, str(reply["id"]))
            return reply
        case _:
            return _with_fields(reply, _fields(fault))


def _fields(fault: kinds.ShowingFields) -> Json:
    match fault:
        case kinds.ShowStatus():
            return {"status": fault.value}
        case kinds.Nulls():
            return dict.fromkeys(fault.fields)
        case kinds.DropMetadata():
            return {"metadata": None}
        case _:
            assert_never(fault)


def _stale(fault: kinds.Stale, call: Call, reply: Json, again: Callable[[Call], Reply]) -> Json:
    """Leave new rows out; a page of nothing else is passed over, for it would end the list."""
    horizon = call.now - fault.seconds
    while not (old := _made_by(horizon, reply)) and reply.get("has_more") and _rows(reply):
        after = str(_rows(reply)[-1]["id"])
        reply = _object(again(replace(call, query={**call.query, "after": after})))
    return _with_rows(reply, old)


def _made_by(moment: float, reply: Json) -> list[Json]:
    """Return the rows that are surely as old: they say when they were made in whole seconds."""
    return [row for row in _rows(reply) if _made_at(row) + 1 <= moment]


def _made_at(row: Json) -> int:
    made = row.get("created_at", row.get("created"))
    return made if isinstance(made, int) else 0


def _looping(call: Call, reply: Json, again: Callable[[Call], Reply]) -> Json:
    if not _rows(reply) and "after" in call.query:
        reply = _object(again(_without(call, lambda name: name == "after")))
    # An empty page stays as it is: as the end of the list it would be a lie that nobody can see.
    return reply | {"has_more": bool(_rows(reply)) or bool(reply.get("has_more"))}


def _object(reply: Reply) -> Json:
    return reply if isinstance(reply, dict) else {}


def _rows(reply: Json) -> list[Json]:
    rows = reply.get("data")
    return rows if isinstance(rows, list) else []


def _with_rows(reply: Json, rows: list[Json]) -> Json:
    changed = reply | {"data": rows}
    if "first_id" in reply:
        changed["first_id"] = rows[0]["id"] if rows else ""
        changed["last_id"] = rows[-1]["id"] if rows else ""
    return changed


def _with_fields(reply: Json, fields: Json) -> Json:
    """Return the objects of an answer with some of the fields that they have changed."""
    if reply.get("object") == "list":
        return reply | {"data": [_with_fields(row, fields) for row in _rows(reply)]}
    return reply | {name: value for name, value in fields.items() if name in reply}


# ---- how the answer arrives ----------------------------------------------------------------------


def spoiled(fault: kinds.Spoiling, answer: Answer) -> Answer:
    """Return the answer as it arrives."""
    match fault:
        case kinds.LoseRequest() | kinds.LoseReply():
            return replace(answer, ending=Ending.NONE)
        case kinds.Delay():
            return replace(answer, delay=answer.delay + fault.seconds)
        case kinds.ErrorAfter():
            instead = refused(errors.server_error(fault.status))
            return replace(instead, ending=answer.ending, delay=answer.delay)
        case kinds.Truncate():
            return answer if answer.ending is Ending.NONE else replace(answer, ending=Ending.CUT)
        case kinds.Garble():
            headers = {**answer.headers, "content-type": fault.content_type}
            return replace(answer, status=200, headers=headers, body=NOT_JSON)
        case _:
            assert_never(fault)
