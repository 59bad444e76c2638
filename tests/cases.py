"""Cases of the decision table, as tests write them: our jobs of one training, and what is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from reconciler.catalog import load_catalog
from reconciler.plan import Limits, Tariff
from reconciler.plan.case import Case, Decision
from reconciler.state import ClosingKind, Health, Job, JobStatus, Right, Sync
from tests.make import GATEWAY, NOW, OWNER, make_calendar, make_job, make_right, make_training

TRAINING = make_training()
PAUSED = (JobStatus.PAUSING, JobStatus.PAUSED)


def case(*jobs: Job, **changes: Any) -> Case:
    """Our jobs of one training; every model of theirs answers unless said otherwise."""
    plain = Case(
        owner=OWNER,
        training=TRAINING,
        jobs=jobs,
        foreign=(),
        rights=(),
        models=frozenset(job.fine_tuned_model for job in jobs if job.fine_tuned_model),
        calendar=make_calendar(GATEWAY),
        tariff=Tariff(load_catalog(), {}),
        is_changed=False,
        ended=None,
        now=NOW,
        limits=Limits(),
    )
    return replace(plain, **changes)


def job(status: JobStatus = JobStatus.SUCCEEDED, **changes: Any) -> Job:
    return make_job(TRAINING, status, **changes)


def right(kind: ClosingKind | None = None, attempt: int = 1, **closing: Any) -> Right:
    return make_right(TRAINING, kind, attempt, **closing)


def axes(decision: Decision) -> tuple[Sync, Health, str]:
    condition = decision.condition
    return condition.sync, condition.health, condition.reason


def is_still(decision: Decision) -> bool:
    """Nothing is sent."""
    return decision.create is None and decision.cancel == ()
