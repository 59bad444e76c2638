"""The gate before each create: data to train on, nobody else's job, and of a chain its parent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.plan import Limits, Reason
from reconciler.plan.case import Case, ParentCase
from reconciler.plan.decide import decide
from reconciler.spec import Lifecycle
from reconciler.state import Checkpoint, ClosingKind, Health, Job, JobStatus, Parent, Sync
from tests.cases import TRAINING, axes, case, is_still, job, right
from tests.make import make_job, make_right, make_training

RETRY = Limits(retry=frozenset({TRAINING.name}))

# ---- the gate ------------------------------------------------------------------------------------


def test_a_spec_without_data_is_held_rather_than_trained() -> None:
    only_adopts = replace(TRAINING, training=None)
    decision = decide(case(training=only_adopts))
    assert is_still(decision)
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.HELD, "NoData")


def test_of_several_jobs_of_others_the_one_that_has_a_model_is_offered() -> None:
    running = job(JobStatus.RUNNING, owner="dev")
    ended = job(number=2, owner="prod")
    models = frozenset({str(ended.fine_tuned_model)})
    decision = decide(case(foreign=(running, ended), models=models))
    assert "ftjob-1 and ftjob-2 are each the same training" in decision.condition.message
    assert "dev, prod" in decision.condition.message
    assert f"{{job: ftjob-2, run_key: {TRAINING.key}}}" in decision.condition.remedy


KEPT = replace(TRAINING, lifecycle=Lifecycle(prevent_retrain=True))
WAYS_IN: dict[str, Case] = {
    "a changed spec": case(is_changed=True),
    "marks were dropped": case(),
    "a back-off that is over": case(rights=(right(ClosingKind.REFUSED, status=429),)),
    "a request that never left": case(rights=(right(ClosingKind.NOT_SENT),)),
    "a doubt that was abandoned": case(rights=(right(ClosingKind.ABANDONED),)),
    "a transient failure": case(job(JobStatus.FAILED, error="server_error")),
    "a failure that a person wants retried": case(
        job(JobStatus.FAILED, error="invalid_training_file"), limits=RETRY
    ),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_what_prevents_a_retraining_does_so_whatever_the_reason(way: str) -> None:
    wanted = replace(WAYS_IN[way], training=KEPT)
    assert decide(wanted).create, "a first training goes on"
    decision = decide(replace(wanted, had_model=True))
    assert is_still(decision)
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.HELD, "RetrainPrevented")


# ---- chains --------------------------------------------------------------------------------------

PARENT = make_training("parent", seed=1)


def child(*jobs: Job, checkpoint: int | str = "last", is_selected: bool = True, **of: Any) -> Case:
    """A case whose training starts from one that has these jobs."""
    above = decide(case(*jobs, training=PARENT, **of))
    steps = (Checkpoint(60, "ft:step-60"), Checkpoint(90, "ft:step-90"))
    chained = make_training(parent=Parent("parent", PARENT.key, checkpoint))  # type: ignore[arg-type]
    made = steps if jobs else ()
    return case(training=chained, parent=ParentCase("parent", above, made, is_selected))


def test_a_child_is_created_on_the_model_of_its_parent() -> None:
    trained = make_job(PARENT)
    decision = decide(child(trained))
    assert decision.create is Reason.NOT_TRAINED
    assert decision.base == trained.fine_tuned_model
    assert decide(child(trained, checkpoint=60)).base == "ft:step-60"


def test_a_step_that_has_no_checkpoint_is_held_with_those_that_have_one() -> None:
    decision = decide(child(make_job(PARENT), checkpoint=75))
    assert is_still(decision)
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.HELD, "CheckpointMissing")
    assert decision.condition.message == "parent has no checkpoint at step 75, only at 60, 90"
    none = child(make_job(PARENT), checkpoint=75)
    assert none.parent
    bare = decide(replace(none, parent=replace(none.parent, checkpoints=())))
    assert bare.condition.message.endswith("and none at any other")


@pytest.mark.parametrize(
    "parent",
    [child(), child(make_job(PARENT, JobStatus.RUNNING)), child(is_changed=True)],
    ids=["new", "under way", "changed"],
)
def test_a_child_waits_for_a_parent_that_is_or_will_be_trained(parent: Case) -> None:
    decision = decide(parent)
    assert is_still(decision)
    assert decision.later is Reason.NOT_TRAINED
    assert decision.base == ""
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.MISSING, "AwaitingParent")


@pytest.mark.parametrize(
    "parent",
    [
        child(make_job(PARENT, JobStatus.FAILED, error="invalid_training_file")),
        child(make_job(PARENT, JobStatus.CANCELLED)),
        child(make_job(PARENT, JobStatus.PAUSED)),
        child(make_job(PARENT), models=frozenset()),
        child(rights=(make_right(PARENT),)),
        child(is_selected=False),
    ],
    ids=["failed", "cancelled", "paused", "deleted", "in doubt", "not selected"],
)
def test_a_child_is_held_by_a_parent_that_will_not_be_trained_by_itself(parent: Case) -> None:
    decision = decide(parent)
    assert is_still(decision)
    assert decision.later is None
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.HELD, "ParentNotReady")
    assert "parent" in decision.condition.remedy


def test_a_suspended_child_waits_for_nothing_and_is_sent_nothing() -> None:
    for parent in (child(), child(make_job(PARENT))):
        decision = decide(replace(parent, training=replace(parent.training, is_suspended=True)))
        assert is_still(decision)
        assert decision.later is None
        assert decision.condition.reason == "Suspended"


def test_a_child_that_is_ready_needs_no_parent() -> None:
    orphaned = child(make_job(PARENT), models=frozenset())
    trained = make_job(orphaned.training, number=5)
    models = frozenset({str(trained.fine_tuned_model)})
    decision = decide(replace(orphaned, jobs=(trained,), models=models))
    assert axes(decision) == (Sync.IN_SYNC, Health.READY, "Ready")
