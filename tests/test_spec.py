"""Documents: the API's bounds, nothing bent to fit, no unknown keys."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reconciler.spec import API_VERSION, FineTune, FolderLedger, Project


def document(**spec: Any) -> dict[str, Any]:
    """A valid document, but for what is given of its spec."""
    return {
        "apiVersion": API_VERSION,
        "kind": "FineTune",
        "metadata": {"name": "triage"},
        "spec": {"model": "gpt-4.1-mini-2025-04-14", "dataset": "train.jsonl", **spec},
    }


def read(**spec: Any) -> FineTune:
    return FineTune.model_validate(document(**spec))


def hyper(**values: Any) -> dict[str, int | float | str]:
    method = "dpo" if "beta" in values else "supervised"
    return read(method=method, hyperparameters=values).spec.hyperparameters.declared()


def test_what_is_left_out_has_the_defaults() -> None:
    spec = read().spec
    assert (spec.method, spec.suffix, spec.seed) == ("supervised", None, None)
    assert spec.hyperparameters.declared() == {}
    assert spec.dataset is not None
    assert (spec.dataset.training, spec.dataset.validation) == ("train.jsonl", None)


def test_the_short_form_of_a_dataset_is_the_training_file() -> None:
    assert read(dataset="a.jsonl") == read(dataset={"training": "a.jsonl"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_epochs", 1),
        ("n_epochs", 50),
        ("n_epochs", "auto"),
        ("batch_size", 1),
        ("batch_size", 256),
        ("learning_rate_multiplier", 1e-9),
        ("learning_rate_multiplier", 1e9),
        ("learning_rate_multiplier", "auto"),
        ("beta", 2),
        ("beta", 0.001),
    ],
)
def test_hyperparameters_take_the_api_s_bounds(name: str, value: float | str) -> None:
    assert hyper(**{name: value}) == {name: value}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_epochs", 0),
        ("n_epochs", 51),
        ("n_epochs", 2.5),
        ("n_epochs", "3"),
        ("n_epochs", True),
        ("batch_size", 257),
        ("learning_rate_multiplier", 0),
        ("learning_rate_multiplier", -1),
        ("learning_rate_multiplier", float("inf")),
        ("learning_rate_multiplier", float("nan")),
        ("learning_rate_multiplier", True),
        ("beta", 2.1),
        ("beta", 0),
        ("epochs", 3),
    ],
)
def test_beyond_the_bounds_is_one_error(name: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        hyper(**{name: value})
    assert caught.value.error_count() == 1


def test_a_whole_float_is_the_whole_number() -> None:
    assert hyper(n_epochs=3.0) == {"n_epochs": 3}
    assert type(hyper(n_epochs=3.0)["n_epochs"]) is int


def test_beta_is_for_dpo_alone() -> None:
    with pytest.raises(ValidationError, match="beta only with method: dpo"):
        read(method="supervised", hyperparameters={"beta": 0.1})


@pytest.mark.parametrize(
    "spec",
    [
        {"suffix": ""},
        {"suffix": "s" * 65},
        {"seed": -1},
        {"seed": 2**31},
        {"seed": 1.5},
        {"seed": "42"},
        {"method": "reinforcement"},
        {"model": ""},
        {"dataset": ""},
        {"dataset": {"validation": "v.jsonl"}},
        {"sufix": "typo"},
    ],
    ids=str,
)
def test_a_field_out_of_bounds_or_unknown_is_an_error(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        read(**spec)


@pytest.mark.parametrize("seed", [0, 42, 2_147_483_647])
def test_a_seed_takes_the_api_s_bounds(seed: int) -> None:
    assert read(seed=seed).spec.seed == seed


@pytest.mark.parametrize("name", ["a", "a1-b", "0", "a" * 63])
def test_a_name_is_like_a_kubernetes_name(name: str) -> None:
    wanted = {**document(), "metadata": {"name": name}}
    assert FineTune.model_validate(wanted).metadata.name == name


@pytest.mark.parametrize("name", ["", "A", "a_b", "-a", "a-", "a.b", "a" * 64, "ä", "a\n"])
def test_any_other_name_is_an_error(name: str) -> None:
    with pytest.raises(ValidationError):
        FineTune.model_validate({**document(), "metadata": {"name": name}})


@pytest.mark.parametrize(
    "broken", [{"apiVersion": "v2"}, {"kind": "Finetune"}, {"status": {}}], ids=str
)
def test_another_version_kind_or_part_is_an_error(broken: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FineTune.model_validate({**document(), **broken})


@given(
    junk=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    )
)
def test_any_value_is_read_or_is_a_validation_error(junk: object) -> None:
    for name in ("model", "dataset", "method", "hyperparameters", "suffix", "seed"):
        with suppress(ValidationError):
            read(**{name: junk})


def test_a_document_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read().spec.seed = 1  # type: ignore[misc]  # that this is wrong is the law


# ---- Project -------------------------------------------------------------------------------------


def project(**spec: Any) -> Project:
    return Project.model_validate(
        {"apiVersion": API_VERSION, "kind": "Project", "metadata": {"name": "acme"}, "spec": spec}
    )


def test_a_project_spends_nothing_in_doubt_by_default() -> None:
    spec = project().spec
    assert (spec.doubt_budget, spec.doubt_window, spec.budget.per_pass) == (0.0, 900, None)
    assert (spec.specs, spec.ledger) == (["specs"], FolderLedger(path=".reconciler/ledger"))


@pytest.mark.parametrize(
    "spec",
    [
        {"budget": {"per_pass": -1}},
        {"doubt_budget": -0.01},
        {"doubt_window": 0},
        {"prices": {"m": {"training": 1.0}}},
        {"prices": {"m": {"training": -1.0, "source": "us"}}},
        {"ledger": {"kind": "s3"}},
        {"budgets": {}},
    ],
    ids=str,
)
def test_a_project_s_limits_have_bounds_too(spec: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        project(**spec)


@pytest.mark.parametrize("usd", [0, 5, 0.5])
def test_a_budget_is_any_amount_from_nothing_up(usd: float) -> None:
    assert project(budget={"per_pass": usd}).spec.budget.per_pass == usd
