"""Trainings that were made more than once: seen in the jobs alone, nothing of it is stored.

Of two jobs of ours with one run key the second is a duplicate if

- both were made for one attempt: its right was used twice, by a request that was delivered twice or
  by runners that share no ledger; or
- it was made while the first was alive, or has a model beside it that still answers.

So another training after a failure, a cancellation or a deletion is none, and a lost job that turns
up after its attempt was abandoned is one. First is the lower attempt: attempts are made in order,
whatever the clocks say. A cancelled duplicate stays one until a person has acknowledged it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from reconciler.ownership import read_mark
from reconciler.plan.case import CLOCK_SKEW, attempt_of
from reconciler.plan.model import Duplicate
from reconciler.state import Claim, Desired, Job, Observed


@dataclass(frozen=True)
class Made:
    """A job of ours, and what it was made for, by the ledger's word or else by its mark."""

    job: Job
    key: str
    attempt: int
    name: str


def find_duplicates(
    desired: Desired, observed: Observed, named: Mapping[str, Claim]
) -> Iterator[Duplicate]:
    """Each training that was made twice and not yet acknowledged, also what no spec needs.

    Args:
        desired: whose jobs, and which specs use a training.
        observed: the jobs, the models that answer, and what a person has acknowledged.
        named: the claims that the ledger names jobs for.
    """
    by_key: dict[str, list[Made]] = {}
    for made in _made(desired.owner, observed.jobs, named):
        by_key.setdefault(made.key, []).append(made)
    used_by = {training.key: training.used_by for training in desired.trainings}
    for key, group in sorted(by_key.items()):
        jobs = _made_twice(group, observed.models)
        if not jobs <= observed.acknowledged:
            told = tuple(made.job.id for made in group if made.job.id in jobs)
            yield Duplicate(key, used_by.get(key, (group[0].name,)), told)


def _made(owner: str, jobs: Iterable[Job], named: Mapping[str, Claim]) -> list[Made]:
    """Our jobs in the order in which they were asked for."""
    made = []
    for job in jobs:
        mark, claim = read_mark(job), named.get(job.id)
        if claim:
            made.append(Made(job, claim.key, claim.attempt, claim.name))
        elif mark and mark.owner == owner:
            made.append(Made(job, mark.key, attempt_of(job), mark.name))
    return sorted(made, key=lambda each: (each.attempt, each.job.age_rank))


def _made_twice(group: Iterable[Made], models: Collection[str]) -> set[str]:
    """The ids of all jobs of one key that are or have a duplicate."""
    return {
        made.job.id
        for first, second in combinations(group, 2)
        if first.attempt == second.attempt or _stood(first.job, second.job.created_at, models)
        for made in (first, second)
    }


def _stood(job: Job, then: int, models: Collection[str]) -> bool:
    """Whether a job was alive at a time, as surely as clocks tell, or has a model to this day."""
    if not job.status.is_terminal or job.fine_tuned_model in models:
        return True
    return job.finished_at is not None and job.finished_at - CLOCK_SKEW > then
