"""Every run key that was ever trained for a spec: from which commit and data, for which bill."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from reconciler.ownership import Mark, read_mark
from reconciler.plan.bills import Tariff, bill_of
from reconciler.state import Desired, Job, JobStatus, Observed, Training


@dataclass(frozen=True)
class Generation:
    """A run key and the job that was made for it.

    Attributes:
        key: the run key; empty where the job bears no mark and Git doesn't name it.
        commit: what it was made from; empty if that wasn't written.
        dataset: digest of the training file, as the mark has it; empty if it wasn't written.
        tokens, usd: as billed, or while ``is_billed`` is False as expected.
        answers: whether its model answers.
        is_current: whether it is what the spec asks for now.
    """

    key: str
    commit: str
    dataset: str
    job_id: str
    status: JobStatus
    created_at: int
    model: str
    tokens: int | None
    usd: float | None
    is_billed: bool
    answers: bool
    is_current: bool


def lived_names(desired: Desired, jobs: Iterable[Job]) -> Mapping[str, str]:
    """Every name that a training of today goes by, or was renamed from -> its run key.

    So what was trained for a spec before it was renamed is known to be an earlier one of its own.
    A name was given up for another if the last that was trained under it is a training of today;
    one that went on to something else, and is gone, was a spec of its own.
    """
    latest: dict[str, str] = {}
    for job in sorted(jobs, key=lambda job: job.age_rank):
        mark = read_mark(job)
        if mark and mark.owner == desired.owner:
            latest[mark.name] = mark.key
    today = {name: training.key for training in desired.trainings for name in training.used_by}
    keys = set(today.values())
    return {name: key for name, key in latest.items() if key in keys} | today


def generations(
    training: Training, desired: Desired, observed: Observed, tariff: Tariff
) -> tuple[Generation, ...]:
    """The generations of a training's specs, oldest first; several jobs of one key each count."""
    bound = {binding.job: binding.run_key for binding in training.bindings}
    return tuple(
        _generation(job, mark, bound.get(job.id, ""), training, observed, tariff)
        for job, mark in _made_for(training, desired, observed.jobs)
    )


def _made_for(
    training: Training, desired: Desired, jobs: Collection[Job]
) -> Iterable[tuple[Job, Mark | None]]:
    bound = {binding.job for binding in training.bindings}
    names = lived_names(desired, jobs)
    for job in sorted(jobs, key=lambda job: job.age_rank):
        mark = read_mark(job)
        is_ours = mark is not None and mark.owner == desired.owner
        is_its = mark is not None and training.key in (mark.key, names.get(mark.name))
        if (is_ours and is_its) or job.id in bound:
            yield job, mark


def _generation(
    job: Job, mark: Mark | None, bound: str, training: Training, observed: Observed, tariff: Tariff
) -> Generation:
    billed, key = bill_of(job, tariff), bound or (mark.key if mark else "")
    return Generation(
        key=key,
        commit=mark.commit if mark else "",
        dataset=mark.digests.get("training", "") if mark else "",
        job_id=job.id,
        status=job.status,
        created_at=job.created_at,
        model=job.fine_tuned_model or "",
        tokens=billed.tokens,
        usd=billed.usd,
        is_billed=billed.is_final,
        answers=job.fine_tuned_model in observed.models,
        is_current=key == training.key,
    )
