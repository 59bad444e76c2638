"""`/fine_tuning/jobs`: create, list, pause, resume and cancel jobs; their events and checkpoints.

Not here: trying out graders (`/fine_tuning/alpha`), as nothing is trained by reinforcement, and the
permissions of checkpoints, which take an administrator's key.
"""

import dataclasses
import re
from collections.abc import Mapping
from typing import Final

from reconciler.sandbox import lifecycle
from reconciler.sandbox.bases import ORGANIZATION, Base, base_named
from reconciler.sandbox.bounds import Range, query_number
from reconciler.sandbox.call import Call, Json, listed
from reconciler.sandbox.errors import ApiError, invalid, unavailable_base
from reconciler.sandbox.job_request import JobRequest, read_job_request, unsupported_method
from reconciler.sandbox.lifecycle import Pause, Status
from reconciler.sandbox.progress import (
    Progress,
    checkpoint_objects,
    event_objects,
    job_object,
)
from reconciler.sandbox.records import FileRecord, JobRecord, Page

_PAGE: Final = Range(1, 100)
_MARK: Final = re.compile(r"metadata\[(.*)\]", re.DOTALL)
_UNFIT: Final = re.compile(r"[^A-Za-z0-9_.-]")


def create_job(call: Call) -> Json:
    """`POST /fine_tuning/jobs`: accept a job, and begin to work it out."""
    request = read_job_request(call.body)
    model, base = _trainable(call, request.model)
    if request.method not in base.methods:
        raise unsupported_method(request.method, request.model)
    job = _new_job(call, request, model, base)
    call.sandbox.store.add_job(job)
    call.sandbox.trainer.begin(job)
    return job_object(Progress(job, None, call.now))


def _new_job(call: Call, request: JobRequest, model: str, base: Base) -> JobRecord:
    store = call.sandbox.store
    named = {"training_file": request.training_file, "validation_file": request.validation_file}
    files = [_training_data(call, file, param) for param, file in named.items() if file is not None]
    suffix = _UNFIT.sub("-", request.suffix or "")
    return JobRecord(
        id=store.new_name("ftjob-"),
        created_at=call.now,
        model=model,
        base=base.name,
        model_name=store.new_name(f"ft:{base.name}:{ORGANIZATION}:{suffix}:", 8),
        training_file=request.training_file,
        validation_file=request.validation_file,
        size=sum(file.bytes for file in files),
        method=request.method,
        hyperparameters=request.hyperparameters,
        suffix=request.suffix,
        seed=store.chance.randrange(2**31) if request.seed is None else request.seed,
        metadata=request.metadata,
        integrations=request.integrations,
        result_file=store.new_name("file-"),
        fate=call.job_fate,
    )


def _trainable(call: Call, name: str) -> tuple[str, Base]:
    """Return what is trained further, by its full name, and the base it rests on."""
    try:
        model = call.sandbox.model(name, call.now)
    except ApiError as error:
        raise unavailable_base() from error
    if isinstance(model, Base):
        return model.name, model
    return model.name, base_named(model.progress.job.base)


def _training_data(call: Call, file_id: str, param: str) -> FileRecord:
    record = call.sandbox.store.file(file_id, call.now)
    if record is None:
        raise invalid(f"invalid {param}: {file_id}", param, "invalid_file")
    if record.purpose != "fine-tune":
        raise invalid(
            f"File '{file_id}' has purpose '{record.purpose}'; expected 'fine-tune'.",
            param,
            "invalid_file_purpose",
        )
    _check_ready(record, param)
    return record


def _check_ready(record: FileRecord, param: str) -> None:
    match record.fate.status:
        case "processed":
            return
        case "error":
            raise invalid(f"invalid {param}: {record.id}", param, "invalid_file")
        case _:
            raise invalid(
                f"File '{record.id}' is still being processed and is not ready to be used for "
                "fine-tuning. Please try again later.",
                param,
            )


def list_jobs(call: Call) -> Json:
    """`GET /fine_tuning/jobs`: newest first, those that the metadata filter keeps."""
    limit = query_number(call.query, "limit", 20, _PAGE)
    after = call.query.get("after")
    if after is not None:
        call.sandbox.job(after)
    jobs = call.sandbox.store.jobs(Page(after, limit + 1), _wanted(call.query))
    shown = call.sandbox.progress_of(jobs, call.now)
    return listed([job_object(progress) for progress in shown], limit)


