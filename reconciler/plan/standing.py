"""A job that lives or has a model: ready or under way, and whatever moved without a commit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reconciler.plan.adoption import contradictions
from reconciler.plan.bills import bill_gap
from reconciler.plan.calendar import RETIRING_DAYS, days_left
from reconciler.plan.case import Case, Decision
from reconciler.plan.model import Notice
from reconciler.plan.reasons import DRIFTS, Reason
from reconciler.state import Condition, Health, Job, JobStatus, Sync

PAUSED = frozenset({JobStatus.PAUSING, JobStatus.PAUSED})


def ready(case: Case, job: Job, superfluous: tuple[Job, ...]) -> Decision:
    """A model that answers; nothing to do."""
    message, until = f"{job.fine_tuned_model} answers", case.calendar.serves_until(job.model)
    health, reason = Health.READY, Reason.READY
    if until:
        days = case.calendar.days_until(until)
        told = f"and serves until {until}, {days_left(days)}"
        message += f" {told}" if days > 0 else f", though its last day was {until}"
        if days <= RETIRING_DAYS:
            health, reason = Health.RETIRING, Reason.RETIRING
    condition = Condition(Sync.IN_SYNC, health, reason, message, since=job.ended_at)
    return _with_drift(case, Decision(condition, job, cancel=superfluous))


def under_way(case: Case, job: Job, superfluous: tuple[Job, ...]) -> Decision:
    """A job that lives; nothing to do but wait, or resume it."""
    word = "in a state unknown to us" if job.status is JobStatus.UNKNOWN else job.status
    message = f"{job.id} is {word.replace('_', ' ')}"
    condition = Condition(
        Sync.IN_SYNC, Health.PROGRESSING, Reason.TRAINING, message, since=job.created_at
    )
    if job.status in PAUSED and case.training.lifecycle.on_drift.job_paused == "report":
        remedy = _resume(case, job)
        condition = Condition(Sync.DRIFTED, Health.HELD, Reason.JOB_PAUSED, message, remedy)
    return _with_drift(case, Decision(condition, job, cancel=superfluous))


def _resume(case: Case, job: Job) -> str:
    if job not in case.marked:
        return f"it bears no mark of {case.owner}: resume it where it was paused; {case.plan_it}"
    when = "to let it go on" if job.status is JobStatus.PAUSED else "once it is paused"
    return f"{when}: {case.command('resume')}"


def _with_drift(case: Case, decision: Decision) -> Decision:
    """The decision, with what else is to be said; drift takes the lead of a healthy condition."""
    notices = tuple(_notices(case, decision.job)) if decision.job else ()
    condition, drifts = decision.condition, [n for n in notices if n.reason in DRIFTS]
    if drifts and condition.sync is Sync.IN_SYNC:
        lead = drifts[0]
        moved = replace(
            condition,
            sync=Sync.DRIFTED,
            reason=lead.reason,
            message=f"{lead.message}; {condition.message}",
            remedy=lead.remedy,
            since=None,  # when somebody did that is kept nowhere
        )
        rest = tuple(notice for notice in notices if notice is not lead)
        return replace(decision, condition=moved, notices=rest)
    return replace(decision, notices=notices)


def _notices(case: Case, job: Job) -> Iterator[Notice]:
    choice = case.training.lifecycle.on_drift
    if choice.fields_changed == "report" and (changed := list(_changed(case, job))):
        yield Notice(
            Reason.FIELDS_CHANGED,
            f"{job.id} is not as it was asked for: {'; '.join(changed)}",
            "to take it as it is, set spec.lifecycle.on_drift.fields_changed: ignore; then: "
            f"{case.plan_it}",
        )
    if choice.file_deleted == "report" and (gone := list(_gone(case, job))):
        yield Notice(
            Reason.FILE_DELETED,
            f"the endpoint no longer has {' and '.join(gone)}, the data of {job.id}",
            "a model needs it no more, and the next training uploads it again; to hear no more of "
            f"it, set spec.lifecycle.on_drift.file_deleted: ignore; then: {case.plan_it}",
        )
    if gap := bill_gap(case.training, job, case.tariff.catalog):
        yield Notice(Reason.BILL_DIFFERS, f"{job.id} {gap}")


def _changed(case: Case, job: Job) -> Iterator[str]:
    """What the service made of a job that we asked for; a suffix it may write in its own way."""
    if job in case.marked:
        found = contradictions(case.training, job, case.tariff.catalog)
        yield from (told for field, told in found if field != "suffix")


def _gone(case: Case, job: Job) -> Iterator[str]:
    if case.training.training:
        ids = (job.training_file, job.validation_file)
        yield from (file_id for file_id in ids if file_id in case.missing_files)
