"""The decision table: what to do for one training, given everything observed about its key.

    our jobs with this key         the latest claim after them      decision
    -----------------------------  -------------------------------  -----------------------------
    one succeeded, model answers   -                                nothing: Ready
    one alive                      -                                wait: Training
    -                              in doubt, window not over        hold: InDoubt
    -                              in doubt, window over            next attempt below doubt_budget,
                                                                    once; else hold: InDoubt
    -                              created, job not to be seen      hold: JobMissing
    -                              refused: 429, or never sent      next attempt after the back-off
    -                              refused: anything else           hold: CreateRefused
    -                              abandoned                        next attempt
    last one succeeded, model gone -                                drift: ModelDeleted
    last one cancelled             -                                drift: JobCancelled
    last one failed, transient     -                                next attempt, once
    last one failed, otherwise     -                                hold: JobFailed
    none                           none                             attempt 1

Each later live job of ours is cancelled: Duplicate; so cancelled, it says nothing of its training.
A next attempt is held if another owner has a live job or a model with the key (ForeignJob) or the
endpoint has ended training (TrainingEnded). ``retry`` by a person opens what a failure, a refusal,
a cancellation or a deletion holds; never a doubt. A doubt is judged without a person at most once a
key, and never where a job without a mark might be the one that was sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from reconciler.ownership import read_mark
from reconciler.plan.model import Reason
from reconciler.plan.remedies import command
from reconciler.state import (
    Claim,
    Closing,
    ClosingKind,
    Condition,
    Endpoint,
    Health,
    Job,
    JobStatus,
    Right,
    Sync,
    Training,
)

TRAINING_NOT_AVAILABLE = "training_not_available"
ABOUT_THE_KEY = frozenset({401, 403})
"""Refusals of who asks, not of what is asked for: the next create would be refused as well."""
TRANSIENT_CODES = frozenset({"server_error", "internal_error"})
TRANSIENT_RETRIES = 1
SECONDS_AFTER_429, SECONDS_NOT_SENT, LONGEST_BACK_OFF = 60, 5, 3600
LONGEST_RETRY_AFTER = 86_400
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
class Case:
    """All that decides about one training.

    Attributes:
        owner: ours.
        endpoint: where.
        training: what is desired.
        jobs: ours with this key, by creation: by their mark, or by the ledger's word.
        foreign: another owner's with this key.
        rights: the ledger's records of this key, by attempt.
        models: fine-tuned models that answer.
        usd: the expected bill, if there is a price.
        is_changed: whether an earlier training of this name exists.
        ended: the endpoint's refusal of all training, if it gave one.
        latest_unmarked: when the newest job without a mark was created; 0 if there is none.
        now: the server's clock.
        limits: what may be decided without a person.
    """

    owner: str
    endpoint: Endpoint
    training: Training
    jobs: tuple[Job, ...]
    foreign: tuple[Job, ...]
    rights: tuple[Right, ...]
    models: frozenset[str]
    usd: float | None
    is_changed: bool
    ended: Closing | None
    now: int
    limits: Limits
    latest_unmarked: int = 0

    @property
    def is_retry(self) -> bool:
        """Whether a person asked to try this training again."""
        return not self.limits.retry.isdisjoint(self.training.used_by)

    def command(self, verb: str, *options: str) -> str:
        """A command about this training, for a person to type."""
        return command(self.endpoint, verb, self.training.name, *options)

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
    """A condition, the job it speaks of, and what to do: create, cancel, or neither."""

    condition: Condition
    job: Job | None = None
    create: Reason | None = None
    cancel: tuple[Job, ...] = ()


def decide(case: Case) -> Decision:
    """The one right answer for a training; see the table above."""
    answering = [job for job in case.jobs if job.fine_tuned_model in case.models]
    alive = [job for job in case.jobs if not job.status.is_terminal]
    succeeded = [job for job in answering if job.status is JobStatus.SUCCEEDED]
    if succeeded:
        return _ready(succeeded[0], _superfluous(case, alive))
    if alive:
        return _wait(alive[0], _superfluous(case, alive[1:]))
    if case.pending:
        return _after_claim(case, case.pending)
    if case.jobs:
        return _after_job(case, _telling(case.jobs))
    if case.is_changed:
        return _create(case, Reason.SPEC_CHANGED, "the spec changed since its last training")
    return _create(case, Reason.NOT_TRAINED, "nothing was trained for it yet")


def attempt_of(job: Job) -> int:
    """The attempt in a job's mark; 1 where the endpoint kept none."""
    mark = read_mark(job)
    return mark.attempt if mark else 1


