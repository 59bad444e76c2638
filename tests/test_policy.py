"""Policy: takes creates away with a reason, a figure and a way out; it never adds."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from reconciler.plan import Limits, Plan, Reason
from reconciler.plan.calendar import Calendar
from reconciler.policy import Rules, review
from reconciler.spec import Fuses, Policy
from reconciler.state import ClosingKind, Endpoint, Health, JobStatus, Revision, Right, Sync
from tests.make import (
    CLEAN,
    GATEWAY,
    MINI,
    NOW,
    OPENAI,
    make_calendar,
    make_claim,
    make_desired,
    make_facts,
    make_job,
    make_observed,
    make_right,
    make_training,
    plan_for,
)

NANO = "gpt-4.1-nano-2025-04-14"
TODAY = date(2026, 11, 22)
AZURE = Endpoint("azure", "https://acme.openai.azure.com/openai/v1/")
SANDBOX = Endpoint("sandbox:5f2c", "http://sandbox.invalid/v1")


def rules(**changes: Any) -> Rules:
    """A person is asked, and there is no budget."""
    plain = Rules(calendar=make_calendar(), max_usd=None, is_attended=True)
    return replace(plain, **changes)


def on(today: date = TODAY) -> Calendar:
    """OpenAI's days, read on some day."""
    return make_calendar(today=today)


def told(model: str, day: str) -> Calendar:
    """OpenAI's days, and its own word on one model."""
    return make_calendar(shutdown={model: day})


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
    strict = rules(max_usd=0.0, is_attended=False, calendar=on(date(2030, 1, 1)))
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


# ---- frozen --------------------------------------------------------------------------------------


def frozen_plan(*running: int) -> Plan:
    """One new training, beside another one that is made that many times each."""
    trainings = [make_training(f"twice-{n}", seed=n) for n in range(len(running))]
    jobs = [
        make_job(training, JobStatus.RUNNING, number=10 * n + number)
        for n, (training, count) in enumerate(zip(trainings, running, strict=True))
        for number in range(count)
    ]
    return plan_for(make_desired(make_training("new", seed=99)), make_observed(*jobs))


def test_a_training_made_twice_freezes_every_create_and_names_its_jobs() -> None:
    refused = review(frozen_plan(2), rules())
    assert refused.actions == ()
    assert reasons(refused) == {Reason.FROZEN}
    condition = refused.resources[0].condition
    assert condition.health is Health.HELD
    assert "ftjob-0 and ftjob-1" in condition.message
    assert condition.remedy.endswith("reconcile unfreeze")


def test_trainings_made_once_freeze_nothing() -> None:
    assert review(frozen_plan(1, 1), rules()).creates


def test_a_long_freeze_is_told_in_short() -> None:
    message = review(frozen_plan(2, 2, 2, 2, 2), rules()).resources[0].condition.message
    assert "ftjob-20" in message
    assert message.endswith("; and 2 more")


def test_a_retry_by_a_person_does_not_lift_a_freeze() -> None:
    assert not review(frozen_plan(2), rules(retry=frozenset({"new"}))).creates


# ---- fuses ---------------------------------------------------------------------------------------


def test_a_pass_that_wants_more_jobs_than_its_fuse_creates_none() -> None:
    fuses = Fuses(jobs_per_pass=3)
    assert len(review(plan_of(count=3), rules(fuses=fuses)).creates) == 3
    refused = review(plan_of(count=4), rules(fuses=fuses))
    assert refused.creates == ()
    assert reasons(refused) == {Reason.TOO_MANY_JOBS}
    condition = refused.resources[2].condition
    assert condition.message.startswith("4 new trainings in one pass")
    assert "allows 3" in condition.message
    assert "reconcile apply --target t2" in condition.remedy
    assert Fuses().jobs_per_pass == 20


def test_jobs_that_another_rule_refuses_do_not_blow_the_fuse() -> None:
    trainings = [make_training("stays"), make_training("goes", model=NANO)]
    reviewed = review(plan_for(make_desired(*trainings)), rules(fuses=Fuses(jobs_per_pass=1)))
    assert [create.used_by for create in reviewed.creates] == [("stays",)]


