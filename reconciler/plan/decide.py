"""The decision table: what to do for one training, given everything observed about its key.

    our jobs with this key         the latest claim after them      decision
    -----------------------------  -------------------------------  -----------------------------
    one succeeded, model answers   -                                nothing: Ready, or Retiring
    one alive                      -                                wait: Training; JobPaused
    -                              in doubt, window not over        hold: InDoubt
    -                              in doubt, window over            next attempt below doubt_budget,
                                                                    once; else hold: InDoubt
    -                              created, job not to be seen      hold: JobMissing
    -                              refused: 429, or never sent      next attempt after the back-off
    -                              refused: anything else           hold: CreateRefused
    -                              abandoned                        next attempt
    last one succeeded, model gone -                                drift: ModelDeleted; past its
                                                                    base's last day: ModelRetired
    last one cancelled             -                                drift: JobCancelled
    last one failed, transient     -                                next attempt, once
    last one failed, otherwise     -                                hold: JobFailed
    none                           none                             attempt 1

Before all that a job that Git adopts must be there, be one, and contradict nothing. Each later live
job of ours is cancelled: Duplicate; so cancelled, it says nothing of its training. ``on_drift``
may ask to retrain what was deleted or cancelled (once a key; after an hour, for endpoints lag), or
to ignore it. A ready or living job whose file is gone or whose fields are others has drifted, and
is used all the same.

The gate before each create (``gate``): prevent_retrain, data to train on, no job of another owner
(ForeignJob), no end of training (TrainingEnded), no job that failed on the same bytes, and of a
chain a parent that is ready; one that will be makes it wait (AwaitingParent), any other holds it.
``retry`` by a person opens what a failure, a refusal, a cancellation or a deletion holds; never a
doubt. A doubt is judged without a person at most once a key, and never where a job without a mark
might be the one that was sent. A suspended spec has nothing done for it.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.plan.adoption import contradictions
from reconciler.plan.case import Case, Decision, held
from reconciler.plan.claims import after_claim
from reconciler.plan.endings import after_jobs
from reconciler.plan.gate import create
from reconciler.plan.model import Notice
from reconciler.plan.reasons import Reason
from reconciler.plan.standing import ready, under_way
from reconciler.state import Health, Job, JobStatus


def decide(case: Case) -> Decision:
    """The one right answer for a training; see the table above."""
    decision = _adoption(case) or _by_table(case)
    return _suspended(case, decision) if case.training.is_suspended else decision


def _by_table(case: Case) -> Decision:
    answering = [job for job in case.jobs if job.fine_tuned_model in case.models]
    alive = [job for job in case.jobs if not job.status.is_terminal]
    succeeded = [job for job in answering if job.status is JobStatus.SUCCEEDED]
    if succeeded:
        return ready(case, succeeded[0], _superfluous(case, alive))
    if alive:
        return under_way(case, alive[0], _superfluous(case, alive[1:]))
    if case.pending:
        return after_claim(case, case.pending)
    if case.jobs:
        return after_jobs(case)
    if case.is_changed or case.had_model:  # marks may be dropped: then only that one was is known
        return create(case, Reason.SPEC_CHANGED, "the spec changed since its last training")
    return create(case, Reason.NOT_TRAINED, "nothing was trained for it yet")


def _superfluous(case: Case, alive: list[Job]) -> tuple[Job, ...]:
    """Those of them that may be cancelled: not what Git names, be it for another training."""
    return tuple(job for job in alive if job in case.marked and job.id not in case.adopted)


def _suspended(case: Case, decision: Decision) -> Decision:
    """Nothing is done: neither a create nor a cancel. A model that answers stays ready."""
    still = replace(decision, create=None, later=None, cancel=())
    condition = decision.condition
    if condition.health.is_usable:
        notice = Notice(
            Reason.SUSPENDED,
            "suspended by the spec: nothing is done for it",
            f"to end that, remove spec.suspend; then: {case.plan_it}",
        )
        return replace(still, notices=(*still.notices, notice))
    message = f"suspended by the spec; {condition.message}"
    told = replace(
        condition, health=Health.SUSPENDED, reason=Reason.SUSPENDED, message=message, remedy=""
    )
    return replace(still, condition=told)


# ---- what Git adopts -----------------------------------------------------------------------------


def _adoption(case: Case) -> Decision | None:
    """What stands against a job that Git names for this training; None if nothing does."""
    adopted = case.training.adopted
    if len(adopted) > 1:
        return held(
            Reason.AMBIGUOUS_ADOPTION,
            f"its specs adopt {' and '.join(adopted)}, which can't both be one training",
            f"name one of them in spec.adopt.job; then: {case.plan_it}",
        )
    if not adopted:
        return None
    job = next((job for job in case.jobs if job.id == adopted[0]), None)
    if job is None:
        return held(
            Reason.JOB_MISSING,
            f"spec.adopt names {adopted[0]}, and this endpoint doesn't show it",
            "check that the key, the organisation and the project are the right ones; if the job "
            f"is gone for good, remove spec.adopt; then: {case.plan_it}",
        )
    return _contradicted(case, job)


def _contradicted(case: Case, job: Job) -> Decision | None:
    found = [told for _, told in contradictions(case.training, job, case.tariff.catalog)]
    if not found:
        return None
    return held(
        Reason.ADOPTION_CONTRADICTED,
        f"{job.id} can't be this training: {'; '.join(found)}",
        f"write the spec as the job is, or remove spec.adopt; then: {case.plan_it}",
        job=job,
    )