def _superfluous(case: Case, alive: list[Job]) -> tuple[Job, ...]:
    return tuple(job for job in alive if job in case.marked)


def _ready(job: Job, superfluous: tuple[Job, ...]) -> Decision:
    message = f"{job.fine_tuned_model} answers"
    return Decision(
        Condition(Sync.IN_SYNC, Health.READY, Reason.READY, message), job, cancel=superfluous
    )


def _wait(job: Job, superfluous: tuple[Job, ...]) -> Decision:
    word = "in a state unknown to us" if job.status is JobStatus.UNKNOWN else job.status
    message = f"{job.id} is {word.replace('_', ' ')}"
    return Decision(
        Condition(Sync.IN_SYNC, Health.PROGRESSING, Reason.TRAINING, message),
        job,
        cancel=superfluous,
    )


# ---- after a claim without a job ---------------------------------------------------------------


def _after_claim(case: Case, right: Right) -> Decision:
    if right.closing is None:
        return _in_doubt(case, right.claim)
    match right.closing.kind:
        case ClosingKind.CREATED:
            return _job_missing(case, right.closing)
        case ClosingKind.REFUSED:
            return _refused(case, right)
        case ClosingKind.NOT_SENT:
            return _back_off(case, right, SECONDS_NOT_SENT, "no connection could be made")
        case ClosingKind.ABANDONED:
            return _create(case, Reason.DOUBT_SETTLED, "the attempt in doubt was abandoned")


def _in_doubt(case: Case, claim: Claim) -> Decision:
    left = claim.at + case.limits.doubt_window - case.now
    if left > 0:
        return _held(
            Reason.IN_DOUBT,
            f"attempt {claim.attempt} was sent and has not been seen yet: a runner is at it, or "
            "its reply was lost",
            f"nothing; a pass looks again, and can judge it in {left} s",
        )
    if _may_judge(case, claim):
        return _create(case, Reason.DOUBT_SETTLED, "no job came of the last attempt")
    return _held(
        Reason.IN_DOUBT,
        f"attempt {claim.attempt} was sent {case.now - claim.at} s ago and no job came of it, as "
        "far as the endpoint shows",
        f"look in the dashboard, then: {case.command('settle', '--adopt', 'JOB')}, or: "
        f"{case.command('settle', '--abandon')}",
    )


def _may_judge(case: Case, claim: Claim) -> bool:
    """Whether a doubt may be taken for "nothing came of it" without a person."""
    is_cheap = case.usd is not None and case.usd < case.limits.doubt_budget
    doubts = sum(right.closing is None for right in case.rights)
    may_be_unmarked = case.latest_unmarked >= claim.at - CLOCK_SKEW
    return is_cheap and doubts == 1 and not may_be_unmarked


def _job_missing(case: Case, closing: Closing) -> Decision:
    return _held(
        Reason.JOB_MISSING,
        f"{closing.job_id} was created for it, and this endpoint doesn't show it",
        "check that the key, the organisation and the project are the right ones; if the job is "
        f"gone for good: {case.command('settle', '--abandon')}",
    )


def _refused(case: Case, right: Right) -> Decision:
    closing = right.closing
    assert closing is not None  # noqa: S101  # the caller has matched it
    if closing.status == 429:
        return _back_off(case, right, SECONDS_AFTER_429, f"429 {closing.message}")
    if case.is_retry:
        return _create(case, Reason.RETRY_ASKED, "a person asked to try again")
    is_end = closing.code == TRAINING_NOT_AVAILABLE
    return _held(
        Reason.TRAINING_ENDED if is_end else Reason.CREATE_REFUSED,
        f"the endpoint refused ({closing.status} {closing.code}): {closing.message}",
        f"{_way_out(closing)}: {case.command('retry')}",
        Health.FAILED,
    )


def _way_out(closing: Closing) -> str:
    """What is to be done before a create that was refused can be sent again."""
    if closing.code == TRAINING_NOT_AVAILABLE:
        return "if that has changed"
    if closing.status in ABOUT_THE_KEY:
        return "this is about the key, not the spec: give one that may train, then"
    return "change the spec or its data, or"


