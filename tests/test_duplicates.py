"""What counts as one training made twice, and what only looks like it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.plan import Duplicate
from reconciler.plan.case import CLOCK_SKEW
from reconciler.state import ClosingKind, Job, JobStatus, Observed
from tests.make import (
    NOW,
    make_desired,
    make_job,
    make_observed,
    make_right,
    make_training,
    plan_for,
)

TRAINING = make_training()
RUNNING, SUCCEEDED = JobStatus.RUNNING, JobStatus.SUCCEEDED
FAILED, CANCELLED = JobStatus.FAILED, JobStatus.CANCELLED
HOUR = 3600


def job(status: JobStatus, number: int, created: int, ended: int | None = None, **of: Any) -> Job:
    """The job of an attempt, created and ended that many seconds from now (or before it)."""
    finished_at = None if ended is None else NOW + ended
    times = {"created_at": NOW + created, "finished_at": finished_at}
    return make_job(TRAINING, status, **{"number": number, "attempt": number, **times, **of})


def duplicates(*jobs: Job, **observed: Any) -> list[tuple[str, ...]]:
    return ids(make_observed(*jobs, **observed))


def ids(observed: Observed) -> list[tuple[str, ...]]:
    return [duplicate.jobs for duplicate in plan_for(TRAINING, observed).duplicates]


FIRST_AND_SECOND = [("ftjob-1", "ftjob-2")]


# ---- what is one ---------------------------------------------------------------------------------


@pytest.mark.parametrize("second", JobStatus)
def test_a_job_made_while_an_earlier_one_is_alive_is_one(second: JobStatus) -> None:
    jobs = job(RUNNING, 1, -HOUR), job(second, 2, -HOUR + 1)
    assert duplicates(*jobs) == FIRST_AND_SECOND


def test_a_job_made_beside_a_model_that_answers_is_one() -> None:
    jobs = job(SUCCEEDED, 1, -9 * HOUR, -8 * HOUR), job(RUNNING, 2, -HOUR)
    assert duplicates(*jobs) == FIRST_AND_SECOND


@pytest.mark.parametrize("first", [FAILED, CANCELLED, SUCCEEDED])
def test_a_job_made_while_an_earlier_one_was_alive_stays_one_after_both_have_ended(
    first: JobStatus,
) -> None:
    jobs = job(first, 1, -HOUR, -HOUR + 600), job(CANCELLED, 2, -HOUR + 60, -HOUR + 90)
    assert duplicates(*jobs, models=frozenset()) == FIRST_AND_SECOND


@pytest.mark.parametrize("first", [FAILED, CANCELLED])
def test_one_post_that_was_delivered_twice_is_one_however_its_jobs_ended(first: JobStatus) -> None:
    once = job(first, 1, -HOUR, -HOUR + 5)
    again = job(CANCELLED, 2, -HOUR + 300, attempt=1)
    assert duplicates(once, again) == FIRST_AND_SECOND
    assert duplicates(replace(once, finished_at=None), again) == FIRST_AND_SECOND


def test_two_claims_for_one_attempt_are_one_for_no_ledger_has_given_both() -> None:
    other = job(FAILED, 2, -HOUR, -HOUR + 9, attempt=1)
    other = replace(other, metadata={**other.metadata, "reconciler.claim": "elsewhere"})
    assert duplicates(job(FAILED, 1, -9 * HOUR, -8 * HOUR), other) == FIRST_AND_SECOND


def test_an_abandoned_attempt_whose_job_turns_up_later_is_one() -> None:
    late = job(RUNNING, 1, -60)
    for second in (job(RUNNING, 2, -HOUR), job(FAILED, 2, -HOUR, -HOUR + 60)):
        abandoned = make_right(TRAINING, ClosingKind.ABANDONED)
        assert duplicates(late, second, rights=(abandoned,)) == FIRST_AND_SECOND


def test_jobs_that_only_the_ledger_knows_are_counted_by_their_claims() -> None:
    jobs = [job(FAILED, n, -HOUR * (9 - n), -HOUR * (9 - n) + 60, metadata={}) for n in (1, 2)]
    rights = [make_right(TRAINING, ClosingKind.CREATED, n, job_id=f"ftjob-{n}") for n in (1, 2)]
    assert duplicates(*jobs, rights=tuple(rights)) == []
    alive = replace(jobs[0], status=RUNNING, finished_at=None)
    assert duplicates(alive, jobs[1], rights=tuple(rights)) == FIRST_AND_SECOND


def test_what_no_selected_spec_needs_freezes_as_well() -> None:
    jobs = job(RUNNING, 1, -HOUR), job(RUNNING, 2, -HOUR)
    other = make_training("other", seed=7)
    for desired in (
        make_desired(other),
        make_desired(other, TRAINING, selected=frozenset({"other"})),
    ):
        plan = plan_for(desired, make_observed(*jobs))
        assert plan.duplicates == (Duplicate(TRAINING.key, ("triage",), ("ftjob-1", "ftjob-2")),)


# ---- what is none --------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [FAILED, CANCELLED, SUCCEEDED])
@pytest.mark.parametrize("after", [1, -CLOCK_SKEW])
def test_another_training_after_a_failure_a_cancellation_or_a_deletion_is_none(
    first: JobStatus, after: int
) -> None:
    """Also where the clocks that told the end and the beginning disagree."""
    jobs = job(first, 1, -HOUR, -600), job(RUNNING, 2, -600 + after)
    assert duplicates(*jobs, models=frozenset()) == []


def test_clocks_that_disagree_do_not_change_which_attempt_was_first() -> None:
    jobs = job(FAILED, 1, -600, -590), job(RUNNING, 2, -630)
    assert duplicates(*jobs) == []


def test_a_cancelled_job_that_does_not_say_when_it_ended_is_no_reason_to_freeze() -> None:
    assert duplicates(job(CANCELLED, 1, -HOUR), job(RUNNING, 2, -600)) == []


def test_another_owner_s_jobs_are_none_of_ours() -> None:
    jobs = [job(RUNNING, n, -HOUR, owner="another") for n in (1, 2)]
    assert duplicates(*jobs) == []
    assert duplicates(jobs[0], job(RUNNING, 3, -60)) == []


def test_two_trainings_of_one_name_are_none() -> None:
    changed = make_job(make_training(seed=8), RUNNING, number=2, attempt=1)
    assert duplicates(job(RUNNING, 1, -HOUR), changed) == []


# ---- until a person knows ------------------------------------------------------------------------


def test_what_a_person_has_acknowledged_freezes_no_longer_but_one_more_job_does() -> None:
    jobs = [job(RUNNING, n, -HOUR + n) for n in (1, 2, 3)]
    known = frozenset({"ftjob-1", "ftjob-2"})
    assert duplicates(*jobs[:2], acknowledged=known) == []
    assert duplicates(*jobs, acknowledged=known) == [("ftjob-1", "ftjob-2", "ftjob-3")]


def test_a_part_of_a_duplicate_s_jobs_acknowledges_nothing() -> None:
    jobs = [job(RUNNING, n, -HOUR + n) for n in (1, 2)]
    assert duplicates(*jobs, acknowledged=frozenset({"ftjob-1"})) == FIRST_AND_SECOND


def test_a_freeze_does_not_depend_on_the_order_of_jobs() -> None:
    jobs = [job(RUNNING, n, -HOUR + n) for n in (1, 2, 3)]
    assert duplicates(*jobs) == duplicates(*reversed(jobs))
