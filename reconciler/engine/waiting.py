"""Following trainings until they end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.engine.passes import Pass, Request, World, look
from reconciler.providers.protocol import Event, Reader
from reconciler.state import Job

Listen = Callable[[Job, tuple[Event, ...]], None]

FIRST_PAUSE, LONGER = 0.5, 1.5
"""Seconds after the first look at a job, and by how much each pause is longer than the last."""


def wait(
    request: Request, world: World, listen: Listen, *, pause: float, deadline: float | None = None
) -> tuple[Pass, tuple[Job, ...]]:
    """Follow the jobs under way until each has ended or the deadline is over; then look again.

    Args:
        request: which specs to wait for.
        world: the outside.
        listen: told each job with its new events, every time it is looked at.
        pause: the longest time between two looks, in seconds; the first ones are shorter, for a
            job that can't be trained fails soon.
        deadline: seconds to wait at the most; None for as long as it takes.

    Returns:
        How everything stands then, and the jobs that ended meanwhile.
    """
    seen = look(request, world)
    jobs = [action.job_id for action in seen.plan.waits]
    with world.connect(seen.loaded.project) as connection:
        waited, pauses = 0.0, _pauses(pause)
        latest: dict[str, str] = {}
        ended: list[Job] = []
        while jobs and (deadline is None or waited < deadline):
            followed = [_follow(connection.reader, job, latest, listen) for job in jobs]
            ended += [job for job in followed if job and job.status.is_terminal]
            jobs = [job.id for job in followed if job and not job.status.is_terminal]
            if jobs:
                slept = next(pauses)
                world.sleep(slept)
                waited += slept
    return look(request, world), tuple(ended)


def _pauses(longest: float) -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield min(pause, longest)
        pause *= LONGER


def _follow(reader: Reader, job_id: str, latest: dict[str, str], listen: Listen) -> Job | None:
    """Tell what is new of a job; None if it is gone. ``latest`` keeps the last event's id."""
    job = reader.job(job_id)
    if job is None:
        return None
    events = reader.events(job_id, latest.get(job_id))
    if events:
        latest[job_id] = events[-1].id
    listen(job, events)
    return job