def claimed(number: int, ago: int, kind: ClosingKind | None = None, **closing: Any) -> Right:
    """A claim of another key of spec ``t0``, made that many seconds ago."""
    right = make_right(make_training("t0", seed=1000 + number), kind, **closing)
    return replace(right, claim=replace(right.claim, at=NOW - ago))


DAY = 24 * 3600


def test_a_spec_is_claimed_no_more_often_in_a_day_than_its_fuse_allows() -> None:
    rights = tuple(claimed(n, 3600 * n, ClosingKind.CREATED) for n in range(1, 6))
    assert Fuses().creates_per_day == 5
    assert review(plan_of(), rules(rights=rights[:4])).creates
    refused = review(plan_of(count=2), rules(rights=rights))
    assert [create.used_by for create in refused.creates] == [("t1",)], "its fuse alone"
    condition = refused.resources[0].condition
    assert condition.reason == Reason.TOO_OFTEN
    assert "5 times within 24 h" in condition.message
    assert "reconcile retry t0" in condition.remedy
    assert f"in {DAY - 5 * 3600} s" in condition.remedy


def test_the_day_is_by_the_server_s_clock_and_ends_when_it_says() -> None:
    rights = tuple(claimed(n, DAY - 60 * n) for n in range(3))
    once = rules(rights=rights, fuses=Fuses(creates_per_day=2))
    plan = plan_of()
    assert not review(plan, once).creates, "two of the three are within the day"
    assert "in 60 s" in review(plan, once).resources[0].condition.remedy
    assert not review(replace(plan, taken_at=NOW + 59), once).creates
    assert review(replace(plan, taken_at=NOW + 60), once).creates


@pytest.mark.parametrize(
    ("right", "counts"),
    [
        (claimed(1, 60), True),
        (claimed(1, 60, ClosingKind.ABANDONED), True),
        (claimed(1, 60, ClosingKind.REFUSED, status=400), True),
        (claimed(1, 60, ClosingKind.REFUSED, status=429), False),
        (claimed(1, 60, ClosingKind.NOT_SENT), False),
        (Right(make_claim(make_training("t0"), at=NOW - 60, owner="another")), False),
        (Right(make_claim(make_training("another"), at=NOW - 60)), False),
    ],
    ids=["in doubt", "abandoned", "refused", "429", "not sent", "foreign", "another spec"],
)
def test_a_claim_counts_unless_it_surely_made_nothing(right: Right, counts: bool) -> None:
    fused = review(plan_of(), rules(rights=(right,), fuses=Fuses(creates_per_day=1)))
    assert bool(fused.creates) is not counts


def test_a_person_who_asks_for_a_retry_is_not_stopped_by_the_day_s_fuse() -> None:
    rights = tuple(claimed(n, 60) for n in range(9))
    training = make_training("t0", seed=0)
    asked = frozenset({"t0"})
    plan = plan_for(training, limits=Limits(retry=asked))
    assert review(plan, rules(rights=rights, retry=asked)).creates
    assert not review(plan, rules(rights=rights, retry=frozenset({"t1"}))).creates


def test_nothing_costs_money_in_the_embedded_sandbox_so_no_fuse_blows_there() -> None:
    rights = tuple(claimed(n, 60) for n in range(9))
    strict = rules(rights=rights, fuses=Fuses(jobs_per_pass=1, creates_per_day=1))
    assert len(review(plan_of(endpoint=SANDBOX, count=3), strict).creates) == 3


# ---- dates ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [NANO, f"ft:{NANO}:acme::Ab1"])
def test_a_base_past_its_date_is_refused_with_the_date(model: str) -> None:
    refused = review(plan_of(model), rules())
    assert reasons(refused) == {Reason.PAST_DATE}
    assert "2026-10-23" in refused.resources[0].condition.message


