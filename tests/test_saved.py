"""Saved plans: carried out exactly, or not at all; each refusal says which training and why."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.cli.terminal import question
from reconciler.errors import StalePlan, UsageError
from reconciler.plan import Plan
from reconciler.plan.saved import SavedPlan, exactly, saved_from_json, saved_to_json
from reconciler.spec import Price
from reconciler.state import ClosingKind, JobStatus, Parent, Revision
from tests.make import (
    MINI,
    NOW,
    make_desired,
    make_job,
    make_observed,
    make_right,
    make_training,
    plan_for,
)

TRAINING = make_training()
OTHER = make_training("other", seed=1)
TWICE = [make_job(TRAINING, JobStatus.RUNNING, number=n) for n in (1, 2)]


def told(saved: Plan, now: Plan) -> str:
    with pytest.raises(StalePlan) as stale:
        exactly(saved, now)
    start = "this plan can't be carried out as it was saved, and nothing was done: "
    assert str(stale.value).startswith(start)
    return str(stale.value).removeprefix(start)


# ---- what does not count -------------------------------------------------------------------------


def test_time_commit_and_other_people_s_jobs_do_not_count() -> None:
    theirs = make_job(make_training("theirs", seed=9), JobStatus.RUNNING, owner="another")
    now = plan_for(make_desired(TRAINING, revision=Revision("c0ffee")), make_observed(theirs))
    kept = exactly(plan_for(TRAINING), replace(now, taken_at=NOW + 9_999))
    assert kept.creates == plan_for(TRAINING).creates


def test_what_came_since_is_left_for_another_plan() -> None:
    both = plan_for(make_desired(TRAINING, OTHER))
    kept = exactly(plan_for(TRAINING), both)
    assert [create.training for create in kept.creates] == [TRAINING]
    assert [resource.name for resource in kept.resources] == ["triage"]


def test_a_file_that_was_sent_since_is_not_sent_again_and_one_that_is_gone_is() -> None:
    whole = plan_for(TRAINING)
    without = replace(whole, actions=whole.creates)
    assert exactly(whole, without).uploads == ()
    assert exactly(without, whole).uploads == whole.uploads


# ---- what does -----------------------------------------------------------------------------------

CHANGES: dict[str, tuple[Callable[[], Plan], str]] = {
    "trained since": (
        lambda: plan_for(TRAINING, make_observed(make_job(TRAINING, JobStatus.RUNNING))),
        "triage: it would not be trained now: Training, ftjob-1 is running",
    ),
    "the spec changed": (
        lambda: plan_for(OTHER),
        "triage: it would not be trained now: no spec asks for this training",
    ),
    "another attempt": (
        lambda: plan_for(
            TRAINING,
            make_observed(rights=(make_right(TRAINING, ClosingKind.NOT_SENT),)),
        ),
        "triage: attempt 1 was planned, and attempt 2 is due",
    ),
    "another reason": (
        lambda: plan_for(TRAINING, make_observed(make_job(make_training(seed=7)))),
        "triage: it was to be trained for NotTrained, and is for SpecChanged",
    ),
    "another price": (
        lambda: plan_for(TRAINING, prices={MINI: Price(training=1.0, source="ours")}),
        "triage: it cost $0.30, and costs $0.10",
    ),
    "another owner": (
        lambda: replace(plan_for(TRAINING), owner="other"),
        "the owner was acme and is other",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_decision_that_is_another_by_now_stops_all_of_it_and_is_told(change: str) -> None:
    now, message = CHANGES[change]
    assert told(plan_for(TRAINING), now()) == message


def test_a_job_that_is_not_to_be_cancelled_any_more_stops_it() -> None:
    saved = plan_for(TRAINING, make_observed(*TWICE))
    ended = plan_for(TRAINING, make_observed(TWICE[0]))
    assert told(saved, ended) == "triage: ftjob-2 is not to be cancelled any more"
    assert [action.kind for action in exactly(saved, saved).actions] == ["cancel", "wait"]


def chain(price: float = 3.0, **observed: Any) -> Plan:
    """A training, and one that starts from its model: that comes later."""
    child = make_training("child", parent=Parent("triage", TRAINING.key), seed=2)
    prices = {MINI: Price(training=price, source="a contract")}
    wanted = make_desired(TRAINING, child)
    return plan_for(wanted, make_observed(**observed), prices=prices)


def test_what_comes_later_is_held_to_what_was_saved_as_well() -> None:
    saved, dearer = chain(), chain(30.0)
    assert [create.training.name for create in saved.later] == ["child"]
    dear_child = replace(saved, later=dearer.later)
    assert told(saved, dear_child) == "child: it cost $0.30, and costs $3.00"


def test_what_was_not_to_come_later_does_not_come() -> None:
    saved = replace(chain(), later=())  # a policy had refused it
    assert exactly(saved, chain()).later == ()


@pytest.mark.parametrize(("with_later", "cost"), [(False, "$0.30"), (True, "$0.60")])
def test_who_is_asked_is_told_all_that_a_yes_pays_for(with_later: bool, cost: str) -> None:
    asked = question(chain(), with_later=with_later)
    assert asked == f"Apply this plan for about {cost}?"


def test_all_that_is_another_is_told_at_once() -> None:
    both = plan_for(make_desired(TRAINING, OTHER))
    message = told(both, replace(both, actions=()))
    assert message.startswith("other: ")
    assert "; triage: " in message


# ---- the file ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"plan": 1}', "not json"])
def test_a_file_that_holds_no_plan_is_refused_with_how_to_make_one(text: str) -> None:
    with pytest.raises(UsageError, match=r"make one: plan --out p\.json"):
        saved_from_json(text, "p.json")


@pytest.mark.parametrize(("field", "value"), [("kind", "plan"), ("schema_version", 2)])
def test_a_plan_of_another_kind_or_version_is_refused(field: str, value: object) -> None:
    document = json.loads(saved_to_json(SavedPlan(plan_for(TRAINING))))
    with pytest.raises(UsageError, match="not a saved plan"):
        saved_from_json(json.dumps({**document, field: value}), "p.json")
