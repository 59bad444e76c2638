"""The catalog: every row can be used, and is traced to where it was read."""

from __future__ import annotations

import pytest

from reconciler.catalog import base_name, load_catalog

CATALOG = load_catalog()


def test_a_name_means_one_base_only() -> None:
    names = [name for row in CATALOG.models for name in (row.id, *row.aliases)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("row", CATALOG.models, ids=lambda row: row.id)
def test_every_base_has_methods_a_price_and_a_source(row: object) -> None:
    assert row in CATALOG.models
    model = next(m for m in CATALOG.models if m == row)
    assert model.methods
    is_billed_by_token = set(model.methods) <= {"supervised", "dpo"}
    assert (model.training is not None and model.training > 0) is is_billed_by_token
    assert model.source.startswith("https://")
    assert set(model.shutdown) <= {endpoint.name for endpoint in CATALOG.endpoints}


def test_an_alias_stands_for_a_snapshot_and_a_snapshot_for_none() -> None:
    assert CATALOG.snapshot_of("gpt-4.1-mini") == "gpt-4.1-mini-2025-04-14"
    assert CATALOG.snapshot_of("gpt-4.1-mini-2025-04-14") is None
    assert CATALOG.snapshot_of("gpt-9") is None


@pytest.mark.parametrize(
    ("model", "base"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("ft:gpt-4o-2024-08-06:acme::Ab1", "gpt-4o-2024-08-06"),
        ("ft:gpt-4o-2024-08-06:acme:tone:Ab1:ckpt-step-40", "gpt-4o-2024-08-06"),
        ("ft:", ""),
        ("ft", "ft"),
        ("", ""),
    ],
)
def test_a_fine_tune_is_based_on_the_model_in_its_name(model: str, base: str) -> None:
    assert base_name(model) == base


def test_a_fine_tune_has_the_vocabulary_of_its_base() -> None:
    row = CATALOG.base("ft:gpt-4.1-mini-2025-04-14:acme::Ab1")
    assert row is not None
    assert row.encoding == "o200k_base"


def test_a_base_that_nobody_listed_is_unknown() -> None:
    assert CATALOG.base("gpt-9-2030-01-01") is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://API.OpenAI.com:443/v1/", "openai"),
        ("https://eu.api.openai.com/v1", "openai"),
        ("https://acme.openai.azure.com/openai/v1/", None),
        ("https://api.openai.com.evil.example/v1", None),
        ("http://127.0.0.1:8000/v1", None),
        ("", None),
    ],
)
def test_a_calendar_holds_at_its_own_hosts_only(url: str, name: str | None) -> None:
    row = CATALOG.endpoint(url)
    assert (row.name if row else None) == name