def _back_off(case: Case, right: Right, seconds: int, why: str) -> Decision:
    closing = right.closing
    assert closing is not None  # noqa: S101  # the caller has matched it
    doublings = min(right.claim.attempt - 1, LONGEST_BACK_OFF.bit_length())
    delay = min(LONGEST_BACK_OFF, seconds * 2**doublings)
    opens = closing.at + max(delay, min(LONGEST_RETRY_AFTER, closing.retry_after or 0))
    if case.now >= opens or case.is_retry:
        return _create(case, Reason.RETRY_REFUSAL, f"the last attempt was turned away: {why}")
    left = ceil(opens - case.now)
    remedy = f"nothing; the next attempt opens in {left} s, or now: {case.command('retry')}"
    return _held(Reason.BACKING_OFF, why, remedy)


# ---- after jobs that came to nothing -----------------------------------------------------------


def _telling(jobs: tuple[Job, ...]) -> Job:
    """The last job, but for a duplicate: one that was cancelled while an earlier one was alive."""
    told = [job for job in jobs if not _was_duplicate(job, jobs)]
    return told[-1]


def _was_duplicate(job: Job, jobs: tuple[Job, ...]) -> bool:
    earlier = (other for other in jobs if other.age_rank < job.age_rank)
    return job.status is JobStatus.CANCELLED and any(
        other.status is not JobStatus.CANCELLED and (other.finished_at or 0) >= job.created_at
        for other in earlier
    )


def _after_job(case: Case, job: Job) -> Decision:
    if case.is_retry:
        return _create(case, Reason.RETRY_ASKED, "a person asked to try again", job)
    if job.status is JobStatus.SUCCEEDED:
        gone = f"{job.fine_tuned_model or 'its model'} no longer answers"
        return _drift(case, job, Reason.MODEL_DELETED, gone)
    if job.status is JobStatus.CANCELLED:
        return _drift(case, job, Reason.JOB_CANCELLED, f"{job.id} was cancelled")
    return _after_failure(case, job)


def _drift(case: Case, job: Job, reason: Reason, message: str) -> Decision:
    remedy = f"to train it again: {case.command('retry')}"
    return Decision(Condition(Sync.DRIFTED, Health.MISSING, reason, message, remedy), job)


def _after_failure(case: Case, job: Job) -> Decision:
    failures = [j for j in case.jobs if _is_transient(j)]
    if _is_transient(job) and len(failures) <= TRANSIENT_RETRIES:
        return _create(case, Reason.RETRY_TRANSIENT, f"{job.id} failed by the service's fault", job)
    error = f"{job.error.code}: {job.error.message}" if job.error else "no reason given"
    return _held(
        Reason.JOB_FAILED,
        f"{job.id} failed ({error})",
        "the same job is never sent again: change the spec or its data, or: "
        f"{case.command('retry')}",
        Health.FAILED,
        job,
    )


def _is_transient(job: Job) -> bool:
    has_code = job.error is not None and job.error.code in TRANSIENT_CODES
    return job.status is JobStatus.FAILED and has_code


# ---- the gate before each create ---------------------------------------------------------------


def _create(case: Case, reason: Reason, message: str, job: Job | None = None) -> Decision:
    standing = [job for job in case.foreign if _stands(job, case.models)]
    if standing:
        return _foreign(case, standing[0])
    if case.ended and not case.is_retry:
        return _held(
            Reason.TRAINING_ENDED,
            f"this endpoint takes no new trainings: {case.ended.message}",
            f"if that has changed: {case.command('retry')}",
        )
    return Decision(
        Condition(Sync.OUT_OF_SYNC, Health.MISSING, reason, message), job, create=reason
    )


def _stands(job: Job, models: frozenset[str]) -> bool:
    """Whether a job is, or may still become, a model that can be used."""
    return not job.status.is_terminal or job.fine_tuned_model in models


def _foreign(case: Case, job: Job) -> Decision:
    mark = read_mark(job)
    owner = mark.owner if mark else "nobody"
    return _held(
        Reason.FOREIGN_JOB,
        f"{job.id} is the same training and belongs to {owner}",
        f"if this is that project under a new name, write metadata.name: {owner} in "
        "reconciler.yaml; else use its model, or change a field if a second one is wanted; then: "
        f"{command(case.endpoint, 'plan', '--target', case.training.name)}",
        job=job,
    )


def _held(
    reason: Reason,
    message: str,
    remedy: str,
    health: Health = Health.HELD,
    job: Job | None = None,
) -> Decision:
    sync = Sync.UNKNOWN if reason is Reason.IN_DOUBT else Sync.OUT_OF_SYNC
    return Decision(Condition(sync, health, reason, message, remedy), job)
