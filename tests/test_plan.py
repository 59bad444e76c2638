"""The whole plan: actions belong to keys, files are sent once, only what is ours counts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.plan import Cancel, Create, Limits, Reason, Upload, Wait
from reconciler.plan.model import plan_from_json, plan_to_json
from reconciler.providers.objects import read_job
from reconciler.spec import Price
from reconciler.state import ClosingKind, Health, JobStatus, Revision, Right, Training
from tests.make import (
    MINI,
    NOW,
    OWNER,
    make_claim,
    make_desired,
    make_facts,
    make_file,
    make_job,
    make_observed,
    make_right,
    make_training,
    plan_for,
)

TRAINING = make_training()
EARLIER = make_training(seed=7)


# ---- uploads and creates -------------------------------------------------------------------------


def test_a_new_training_sends_its_files_and_then_creates() -> None:
    checked = make_training(validation=make_facts("validation"))
    plan = plan_for(checked)
    assert [action.kind for action in plan.actions] == ["upload", "upload", "create"]
    assert [upload.path for upload in plan.uploads] == [
        "data/training.jsonl",
        "data/validation.jsonl",
    ]
    assert plan.creates[0].files == tuple(upload.file_name for upload in plan.uploads)
    assert plan.creates[0].file_ids == ("", "")


def test_a_file_that_is_there_is_not_sent_again() -> None:
    plan = plan_for(TRAINING, make_observed(files=(make_file(make_facts()),)))
    assert plan.uploads == ()
    assert plan.creates[0].file_ids == ("file-1",)


def test_of_equal_uploads_the_oldest_is_used() -> None:
    files = tuple(make_file(make_facts(), number) for number in (2, 1))
    assert plan_for(TRAINING, make_observed(files=files)).creates[0].file_ids == ("file-1",)


def test_a_file_that_two_trainings_use_is_sent_once() -> None:
    plan = plan_for(make_desired(make_training("b", seed=1), make_training("a", seed=2)))
    assert [upload.used_by for upload in plan.uploads] == [("a", "b")]
    assert len(plan.creates) == 2


def test_no_file_is_sent_for_a_training_that_is_not_created() -> None:
    assert not plan_for(TRAINING, make_observed(make_job(TRAINING))).writes


def test_specs_that_share_a_training_pay_once() -> None:
    shared = replace(TRAINING, used_by=("a", "b"))
    plan = plan_for(shared)
    assert [create.used_by for create in plan.creates] == [("a", "b")]
    assert plan.usd == 0.30


def test_only_what_is_selected_is_acted_on() -> None:
    desired = make_desired(make_training("a", seed=1), make_training("b", seed=2))
    plan = plan_for(replace(desired, selected=frozenset({"b"})))
    assert [resource.name for resource in plan.resources] == ["b"]
    assert [create.used_by for create in plan.creates] == [("b",)]


def test_a_project_s_price_is_the_estimate_s() -> None:
    prices = {MINI: Price(training=1.0, source="our contract")}
    assert plan_for(TRAINING, prices=prices).usd == 0.10


def test_a_plan_over_an_unproved_absence_says_so() -> None:
    assert plan_for(TRAINING).is_proved
    assert not plan_for(TRAINING, make_observed(is_complete=False)).is_proved


# ---- an earlier training of the name -------------------------------------------------------------


def test_a_change_names_its_fields_and_leaves_the_earlier_job_alone() -> None:
    plan = plan_for(TRAINING, make_observed(make_job(EARLIER, JobStatus.RUNNING)))
    (create,) = plan.creates
    assert create.reason is Reason.SPEC_CHANGED
    assert create.difference is not None
    assert [change.field for change in create.difference.changes] == ["seed"]
    assert [action.kind for action in plan.actions] == ["upload", "create"]


def test_an_earlier_job_that_still_runs_is_billed_beside_the_new_one() -> None:
    running = make_observed(make_job(EARLIER, JobStatus.RUNNING))
    assert plan_for(TRAINING, running).creates[0].earlier_usd == 0.30
    ended = make_observed(make_job(EARLIER))
    assert plan_for(TRAINING, ended).creates[0].earlier_usd is None


def test_an_earlier_bill_that_nobody_wrote_down_is_unknown_rather_than_nothing() -> None:
    job = make_job(EARLIER, JobStatus.RUNNING)
    job = replace(job, metadata={**job.metadata, "reconciler.tokens": ""})
    assert plan_for(TRAINING, make_observed(job)).creates[0].earlier_usd is None


def test_a_revert_trains_nothing() -> None:
    jobs = make_job(TRAINING, number=1), make_job(EARLIER, number=2)
    plan = plan_for(TRAINING, make_observed(*jobs))
    assert plan.actions == ()
    assert plan.resources[0].fine_tuned_model == jobs[0].fine_tuned_model


# ---- waits and cancels ---------------------------------------------------------------------------


def test_a_live_job_is_waited_for() -> None:
    plan = plan_for(TRAINING, make_observed(make_job(TRAINING, JobStatus.QUEUED)))
    assert plan.actions == (Wait("ftjob-1", TRAINING.key, ("triage",), JobStatus.QUEUED),)
    assert not plan.writes
    assert not plan.has_changes


def test_a_later_live_job_of_ours_is_cancelled() -> None:
    jobs = [make_job(TRAINING, JobStatus.RUNNING, number=number) for number in (2, 1)]
    plan = plan_for(TRAINING, make_observed(*jobs))
    assert plan.actions[0] == Cancel("ftjob-2", TRAINING.key, ("triage",), Reason.DUPLICATE)
    assert isinstance(plan.actions[1], Wait)
    assert plan.writes


def test_another_owner_s_later_job_is_left_alone() -> None:
    ours = make_job(TRAINING, JobStatus.RUNNING)
    foreign = make_job(TRAINING, JobStatus.RUNNING, number=2, owner="another")
    assert [action.kind for action in plan_for(TRAINING, make_observed(ours, foreign)).actions] == [
        "wait"
    ]


def test_drift_is_a_change_though_nothing_is_written() -> None:
    plan = plan_for(TRAINING, make_observed(make_job(TRAINING), models=frozenset()))
    assert plan.has_changes
    assert not plan.writes


# ---- what the ledger says ------------------------------------------------------------------------


def test_a_job_that_lost_its_mark_is_found_by_the_ledger() -> None:
    job = make_job(TRAINING, JobStatus.RUNNING, metadata={})
    created = make_right(TRAINING, ClosingKind.CREATED, job_id=job.id)
    plan = plan_for(TRAINING, make_observed(job, rights=(created,)))
    assert [action.kind for action in plan.actions] == ["wait"]


@pytest.mark.parametrize("metadata", [{}, make_job(make_training("x", seed=1)).metadata])
def test_an_adopted_job_is_ours_and_no_orphan(metadata: dict[str, str]) -> None:
    job = make_job(TRAINING, metadata=metadata)
    adopted = make_right(TRAINING, ClosingKind.CREATED, job_id=job.id)
    plan = plan_for(TRAINING, make_observed(job, rights=(adopted,)))
    assert plan.resources[0].condition.health.is_usable
    assert plan.orphans == ()


def test_a_job_that_we_adopted_from_another_owner_is_used_and_never_cancelled() -> None:
    ours = make_job(TRAINING, number=1)
    adopted = make_job(TRAINING, JobStatus.RUNNING, number=2, owner="another")
    right = make_right(TRAINING, ClosingKind.CREATED, job_id=adopted.id)
    assert plan_for(TRAINING, make_observed(adopted, rights=(right,))).waits
    assert plan_for(TRAINING, make_observed(ours, adopted, rights=(right,))).actions == ()


def test_another_owner_s_claim_in_a_shared_ledger_makes_its_job_no_job_of_ours() -> None:
    job = make_job(TRAINING, owner="another")
    right = make_right(TRAINING, ClosingKind.CREATED, job_id=job.id)
    shared = Right(make_claim(TRAINING, owner="another"), right.closing)
    plan = plan_for(TRAINING, make_observed(job, rights=(shared,)))
    assert plan.resources[0].condition.reason == Reason.FOREIGN_JOB
    assert plan.actions == ()


def test_a_job_that_two_trainings_were_said_to_be_is_the_later_one_s() -> None:
    other, job = make_training("other", seed=1), make_job(TRAINING, metadata={})
    rights = (
        make_right(TRAINING, ClosingKind.CREATED, job_id=job.id, at=NOW - 10),
        make_right(other, ClosingKind.CREATED, job_id=job.id, at=NOW - 20),
    )
    for order in (rights, rights[::-1]):
        plan = plan_for(make_desired(TRAINING, other), make_observed(job, rights=order))
        ready = [r.name for r in plan.having(Health.RETIRING)]
        assert ready == ["triage"]


def ended(at: int, training: Training = EARLIER) -> Right:
    return make_right(
        training, ClosingKind.REFUSED, status=403, code="training_not_available", at=at
    )


def test_one_refusal_of_all_training_stops_every_create_at_the_endpoint() -> None:
    desired = make_desired(make_training("a", seed=1), make_training("b", seed=2))
    plan = plan_for(desired, make_observed(rights=(ended(NOW - 60),)))
    assert plan.actions == ()
    assert {resource.condition.reason for resource in plan.resources} == {"TrainingEnded"}


def test_a_job_that_was_created_since_lifts_the_stop() -> None:
    job = make_job(EARLIER)
    created = make_right(EARLIER, ClosingKind.CREATED, 2, job_id=job.id, at=NOW - 30)
    plan = plan_for(TRAINING, make_observed(job, rights=(ended(NOW - 60), created)))
    assert plan.creates
    again = make_observed(job, rights=(ended(NOW - 10), created))
    assert not plan_for(TRAINING, again).creates


def test_a_retry_of_one_name_lifts_the_stop_for_that_name_alone() -> None:
    desired = make_desired(make_training("a", seed=1), make_training("b", seed=2))
    plan = plan_for(
        desired,
        make_observed(rights=(ended(NOW - 60),)),
        limits=Limits(retry=frozenset({"b"})),
    )
    assert [create.used_by for create in plan.creates] == [("b",)]


def test_what_the_next_attempt_is_follows_from_the_ledger() -> None:
    rights = (make_right(TRAINING, ClosingKind.ABANDONED, 2), make_right(TRAINING, attempt=1))
    (create,) = plan_for(TRAINING, make_observed(rights=rights)).creates
    assert create.attempt == 3


# ---- orphans -------------------------------------------------------------------------------------


def test_a_job_of_ours_that_no_spec_needs_is_an_orphan() -> None:
    gone = make_job(make_training("gone", seed=1), number=2)
    plan = plan_for(TRAINING, make_observed(make_job(TRAINING), gone))
    assert [(o.job_id, o.name, o.is_superseded) for o in plan.orphans] == [
        ("ftjob-2", "gone", False)
    ]
    assert plan.actions == ()


def test_an_earlier_training_of_a_spec_is_superseded() -> None:
    plan = plan_for(TRAINING, make_observed(make_job(EARLIER), make_job(TRAINING, number=2)))
    assert [(orphan.job_id, orphan.is_superseded) for orphan in plan.orphans] == [("ftjob-1", True)]


def test_what_another_owner_has_or_a_target_leaves_out_is_no_orphan() -> None:
    foreign = make_job(make_training("x", seed=1), owner="another")
    desired = replace(make_desired(TRAINING), selected=frozenset[str]())
    plan = plan_for(desired, make_observed(foreign, make_job(TRAINING, number=2)))
    assert plan.orphans == ()


# ---- what real answers look like -----------------------------------------------------------------


def test_what_the_service_filled_in_is_no_drift() -> None:
    auto = make_training(hyperparameters={"n_epochs": "auto"})
    job = read_job(
        {
            "id": "ftjob-1",
            "status": "succeeded",
            "created_at": NOW,
            "model": MINI,
            "fine_tuned_model": "ft:1",
            "hyperparameters": {"n_epochs": 8, "batch_size": 1},
            "seed": 1423771932,
            "error": {},
            "metadata": dict(make_job(auto).metadata),
        }
    )
    plan = plan_for(auto, make_observed(job))
    assert plan.actions == ()
    assert plan.resources[0].condition.health.is_usable


def test_half_a_character_in_an_answer_does_not_stop_a_plan_from_being_written() -> None:
    metadata = {**make_job(EARLIER).metadata, "reconciler.spec": '{"suffix": "\\ud800"}'}
    failed = make_job(TRAINING, JobStatus.FAILED, number=2).metadata
    answers = (
        {
            "id": "ftjob-1\ud800",
            "status": "succeeded",
            "metadata": {**metadata, "x\ud800": "\udfff"},
        },
        {"id": "ftjob-2", "status": "failed", "metadata": failed, "error": {"message": "\udc00"}},
    )
    jobs = [read_job(answer) for answer in answers]
    plan = plan_for(make_desired(TRAINING, make_training("b", seed=2)), make_observed(*jobs))
    assert plan_from_json(plan_to_json(plan)) == plan


# ---- the plan as data ----------------------------------------------------------------------------


def test_a_plan_is_made_of_four_kinds_of_actions_and_survives_json() -> None:
    desired = make_desired(TRAINING, make_training("b", seed=2))
    jobs = [make_job(make_training("b", seed=2), JobStatus.RUNNING, number=n) for n in (1, 2)]
    plan = plan_for(desired, make_observed(*jobs, make_job(EARLIER, number=3)))
    assert {type(action) for action in plan.actions} == {Upload, Create, Cancel, Wait}
    assert plan_from_json(plan_to_json(plan)) == plan


def test_the_digest_tells_decisions_apart_and_nothing_else() -> None:
    plan = plan_for(TRAINING)
    assert replace(plan, revision=Revision("c0ffee", is_dirty=True)).digest == plan.digest
    assert replace(plan, taken_at=NOW + 1).digest == plan.digest
    assert replace(plan, owner="another").digest != plan.digest
    assert replace(plan, actions=()).digest != plan.digest
    assert plan_for(EARLIER).digest != plan.digest


def test_the_digest_of_a_plan_that_waits_for_a_clock_stands_still() -> None:
    doubt = make_observed(rights=(make_right(TRAINING),), taken_at=NOW - 3500)
    later = replace(doubt, taken_at=NOW - 3000)
    assert plan_for(TRAINING, doubt).resources != plan_for(TRAINING, later).resources
    assert plan_for(TRAINING, doubt).digest == plan_for(TRAINING, later).digest


def test_a_plan_counts_by_health() -> None:
    plan = plan_for(TRAINING, make_observed(make_job(TRAINING)))
    assert plan.having(Health.RETIRING) == plan.resources
    assert plan.having(Health.FAILED) == ()
    assert plan.owner == OWNER
