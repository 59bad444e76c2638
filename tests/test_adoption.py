"""Adoption: Git's word on a job counts for its run key, and not against what the job shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.catalog import load_catalog
from reconciler.ownership import SPEC
from reconciler.plan import Cancel, Plan, Reason
from reconciler.plan.adoption import contradictions
from reconciler.state import Binding, Health, Job, JobStatus, Parent, Sync, Training
from tests.make import make_desired, make_facts, make_job, make_observed, make_training, plan_for

TRAINING = make_training(hyperparameters={"n_epochs": 3, "learning_rate_multiplier": 0.1})
ADOPTS = replace(TRAINING, bindings=(Binding("ftjob-1", TRAINING.key),))
ALIVE = JobStatus.RUNNING


def unmarked(status: JobStatus = JobStatus.SUCCEEDED, **changes: Any) -> Job:
    return make_job(TRAINING, status, metadata={}, **changes)


def plan(training: Training, *jobs: Job, **observed: Any) -> Plan:
    return plan_for(training, make_observed(*jobs, **observed))


# ---- what a job shows ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shown", "field"),
    [
        ({"model": "gpt-4.1-mini-2025-04-14"}, "model"),
        ({"method": "dpo"}, "method"),
        ({"suffix": "other"}, "suffix"),
        ({"seed": 8}, "seed"),
        ({"hyperparameters": {"n_epochs": 4}}, "n_epochs"),
        ({"hyperparameters": {"learning_rate_multiplier": 0.2}}, "learning_rate_multiplier"),
    ],
)
def test_a_field_that_a_job_shows_to_be_another_contradicts_it(
    shown: dict[str, Any], field: str
) -> None:
    wanted = replace(TRAINING, suffix="tone", seed=7)
    found = list(contradictions(wanted, unmarked(**shown), load_catalog()))
    assert [name for name, _ in found] == [field]
    assert all(told.startswith(f"its {field} is ") for _, told in found)


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"model": "gpt-4o-mini"},
        {"seed": 1423771932, "suffix": "given"},
        {"hyperparameters": {"n_epochs": "auto", "batch_size": 7}},
        {"hyperparameters": {"n_epochs": 3.0, "learning_rate_multiplier": 0.1 + 1e-12}},
    ],
    ids=["nothing", "an alias", "what the spec leaves open", "auto", "the same number"],
)
def test_what_either_side_leaves_unsaid_contradicts_nothing(shown: dict[str, Any]) -> None:
    assert list(contradictions(TRAINING, unmarked(**shown), load_catalog())) == []


def test_data_that_a_job_s_own_mark_shows_to_be_another_contradicts_it() -> None:
    both = make_training(validation=make_facts("held out"))
    changed: dict[str, dict[str, Any]] = {
        role: {role: make_facts("other")} for role in ("training", "validation")
    }
    for role, change in changed.items():
        other = replace(both, **change)
        ((field, told),) = contradictions(other, make_job(both), load_catalog())
        assert field == f"dataset.{role}"
        assert told.startswith(f"its {role} file was sha256:")
    (held,) = plan(replace(ADOPTS, training=make_facts("other")), make_job(TRAINING)).resources
    assert held.condition.reason == Reason.ADOPTION_CONTRADICTED


@pytest.mark.parametrize("written", ["", "{}", '{"dataset":"digest:1"}', '{"dataset":{}}', "["])
def test_data_that_a_mark_does_not_tell_contradicts_nothing(written: str) -> None:
    job = make_job(TRAINING)
    job = replace(job, metadata={**job.metadata, SPEC: written})
    assert list(contradictions(TRAINING, job, load_catalog())) == []


def test_what_a_chain_starts_from_has_another_name_at_each_endpoint() -> None:
    child = replace(TRAINING, parent=Parent("a", "a" * 64))
    job = unmarked(model="ft:gpt-4o-mini-2024-07-18:acme::0")
    assert list(contradictions(child, job, load_catalog())) == []


# ---- Git's word ----------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", ["acme", "another"])
def test_a_job_that_git_adopts_stands_for_the_training_whoever_made_it(owner: str) -> None:
    for job in (unmarked(), make_job(TRAINING, owner=owner)):
        adopted = plan(ADOPTS, job)
        assert adopted.actions == ()
        assert adopted.resources[0].condition.health.is_usable


def test_a_word_on_another_run_key_is_no_word_on_this_one() -> None:
    stale = replace(TRAINING, bindings=(Binding("ftjob-1", "a" * 64),))
    planned = plan(stale, unmarked())
    assert [create.reason for create in planned.creates] == [Reason.SPEC_CHANGED]
    assert planned.creates[0].difference
    assert planned.creates[0].difference.earlier_job == "ftjob-1"


def test_a_job_that_shows_itself_to_be_another_is_not_adopted_and_nothing_is_trained() -> None:
    held = plan(ADOPTS, unmarked(hyperparameters={"n_epochs": 4}))
    assert held.actions == ()
    assert held.resources[0].condition.reason == Reason.ADOPTION_CONTRADICTED
    assert "its n_epochs is 4, not 3" in held.resources[0].condition.message


def test_a_job_that_is_not_to_be_seen_holds_the_training() -> None:
    (resource,) = plan(ADOPTS).resources
    assert resource.condition.reason == Reason.JOB_MISSING
    assert resource.condition.sync is Sync.UNKNOWN
    assert "remove spec.adopt" in resource.condition.remedy


def test_two_specs_of_one_training_can_t_adopt_two_jobs() -> None:
    both = replace(
        TRAINING,
        used_by=("a", "b"),
        bindings=tuple(Binding(f"ftjob-{n}", TRAINING.key) for n in (1, 2)),
    )
    (resource,) = plan(both, unmarked(), unmarked(number=2)).resources
    assert resource.condition.reason == Reason.AMBIGUOUS_ADOPTION
    assert "ftjob-1 and ftjob-2" in resource.condition.message
    same = replace(both, bindings=both.bindings[:1] * 2)
    assert plan(same, unmarked()).resources[0].condition.health.is_usable


def test_an_adopted_job_is_never_cancelled_whatever_mark_it_bears() -> None:
    ours = make_job(TRAINING, number=2)
    for job in (unmarked(ALIVE), make_job(TRAINING, ALIVE), make_job(TRAINING, ALIVE, owner="x")):
        assert not [a for a in plan(ADOPTS, job, ours).actions if isinstance(a, Cancel)]


def test_a_job_that_another_spec_adopts_is_no_duplicate_that_is_cancelled() -> None:
    other = make_training("other", hyperparameters={})
    adopts = replace(other, bindings=(Binding("ftjob-2", other.key),))
    jobs = (make_job(TRAINING), make_job(TRAINING, ALIVE, number=2))
    free = plan_for(make_desired(TRAINING, other), make_observed(*jobs))
    assert [a.job_id for a in free.actions if isinstance(a, Cancel)] == ["ftjob-2"]
    named = plan_for(make_desired(TRAINING, adopts), make_observed(*jobs))
    assert not [action for action in named.actions if isinstance(action, Cancel)]
    assert [wait.used_by for wait in named.waits] == [("other",)]


def test_an_adopted_job_is_no_orphan() -> None:
    gone = make_job(make_training("gone", seed=9))
    assert plan(TRAINING, gone).orphans
    adopts = replace(TRAINING, bindings=(Binding("ftjob-1", "b" * 64),))
    assert plan(adopts, gone).orphans == ()


# ---- a spec that only adopts ---------------------------------------------------------------------

ONLY = replace(ADOPTS, training=None)


def test_a_spec_without_data_is_ready_by_its_job() -> None:
    assert plan(ONLY, unmarked()).resources[0].condition.health.is_usable
    assert plan(ONLY, unmarked(ALIVE)).resources[0].condition.health is Health.PROGRESSING


def test_a_spec_without_data_never_trains() -> None:
    for jobs, retry in (((unmarked(),), ()), ((unmarked(JobStatus.CANCELLED),), ("triage",))):
        assert plan(ONLY, *jobs, models=frozenset()).creates == ()
        assert not retry or plan(ONLY, *jobs).creates == ()
    told = plan(ONLY, unmarked(), models=frozenset()).resources[0].condition
    assert "add spec.dataset" in told.remedy


def test_the_data_of_others_is_not_missed() -> None:
    gone = frozenset({"file-1"})
    assert plan(ONLY, unmarked(), missing_files=gone).resources[0].condition.sync is Sync.IN_SYNC
    assert plan(ADOPTS, unmarked(), missing_files=gone).has_drift
