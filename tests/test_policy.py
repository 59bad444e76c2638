"""Policy: takes creates away with a reason, a figure and a way out; it never adds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from reconciler.catalog import load_catalog
from reconciler.plan import Plan, Reason
from reconciler.policy import Rules, review
from reconciler.state import Endpoint, Health, JobStatus, Revision, Sync
from tests.make import (
    CLEAN,
    GATEWAY,
    MINI,
    OPENAI,
    make_desired,
    make_facts,
    make_job,
    make_observed,
    make_training,
    plan_for,
)

NANO = "gpt-4.1-nano-2025-04-14"
TODAY = date(2026, 11, 22)
AZURE = Endpoint("azure", "https://acme.openai.azure.com/openai/v1/")
SANDBOX = Endpoint("sandbox:5f2c", "http://sandbox.invalid/v1")


def rules(**changes: Any) -> Rules:
    """A person is asked, and there is no budget."""
    plain = Rules(catalog=load_catalog(), today=TODAY, shutdown={}, max_usd=None, is_attended=True)
    return replace(plain, **changes)


def plan_of(model: str = MINI, endpoint: Endpoint = OPENAI, count: int = 1) -> Plan:
    """That many new trainings, $0.30 each on gpt-4o-mini."""
    trainings = [make_training(f"t{n}", model=model, seed=n) for n in range(count)]
    return plan_for(make_desired(*trainings), make_observed(endpoint=endpoint))


def reasons(plan: Plan) -> set[str]:
    return {resource.condition.reason for resource in plan.resources}


def test_a_plan_within_the_rules_stays_as_it_is() -> None:
    plan = plan_of()
    assert review(plan, rules()) == plan
    assert review(plan, rules(max_usd=1.0, is_attended=False)) == plan


def test_what_is_refused_is_held_and_says_why_and_what_to_do() -> None:
    refused = review(plan_of(), rules(max_usd=0.10))
    (resource,) = refused.resources
    assert refused.actions == ()
    assert resource.condition.sync is Sync.OUT_OF_SYNC
    assert resource.condition.health is Health.HELD
    assert resource.condition.message == ("$0.30 for 1 training is $0.20 over the budget of $0.10")
    assert "--max-cost" in resource.condition.remedy


def test_a_refused_training_keeps_a_shared_upload_for_the_one_that_stays() -> None:
    stays = make_training("stays", validation=make_facts("validation"))
    goes = make_training("goes", model=NANO, validation=make_facts("other"))
    plan = plan_for(make_desired(stays, goes))
    assert len(plan.uploads) == 3
    kept = review(plan, rules())
    assert [upload.path for upload in kept.uploads] == [
        "data/training.jsonl",
        "data/validation.jsonl",
    ]
    assert [create.used_by for create in kept.creates] == [("stays",)]


def test_what_is_no_create_is_not_refused() -> None:
    training = make_training()
    jobs = [make_job(training, JobStatus.RUNNING, number=number) for number in (1, 2)]
    plan = plan_for(training, make_observed(*jobs))
    strict = rules(max_usd=0.0, is_attended=False, today=date(2030, 1, 1))
    assert review(plan, strict) == plan


# ---- budget --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "budget", "is_allowed"),
    [(1, 0.30, True), (1, 0.29, False), (3, 0.90, True), (3, 0.89, False), (1, 0.0, False)],
)
def test_a_budget_allows_what_is_equal_to_it(count: int, budget: float, is_allowed: bool) -> None:
    reviewed = review(plan_of(count=count), rules(max_usd=budget))
    assert len(reviewed.creates) == (count if is_allowed else 0)


def test_a_budget_is_for_the_whole_pass_and_refuses_all_of_it() -> None:
    refused = review(plan_of(count=2), rules(max_usd=0.50))
    assert refused.creates == ()
    assert reasons(refused) == {Reason.OVER_BUDGET}


def test_small_amounts_over_a_budget_are_not_called_nothing() -> None:
    training = make_training(training=make_facts(tokens=1000))
    refused = review(plan_for(training), rules(max_usd=0.0029))
    assert refused.resources[0].condition.message == (
        "$0.003 for 1 training is $0.0001 over the budget of $0.0029"
    )


def test_a_price_that_nobody_knows_is_within_no_budget() -> None:
    refused = review(plan_of("gpt-9", GATEWAY), rules(max_usd=1_000_000.0))
    assert refused.creates == ()
    assert "nobody knows the price of gpt-9" in refused.resources[0].condition.message
    assert "spec.prices" in refused.resources[0].condition.remedy


def test_without_a_budget_a_person_may_agree_to_an_unknown_price() -> None:
    assert review(plan_of("gpt-9", GATEWAY), rules()).creates


def test_nobody_spends_unattended_without_a_budget() -> None:
    assert reasons(review(plan_of(), rules(is_attended=False))) == {Reason.NO_BUDGET}


def test_nobody_spends_unattended_from_a_checkout_that_no_commit_holds() -> None:
    dirty = replace(plan_of(), revision=Revision(CLEAN.commit, is_dirty=True))
    alone = rules(is_attended=False, max_usd=1.0)
    assert reasons(review(dirty, alone)) == {Reason.UNCLEAN_CHECKOUT}
    assert review(dirty, replace(alone, allow_dirty=True)).creates
    assert review(dirty, replace(alone, is_attended=True)).creates


# ---- dates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [NANO, f"ft:{NANO}:acme::Ab1"])
def test_a_base_past_its_date_is_refused_with_the_date(model: str) -> None:
    refused = review(plan_of(model), rules())
    assert reasons(refused) == {Reason.PAST_DATE}
    assert "2026-10-23" in refused.resources[0].condition.message


@pytest.mark.parametrize("endpoint", [GATEWAY, AZURE, SANDBOX], ids=lambda e: e.id)
def test_openai_s_calendar_says_nothing_of_other_endpoints(endpoint: Endpoint) -> None:
    distant = rules(today=date(2035, 1, 1))
    assert review(plan_of(NANO, endpoint), distant).creates


@pytest.mark.parametrize(
    ("today", "is_allowed"),
    [(date(2027, 1, 6), True), (date(2027, 1, 7), False)],
)
def test_the_last_day_for_new_trainings_is_a_day_for_them(today: date, is_allowed: bool) -> None:
    assert bool(review(plan_of(), rules(today=today)).creates) is is_allowed


@pytest.mark.parametrize(
    ("today", "is_allowed"),
    [(date(2026, 10, 22), True), (date(2026, 10, 23), False)],
)
def test_on_the_day_of_its_shutdown_a_base_is_gone(today: date, is_allowed: bool) -> None:
    assert bool(review(plan_of(NANO), rules(today=today)).creates) is is_allowed


def test_the_endpoint_s_own_date_goes_before_the_catalog_s() -> None:
    later = rules(shutdown={NANO: "2027-01-14"})
    assert review(plan_of(NANO), later).creates
    sooner = rules(shutdown={MINI: "2026-11-21"})
    assert "2026-11-21" in review(plan_of(), sooner).resources[0].condition.message


def test_the_endpoint_s_own_date_holds_at_an_endpoint_without_a_calendar() -> None:
    told = rules(shutdown={MINI: "2026-11-21"})
    assert reasons(review(plan_of(endpoint=GATEWAY), told)) == {Reason.PAST_DATE}


def test_the_date_of_a_base_holds_for_what_was_trained_on_it() -> None:
    told = rules(shutdown={MINI: "2026-11-21"})
    assert reasons(review(plan_of(f"ft:{MINI}:acme::Ab1"), told)) == {Reason.PAST_DATE}


@pytest.mark.parametrize("text", ["", "soon", "0000-00-00", "2027-01-14T00:00:00Z"])
def test_a_date_in_another_form_does_not_stop_a_pass(text: str) -> None:
    assert review(plan_of(), rules(shutdown={MINI: text})).creates