def _wanted(query: Mapping[str, str]) -> dict[str, str] | None:
    """Return the pairs of `metadata[k]=v`; None for `metadata=null`, which is jobs without any."""
    pairs = {match[1]: value for key, value in query.items() if (match := _MARK.fullmatch(key))}
    if "metadata" not in query:
        return pairs
    if query["metadata"] != "null" or pairs:
        raise invalid(
            "Invalid 'metadata': give either metadata[key]=value or metadata=null.",
            "metadata",
            "invalid_value",
        )
    return None


def retrieve_job(call: Call) -> Json:
    """`GET /fine_tuning/jobs/{id}`."""
    return _shown(call, _named(call))


def cancel_job(call: Call) -> Json:
    """`POST /fine_tuning/jobs/{id}/cancel`: only a job that hasn't ended."""
    job = _named(call)
    status = call.sandbox.progress(job, call.now).status
    if not lifecycle.can_become(status, Status.CANCELLED):
        raise invalid(f"Job has already completed: {job.id}", "fine_tune_id")
    call.sandbox.store.cancel_job(job, call.now)
    return _shown(call, _named(call))


def pause_job(call: Call) -> Json:
    """`POST /fine_tuning/jobs/{id}/pause`: hold back a job that is queued or running."""
    job = _named(call)
    status = call.sandbox.progress(job, call.now).status
    if not lifecycle.can_become(status, Status.PAUSING):
        raise _wrong_status(job, "paused", status)
    return _with_pauses(call, job, (*job.pauses, Pause(call.now)), "paused")


def resume_job(call: Call) -> Json:
    """`POST /fine_tuning/jobs/{id}/resume`: let a paused job go on where it was."""
    job = _named(call)
    status = call.sandbox.progress(job, call.now).status
    if status is not Status.PAUSED:
        raise _wrong_status(job, "resumed", status)
    *earlier, last = job.pauses
    return _with_pauses(call, job, (*earlier, Pause(last.asked_at, call.now)), "resumed")


def _with_pauses(call: Call, job: JobRecord, pauses: tuple[Pause, ...], wished: str) -> Json:
    changed = call.sandbox.progress(dataclasses.replace(job, pauses=pauses), call.now)
    if not call.sandbox.store.change_pauses(job, pauses, changed.trained_at):
        # Another request, at the same time, was the first.
        raise _wrong_status(job, wished, call.sandbox.progress(_named(call), call.now).status)
    return job_object(changed)


def _wrong_status(job: JobRecord, wished: str, status: Status) -> ApiError:
    """Return the 400 of a job that is elsewhere in its life; the words are the sandbox's own."""
    return invalid(
        f"Job {job.id} can't be {wished}: its status is '{status}'.",
        "fine_tune_id",
        "invalid_status",
    )


def list_events(call: Call) -> Json:
    """`GET /fine_tuning/jobs/{id}/events`: newest first."""
    progress = call.sandbox.progress(_named(call), call.now)
    steps = call.sandbox.store.steps(progress.job.id) if progress.outcome else ()
    return _page(call, event_objects(progress, steps), 20)


def list_checkpoints(call: Call) -> Json:
    """`GET /fine_tuning/jobs/{id}/checkpoints`: of the last three epochs, newest first."""
    progress = call.sandbox.progress(_named(call), call.now)
    steps = call.sandbox.store.steps(progress.job.id) if progress.outcome else ()
    return _page(call, checkpoint_objects(progress, steps), 10, has_ends=True)


def _named(call: Call) -> JobRecord:
    return call.sandbox.job(call.path["job"])


def _shown(call: Call, job: JobRecord) -> Json:
    return job_object(call.sandbox.progress(job, call.now))


def _page(call: Call, objects: list[Json], default: int, *, has_ends: bool = False) -> Json:
    limit = query_number(call.query, "limit", default, _PAGE)
    after = call.query.get("after")
    if after is not None:
        places = [place for place, shown in enumerate(objects) if shown["id"] == after]
        if not places:
            raise invalid(f"Invalid 'after': {after}", "after", "invalid_value")
        objects = objects[places[0] + 1 :]
    return listed(objects, limit, has_ends=has_ends)
