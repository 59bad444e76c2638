"""Every hold prints the command that ends it, or says that there is nothing to do."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from typer import TyperException
from typer.main import get_command

from reconciler.cli import app
from reconciler.plan import Plan, Reason
from reconciler.policy import Rules, review
from reconciler.report.summary import TROUBLE, standing
from reconciler.report.words import unfreeze
from reconciler.spec import Fuses
from reconciler.state import ClosingKind, Condition, Endpoint, JobStatus, Right
from tests.laws.worlds import RULES, WORLDS, World
from tests.make import (
    GATEWAY,
    NOW,
    OPENAI,
    make_calendar,
    make_claim,
    make_desired,
    make_job,
    make_observed,
    make_right,
    make_training,
    plan_for,
)

TRAINING = make_training()
ROOT: Any = get_command(app)
SANDBOX = Endpoint("sandbox:5f2c", "http://sandbox.invalid/v1")
COMMAND = re.compile(r"reconcile (?=[a-z]+\b)[^,;]+")
UNTROUBLED = {
    *(Reason.NOT_TRAINED, Reason.SPEC_CHANGED, Reason.READY, Reason.TRAINING, Reason.DUPLICATE),
    *(Reason.RETRY_TRANSIENT, Reason.RETRY_ASKED, Reason.RETRY_REFUSAL, Reason.DOUBT_SETTLED),
}
"""Reasons of conditions that need nobody."""


def test_every_reason_of_a_hold_is_walked() -> None:
    walked = {condition.reason for condition in conditions(OPENAI)}
    assert walked == set(Reason) - UNTROUBLED


@pytest.mark.parametrize("endpoint", [OPENAI, SANDBOX], ids=["openai", "sandbox"])
def test_every_hold_names_a_command_that_exists_with_all_that_it_needs(endpoint: Endpoint) -> None:
    for condition in conditions(endpoint):
        check(condition, is_embedded=endpoint.is_embedded)


@given(world=WORLDS, rules=RULES)
def test_so_does_every_hold_of_any_world(world: World, rules: Rules) -> None:
    plan = review(world.plan(), rules)
    for resource in plan.resources:
        if standing(resource) in TROUBLE:
            check(resource.condition, is_embedded=plan.endpoint.is_embedded)
    if plan.duplicates:
        assert parsed(unfreeze(plan)) == ["unfreeze"]


@pytest.mark.parametrize("wrong", ["reconcile settel a --abandon", "reconcile retry a --adopt J"])
def test_a_command_that_does_not_exist_would_be_found(wrong: str) -> None:
    with pytest.raises((TyperException, KeyError)):
        parsed(f"do: {wrong}")


def check(condition: Condition, *, is_embedded: bool) -> None:
    verbs = parsed(condition.remedy)
    assert verbs or condition.remedy.startswith("nothing;"), condition
    for command in COMMAND.findall(condition.remedy):
        assert ("--sandbox" in command) is is_embedded, command
    needs_name = set(verbs) - {"unfreeze"}
    assert not needs_name or re.search(r"\b(triage|a|b|c)\b", condition.remedy), condition


def parsed(remedy: str) -> list[str]:
    """The commands that a remedy names, each of which the real command line takes."""
    verbs = []
    for found in COMMAND.findall(remedy):
        _, verb, *arguments = shlex.split(found)
        ROOT.commands[verb].make_context(verb, arguments)
        verbs.append(verb)
    return verbs


# ---- every condition that needs somebody ---------------------------------------------------------


def conditions(endpoint: Endpoint) -> Iterator[Condition]:
    for plan in (*decided(endpoint), *reviewed(endpoint)):
        (resource,) = plan.resources
        assert standing(resource) in TROUBLE, resource
        yield resource.condition


def decided(endpoint: Endpoint) -> Iterator[Plan]:
    """What the decision table holds, fails, or calls drift."""

    def plan(*jobs: Any, **observed: Any) -> Plan:
        return plan_for(TRAINING, make_observed(*jobs, endpoint=endpoint, **observed))

    def refused(**closing: Any) -> Plan:
        return plan(rights=(make_right(TRAINING, ClosingKind.REFUSED, **closing),))

    yield plan(rights=(Right(make_claim(TRAINING, at=NOW)),))
    yield plan(rights=(make_right(TRAINING),))
    yield plan(rights=(make_right(TRAINING, ClosingKind.CREATED, job_id="ftjob-9"),))
    for status in (400, 401, 403, 404):
        yield refused(status=status, message="no, do: reconcile nothing")
    yield refused(status=429, at=NOW)
    yield plan(rights=(make_right(TRAINING, ClosingKind.NOT_SENT, at=NOW),))
    yield refused(status=403, code="training_not_available")
    ended = make_right(
        make_training("b", seed=9),
        ClosingKind.REFUSED,
        status=403,
        code="training_not_available",
    )
    yield plan(rights=(ended,))
    yield plan(make_job(TRAINING), models=frozenset())
    yield plan(make_job(TRAINING, JobStatus.CANCELLED))
    yield plan(make_job(TRAINING, JobStatus.FAILED, error="invalid_training_file"))
    yield plan(make_job(TRAINING, owner="another"))


def reviewed(endpoint: Endpoint) -> Iterator[Plan]:
    """What a policy holds."""
    new = plan_for(TRAINING, make_observed(endpoint=endpoint))
    plain = Rules(
        calendar=make_calendar(endpoint),
        max_usd=None,
        is_attended=False,
    )
    dirty = replace(new, revision=replace(new.revision, is_dirty=True))
    yield review(dirty, plain)
    yield review(new, plain)
    yield review(new, replace(plain, max_usd=0.1))
    unpriced = make_training(model="gpt-9")
    yield review(plan_for(unpriced, make_observed(endpoint=endpoint)), replace(plain, max_usd=0.1))
    yield review(
        new, replace(plain, calendar=make_calendar(shutdown={TRAINING.model: "2026-01-01"}))
    )
    twice = [make_job(make_training(seed=1), JobStatus.RUNNING, number=n) for n in (1, 2)]
    yield review(plan_for(TRAINING, make_observed(*twice, endpoint=endpoint)), plain)
    if not endpoint.is_embedded:  # neither the calendar nor the fuses hold there
        yield review(new, replace(plain, calendar=make_calendar(today=date(2028, 1, 1))))
        yield from fused(new, plain)


def fused(new: Plan, plain: Rules) -> Iterator[Plan]:
    """What the fuses hold."""
    often = tuple(make_right(make_training(seed=n), ClosingKind.CREATED) for n in range(5))
    yield review(new, replace(plain, rights=often))
    two = make_desired(TRAINING, make_training("b", seed=1))
    both = review(
        plan_for(two, make_observed(endpoint=GATEWAY)), replace(plain, fuses=Fuses(jobs_per_pass=1))
    )
    yield replace(both, resources=both.resources[1:])
