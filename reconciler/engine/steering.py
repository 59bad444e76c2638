"""A person's hand on a running job: cancel, pause, resume."""

from __future__ import annotations

from enum import StrEnum
from typing import assert_never

from reconciler.engine.passes import Pass, Request, World, find, look
from reconciler.errors import UsageError
from reconciler.ownership import read_mark
from reconciler.providers.protocol import Writer
from reconciler.state import Job, JobStatus


class Steer(StrEnum):
    """What can be done with a job that lives."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"


FROM = {
    Steer.CANCEL: frozenset(status for status in JobStatus if not status.is_terminal),
    Steer.PAUSE: frozenset({JobStatus.QUEUED, JobStatus.RUNNING}),
    Steer.RESUME: frozenset({JobStatus.PAUSED}),
}
"""The statuses from which each can be asked for."""


def steerable(request: Request, world: World, name: str, steer: Steer) -> tuple[Pass, Job]:
    """The job of a spec, if it is ours and can be steered so.

    Raises:
        UsageError: the spec has no job, it bears no mark of ours, or is elsewhere in its life.
    """
    seen = look(request, world)
    _, resource = find(seen, name)
    job = next((job for job in seen.observed.jobs if job.id == resource.job_id), None)
    if job is None:
        raise UsageError(f"{name} has no job: {resource.condition.message}")
    mark = read_mark(job)
    if mark is None or mark.owner != seen.plan.owner:
        raise UsageError(f"{job.id} bears no mark of {seen.plan.owner}, and is left alone")
    if job.status not in FROM[steer]:
        raise UsageError(f"{job.id} is {job.status.replace('_', ' ')}: nothing to {steer}")
    return seen, job


def steer_job(seen: Pass, world: World, job: Job, steer: Steer) -> Job:
    """The job as it is after it was asked to do so. Raises ProviderError if the endpoint won't."""
    with world.connect(seen.loaded.project) as connection:
        return _asked(connection.writer, job.id, steer)


def _asked(writer: Writer, job_id: str, steer: Steer) -> Job:
    match steer:
        case Steer.CANCEL:
            return writer.cancel(job_id)
        case Steer.PAUSE:
            return writer.pause(job_id)
        case Steer.RESUME:
            return writer.resume(job_id)
        case _:
            assert_never(steer)
