"""Text: whole outputs that people read on a terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.errors import Problem, Severity
from reconciler.report.problems import problems_text
from reconciler.report.text import (
    plan_text,
    status_text,
    summary_line,
)
from reconciler.state import Endpoint, JobStatus, Revision
from tests.make import (
    CLEAN,
    GATEWAY,
    make_desired,
    make_job,
    make_observed,
    make_training,
    plan_for,
)

TRAINING = make_training()
READY = make_job(TRAINING)
PROBLEM = Problem(
    "specs/a.yaml", 3, 9, "SPEC104", "spec.model", "an alias", "a snapshot", "Write it."
)


def test_a_new_training_is_told_with_its_fields_and_its_cost() -> None:
    assert (
        plan_text(plan_for(TRAINING))
        == """\
acme at https://api.openai.com/v1, commit 9c652da0f1ab
new jobs until 2027-01-06, 45 days

+ triage: $0.30
    nothing was trained for it yet
    model         gpt-4o-mini-2024-07-18
    method        supervised
    training      data/training.jsonl (40 examples, 100,000 tokens)
    n_epochs      1
    serves until  2027-01-14, 53 days
    cost          $0.30 (100,000 tokens x 1 epoch x $3.00 / 1M)

^ data/training.jsonl  400.0 kB  as acme.c2fb788c7deedbea.jsonl  for triage

Plan: 1 to train for $0.30 (100,000 tokens trained), 1 file to upload.
"""
    )


def test_a_status_lists_all_and_then_says_what_to_do() -> None:
    names = {name: make_training(name, suffix=name) for name in ("faq", "hey", "tone")}
    jobs = (
        make_job(names["faq"], JobStatus.FAILED, error="invalid_training_file"),
        make_job(names["hey"], number=2),
        make_job(names["tone"], JobStatus.RUNNING, number=3),
    )
    plan = plan_for(make_desired(*names.values()), make_observed(*jobs))
    assert (
        status_text(plan)
        == """\
acme at https://api.openai.com/v1, commit 9c652da0f1ab
new jobs until 2027-01-06, 45 days
models on gpt-4o-mini-2024-07-18 serve until 2027-01-14, 53 days

NAME  SYNC       HEALTH       REASON     MODEL / JOB                        AGE  COST    NEXT
faq   OutOfSync  Failed       JobFailed  ftjob-1                            2 h  $0.00   below
hey   InSync     Retiring     Retiring   ft:gpt-4o-mini-2024-07-18:acme::2  2 h  ~$0.30  \
replace by 2027-01-14
tone  InSync     Progressing  Training   ftjob-3                            2 h  ~$0.30  wait

! faq: failed (JobFailed)
    ftjob-1 failed for its data (invalid_training_file: what invalid_training_file means)
    → change the data, which is never sent again as it is; if it is not at fault: \
reconcile retry faq

