"""Failures: a class by the service's own words, the line of the local file, what is known bad."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.plan import Reason
from reconciler.plan.failures import FailureClass, classify, place_of
from reconciler.spec import Lifecycle
from reconciler.state import Binding, ClosingKind, Job, JobError, JobStatus, Training
from tests.make import make_facts, make_job, make_observed, make_right, make_training, plan_for

TRAINING = make_training(validation=make_facts("validation"))
NO_ROLE = "Example {}, message 2 Discriminator 'role' is missing in value"
MESSAGES = {
    (
        "invalid_n_examples",
        "Training file has 7 example(s), but must have at least 10 examples",
    ): FailureClass.DATA,
    ("invalid_training_file", NO_ROLE.format(100)): FailureClass.DATA,
    ("invalid_validation_file", NO_ROLE.format(3)): FailureClass.DATA,
    (
        "invalid_file",
        "The file is in the fine-tune-chat format, but the specified fine-tuning job is not using "
        "'supervised'",
    ): FailureClass.DATA,
    (
        "",
        "Expected file to have JSONL format, where every line is a JSON dictionary. Line 1 is not "
        "a dictionary",
    ): FailureClass.DATA,
    (
        "invalid_training_file",
        "This training file was blocked because too many examples were flagged",
    ): FailureClass.POLICY,
    ("moderation", "what moderation means"): FailureClass.POLICY,
    ("exceeded_quota", "You exceeded your current quota"): FailureClass.QUOTA,
    ("billing_not_active", "Your account is not active"): FailureClass.QUOTA,
    ("server_error", "The job failed due to an internal error."): FailureClass.TRANSIENT,
    ("internal_error", ""): FailureClass.TRANSIENT,
    ("model_lost", "Something went wrong"): FailureClass.UNKNOWN,
    ("", ""): FailureClass.UNKNOWN,
}


@pytest.mark.parametrize(("told", "expected"), MESSAGES.items())
def test_a_failure_s_class_is_told_by_the_service_s_code_and_words(
    told: tuple[str, str], expected: FailureClass
) -> None:
    assert classify(*told) is expected


# ---- the line of the local file ------------------------------------------------------------------


def failed(message: str, param: str = "", code: str = "invalid_training_file", **more: Any) -> Job:
    job = make_job(TRAINING, JobStatus.FAILED, **more)
    return replace(job, error=JobError(code, message, param))


@pytest.mark.parametrize(
    ("message", "param", "place"),
    [
        (NO_ROLE.format(40), "training_file", " at data/training.jsonl:40"),
        (NO_ROLE.format(1), "", " at data/training.jsonl:1"),
        ("Line 12 is not a dictionary", "", " at data/training.jsonl:12"),
        (NO_ROLE.format(40), "validation_file", " at data/validation.jsonl:40"),
        ("invalid validation file. Example 2", "", " at data/validation.jsonl:2"),
        (
            "the validation of the training file failed: Example 2",
            "training_file",
            " at data/training.jsonl:2",
        ),
        ("validation failed: Example 2", "", " at data/training.jsonl:2"),
        (NO_ROLE.format(41), "training_file", ""),
        (NO_ROLE.format(0), "training_file", ""),
        ("Training file has 7 example(s)", "training_file", ""),
    ],
)
def test_an_example_that_the_service_names_is_a_line_of_the_file_it_is_about(
    message: str, param: str, place: str
) -> None:
    assert place_of(failed(message, param), TRAINING) == place


def test_where_no_file_is_at_hand_there_is_no_line() -> None:
    only_adopts = replace(TRAINING, training=None, validation=None)
    assert place_of(failed(NO_ROLE.format(1)), only_adopts) == ""
    assert place_of(make_job(TRAINING), TRAINING) == ""


def test_a_failure_is_told_with_the_line() -> None:
    plan = plan_for(TRAINING, make_observed(failed(NO_ROLE.format(12), "training_file")))
    told = plan.resources[0].condition.message
    start = "ftjob-1 failed for its data at data/training.jsonl:12 (invalid_training_file: "
    assert told.startswith(start)


# ---- the same bytes ------------------------------------------------------------------------------


def reason_after(wanted: Training, *jobs: Job) -> str:
    (resource,) = plan_for(wanted, make_observed(*jobs)).resources
    return resource.condition.reason


def test_bytes_that_failed_are_not_sent_again_under_another_key() -> None:
    bad = failed(NO_ROLE.format(12), "training_file")
    assert reason_after(replace(TRAINING, key="f" * 64), bad) == Reason.KNOWN_BAD_DATA
    assert reason_after(make_training(suffix="other"), bad) == Reason.KNOWN_BAD_DATA


def test_other_bytes_another_base_or_another_method_are() -> None:
    bad = failed(NO_ROLE.format(12), "training_file")
    for wanted in (
        make_training(training=make_facts("mended")),
        make_training(model="gpt-4.1-mini-2025-04-14"),
        make_training(method="dpo"),
    ):
        assert reason_after(wanted, bad) in (Reason.NOT_TRAINED, Reason.SPEC_CHANGED)


def test_of_two_files_the_one_that_failed_is_bad_and_the_other_is_not() -> None:
    about_validation = failed(NO_ROLE.format(2), "validation_file", "invalid_validation_file")
    mended = make_training(validation=make_facts("mended"))
    assert reason_after(mended, about_validation) == Reason.SPEC_CHANGED
    same = make_training(validation=TRAINING.validation, suffix="other")
    assert reason_after(same, about_validation) == Reason.KNOWN_BAD_DATA
    about_training = failed(NO_ROLE.format(2), "training_file")
    assert reason_after(mended, about_training) == Reason.KNOWN_BAD_DATA


def test_a_fine_tune_as_base_knows_its_bad_data_as_well() -> None:
    again = make_training(model="ft:gpt-4o-mini-2024-07-18:acme::1", suffix="other")
    job = make_job(replace(again, suffix=None, key="e" * 64), JobStatus.FAILED)
    bad = replace(job, error=JobError("invalid_training_file", NO_ROLE.format(2)))
    assert reason_after(again, bad) == Reason.KNOWN_BAD_DATA


@pytest.mark.parametrize("code", ["server_error", "exceeded_quota", "nobody_knows"])
def test_a_failure_that_is_not_the_data_s_makes_no_data_bad(code: str) -> None:
    job = replace(failed("no"), error=JobError(code, "no"))
    assert reason_after(make_training(suffix="other"), job) == Reason.SPEC_CHANGED


def test_data_that_a_job_was_trained_on_is_not_bad() -> None:
    good = make_job(make_training(seed=1), number=2)
    bad = failed(NO_ROLE.format(2), "training_file")
    assert reason_after(make_training(suffix="other"), bad, good) == Reason.SPEC_CHANGED


def test_another_owner_s_failure_says_nothing_of_ours() -> None:
    theirs = failed(NO_ROLE.format(2), "training_file", owner="another")
    assert reason_after(make_training(suffix="other"), theirs) == Reason.NOT_TRAINED


# ---- prevent_retrain knows every model that a spec ever had --------------------------------------

KEPT = make_training(suffix="new", lifecycle=Lifecycle(prevent_retrain=True))


def test_a_model_that_bears_our_mark_is_kept() -> None:
    assert reason_after(KEPT, make_job(make_training())) == Reason.RETRAIN_PREVENTED
    assert reason_after(KEPT, make_job(make_training(), JobStatus.CANCELLED)) == Reason.SPEC_CHANGED


def test_a_model_that_git_once_adopted_is_kept() -> None:
    bound = replace(KEPT, bindings=(Binding("ftjob-1", "a" * 64),))
    unmarked = make_job(make_training(), metadata={})
    assert reason_after(bound, unmarked) == Reason.RETRAIN_PREVENTED


def test_a_model_that_the_ledger_names_is_kept() -> None:
    earlier = make_training()
    job = make_job(earlier, metadata={})
    right = make_right(earlier, ClosingKind.CREATED, job_id=job.id)
    (resource,) = plan_for(KEPT, make_observed(job, rights=(right,))).resources
    assert resource.condition.reason == Reason.RETRAIN_PREVENTED
