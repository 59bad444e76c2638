"""Differences: told field by field against the latest earlier training of the name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.diff import ABSENT, NOT_RECORDED, FieldChange, diff, field_changes
from reconciler.ownership import SPEC, training_fields
from reconciler.state import JobStatus, Training
from tests.make import make_desired, make_facts, make_job, make_observed, make_training

FIELDS: dict[str, Any] = {
    "hyperparameters": {"n_epochs": 3, "batch_size": "auto"},
    "validation": make_facts("validation"),
    "suffix": "tone",
    "seed": 42,
}
WANTED = make_training(**FIELDS)


def other(**changes: Any) -> Training:
    """WANTED with other values in these fields."""
    return make_training(**{**FIELDS, **changes})


def told(earlier: Training, wanted: Training = WANTED) -> tuple[FieldChange, ...]:
    """The changes since an earlier training."""
    found = diff(make_desired(wanted), make_observed(make_job(earlier)))
    return found[wanted.key].changes


def digest(content: str) -> str:
    return f"sha256:{make_facts(content).sha256[:12]}"


@pytest.mark.parametrize(
    ("before", "change"),
    [
        ({"model": "gpt-4o-2024-08-06"}, ("model", "gpt-4o-2024-08-06", WANTED.model)),
        ({"method": "dpo"}, ("method", "dpo", "supervised")),
        ({"hyperparameters": {"n_epochs": 2}}, ("hyperparameters.n_epochs", "2", "3")),
        ({"hyperparameters": {}}, ("hyperparameters.n_epochs", ABSENT, "3")),
        (
            {"hyperparameters": {"n_epochs": 3, "batch_size": 4}},
            ("hyperparameters.batch_size", "4", ABSENT),
        ),
        (
            {"training": make_facts("other")},
            ("dataset.training", digest("other"), digest("training")),
        ),
        ({"validation": None}, ("dataset.validation", ABSENT, digest("validation"))),
        ({"suffix": None}, ("suffix", ABSENT, "tone")),
        ({"suffix": "größe"}, ("suffix", "größe", "tone")),
        ({"seed": 7}, ("seed", "7", "42")),
    ],
)
def test_each_field_is_told_by_its_path_with_both_values(
    before: dict[str, Any], change: tuple[str, str, str]
) -> None:
    assert told(other(**before)) == (FieldChange(*change),)


def test_several_changes_are_told_in_the_order_of_their_fields() -> None:
    fields = [c.field for c in told(other(seed=7, suffix=None, hyperparameters={"n_epochs": 2}))]
    assert fields == ["hyperparameters.n_epochs", "seed", "suffix"]


@pytest.mark.parametrize(
    "equal", [{"n_epochs": 3}, {"n_epochs": 3.0}, {"n_epochs": 3, "beta": "auto"}]
)
def test_auto_and_a_whole_float_are_no_change(equal: dict[str, float | str]) -> None:
    wanted = make_training("triage", hyperparameters=equal, seed=1)
    fields = [
        change.field for change in told(make_training(hyperparameters={"n_epochs": 3}), wanted)
    ]
    assert fields == ["seed"]


def test_a_training_that_was_made_before_differs_in_nothing() -> None:
    assert diff(make_desired(WANTED), make_observed(make_job(WANTED))) == {}
    assert diff(make_desired(WANTED), make_observed()) == {}


def test_the_latest_earlier_training_is_the_one_that_is_told() -> None:
    first = make_job(other(seed=1), number=1)
    second = make_job(other(seed=2), number=2)
    for jobs in ((first, second), (second, first)):
        found = diff(make_desired(WANTED), make_observed(*jobs))[WANTED.key]
        assert (found.earlier_job, found.changes[0].before) == ("ftjob-2", "2")


def test_a_revert_differs_from_what_came_between() -> None:
    between = make_job(other(seed=2), number=2)
    found = diff(make_desired(WANTED), make_observed(make_job(WANTED), between))
    assert found[WANTED.key].earlier_job == "ftjob-2"


@pytest.mark.parametrize("status", JobStatus)
def test_an_earlier_job_is_alive_unless_it_has_ended(status: JobStatus) -> None:
    job = make_job(other(seed=1), status)
    found = diff(make_desired(WANTED), make_observed(job))[WANTED.key]
    assert found.earlier_alive is not status.is_terminal


def test_another_owner_s_training_of_the_name_is_not_an_earlier_one() -> None:
    job = make_job(other(seed=1), owner="another")
    assert diff(make_desired(WANTED), make_observed(job)) == {}


def test_a_renamed_spec_has_no_earlier_training() -> None:
    job = make_job(make_training("before", seed=1))
    assert diff(make_desired(WANTED), make_observed(job)) == {}


def test_a_training_that_several_specs_use_is_compared_by_any_of_their_names() -> None:
    shared = replace(WANTED, used_by=("new", "triage"))
    job = make_job(other(seed=1))
    assert diff(make_desired(shared), make_observed(job))[WANTED.key].name == "triage"


@pytest.mark.parametrize("spec", ["", "{", "[1]", "null", "{}"])
def test_an_earlier_job_that_does_not_tell_its_fields_is_told_without_them(spec: str) -> None:
    job = make_job(other(seed=1))
    job = replace(job, metadata={**job.metadata, SPEC: spec})
    found = diff(make_desired(WANTED), make_observed(job))[WANTED.key]
    assert (found.earlier_job, found.changes) == ("ftjob-1", ())


@pytest.mark.parametrize("spec", ['{"model": [1]}', '{"dataset": 3}', '{"a.b": {"c": null}}'])
def test_fields_that_we_never_wrote_do_not_stop_a_pass(spec: str) -> None:
    job = make_job(other(seed=1))
    job = replace(job, metadata={**job.metadata, SPEC: spec})
    assert diff(make_desired(WANTED), make_observed(job))[WANTED.key].changes


def test_a_field_that_was_too_long_for_the_mark_is_no_change_if_it_is_the_same() -> None:
    long = "ft:" + "m" * 600
    earlier = other(model=long, seed=1)
    wanted = other(model=long)
    assert [change.field for change in told(earlier, wanted)] == ["seed"]


def test_a_field_that_was_too_long_for_the_mark_is_told_as_not_recorded() -> None:
    before = {**training_fields(WANTED), "dataset": "digest:0123456789abcdef"}
    changes = field_changes(before, training_fields(WANTED))
    assert [(change.field, change.before) for change in changes] == [
        ("dataset.training", NOT_RECORDED),
        ("dataset.validation", NOT_RECORDED),
    ]
