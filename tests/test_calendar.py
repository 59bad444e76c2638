"""The days of an endpoint: its own word first, then the catalog's row for it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from reconciler.catalog import load_catalog
from reconciler.plan.calendar import RETIRING_DAYS, calendar_of, days_left
from reconciler.spec import Lifecycle, OnDrift
from reconciler.state import Health
from tests.make import (
    GATEWAY,
    MINI,
    NOW,
    make_calendar,
    make_job,
    make_observed,
    make_training,
    plan_for,
)

TUNED = f"ft:{MINI}:acme::1"
BY_CATALOG = date(2027, 1, 14)


@pytest.mark.parametrize(
    ("shutdown", "day"),
    [
        ({}, BY_CATALOG),
        ({MINI: "2027-06-01"}, date(2027, 6, 1)),
        ({MINI: "2026-12-01"}, date(2026, 12, 1)),
        ({TUNED: "2026-12-24"}, date(2026, 12, 24)),
        ({TUNED: "2027-06-01", MINI: "2026-12-01"}, date(2026, 12, 1)),
        ({MINI: "2026-12-01T08:00:00Z"}, date(2026, 12, 1)),
        ({MINI: "soon"}, BY_CATALOG),
        ({"another": "2026-12-01"}, BY_CATALOG),
    ],
)
def test_a_model_serves_until_the_sooner_of_its_own_day_and_its_base_s(
    shutdown: dict[str, str], day: date
) -> None:
    assert make_calendar(shutdown=shutdown).serves_until(TUNED) == day


def test_the_catalog_s_days_are_those_of_the_endpoint_that_announced_them() -> None:
    elsewhere = make_calendar(GATEWAY)
    assert elsewhere.serves_until(TUNED) is None
    assert elsewhere.last_create is None
    assert make_calendar().last_create == date(2027, 1, 6)
    assert make_calendar().serves_until("gpt-9") is None


def test_days_are_counted_by_the_server_s_clock() -> None:
    calendar = calendar_of(make_observed(taken_at=NOW), load_catalog())
    assert calendar.today == date(2026, 11, 22)
    assert calendar.days_until(BY_CATALOG) == 53
    last_second = make_observed(taken_at=NOW + 12 * 3600 - 1)
    assert calendar_of(last_second, load_catalog()).today == date(2026, 11, 22)
    next_day = make_observed(taken_at=NOW + 12 * 3600)
    assert calendar_of(next_day, load_catalog()).today == date(2026, 11, 23)


def test_days_are_worded() -> None:
    assert [days_left(days) for days in (0, 1, 53)] == ["0 days", "1 day", "53 days"]


# ---- what a plan makes of them -------------------------------------------------------------------

TRAINING = make_training()


@pytest.mark.parametrize(
    ("left", "health", "told"),
    [
        (RETIRING_DAYS + 1, Health.READY, "91 days"),
        (RETIRING_DAYS, Health.RETIRING, "90 days"),
        (1, Health.RETIRING, "1 day"),
        (0, Health.RETIRING, "though its last day was 2026-11-22"),
        (-30, Health.RETIRING, "though its last day was 2026-10-23"),
    ],
)
def test_a_model_that_answers_is_retiring_in_its_last_ninety_days(
    left: int, health: Health, told: str
) -> None:
    last = date.fromordinal(date(2026, 11, 22).toordinal() + left).isoformat()
    seen = make_observed(make_job(TRAINING), endpoint=GATEWAY, shutdown={MINI: last})
    (resource,) = plan_for(TRAINING, seen).resources
    assert resource.condition.health is health
    assert resource.condition.message.endswith(told)
    assert resource.serves_until == last


def test_a_model_that_is_gone_on_its_last_day_was_retired_and_not_deleted() -> None:
    gone = make_observed(make_job(TRAINING), models=frozenset())
    for day, reason in (("2026-11-22", "ModelRetired"), ("2026-11-23", "ModelDeleted")):
        (resource,) = plan_for(TRAINING, replace(gone, shutdown={MINI: day})).resources
        assert resource.condition.reason == reason


def test_a_retired_model_is_not_trained_again_though_the_spec_says_retrain() -> None:
    again = Lifecycle(on_drift=OnDrift(model_deleted="retrain"))
    wanted = replace(TRAINING, lifecycle=again)
    gone = make_observed(make_job(TRAINING), models=frozenset(), shutdown={MINI: "2026-11-01"})
    assert plan_for(wanted, gone).creates == ()
    assert plan_for(wanted, replace(gone, shutdown={})).creates


def test_a_plan_shows_the_days_that_the_endpoint_has_announced() -> None:
    assert plan_for(TRAINING).last_create == "2027-01-06"
    assert plan_for(TRAINING, make_observed(endpoint=GATEWAY)).last_create == ""
    assert plan_for(TRAINING).resources[0].serves_until == "2027-01-14"
