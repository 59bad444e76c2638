"""Words: numbers that can be read, and other people's words that can't act."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.cost import Estimate
from reconciler.report.plain import counted, number, plain, size
from reconciler.report.words import (
    arithmetic,
    calendar,
    data,
    days,
    epochs,
    next_step,
    price,
)
from reconciler.spec import Lifecycle, OnDrift
from reconciler.state import JobStatus
from tests.make import make_facts, make_job, make_observed, make_training, plan_for


def test_the_last_day_for_new_jobs_is_a_day_for_them_and_that_of_a_base_is_not() -> None:
    plan = replace(plan_for(make_training()), last_create="2026-11-22")
    assert list(calendar(plan)) == ["new jobs until 2026-11-22, today"]
    assert days(plan, "2026-11-22") == "2026-11-22, which is past"


def test_what_the_spec_lets_be_has_no_next_step() -> None:
    spec = Lifecycle(on_drift=OnDrift(job_cancelled="ignore"))
    training = make_training(lifecycle=spec)
    cancelled = make_job(training, JobStatus.CANCELLED)
    (resource,) = plan_for(training, make_observed(cancelled)).resources
    assert next_step(resource) == "-"


def test_numbers_are_grouped() -> None:
    assert number(1_234_567) == "1,234,567"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (1000, "1,000 files")]
)
def test_a_count_agrees_with_its_noun(count: int, text: str) -> None:
    assert counted(count, "file") == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (24_140, "24.1 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (512_000_000, "512.0 MB"),
        (1_500_000_000_000, "1,500.0 GB"),
    ],
)
def test_a_size_is_told_in_the_unit_that_fits(count: int, text: str) -> None:
    assert size(count) == text


def test_the_arithmetic_of_a_price_is_shown() -> None:
    expected = Estimate(84_120, 3, True, 5.0, "somewhere")
    assert price(expected) == "$1.26"
    assert arithmetic(expected) == "84,120 tokens x 3 epochs (expected) x $5.00 / 1M"


def test_a_price_that_nobody_knows_is_called_so() -> None:
    expected = Estimate(1, 1, False, None, "")
    assert (price(expected), arithmetic(expected)) == ("price unknown", "1 token x 1 epoch")


def test_data_that_was_not_counted_is_not_called_empty() -> None:
    assert data(make_facts()) == "data/training.jsonl (40 examples, 100,000 tokens)"
    assert data(make_facts(tokens=0, encoding="")) == "data/training.jsonl (40 examples)"


@pytest.mark.parametrize("declared", [None, "auto"])
def test_auto_epochs_say_what_is_expected_of_them(declared: str | None) -> None:
    assert epochs(declared, Estimate(1, 10, True, None, "")) == "auto (10 expected)"
    assert epochs(declared, None) == "auto"
    assert epochs(3, None) == "3"


@given(text=st.text(st.characters()))
def test_no_text_breaks_a_line_or_acts_on_a_terminal(text: str) -> None:
    shown = plain(f"a{text}b")
    assert not set(shown) & set("\r\n\t\x1b\x9b\u2028\u202e")
    assert len(shown.splitlines()) == 1
    shown.encode()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines", "two lines"),
        ("\x1b[31mred", "[31mred"),
        ("left\u202eright", "left right"),
        ("half \ud800", "half"),
        ("größe 猫", "größe 猫"),
        ("the key sk-abcdefghijkl1234", "the key sk-…"),
    ],
)
def test_what_is_hidden_in_a_text_goes_and_what_is_written_stays(text: str, shown: str) -> None:
    assert plain(text) == shown
