"""Annotations: one command a line, whatever the words in it."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Problem, Severity
from reconciler.report.annotations import plan_annotations, problem_annotations
from reconciler.state import JobStatus
from tests.make import make_desired, make_job, make_observed, make_training, plan_for

PROBLEM = Problem("specs/a.yaml", 3, 9, "SPEC104", "spec.model", "an alias", "a snapshot", "Fix.")


def test_a_problem_is_shown_at_its_line() -> None:
    assert problem_annotations([PROBLEM]) == (
        "::error file=specs/a.yaml,line=3,col=9,title=SPEC104::"
        "spec.model: an alias; expected a snapshot. Fix."
    )


def test_a_warning_is_one_and_a_place_is_told_as_far_as_it_is_known() -> None:
    warning = replace(PROBLEM, line=0, column=0, field="", severity=Severity.WARNING)
    assert problem_annotations([warning]).startswith(
        "::warning file=specs/a.yaml,title=SPEC104::an alias"
    )


def test_what_would_end_a_command_or_a_property_is_escaped() -> None:
    problem = replace(PROBLEM, file="a:b,c%.yaml", found="100%\r\n::set-env::")
    assert problem_annotations([problem]) == (
        "::error file=a%3Ab%2Cc%25.yaml,line=3,col=9,title=SPEC104::"
        "spec.model: 100%25 ::set-env::; expected a snapshot. Fix."
    )


@given(words=st.text())
def test_a_problem_is_one_command_whatever_its_words(words: str) -> None:
    problem = replace(PROBLEM, file=words, found=words, remedy=words)
    command = problem_annotations([problem])
    assert len(command.splitlines()) == 1
    assert command.startswith("::error ")


def test_problems_stand_in_the_order_of_their_places() -> None:
    first = replace(PROBLEM, line=1)
    assert problem_annotations([PROBLEM, first]).splitlines()[0].split(",")[1] == "line=1"
    assert problem_annotations([]) == ""


def test_what_failed_is_an_error_and_what_is_held_or_drifted_a_warning() -> None:
    failed, drifted = make_training("failed", seed=1), make_training("drifted", seed=2)
    jobs = (
        make_job(failed, JobStatus.FAILED, error="invalid_training_file"),
        make_job(drifted, JobStatus.CANCELLED, number=2),
    )
    plan = plan_for(make_desired(failed, drifted), make_observed(*jobs))
    assert plan_annotations(plan) == (
        "::warning title=drifted%3A drifted (JobCancelled)::ftjob-2 was cancelled%0A"
        "→ to train it again: reconcile retry drifted\n"
        "::error title=failed%3A failed (JobFailed)::ftjob-1 failed for its data "
        "(invalid_training_file: what invalid_training_file means)%0A→ change the data, which is "
        "never sent again as it is; if it is not at fault: reconcile retry failed"
    )


def test_what_is_well_is_not_annotated() -> None:
    training = make_training()
    assert plan_annotations(plan_for(training, make_observed(make_job(training)))) == ""
