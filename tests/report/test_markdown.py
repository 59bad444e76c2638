"""Markdown: nothing that others wrote is markup, a link or a mention."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Problem, Severity
from reconciler.report.markdown import (
    code,
    error_markdown,
    escape,
    outcomes_markdown,
    plan_markdown,
    problems_markdown,
)
from reconciler.state import JobStatus
from tests.make import make_job, make_observed, make_training, plan_for

HOSTILE = st.text(st.sampled_from("`|<>@#*_[]()!$&\\\n\r ab:/-=+1."), max_size=40)
BARE = re.compile(r"(?<!\\)(?:\\\\)*[`|*_\[\]~$]")
PROBLEM = Problem("specs/a|b.yaml", 3, 0, "SPEC104", "spec.model", "<b>", "@all", "Write `it`.")


@given(text=HOSTILE)
def test_escaped_text_holds_no_markup(text: str) -> None:
    escaped = escape(text)
    assert not BARE.search(escaped)
    assert not re.search(r"[<>\n\r]", escaped)
    assert not re.search(r"@\w", escaped)
    assert "://" not in escaped


@given(text=HOSTILE)
def test_text_in_code_letters_never_leaves_them_nor_a_cell(text: str) -> None:
    shown = code(text)
    if shown.startswith("`"):
        assert shown.count("`") == 2
        assert "|" not in shown
        assert "\\" not in shown
    else:
        assert not BARE.search(shown)
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, 3 of them", "plain words, 3 of them"),
        ("a|b", "a\\|b"),
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("&lt;", "&amp;lt;"),
        ("@octocat", "@\u200boctocat"),
        ("https://x.example", "https:\u200b//x.example"),
        ("[a](b)", "\\[a\\](b)"),
        ("two\nlines", "two lines"),
    ],
)
def test_text_reads_as_it_was_written(text: str, shown: str) -> None:
    assert escape(text) == shown


def cells(line: str) -> int:
    return len(re.findall(r"(?<!\\)\|", line)) - 1


@given(suffix=HOSTILE.filter(bool), message=HOSTILE)
def test_every_row_of_a_table_has_its_columns_whatever_it_tells(suffix: str, message: str) -> None:
    training = make_training(suffix=suffix)
    failed = make_job(make_training("b"), JobStatus.FAILED, error="bad", id=f"x{message}")
    text = plan_markdown(plan_for(training, make_observed(failed)))
    tables = re.split(r"\n\n", text)
    for table in tables:
        rows = [line for line in table.splitlines() if line.startswith("|")]
        assert len({cells(row) for row in rows}) <= 1


def test_a_pull_request_sees_the_sentence_first_and_the_digest_last() -> None:
    plan = plan_for(make_training())
    lines = plan_markdown(plan).splitlines()
    assert lines[0].startswith("## Plan: 1 to train for \\$0.30 (100,000 tokens trained)")
    assert lines[-1] == f"<sub>plan {plan.digest[:16]}</sub>"


def test_a_plan_that_does_nothing_has_no_empty_table() -> None:
    training = make_training()
    text = plan_markdown(plan_for(training, make_observed(make_job(training))))
    assert "| action |" not in text
    assert "<summary>1 model ready</summary>" in text


def test_what_to_cancel_is_in_the_table() -> None:
    training = make_training()
    jobs = [make_job(training, JobStatus.RUNNING, number=number) for number in (1, 2)]
    assert "| `triage` | cancel | `ftjob-2`: another" in plan_markdown(
        plan_for(training, make_observed(*jobs))
    )


def test_a_running_earlier_job_and_an_unknown_price_are_noted() -> None:
    running = make_job(make_training(seed=7), JobStatus.RUNNING)
    text = plan_markdown(plan_for(make_training(model="gpt-9"), make_observed(running)))
    assert "> ftjob-1 still runs and is left to end" in text
    assert "> set the price of gpt-9" in text


def test_outcomes_are_told_one_a_row_and_none_as_nothing() -> None:
    assert outcomes_markdown([]) == ""
    assert outcomes_markdown([("create", ("a", "b"), "done", "ftjob-1 | created")]) == (
        "### What was done\n\n"
        "| action | for | result |  |\n| --- | --- | --- | --- |\n"
        "| create | `a`, `b` | done | ftjob-1 \\| created |\n"
    )


def test_problems_are_told_one_a_row() -> None:
    warning = replace(PROBLEM, file="specs/b.yaml", field="", severity=Severity.WARNING)
    assert problems_markdown([warning, PROBLEM]) == (
        "## 1 error and 1 warning in specs or datasets\n\n"
        "| place | rule | found | what to do |\n| --- | --- | --- | --- |\n"
        "| specs/a\\|b.yaml:3 | SPEC104 | `spec.model`: &lt;b&gt;; expected @\u200ball "
        "| Write \\`it\\`. |\n"
        "| `specs/b.yaml:3` | SPEC104 | (warning) &lt;b&gt;; expected @\u200ball "
        "| Write \\`it\\`. |\n"
    )
    assert problems_markdown([]) == "## No problems in specs or datasets\n"


def test_an_error_is_told_without_acting() -> None:
    assert error_markdown("no <key>\nat @all") == "## Stopped\n\nno &lt;key&gt; at @\u200ball\n"
