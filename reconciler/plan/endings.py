"""After jobs that came to nothing, or whose model is gone."""

from __future__ import annotations

from reconciler.plan.case import Case, Decision, held
from reconciler.plan.failures import FailureClass, class_of, is_transient, place_of
from reconciler.plan.gate import create
from reconciler.plan.reasons import Reason
from reconciler.state import Condition, Health, Job, JobStatus, Sync

TRANSIENT_RETRIES = 1
DRIFT_RETRAINS = 1
LONGEST_LAG = 3600
"""Seconds after a job's end within which a model that doesn't answer may be on its way."""


def after_jobs(case: Case) -> Decision:
    """What follows from our jobs, none of which lives or has a model that answers."""
    job = _telling(case.jobs)[-1]
    if case.is_retry:
        return create(case, Reason.RETRY_ASKED, "a person asked to try again", job)
    if job.status is JobStatus.SUCCEEDED:
        return _model_gone(case, job)
    if job.status is JobStatus.CANCELLED:
        choice = case.training.lifecycle.on_drift.job_cancelled
        return _lost(case, job, Reason.JOB_CANCELLED, f"{job.id} was cancelled", choice)
    return _after_failure(case, job)


def _telling(jobs: tuple[Job, ...]) -> list[Job]:
    """The jobs without duplicates: those that were cancelled while an earlier one was alive."""
    return [job for job in jobs if not _was_duplicate(job, jobs)]


def _was_duplicate(job: Job, jobs: tuple[Job, ...]) -> bool:
    earlier = (other for other in jobs if other.age_rank < job.age_rank)
    return job.status is JobStatus.CANCELLED and any(
        other.status is not JobStatus.CANCELLED and (other.finished_at or 0) >= job.created_at
        for other in earlier
    )


# ---- drift ---------------------------------------------------------------------------------------


def _model_gone(case: Case, job: Job) -> Decision:
    gone = f"{job.fine_tuned_model or 'its model'} no longer answers"
    last_day = case.calendar.serves_until(case.training.model)
    if last_day and case.calendar.days_until(last_day) <= 0:
        return Decision(
            Condition(
                *(Sync.DRIFTED, Health.MISSING, Reason.MODEL_RETIRED),
                f"{gone}: {case.training.model} was shut down here on {last_day}",
                f"write a base that is still there, then: {case.plan_it}",
            ),
            job,
        )
    choice = case.training.lifecycle.on_drift.model_deleted
    return _lost(case, job, Reason.MODEL_DELETED, gone, choice)


def _lost(case: Case, job: Job, reason: Reason, message: str, choice: str) -> Decision:
    """A training that was paid for and is no more: by default it is told, and that is all."""
    if choice == "retrain":
        return _retrained(case, job, reason, message)
    if choice == "ignore":
        ignored = f"{message}, and the spec says ignore"
        return Decision(Condition(Sync.IN_SYNC, Health.MISSING, reason, ignored), job)
    return _reported(case, job, reason, message)


def _retrained(case: Case, job: Job, reason: Reason, message: str) -> Decision:
    """The training once more, as the spec wants it; by itself once a key, and never too early."""
    wanted = f"{message}; the spec says retrain, which"
    left = job.ended_at + LONGEST_LAG - case.now
    if reason is Reason.MODEL_DELETED and left > 0:
        remedy = f"nothing; a pass may train it in {left} s, or now: {case.command('retry')}"
        told = f"{wanted} waits an hour: the endpoint may lag"
        return _reported(case, job, reason, told, remedy)
    losses = [other for other in _telling(case.jobs) if other.status is job.status]
    if len(losses) > DRIFT_RETRAINS:
        remedy = f"find out who does that; to train it again: {case.command('retry')}"
        return _reported(case, job, reason, f"{wanted} it was once already", remedy)
    return create(case, Reason.RETRAIN_DRIFT, f"{message}, and the spec says retrain", job)


def _reported(case: Case, job: Job, reason: Reason, message: str, remedy: str = "") -> Decision:
    remedy = remedy or f"to train it again: {case.command('retry')}"
    if case.training.training is None:
        remedy = f"this spec only adopts: to train it again, add spec.dataset; then: {case.plan_it}"
    since = job.finished_at if reason is Reason.JOB_CANCELLED else None
    return Decision(Condition(Sync.DRIFTED, Health.MISSING, reason, message, remedy, since), job)


# ---- failures ------------------------------------------------------------------------------------


def _after_failure(case: Case, job: Job) -> Decision:
    failures = [each for each in case.jobs if is_transient(each)]
    if is_transient(job) and len(failures) <= TRANSIENT_RETRIES:
        message = f"{job.id} failed by the service's fault"
        return create(case, Reason.RETRY_TRANSIENT, message, job)
    return held(
        Reason.JOB_FAILED,
        f"{job.id} failed{_CAUSES[class_of(job)]}{place_of(job, case.training)} ({_error(job)})",
        f"{_WAYS_OUT[class_of(job)]}: {case.command('retry')}",
        health=Health.FAILED,
        job=job,
        since=job.ended_at,
    )


def _error(job: Job) -> str:
    return f"{job.error.code}: {job.error.message}" if job.error else "no reason given"


_CAUSES = {
    FailureClass.DATA: " for its data",
    FailureClass.POLICY: " for what its data says",
    FailureClass.QUOTA: " for want of quota",
    FailureClass.TRANSIENT: " by the service's fault",
    FailureClass.UNKNOWN: "",
}
_WAYS_OUT = {
    FailureClass.DATA: (
        "change the data, which is never sent again as it is; if it is not at fault"
    ),
    FailureClass.POLICY: (
        "change what the service does not allow: the same data is never sent again; if that was "
        "cleared up"
    ),
    FailureClass.QUOTA: "see to the account's quota or billing, then",
    FailureClass.TRANSIENT: (
        "it was tried twice and the service failed each time: see its status page, then"
    ),
    FailureClass.UNKNOWN: "change the spec or its data: the same job is never sent again; or",
}
