"""Bills: of a job, of a month, and what a bill says of the data."""

from __future__ import annotations

from calendar import timegm
from dataclasses import replace
from typing import Any

import pytest

from reconciler.catalog import load_catalog
from reconciler.plan import Tariff
from reconciler.plan.bills import Bill, Month, bill_gap, bill_of, billed_since_month_began
from reconciler.spec import Price
from reconciler.state import ClosingKind, Job, JobStatus
from tests.make import (
    MINI,
    make_facts,
    make_job,
    make_observed,
    make_right,
    make_training,
    plan_for,
)

TRAINING = make_training()
LISTED = Tariff(load_catalog(), {})
ALIVE = [status for status in JobStatus if not status.is_terminal]


def job(status: JobStatus = JobStatus.SUCCEEDED, **changes: Any) -> Job:
    """A job of 40 examples, 100,000 tokens, one epoch on gpt-4o-mini: $0.30."""
    return make_job(TRAINING, status, **{"hyperparameters": {"n_epochs": 1}, **changes})


# ---- one job -------------------------------------------------------------------------------------


def test_what_the_service_says_is_the_bill() -> None:
    assert bill_of(job(trained_tokens=90_000), LISTED) == Bill(90_000, 0.27, is_final=True)


def test_until_it_says_so_the_bill_is_what_was_expected() -> None:
    for status in (*ALIVE, JobStatus.SUCCEEDED, JobStatus.CANCELLED):
        assert bill_of(job(status), LISTED) == Bill(100_000, 0.3, is_final=False)


def test_a_job_that_failed_costs_nothing_unless_the_service_says_so() -> None:
    assert bill_of(job(JobStatus.FAILED), LISTED) == Bill(0, 0.0, is_final=True)
    billed = job(JobStatus.FAILED, trained_tokens=10_000)
    assert bill_of(billed, LISTED) == Bill(10_000, 0.03, is_final=True)


def test_a_job_that_was_cancelled_is_billed_for_what_it_did() -> None:
    assert bill_of(job(JobStatus.CANCELLED, trained_tokens=0), LISTED) == Bill(0, 0.0, True)


def test_without_a_price_or_a_word_on_its_tokens_nobody_knows() -> None:
    assert bill_of(job(model="gpt-9", trained_tokens=5), LISTED) == Bill(5, None, is_final=True)
    assert bill_of(job(JobStatus.RUNNING, metadata={}), LISTED) == Bill(None, None, is_final=False)


def test_a_project_s_price_is_the_one_that_counts() -> None:
    ours = Tariff(load_catalog(), {MINI: Price(training=1.0, source="our contract")})
    assert bill_of(job(trained_tokens=90_000), ours).usd == 0.09


def test_a_chained_job_costs_what_its_base_costs() -> None:
    chained = job(model=f"ft:{MINI}:acme::1", trained_tokens=90_000)
    assert bill_of(chained, LISTED).usd == 0.27


# ---- a month -------------------------------------------------------------------------------------


def at(*moment: int) -> int:
    """Unix seconds of year, month, day and what follows, by UTC."""
    return timegm((*moment, 0, 0, 0))


NOVEMBER, OCTOBER_ENDS, DECEMBER = at(2026, 11, 1), at(2026, 10, 31, 23, 59, 59), at(2026, 12, 1)


@pytest.mark.parametrize(
    ("ended", "now", "usd"),
    [
        (NOVEMBER, DECEMBER - 1, 0.3),
        (OCTOBER_ENDS, NOVEMBER, 0.0),
        (OCTOBER_ENDS, OCTOBER_ENDS, 0.3),
        (NOVEMBER, DECEMBER, 0.0),
        (at(2025, 11, 15), at(2026, 11, 15), 0.0),
    ],
)
def test_a_month_is_a_calendar_month_of_a_year_by_utc(ended: int, now: int, usd: float) -> None:
    assert billed_since_month_began([job(finished_at=ended)], now, LISTED, {}) == Month(usd)


def test_what_lives_counts_in_the_month_that_is_whenever_it_was_begun() -> None:
    long_ago = job(JobStatus.RUNNING, created_at=at(2026, 8, 1))
    assert billed_since_month_began([long_ago], NOVEMBER, LISTED, {}) == Month(0.3)


