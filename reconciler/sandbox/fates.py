"""Fates come true: what is done to a job from outside, by a plan, is done when its time has come.

Whoever asks next does it, before anything is answered, as of the moment it was due; nobody can tell
that from its having been done at that moment.
"""

from reconciler.sandbox import lifecycle
from reconciler.sandbox.lifecycle import Status
from reconciler.sandbox.records import JobRecord
from reconciler.sandbox.state import Sandbox


def come_true(sandbox: Sandbox, now: float) -> None:
    """Do to each job what was due by now."""
    for job in sandbox.store.fated_jobs():
        _delete_model(sandbox, job, now)
        _cancel(sandbox, job, now)
        _delete(sandbox, job, now)


def _cancel(sandbox: Sandbox, job: JobRecord, now: float) -> None:
    if job.fate.cancelled_in is None or job.cancelled_at is not None:
        return
    due = job.created_at + job.fate.cancelled_in
    if due <= now and lifecycle.can_become(sandbox.progress(job, due).status, Status.CANCELLED):
        sandbox.store.cancel_job(job, due)


def _delete(sandbox: Sandbox, job: JobRecord, now: float) -> None:
    if job.fate.deleted_in is not None and job.created_at + job.fate.deleted_in <= now:
        sandbox.store.delete_job(job)


def _delete_model(sandbox: Sandbox, job: JobRecord, now: float) -> None:
    if job.fate.model_deleted_in is None:
        return
    then = now - job.fate.model_deleted_in
    if then >= job.created_at and sandbox.progress(job, then).status is Status.SUCCEEDED:
        sandbox.store.delete_model(job.model_name)
