"""Drift: what moved at the provider, and what the spec says is done about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.plan import Limits, Reason
from reconciler.plan.case import Case
from reconciler.plan.decide import decide
from reconciler.spec import Lifecycle, OnDrift
from reconciler.state import Health, Job, JobStatus, Sync
from tests.cases import PAUSED, TRAINING, axes, case, is_still, job
from tests.make import NOW, make_job, make_training

# ---- what moves while the job or its model stands ------------------------------------------------


def lived(jobs: Job, word: str, drift: str, **changes: Any) -> Case:
    """A case of one job whose spec says what is done about a drift."""
    lifecycle = Lifecycle(on_drift=OnDrift.model_validate({drift: word}))
    return case(jobs, training=replace(TRAINING, lifecycle=lifecycle), **changes)


@pytest.mark.parametrize("status", PAUSED)
def test_a_job_that_is_paused_is_drift_and_is_held(status: JobStatus) -> None:
    decision = decide(case(job(status)))
    assert is_still(decision)
    assert axes(decision) == (Sync.DRIFTED, Health.HELD, "JobPaused")
    assert "reconcile resume triage" in decision.condition.remedy


def test_only_a_job_that_is_paused_and_ours_is_to_be_resumed_at_once() -> None:
    paused, pausing = (decide(case(job(status))).condition.remedy for status in PAUSED[::-1])
    assert paused == "to let it go on: reconcile resume triage"
    assert pausing == "once it is paused: reconcile resume triage"
    unmarked = decide(case(job(JobStatus.PAUSED, metadata={}))).condition
    assert "reconcile resume" not in unmarked.remedy
    assert "bears no mark of acme" in unmarked.remedy


def test_a_pause_that_is_ignored_is_waited_for() -> None:
    decision = decide(lived(job(JobStatus.PAUSED), "ignore", "job_paused"))
    assert axes(decision) == (Sync.IN_SYNC, Health.PROGRESSING, "Training")
    assert decision.condition.message == "ftjob-1 is paused"


@pytest.mark.parametrize(
    ("status", "health"),
    [(JobStatus.SUCCEEDED, Health.READY), (JobStatus.RUNNING, Health.PROGRESSING)],
)
def test_a_file_that_was_deleted_is_drift_and_the_training_goes_on(
    status: JobStatus, health: Health
) -> None:
    gone = frozenset({"file-1"})
    decision = decide(case(job(status), missing_files=gone))
    assert is_still(decision)
    assert axes(decision) == (Sync.DRIFTED, health, "FileDeleted")
    assert "file-1" in decision.condition.message
    ignored = decide(lived(job(status), "ignore", "file_deleted", missing_files=gone))
    assert ignored.condition.sync is Sync.IN_SYNC
    assert ignored.notices == ()


@pytest.mark.parametrize(
    ("shown", "drifts"),
    [
        ({"hyperparameters": {"n_epochs": 2}}, True),
        ({"model": "gpt-4.1-mini-2025-04-14"}, True),
        ({"method": "dpo"}, True),
        ({"hyperparameters": {"n_epochs": 1, "batch_size": 8}}, False),
        ({"seed": 1423771932}, False),
        ({"hyperparameters": {"n_epochs": 2}, "metadata": {}}, False),
    ],
)
def test_what_the_service_changed_of_a_job_that_we_asked_for_is_drift(
    shown: dict[str, Any], drifts: bool
) -> None:
    decision = decide(case(job(**shown)))
    assert is_still(decision)
    assert (decision.condition.reason == "FieldsChanged") is drifts
    ignored = decide(lived(job(**shown), "ignore", "fields_changed"))
    assert ignored.condition.sync is Sync.IN_SYNC


def test_a_suffix_is_written_by_the_service_in_its_own_way() -> None:
    named = make_training(suffix="größe")
    written = make_job(named, suffix="gr-e")
    assert decide(case(written, training=named)).condition.reason == "Ready"


def test_of_two_drifts_one_leads_and_the_other_is_told_beside_it() -> None:
    moved = job(hyperparameters={"n_epochs": 2})
    decision = decide(case(moved, missing_files=frozenset({"file-1"})))
    assert decision.condition.reason == "FieldsChanged"
    assert decision.condition.message.endswith("; ft:gpt-4o-mini-2024-07-18:acme::1 answers")
    assert [notice.reason for notice in decision.notices] == ["FileDeleted"]
    paused = decide(case(job(JobStatus.PAUSED), missing_files=frozenset({"file-1"})))
    assert paused.condition.reason == "JobPaused"
    assert [notice.reason for notice in paused.notices] == ["FileDeleted"]


# ---- what the spec says is done about a loss -----------------------------------------------------

LOSSES = [
    pytest.param(job(), "model_deleted", Reason.MODEL_DELETED, id="deleted"),
    pytest.param(job(JobStatus.CANCELLED), "job_cancelled", Reason.JOB_CANCELLED, id="cancelled"),
]


@pytest.mark.parametrize(("lost", "drift", "reason"), LOSSES)
def test_what_was_lost_is_reported_trained_again_or_ignored_as_the_spec_says(
    lost: Job, drift: str, reason: Reason
) -> None:
    reported = decide(lived(lost, "report", drift, models=frozenset()))
    assert is_still(reported)
    assert axes(reported) == (Sync.DRIFTED, Health.MISSING, reason)
    retrained = decide(lived(lost, "retrain", drift, models=frozenset()))
    assert retrained.create is Reason.RETRAIN_DRIFT
    ignored = decide(lived(lost, "ignore", drift, models=frozenset()))
    assert is_still(ignored)
    assert axes(ignored) == (Sync.IN_SYNC, Health.MISSING, reason)


@pytest.mark.parametrize(("ago", "goes"), [(1, False), (3599, False), (3600, True)])
def test_a_model_is_not_trained_again_within_an_hour_for_endpoints_lag(
    ago: int, goes: bool
) -> None:
    just_made = job(finished_at=NOW - ago)
    decision = decide(lived(just_made, "retrain", "model_deleted", models=frozenset()))
    assert (decision.create is Reason.RETRAIN_DRIFT) is goes
    if not goes:
        assert axes(decision) == (Sync.DRIFTED, Health.MISSING, "ModelDeleted")
        assert decision.condition.message.endswith(
            "; the spec says retrain, which waits an hour: the endpoint may lag"
        )
        left = f"nothing; a pass may train it in {3600 - ago} s, or now: reconcile retry triage"
        assert decision.condition.remedy == left


@pytest.mark.parametrize(("lost", "drift", "reason"), LOSSES)
def test_a_loss_that_comes_again_is_left_to_a_person(lost: Job, drift: str, reason: Reason) -> None:
    twice = lived(lost, "retrain", drift, models=frozenset())
    twice = replace(twice, jobs=(lost, replace(lost, id="ftjob-2")))
    decision = decide(twice)
    assert is_still(decision)
    assert axes(decision) == (Sync.DRIFTED, Health.MISSING, reason)
    assert "which it was once already" in decision.condition.message
    assert decision.condition.remedy.endswith("reconcile retry triage")
    asked = replace(twice, limits=Limits(retry=frozenset({"triage"})))
    assert decide(asked).create is Reason.RETRY_ASKED


def test_a_duplicate_that_was_cancelled_is_no_earlier_loss() -> None:
    failed = job(JobStatus.FAILED, error="server_error", finished_at=NOW - 9000)
    duplicate = job(JobStatus.CANCELLED, number=2)
    lost = job(JobStatus.CANCELLED, number=3, created_at=NOW - 8000)
    again = lived(lost, "retrain", "job_cancelled")
    decision = decide(replace(again, jobs=(failed, duplicate, lost)))
    assert decision.create is Reason.RETRAIN_DRIFT


@pytest.mark.parametrize(("lost", "drift", "reason"), LOSSES)
def test_a_spec_that_wants_no_second_training_gets_none_after_a_loss(
    lost: Job, drift: str, reason: Reason
) -> None:
    again = lived(lost, "retrain", drift, models=frozenset(), had_model=True)
    kept = again.training.lifecycle.model_copy(update={"prevent_retrain": True})
    decision = decide(replace(again, training=replace(again.training, lifecycle=kept)))
    assert is_still(decision)
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.HELD, "RetrainPrevented")


def test_a_spec_that_wants_no_second_training_has_its_first() -> None:
    kept = replace(TRAINING, lifecycle=Lifecycle(prevent_retrain=True))
    assert decide(case(training=kept)).create is Reason.NOT_TRAINED
    failed = job(JobStatus.FAILED, error="server_error")
    assert decide(case(failed, training=kept)).create is Reason.RETRY_TRANSIENT


# ---- suspended -----------------------------------------------------------------------------------

SUSPENDED = replace(TRAINING, is_suspended=True)


def test_nothing_is_done_for_what_is_suspended() -> None:
    twice = [job(JobStatus.RUNNING, number=n) for n in (1, 2)]
    for held in (case(), case(*twice), case(job(JobStatus.FAILED, error="server_error"))):
        assert not is_still(decide(held))
        decision = decide(replace(held, training=SUSPENDED))
        assert is_still(decision)
        assert decision.condition.health is Health.SUSPENDED
        assert decision.condition.reason == "Suspended"


def test_a_suspended_model_that_answers_stays_ready_and_its_duplicate_is_left_alone() -> None:
    jobs = (job(number=1), job(JobStatus.RUNNING, number=2))
    decision = decide(case(*jobs, training=SUSPENDED))
    assert is_still(decision)
    assert axes(decision) == (Sync.IN_SYNC, Health.READY, "Ready")
