"""Real objects differ from the schema; none of it is an error or a difference."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Unavailable
from reconciler.providers.objects import read_checkpoint, read_file, read_job
from reconciler.state import Checkpoint, JobError, JobStatus

LEAST: dict[str, Any] = {"id": "ftjob-1"}


def test_an_id_is_all_that_a_job_must_have() -> None:
    job = read_job(LEAST)
    assert (job.id, job.status, job.error, job.seed) == ("ftjob-1", JobStatus.UNKNOWN, None, None)
    with pytest.raises(Unavailable):
        read_job({"status": "queued"})


@pytest.mark.parametrize("error", [{}, None, {"code": None, "message": None}, "x", []])
def test_a_healthy_job_has_no_error(error: object) -> None:
    assert read_job({**LEAST, "error": error}).error is None


def test_an_error_is_read_with_its_code() -> None:
    raw = {**LEAST, "error": {"code": "invalid_n_examples", "message": "too few", "param": None}}
    assert read_job(raw).error == JobError("invalid_n_examples", "too few")


def test_hyperparameters_of_dpo_stand_under_its_method() -> None:
    method = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.1, "n_epochs": "auto"}}}
    job = read_job({**LEAST, "hyperparameters": None, "method": method})
    assert job.method == "dpo"
    assert job.hyperparameters == {"beta": 0.1, "n_epochs": "auto"}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("paused", JobStatus.PAUSED),
        ("pausing", JobStatus.PAUSING),
        ("pending", JobStatus.QUEUED),
        ("canceled", JobStatus.CANCELLED),
        ("something_new", JobStatus.UNKNOWN),
        (None, JobStatus.UNKNOWN),
    ],
)
def test_statuses_outside_the_sdk_are_understood(text: object, status: JobStatus) -> None:
    assert read_job({**LEAST, "status": text}).status is status


@pytest.mark.parametrize("told", [{}, {"error": {"code": "server_error"}}, {"finished_at": 0}])
def test_an_unknown_status_counts_as_alive_until_the_job_says_when_it_ended(
    told: dict[str, Any],
) -> None:
    assert not JobStatus.UNKNOWN.is_terminal
    odd = {**LEAST, "status": "hibernating", **told}
    assert read_job(odd).status is JobStatus.UNKNOWN
    assert read_job({**odd, "finished_at": 1}).status is JobStatus.FAILED


@pytest.mark.parametrize("field", ["created_at", "finished_at"])
def test_a_time_is_seconds_in_whatever_unit_it_is_told(field: str) -> None:
    for unit in (1, 1_000, 1_000_000, 1_000_000_000):
        job = read_job({**LEAST, field: 1_795_348_800 * unit})
        assert getattr(job, field) == 1_795_348_800


@given(st.integers() | st.floats())
def test_no_time_is_too_odd_to_be_a_day_of_a_calendar(odd: float) -> None:
    job = read_job({**LEAST, "created_at": odd, "finished_at": odd})
    file = read_file({"id": "file-1", "created_at": odd})
    for seconds in (job.created_at, job.finished_at or 0, file.created_at):
        datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize("status", [None, "processed", "uploaded", "something_new"])
def test_a_file_is_usable_unless_it_says_otherwise(status: object) -> None:
    assert read_file({"id": "file-1", "status": status}).is_usable
    assert not read_file({"id": "file-1", "status": "error"}).is_usable


@pytest.mark.parametrize("lacking", ["step_number", "fine_tuned_model_checkpoint"])
def test_a_checkpoint_that_cannot_be_chosen_is_no_answer(lacking: str) -> None:
    """To leave it out would make an earlier one the last, and train on the wrong model."""
    whole = {
        "id": "ftckpt_1",
        "step_number": 90,
        "fine_tuned_model_checkpoint": "ft:m:ckpt-step-90",
    }
    assert read_checkpoint(whole) == Checkpoint(90, "ft:m:ckpt-step-90")
    with pytest.raises(Unavailable):
        read_checkpoint({**whole, lacking: None})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)
FIELDS = st.sampled_from(["status", "error", "method", "metadata", "hyperparameters", "seed"])


@given(st.dictionaries(FIELDS, JSON))
def test_no_shape_of_a_job_is_too_odd_to_read(odd: dict[str, Any]) -> None:
    assert read_job({**odd, **LEAST}).id == "ftjob-1"
