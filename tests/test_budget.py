"""Budgets: of a job, a pass, a month; and the sum from which a person is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.cost import closely
from reconciler.plan import Plan, Reason
from reconciler.policy import Rules, review
from reconciler.policy.budget import approval
from reconciler.spec import Budget
from reconciler.state import ClosingKind, Condition, JobStatus, Parent
from tests.make import (
    GATEWAY,
    make_calendar,
    make_desired,
    make_facts,
    make_job,
    make_observed,
    make_right,
    make_training,
    plan_for,
)

CHEAP = make_training("cheap")  # $0.30
DEAR = make_training("dear", training=make_facts("much", tokens=300_000))  # $0.90
UNPRICED = make_training("unpriced", model="gpt-9")
PARENT = make_training("parent", seed=1)
CHILD = make_training("child", parent=Parent("parent", PARENT.key))


def reviewed(plan: Plan, budget: Budget, **rules: Any) -> Plan:
    plain = Rules(calendar=make_calendar(), max_usd=None, is_attended=True, budget=budget)
    return review(plan, replace(plain, **rules))


def created(plan: Plan) -> list[str]:
    return [create.training.name for create in (*plan.creates, *plan.later)]


def condition(plan: Plan, name: str) -> Condition:
    return next(r.condition for r in plan.resources if r.name == name)


# ---- one job -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("most", "left"),
    [(0.9, ["cheap", "dear"]), (0.89, ["cheap"]), (0.3, ["cheap"]), (0.29, []), (0.0, [])],
)
def test_each_job_is_held_against_the_limit_of_a_job(most: float, left: list[str]) -> None:
    plan = plan_for(make_desired(CHEAP, DEAR))
    assert created(reviewed(plan, Budget(per_job=most))) == left


def test_a_job_that_is_too_dear_is_told_with_both_figures_and_the_way_out() -> None:
    told = condition(reviewed(plan_for(DEAR), Budget(per_job=0.5)), "dear")
    assert told.reason == Reason.OVER_BUDGET
    assert told.message == (
        "$0.90 is expected, and spec.budget.per_job in reconciler.yaml allows $0.50"
    )
    assert told.remedy.startswith("train on less, or have the limit raised")


def test_a_job_of_unknown_price_is_within_no_limit_and_others_go_on() -> None:
    plan = plan_for(make_desired(CHEAP, UNPRICED), make_observed(endpoint=GATEWAY))
    refused = reviewed(plan, Budget(per_job=1e6))
    assert created(refused) == ["cheap"]
    told = condition(refused, "unpriced")
    assert told.message.startswith("nobody knows the price of gpt-9, and ")
    assert told.remedy.startswith("set its price under spec.prices")


# ---- a pass --------------------------------------------------------------------------------------


def test_the_lower_of_the_project_s_and_the_command_line_s_limit_holds() -> None:
    plan = plan_for(CHEAP)
    for project, asked, goes in ((0.2, 1.0, False), (1.0, 0.2, False), (0.3, 0.3, True)):
        refused = reviewed(plan, Budget(per_pass=project), max_usd=asked)
        assert bool(refused.creates) is goes


def test_a_chain_is_held_against_a_limit_as_a_whole() -> None:
    plan = plan_for(make_desired(PARENT, CHILD))
    assert created(reviewed(plan, Budget(per_pass=0.6))) == ["parent", "child"]
    refused = reviewed(plan, Budget(per_pass=0.59))
    assert created(refused) == []
    assert condition(refused, "parent").message == (
        "$0.60 for 2 trainings is $0.01 over the budget of $0.59"
    )
    assert condition(refused, "child").reason == Reason.PARENT_NOT_READY


def test_a_child_whose_parent_is_under_way_is_held_by_itself() -> None:
    running = make_observed(make_job(PARENT, JobStatus.RUNNING))
    refused = reviewed(plan_for(make_desired(PARENT, CHILD), running), Budget(per_pass=0.2))
    assert created(refused) == []
    assert condition(refused, "child").reason == Reason.OVER_BUDGET


def test_a_dear_child_is_refused_by_itself_and_its_parent_goes_on() -> None:
    dear = replace(CHILD, training=DEAR.training)
    plan = plan_for(make_desired(PARENT, dear))
    assert created(reviewed(plan, Budget(per_job=0.5))) == ["parent"]


# ---- a month -------------------------------------------------------------------------------------


def month(billed: int, most: float, *trainings: Any) -> Plan:
    """A pass after that many tokens at $3.00 a million were billed this month."""
    ended = make_job(make_training("ended", seed=9), number=9, trained_tokens=billed)
    plan = plan_for(make_desired(*trainings), make_observed(ended))
    return reviewed(plan, Budget(per_month=most))


@pytest.mark.parametrize(("billed", "goes"), [(100_000, True), (100_001, False), (0, True)])
def test_a_pass_comes_on_top_of_what_the_month_was_billed(billed: int, goes: bool) -> None:
    assert bool(month(billed, 0.6, CHEAP).creates) is goes


def test_a_month_that_is_full_is_told_with_all_three_figures() -> None:
    told = condition(month(200_000, 0.8, CHEAP), "cheap")
    assert told.reason == Reason.OVER_BUDGET
    assert told.message == (
        "$0.30 for 1 training on top of $0.60 since the month began is more than "
        "spec.budget.per_month, $0.80"
    )
    assert told.remedy.startswith("wait for the next month (UTC)")


def test_a_full_month_takes_nothing_from_a_pass_that_trains_nothing() -> None:
    ready = make_observed(make_job(CHEAP))
    plan = plan_for(CHEAP, ready)
    assert reviewed(plan, Budget(per_month=0.0)) == plan


def test_a_price_that_nobody_knows_is_within_no_month() -> None:
    plan = plan_for(make_desired(CHEAP, UNPRICED), make_observed(endpoint=GATEWAY))
    assert created(reviewed(plan, Budget(per_month=1e6))) == []


def test_a_month_of_which_nobody_knows_a_bill_is_full_and_names_that_job() -> None:
    unmarked = make_job(CHEAP, JobStatus.RUNNING, metadata={})
    gone = make_right(make_training(seed=9), ClosingKind.CREATED, job_id=unmarked.id)
    plan = plan_for(DEAR, make_observed(unmarked, rights=(gone,)))
    assert created(reviewed(plan, Budget(per_pass=1e6))) == ["dear"]
    refused = reviewed(plan, Budget(per_month=1e6))
    assert created(refused) == []
    told = condition(refused, "dear")
    assert told.reason == Reason.OVER_BUDGET
    assert told.message == (
        "spec.budget.per_month is $1,000,000.00 and nobody knows the bill of ftjob-1"
    )
    assert "wait until the service tells it" in told.remedy


# ---- a person's yes ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("above", "attended", "goes"),
    [(0.29, False, False), (0.30, False, True), (0.29, True, True)],
)
def test_above_a_sum_a_person_has_to_say_yes(above: float, attended: bool, goes: bool) -> None:
    budget = Budget(approval_above=above, per_pass=1e6)
    refused = reviewed(plan_for(CHEAP), budget, is_attended=attended)
    assert bool(refused.creates) is goes


def test_approval_is_asked_for_with_the_sum_and_where_to_give_it() -> None:
    budget = Budget(approval_above=0.2, per_pass=1e6)
    told = condition(reviewed(plan_for(CHEAP), budget, is_attended=False), "cheap")
    assert told.reason == Reason.NEEDS_APPROVAL
    assert told.message == (
        "$0.30 for 1 training, and spec.budget.approval_above in reconciler.yaml wants a person's "
        "yes above $0.20"
    )
    assert told.remedy.startswith("on a terminal, where you are asked: reconcile apply")


def test_a_price_that_nobody_knows_needs_a_person_and_is_not_told_as_nothing() -> None:
    plan = plan_for(UNPRICED, make_observed(endpoint=GATEWAY))
    rules = Rules(make_calendar(), None, is_attended=False, budget=Budget(approval_above=0.2))
    (refusal,) = [told for _, told in approval(plan, rules)]
    assert refusal.message.startswith("nobody knows the price of gpt-9, and ")


# ---- figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0.0, "$0.00"),
        (0.01188, "$0.01188"),
        (0.015444, "$0.01544"),
        (0.3, "$0.30"),
        (1.236, "$1.236"),
        (9.9999, "$10.00"),
        (61.2034, "$61.20"),
        (0.00004, "$0.00004"),
    ],
)
def test_what_is_held_against_a_limit_shows_four_digits_that_count(usd: float, text: str) -> None:
    assert closely(usd) == text


def test_two_figures_that_are_not_equal_are_not_shown_equal() -> None:
    training = make_training(training=make_facts(tokens=3_960))
    told = reviewed(plan_for(training), Budget(per_job=0.01)).resources[0].condition
    assert told.message.startswith("$0.01188 is expected, and ")
    assert told.message.endswith("allows $0.01")
