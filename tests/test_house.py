"""What a project trains at all: each refusal names its rule, the figure and the way out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.plan import Plan, Reason
from reconciler.policy import Rules, review
from reconciler.spec import Policy
from reconciler.state import Condition, Endpoint, JobStatus, Parent
from tests.make import (
    MINI,
    make_calendar,
    make_desired,
    make_facts,
    make_job,
    make_observed,
    make_training,
    plan_for,
)

FOUR = "gpt-4.1-mini-2025-04-14"
SANDBOX = Endpoint("sandbox:5f2c", "http://sandbox.invalid/v1")


def reviewed(policy: Policy, plan: Plan | None = None, **training: Any) -> Plan:
    """The plan of one new training after a house rule was asked."""
    rules = Rules(calendar=make_calendar(), max_usd=None, is_attended=True, policy=policy)
    return review(plan or plan_for(make_training(**training)), rules)


def refusal(policy: Policy, **training: Any) -> Condition:
    plan = reviewed(policy, **training)
    assert plan.actions == ()
    return plan.resources[0].condition


def is_allowed(policy: Policy, **training: Any) -> bool:
    return bool(reviewed(policy, **training).creates)


def test_without_a_policy_everything_is_allowed() -> None:
    assert is_allowed(Policy())


# ---- bases and methods ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "allowed"),
    [
        (MINI, True),
        (f"ft:{MINI}:acme::1", True),
        (FOUR, False),
        (f"ft:{FOUR}:acme::1", False),
    ],
)
def test_only_allowed_bases_are_trained_and_what_was_trained_on_them(
    model: str, allowed: bool
) -> None:
    assert is_allowed(Policy(allowed_models=[MINI]), model=model) is allowed


def test_a_refused_base_is_told_with_those_that_are_allowed() -> None:
    told = refusal(Policy(allowed_models=[FOUR, "gpt-9"]))
    assert told.reason == Reason.MODEL_NOT_ALLOWED
    assert told.message == (
        f"spec.policy.allowed_models in reconciler.yaml allows {FOUR}, gpt-9, not {MINI}"
    )
    assert told.remedy.startswith("choose one of them")


def test_a_list_of_nothing_allows_nothing() -> None:
    assert "allows none, not" in refusal(Policy(allowed_models=[])).message
    assert "allows none, not" in refusal(Policy(allowed_methods=[])).message


def test_only_allowed_methods_are_trained() -> None:
    only_dpo = Policy(allowed_methods=["dpo"])
    assert is_allowed(only_dpo, method="dpo")
    told = refusal(only_dpo)
    assert told.reason == Reason.METHOD_NOT_ALLOWED
    assert told.message.endswith("allows dpo, not supervised")


# ---- epochs --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("epochs", "allowed"), [(2, True), (3, True), (4, False)])
def test_the_most_epochs_are_still_allowed(epochs: int, allowed: bool) -> None:
    assert is_allowed(Policy(max_epochs=3), hyperparameters={"n_epochs": epochs}) is allowed


def test_epochs_that_are_left_to_the_service_count_as_what_is_expected() -> None:
    few = make_facts(examples=12)
    for hyperparameters in ({}, {"n_epochs": "auto"}):
        told = refusal(Policy(max_epochs=7), training=few, hyperparameters=hyperparameters)
        assert told.message.startswith('8 epochs expected of "auto", and ')
        assert is_allowed(Policy(max_epochs=8), training=few, hyperparameters=hyperparameters)


def test_too_many_epochs_are_told_with_both_figures() -> None:
    told = refusal(Policy(max_epochs=3), hyperparameters={"n_epochs": 4})
    assert told.reason == Reason.TOO_MANY_EPOCHS
    assert told.message == "4 epochs, and spec.policy.max_epochs in reconciler.yaml allows 3"
    assert told.remedy.startswith("write n_epochs: 3 or less")


# ---- validation and labels -----------------------------------------------------------------------


def test_a_validation_file_may_be_asked_for() -> None:
    told = refusal(Policy(require_validation=True))
    assert told.reason == Reason.NO_VALIDATION
    assert told.message.startswith("0 validation examples, and spec.policy.require_validation")
    assert "dataset.validation" in told.remedy
    assert is_allowed(Policy(require_validation=True), validation=make_facts("validation"))


def test_labels_may_be_asked_for_and_all_of_them_count() -> None:
    both = Policy(require_labels=["team", "cost-centre"])
    assert is_allowed(both, labels=("cost-centre", "team", "tier"))
    told = refusal(both, labels=("team",))
    assert told.reason == Reason.LABEL_MISSING
    assert told.message.startswith("no cost-centre among the labels of triage, and ")
    assert "add to metadata.labels: cost-centre" in told.remedy


# ---- all of them ---------------------------------------------------------------------------------

STRICT = Policy(
    allowed_models=[],
    allowed_methods=[],
    max_epochs=1,
    require_validation=True,
    require_labels=["team"],
)


def test_a_policy_takes_nothing_away_from_what_is_there() -> None:
    training = make_training()
    for job in (make_job(training), make_job(training, JobStatus.RUNNING)):
        plan = plan_for(training, make_observed(job))
        assert reviewed(STRICT, plan) == plan


def test_a_policy_holds_in_the_sandbox_as_well() -> None:
    plan = plan_for(make_training(), make_observed(endpoint=SANDBOX))
    refused = reviewed(STRICT, plan)
    assert refused.creates == ()
    assert refused.resources[0].condition.remedy.endswith("--sandbox")


def test_a_child_that_is_refused_takes_no_parent_with_it_but_a_parent_takes_its_child() -> None:
    parent = make_training("a", labels=("team",))
    child = make_training("b", parent=Parent("a", parent.key), labels=("team",))
    policy = Policy(require_labels=["team"])

    def left(*trainings: Any) -> list[str]:
        plan = reviewed(policy, plan_for(make_desired(*trainings)))
        return [create.training.name for create in (*plan.creates, *plan.later)]

    assert left(parent, child) == ["a", "b"]
    assert left(parent, replace(child, labels=())) == ["a"]
    assert left(replace(parent, labels=()), child) == []


def test_what_rests_on_a_refused_parent_says_so_all_the_way_down() -> None:
    parent = make_training("a", hyperparameters={"n_epochs": 5})
    child = make_training("b", parent=Parent("a", parent.key))
    grandchild = make_training("c", parent=Parent("b", child.key))
    plan = reviewed(Policy(max_epochs=4), plan_for(make_desired(parent, child, grandchild)))
    told = {resource.name: resource.condition for resource in plan.resources}
    assert plan.actions == plan.later == ()
    assert [told[name].reason for name in "abc"] == [
        Reason.TOO_MANY_EPOCHS,
        Reason.PARENT_NOT_READY,
        Reason.PARENT_NOT_READY,
    ]
    assert told["b"].message.startswith("it starts from a, which is refused: 5 epochs")
    assert told["c"].remedy == "see to b first: reconcile describe b"
