"""The gate before each create: what must hold beside the reason for it."""

from __future__ import annotations

from reconciler.ownership import read_mark
from reconciler.plan.case import Case, Decision, ParentCase, held
from reconciler.plan.failures import place_of
from reconciler.plan.reasons import Reason
from reconciler.plan.remedies import command
from reconciler.state import LAST, Condition, Health, Job, JobStatus, Parent, Sync


def create(case: Case, reason: Reason, message: str, job: Job | None = None) -> Decision:
    """A create for this reason, or what holds it."""
    stop = _forbidden(case, message) or _hopeless(case)
    if stop:
        return stop
    condition = Condition(Sync.OUT_OF_SYNC, Health.MISSING, reason, message)
    ready = Decision(condition, job, create=reason, base=case.training.model)
    if case.training.parent and case.parent:
        return _chained(case, case.training.parent, case.parent, ready)
    return ready


def _forbidden(case: Case, message: str) -> Decision | None:
    """What the spec itself, or another owner, has against it."""
    if case.had_model and case.training.lifecycle.prevent_retrain:
        return _prevented(case, message)
    if case.training.training is None:
        return _no_data(case, message)
    standing = [job for job in case.foreign if _stands(job, case.models)]
    return _foreign(case, standing) if standing else None


def _hopeless(case: Case) -> Decision | None:
    """What has failed before and would fail again, unless a person asks for it."""
    if case.is_retry:
        return None
    if case.ended:
        return held(
            Reason.TRAINING_ENDED,
            f"this endpoint takes no new trainings: {case.ended.message}",
            f"if that has changed: {case.command('retry')}",
            since=case.ended.at,
        )
    return _bad_data(case, case.known_bad) if case.known_bad else None


def _prevented(case: Case, message: str) -> Decision:
    return held(
        Reason.RETRAIN_PREVENTED,
        f"{message}, and spec.lifecycle.prevent_retrain forbids a second training",
        f"revert the change, or remove prevent_retrain from the spec; then: {case.plan_it}",
    )


def _no_data(case: Case, message: str) -> Decision:
    return held(
        Reason.NO_DATA,
        f"{message}, but the spec names no data to train on: it only adopts",
        f"add spec.dataset, then: {case.plan_it}",
    )


def _bad_data(case: Case, failed: Job) -> Decision:
    told = failed.error.message if failed.error else "no reason given"
    return held(
        Reason.KNOWN_BAD_DATA,
        f"{failed.id} failed on these very bytes{place_of(failed, case.training)}: {told}",
        "change the data, which is never sent again as it is; if it is not at fault: "
        f"{case.command('retry')}",
        health=Health.FAILED,
        since=failed.finished_at,
    )


# ---- another owner's -----------------------------------------------------------------------------


def _stands(job: Job, models: frozenset[str]) -> bool:
    """Whether a job is, or may still become, a model that can be used."""
    return not job.status.is_terminal or job.fine_tuned_model in models


def _foreign(case: Case, standing: list[Job]) -> Decision:
    owners = sorted({mark.owner for job in standing if (mark := read_mark(job))})
    names = " and ".join(job.id for job in standing)
    is_one = len(standing) == 1
    told = f"{names} is" if is_one else f"{names} are each"
    first = min(standing, key=lambda job: (job.status is not JobStatus.SUCCEEDED, job.age_rank))
    return held(
        Reason.FOREIGN_JOB,
        f"{told} the same training and {'belongs' if is_one else 'belong'} to {', '.join(owners)}",
        f"to use {first.id}, write spec.adopt: {{job: {first.id}, run_key: {case.training.key}}}; "
        f"to have one of your own, change a field; then: {case.plan_it}",
        job=first,
        since=first.created_at,
    )


# ---- chains --------------------------------------------------------------------------------------


def _chained(case: Case, wanted: Parent, parent: ParentCase, ready: Decision) -> Decision:
    """The create with its parent's model in it, or later, or held."""
    condition = parent.decision.condition
    if condition.health.is_usable and parent.decision.job:
        return _on_model(case, wanted, parent, ready)
    is_coming = condition.health is Health.PROGRESSING or parent.decision.later
    if is_coming or (parent.decision.create and parent.is_selected):
        message = f"it starts from {parent.name}, which is not trained yet"
        waiting = Condition(Sync.OUT_OF_SYNC, Health.MISSING, Reason.AWAITING_PARENT, message)
        return Decision(waiting, ready.job, later=ready.create)
    if parent.decision.create:
        first = command(case.endpoint, "apply", "--target", parent.name)
        message = f"it starts from {parent.name}, which is not trained and not among the selected"
        return held(Reason.PARENT_NOT_READY, message, f"train that first: {first}")
    return held(
        Reason.PARENT_NOT_READY,
        f"it starts from {parent.name}, which has no model: {condition.message}",
        f"see to {parent.name} first: {command(case.endpoint, 'describe', parent.name)}",
        since=condition.since,
    )


def _on_model(case: Case, wanted: Parent, parent: ParentCase, ready: Decision) -> Decision:
    job = parent.decision.job
    made = {checkpoint.step: checkpoint.model for checkpoint in parent.checkpoints}
    made_last = job.fine_tuned_model if job else None
    base = made_last if wanted.checkpoint == LAST else made.get(wanted.checkpoint)
    if base:
        return Decision(ready.condition, ready.job, create=ready.create, base=base)
    steps = ", ".join(map(str, sorted(made)))
    return held(
        Reason.CHECKPOINT_MISSING,
        f"{parent.name} has no checkpoint at step {wanted.checkpoint}, "
        f"{f'only at {steps}' if steps else 'and none at any other'}",
        f"write {'one of these steps, or ' if steps else ''}last; then: {case.plan_it}",
    )
