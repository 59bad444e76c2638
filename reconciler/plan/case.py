"""What is known of one training, and what is decided for it."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.cost import estimate
from reconciler.ownership import read_mark
from reconciler.plan.bills import Tariff
from reconciler.plan.calendar import Calendar
from reconciler.plan.model import Notice
from reconciler.plan.reasons import DRIFTS, Reason
from reconciler.plan.remedies import command
from reconciler.state import (
    Checkpoint,
    Closing,
    Condition,
    Endpoint,
    Health,
    Job,
    Right,
    Sync,
    Training,
)

CLOCK_SKEW = 60
"""Seconds by which a job's creation and our claim may disagree."""


@dataclass(frozen=True)
class Limits:
    """What a pass may decide by itself.

    Attributes:
        doubt_window: seconds by the server's clock before a lost reply may be judged.
        doubt_budget: US dollars below which it is judged without a person.
        retry: names whose failures a person asked to try again.
    """

    doubt_window: int = 900
    doubt_budget: float = 0.0
    retry: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ParentCase:
    """What a chained training starts from: how that stands, and the checkpoints of its job.

    ``is_selected``: whether this pass may act on it.
    """

    name: str
    decision: Decision
    checkpoints: tuple[Checkpoint, ...]
    is_selected: bool


@dataclass(frozen=True)
class Case:
    """All that decides about one training.

    Attributes:
        owner: ours.
        training: what is desired.
        jobs: ours with this key, by creation: by Git's word (these first), the ledger's, or their
            mark's.
        foreign: another owner's with this key, not adopted.
        rights: the ledger's records of this key, by attempt.
        models: fine-tuned models that answer.
        calendar: what the endpoint has announced.
        tariff: what trainings cost.
        is_changed: whether an earlier training of this name exists.
        ended: the endpoint's refusal of all training, if it gave one.
        now: the server's clock.
        limits: what may be decided without a person.
        latest_unmarked: when the newest job without a mark was created; 0 if there is none.
        had_model: whether one of its specs ever had a model, of whatever key.
        known_bad: a job of ours that failed on the very same bytes, for their sake.
        missing_files: files that jobs name and the endpoint shows no more.
        adopted: all jobs that Git names, for whatever training.
        parent: what it starts from, if it is chained.
    """

    owner: str
    training: Training
    jobs: tuple[Job, ...]
    foreign: tuple[Job, ...]
    rights: tuple[Right, ...]
    models: frozenset[str]
    calendar: Calendar
    tariff: Tariff
    is_changed: bool
    ended: Closing | None
    now: int
    limits: Limits
    latest_unmarked: int = 0
    had_model: bool = False
    known_bad: Job | None = None
    missing_files: frozenset[str] = frozenset()
    adopted: frozenset[str] = frozenset()
    parent: ParentCase | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where."""
        return self.calendar.endpoint

    @property
    def usd(self) -> float | None:
        """The expected bill, if there is a price."""
        return estimate(self.training, self.tariff.catalog, self.tariff.prices).usd

    @property
    def is_retry(self) -> bool:
        """Whether a person asked to try this training again."""
        return not self.limits.retry.isdisjoint(self.training.used_by)

    def command(self, verb: str, *options: str) -> str:
        """A command about this training, for a person to type."""
        return command(self.endpoint, verb, self.training.name, *options)

    @property
    def plan_it(self) -> str:
        """The command that shows what would be done for it."""
        return command(self.endpoint, "plan", "--target", self.training.name)

    @property
    def next_attempt(self) -> int:
        """One more than any attempt that a job or a claim bears: the same for every runner."""
        return 1 + max(
            [*map(attempt_of, self.jobs), *(r.claim.attempt for r in self.rights)], default=0
        )

    @property
    def marked(self) -> tuple[Job, ...]:
        """Our jobs that say so themselves: no other is ever cancelled."""
        marks = ((job, read_mark(job)) for job in self.jobs)
        return tuple(job for job, mark in marks if mark and mark.owner == self.owner)

    @property
    def pending(self) -> Right | None:
        """The latest claim, if no job that is to be seen has reached its attempt."""
        seen = {job.id for job in (*self.jobs, *self.foreign)}
        marks = (read_mark(job) for job in self.foreign)
        theirs = {mark.claim for mark in marks if mark}  # owners may share a ledger
        named = (
            r.claim.attempt
            for r in self.rights
            if r.claim.nonce in theirs or (r.closing and r.closing.job_id in seen)
        )
        reached = max([*map(attempt_of, self.jobs), *named], default=0)
        last = self.rights[-1] if self.rights else None
        return last if last and last.claim.attempt > reached else None


@dataclass(frozen=True)
class Decision:
    """A condition, the job it speaks of, and what to do: create, cancel, or neither.

    Attributes:
        create: why a job is to be made now.
        later: why one is to be made once the parent is there.
        base: what the create names as its model; empty for one that comes later.
        cancel: live jobs that another one makes superfluous.
        notices: what else there is to say.
    """

    condition: Condition
    job: Job | None = None
    create: Reason | None = None
    later: Reason | None = None
    base: str = ""
    cancel: tuple[Job, ...] = ()
    notices: tuple[Notice, ...] = ()


def attempt_of(job: Job) -> int:
    """The attempt in a job's mark; 1 where the endpoint kept none."""
    mark = read_mark(job)
    return mark.attempt if mark else 1


def held(
    reason: Reason,
    message: str,
    remedy: str,
    *,
    health: Health = Health.HELD,
    job: Job | None = None,
    since: int | None = None,
) -> Decision:
    """Nothing is done until somebody, or time, changes something."""
    sync = Sync.OUT_OF_SYNC
    if reason in (Reason.IN_DOUBT, Reason.JOB_MISSING):
        sync = Sync.UNKNOWN
    elif reason in DRIFTS:
        sync = Sync.DRIFTED
    return Decision(Condition(sync, health, reason, message, remedy, since), job)