@pytest.mark.parametrize("endpoint", [GATEWAY, AZURE, SANDBOX], ids=lambda e: e.id)
def test_openai_s_calendar_says_nothing_of_other_endpoints(endpoint: Endpoint) -> None:
    distant = rules(calendar=make_calendar(endpoint, today=date(2035, 1, 1)))
    assert review(plan_of(NANO, endpoint), distant).creates


@pytest.mark.parametrize(
    ("today", "is_allowed"),
    [(date(2027, 1, 6), True), (date(2027, 1, 7), False)],
)
def test_the_last_day_for_new_trainings_is_a_day_for_them(today: date, is_allowed: bool) -> None:
    assert (
        bool(review(plan_of(), rules(calendar=on(today), allow_short_lived=True)).creates)
        is is_allowed
    )


@pytest.mark.parametrize(
    ("today", "is_allowed"),
    [(date(2026, 10, 22), True), (date(2026, 10, 23), False)],
)
def test_on_the_day_of_its_shutdown_a_base_is_gone(today: date, is_allowed: bool) -> None:
    assert (
        bool(review(plan_of(NANO), rules(calendar=on(today), allow_short_lived=True)).creates)
        is is_allowed
    )


def test_the_endpoint_s_own_date_goes_before_the_catalog_s() -> None:
    later = rules(calendar=told(NANO, "2027-01-14"))
    assert review(plan_of(NANO), later).creates
    sooner = rules(calendar=told(MINI, "2026-11-21"))
    assert "2026-11-21" in review(plan_of(), sooner).resources[0].condition.message


def test_the_endpoint_s_own_date_holds_at_an_endpoint_without_a_calendar() -> None:
    announced = rules(calendar=told(MINI, "2026-11-21"))
    assert reasons(review(plan_of(endpoint=GATEWAY), announced)) == {Reason.PAST_DATE}


def test_the_date_of_a_base_holds_for_what_was_trained_on_it() -> None:
    announced = rules(calendar=told(MINI, "2026-11-21"))
    assert reasons(review(plan_of(f"ft:{MINI}:acme::Ab1"), announced)) == {Reason.PAST_DATE}


@pytest.mark.parametrize("text", ["", "soon", "0000-00-00", "2027-01-14T00:00:00Z"])
def test_a_date_in_another_form_does_not_stop_a_pass(text: str) -> None:
    assert review(plan_of(), rules(calendar=told(MINI, text))).creates


@pytest.mark.parametrize(
    ("day", "least", "is_allowed"),
    [
        ("2026-12-06", None, True),
        ("2026-12-05", None, False),
        ("2026-12-05", 13, True),
        ("2026-11-23", 1, True),
        ("2026-11-23", 2, False),
        ("2026-11-23", 0, True),
    ],
)
def test_a_model_that_would_not_live_long_enough_is_not_trained(
    day: str, least: int | None, is_allowed: bool
) -> None:
    policy = Policy() if least is None else Policy(min_useful_days=least)
    reviewed = review(plan_of(), rules(calendar=told(MINI, day), policy=policy))
    assert bool(reviewed.creates) is is_allowed


def test_a_short_life_is_told_with_its_days_and_how_to_have_it_all_the_same() -> None:
    brief = rules(calendar=told(MINI, "2026-11-23"))
    condition = review(plan_of(), brief).resources[0].condition
    assert condition.reason == Reason.SHORT_LIVED
    assert condition.message == (
        f"{MINI} serves until 2026-11-23, 1 day, and spec.policy.min_useful_days in "
        "reconciler.yaml asks for 14"
    )
    assert condition.remedy.endswith("reconcile apply --target t0 --allow-short-lived")
    assert review(plan_of(), replace(brief, allow_short_lived=True)).creates


def test_what_is_past_its_date_is_not_to_be_had_by_force() -> None:
    gone = rules(calendar=told(MINI, "2026-11-22"), allow_short_lived=True)
    assert reasons(review(plan_of(), gone)) == {Reason.PAST_DATE}


def test_a_model_without_a_last_day_lives_long_enough() -> None:
    far = rules(calendar=make_calendar(GATEWAY), policy=Policy(min_useful_days=10_000))
    assert review(plan_of(endpoint=GATEWAY), far).creates