def test_what_ended_at_nobody_knows_when_counts_in_the_month_that_it_was_made_in() -> None:
    for status in set(JobStatus) - set(ALIVE) - {JobStatus.FAILED}:
        made = job(status, created_at=OCTOBER_ENDS)
        for now, usd in ((OCTOBER_ENDS, 0.3), (NOVEMBER, 0.0), (DECEMBER, 0.0)):
            assert billed_since_month_began([made], now, LISTED, {}) == Month(usd)


def test_a_month_adds_up_to_the_billionth_of_a_dollar_and_names_what_nobody_knows() -> None:
    jobs = [job(number=n, finished_at=NOVEMBER, trained_tokens=100_000) for n in range(3)]
    unknown = job(number=7, model="gpt-9", finished_at=NOVEMBER)
    whole = billed_since_month_began([*jobs, unknown], NOVEMBER, LISTED, {})
    assert whole == Month(0.9, unknown=("ftjob-7",))


def test_what_cost_no_token_costs_nothing_at_any_price() -> None:
    failed = job(JobStatus.FAILED, model="gpt-9", finished_at=NOVEMBER)
    assert billed_since_month_began([failed], NOVEMBER, LISTED, {}) == Month(0.0)


def test_a_job_without_a_mark_is_expected_to_cost_what_its_training_does() -> None:
    """A gateway may drop marks: then the ledger alone says what a job is."""
    unmarked = job(JobStatus.RUNNING, metadata={})
    right = make_right(TRAINING, ClosingKind.CREATED, job_id=unmarked.id)
    seen = make_observed(unmarked, rights=(right,))
    plan = plan_for(TRAINING, seen)
    assert (plan.billed_usd, plan.unbilled) == (0.3, ())
    moved_on = plan_for(make_training(seed=9), seen)
    assert (moved_on.billed_usd, moved_on.unbilled) == (0.0, (unmarked.id,))


def test_a_plan_counts_what_is_ours_and_nothing_else() -> None:
    ours, theirs = job(), job(number=2, owner="another")
    adopted = make_training("adopted", seed=1)
    plan = plan_for(TRAINING, make_observed(ours, theirs, make_job(adopted, number=3)))
    assert plan.billed_usd == 0.6


# ---- what a bill says of the data ----------------------------------------------------------------


def gap(tokens: int | None, status: JobStatus = JobStatus.SUCCEEDED, **changes: Any) -> str:
    return bill_gap(TRAINING, job(status, trained_tokens=tokens, **changes), load_catalog())


@pytest.mark.parametrize("tokens", [100_000, 99_000, 101_000])
def test_a_bill_within_rounding_is_as_expected(tokens: int) -> None:
    assert gap(tokens) == ""


def test_fewer_tokens_are_told_as_examples_that_were_not_used() -> None:
    assert gap(92_200) == (
        "did not use about 3 of 40 examples: moderation, truncation or images "
        "(92,200 tokens billed, 100,000 expected)"
    )
    assert gap(98_990).startswith("did not use a part of 40 examples")


def test_more_tokens_are_told_as_such() -> None:
    assert gap(101_001) == (
        "was billed 1,001 tokens more than its data has over 1 epoch "
        "(101,001 tokens billed, 100,000 expected)"
    )


def test_the_epochs_that_a_job_shows_are_those_that_count() -> None:
    three = {"n_epochs": 3}
    assert gap(300_000, hyperparameters=three) == ""
    assert "over 3 epochs" in gap(400_000, hyperparameters=three)


@pytest.mark.parametrize(
    "shown",
    [
        job(),
        job(trained_tokens=0),
        job(JobStatus.CANCELLED, trained_tokens=50_000),
        job(JobStatus.RUNNING, trained_tokens=50_000),
        job(trained_tokens=50_000, hyperparameters={}),
        job(trained_tokens=50_000, hyperparameters={"n_epochs": "auto"}),
    ],
    ids=["unsaid", "nothing", "cancelled", "running", "no epochs", "auto epochs"],
)
def test_what_can_not_be_compared_is_not(shown: Job) -> None:
    assert bill_gap(TRAINING, shown, load_catalog()) == ""


def test_no_gap_is_told_of_a_base_whose_tokens_we_only_guess_or_of_data_that_is_not_there() -> None:
    billed = job(trained_tokens=50_000)
    for training in (
        make_training(model="gpt-9"),
        replace(TRAINING, training=None),
        make_training(training=make_facts(tokens=0)),
    ):
        assert bill_gap(training, billed, load_catalog()) == ""
