"""Costs: the documented arithmetic, the documented defaults, and amounts that read as they are."""

from __future__ import annotations

import pytest

from reconciler.catalog import load_catalog
from reconciler.cost import bill, default_epochs, dollars, estimate, total_usd
from reconciler.spec import Price
from tests.make import MINI, make_facts, make_training

CATALOG = load_catalog()


def test_openai_s_own_example_costs_30_cents() -> None:
    expected = estimate(make_training(), CATALOG, {})
    assert expected.trained_tokens == 100_000
    assert expected.usd == 0.30
    assert dollars(expected.usd) == "$0.30"


@pytest.mark.parametrize(
    ("examples", "epochs"),
    [
        (0, 25),
        (1, 25),
        (4, 25),
        (5, 20),
        (10, 10),  # as a real job resolved it
        (33, 3),
        (34, 3),
        (1000, 3),
        (8333, 3),
        (8334, 2),
        (12_501, 1),
        (100_000, 1),
    ],
)
def test_epochs_left_to_the_service_are_the_documented_default(examples: int, epochs: int) -> None:
    assert default_epochs(examples) == epochs


@pytest.mark.parametrize("hyperparameters", [{}, {"n_epochs": "auto"}])
def test_auto_is_the_same_as_absent_and_is_called_a_guess(hyperparameters: dict[str, str]) -> None:
    expected = estimate(make_training(hyperparameters=hyperparameters), CATALOG, {})
    assert (expected.epochs, expected.is_default) == (3, True)


def test_declared_epochs_are_no_guess() -> None:
    expected = estimate(make_training(hyperparameters={"n_epochs": 7}), CATALOG, {})
    assert (expected.epochs, expected.is_default) == (7, False)


def test_validation_is_free() -> None:
    plain = estimate(make_training(), CATALOG, {})
    checked = estimate(make_training(validation=make_facts("validation")), CATALOG, {})
    assert plain == checked


def test_the_project_s_price_goes_before_the_catalog_s() -> None:
    prices = {MINI: Price(training=1.0, source="our contract")}
    expected = estimate(make_training(), CATALOG, prices)
    assert (expected.usd, expected.source) == (0.10, "our contract")


def test_a_price_of_nothing_is_a_price() -> None:
    prices = {MINI: Price(training=0.0, source="our own machines")}
    assert estimate(make_training(), CATALOG, prices).usd == 0


def test_a_fine_tune_is_priced_by_its_base() -> None:
    training = make_training(model=f"ft:{MINI}:acme::Ab1")
    assert estimate(training, CATALOG, {}).usd == 0.30
    prices = {MINI: Price(training=1.0, source="our contract")}
    assert estimate(training, CATALOG, prices).usd == 0.10


def test_a_fine_tune_s_own_price_goes_before_that_of_its_base() -> None:
    model = f"ft:{MINI}:acme::Ab1"
    prices = {
        MINI: Price(training=1.0, source="base"),
        model: Price(training=2.0, source="fine-tune"),
    }
    assert estimate(make_training(model=model), CATALOG, prices).source == "fine-tune"


def test_an_unknown_base_has_no_price_rather_than_a_low_one() -> None:
    assert estimate(make_training(model="gpt-9-2030-01-01"), CATALOG, {}).usd is None


def test_data_that_was_not_counted_has_no_price_rather_than_none_to_pay() -> None:
    training = make_training(training=make_facts(tokens=0, encoding=""))
    assert estimate(training, CATALOG, {}).usd is None


def test_three_times_ten_cents_is_thirty_cents() -> None:
    prices = {MINI: Price(training=1.0, source="our contract")}
    ten_cents = estimate(make_training(), CATALOG, prices)
    assert total_usd([ten_cents] * 3) == 0.30


def test_a_sum_leaves_out_what_has_no_price() -> None:
    known = estimate(make_training(), CATALOG, {})
    unknown = estimate(make_training(model="gpt-9"), CATALOG, {})
    assert total_usd([known, unknown]) == 0.30


def test_a_bill_is_a_clean_number() -> None:
    assert bill(84_120 * 3, 5.0) == 1.2618


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0.00"),
        (0.30, "$0.30"),
        (0.42, "$0.42"),
        (0.01, "$0.01"),
        (0.00999, "$0.01"),
        (0.0042, "$0.0042"),
        (0.004, "$0.004"),
        (0.000_001_2, "$0.0000012"),
        (1234.5, "$1,234.50"),
    ],
)
def test_no_amount_above_nothing_reads_as_nothing(usd: float, text: str) -> None:
    assert dollars(usd) == text