Nothing to train: 1 under way, 1 failed, 1 model ready.
"""
    )


# ---- the sentence --------------------------------------------------------------------------------


def test_nothing_to_do_says_what_is_ready() -> None:
    assert summary_line(plan_for(TRAINING, make_observed(READY))) == "Nothing to do: 1 model ready."


def test_what_is_held_is_not_called_done() -> None:
    deleted = make_observed(READY, models=frozenset())
    assert summary_line(plan_for(TRAINING, deleted)) == "Nothing to train: 1 drifted."


def test_no_selection_says_so() -> None:
    nothing = replace(make_desired(TRAINING), selected=frozenset[str]())
    assert summary_line(plan_for(nothing)) == "Nothing to do: no spec is selected."


def test_an_unknown_price_is_not_summed_as_nothing() -> None:
    unknown = make_training("a", model="gpt-9")
    assert summary_line(plan_for(unknown)).startswith(
        "Plan: 1 to train at a price that isn't known"
    )
    both = plan_for(make_desired(TRAINING, unknown))
    assert summary_line(both).startswith("Plan: 2 to train for $0.30, not counting 1 of unknown")


# ---- the header ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("revision", "ending"),
    [
        (Revision(), "/v1"),
        (CLEAN, "/v1, commit 9c652da0f1ab"),
        (Revision("c0ffee", is_dirty=True), "/v1, commit c0ffee (with uncommitted changes)"),
        (Revision("", is_dirty=True), "/v1, with uncommitted changes"),
    ],
)
def test_the_first_line_says_whose_plan_it_is_and_where_from(
    revision: Revision, ending: str
) -> None:
    text = plan_text(replace(plan_for(TRAINING), revision=revision))
    assert text.splitlines()[0] == f"acme at https://api.openai.com{ending}"


def test_the_first_line_shows_what_identity_hangs_on() -> None:
    endpoint = replace(GATEWAY, organization="org-1", project="proj-1")
    plan = plan_for(TRAINING, make_observed(endpoint=endpoint))
    assert "gateway.example/v1, organization org-1, project proj-1" in plan_text(plan)


def test_the_embedded_sandbox_is_said_to_bill_nothing() -> None:
    endpoint = Endpoint("sandbox:5f2c", "http://sandbox.invalid/v1")
    assert "bills nothing" in plan_text(plan_for(TRAINING, make_observed(endpoint=endpoint)))


# ---- changes -------------------------------------------------------------------------------------


def test_each_change_stands_in_its_place_and_forces_a_new_training() -> None:
    earlier = make_training(hyperparameters={"batch_size": 4}, suffix="old")
    lines = plan_text(plan_for(TRAINING, make_observed(make_job(earlier)))).splitlines()
    assert "-/+ triage: $0.30" in lines
    assert [line.split("  #")[0].split() for line in lines if line.endswith("training")] == [
        ["n_epochs", "auto", "->", "1"],
        ["batch_size", "4", "->", "auto"],
        ["suffix", "old", "->", "(none)"],
    ]


def test_an_earlier_job_that_runs_is_told_with_both_bills() -> None:
    running = make_job(make_training(seed=7), JobStatus.RUNNING)
    text = plan_text(plan_for(TRAINING, make_observed(running)))
    assert (
        "ftjob-1 still runs and is left to end: its bill, $0.30, comes on top ($0.60 for both)"
        in text
    )


def test_an_earlier_bill_that_is_not_known_is_told_as_such() -> None:
    running = make_job(make_training(seed=7), JobStatus.RUNNING, model="gpt-9")
    text = plan_text(plan_for(TRAINING, make_observed(running)))
    assert "its bill, which isn't known, comes on top" in text


def test_a_bill_beside_an_unknown_price_is_told_alone() -> None:
    running = make_job(make_training(seed=7), JobStatus.RUNNING)
    text = plan_text(plan_for(make_training(model="gpt-9"), make_observed(running)))
    assert "its bill, $0.30, comes on top" in text
    assert "for both" not in text
    assert "→ set the price of gpt-9 under spec.prices in reconciler.yaml" in text


# ---- problems ------------------------------------------------------------------------------------


def test_problems_stand_by_place_and_are_counted() -> None:
    warning = replace(PROBLEM, line=1, severity=Severity.WARNING)
    other = replace(PROBLEM, file="specs/b.yaml", line=0, column=0, field="")
    assert (
        problems_text([other, PROBLEM, warning])
        == """\
warning: specs/a.yaml:1:9: SPEC104 spec.model: an alias; expected a snapshot. Write it.
specs/a.yaml:3:9: SPEC104 spec.model: an alias; expected a snapshot. Write it.
specs/b.yaml: SPEC104 an alias; expected a snapshot. Write it.
2 errors and 1 warning"""
    )


def test_one_problem_is_counted_as_one_and_none_as_none() -> None:
    assert problems_text([PROBLEM]).endswith("\n1 error")
    assert problems_text([]) == "no problems"
