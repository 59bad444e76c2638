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
from reconciler.spec import Budget, Fuses, Lifecycle, OnDrift, Policy
from reconciler.state import (
    LAST,
    Binding,
    ClosingKind,
    Condition,
    Endpoint,
    Job,
    JobStatus,
    Parent,
    Right,
    Training,
)
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
    *(Reason.RETRAIN_DRIFT, Reason.AWAITING_PARENT, Reason.RETIRING, Reason.SUSPENDED),
    *(Reason.BILL_DIFFERS, Reason.SUPERSEDED, Reason.ORPHAN, Reason.FAILED, Reason.UNUSED_FILE),
}
"""Reasons of conditions that need nobody, of a notice that stops nothing, and of what is pruned."""


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
        for notice in resource.notices:
            assert parsed(notice.remedy) or notice.reason is Reason.BILL_DIFFERS
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
    for code in ("invalid_training_file", "moderation", "exceeded_quota", "something"):
        yield plan(make_job(TRAINING, JobStatus.FAILED, error=code))
    twice = [
        make_job(TRAINING, JobStatus.FAILED, number=n, attempt=n, error="server_error")
        for n in (1, 2)
    ]
    yield plan(*twice)
    yield plan(make_job(TRAINING, owner="another"))
    yield from drifted(endpoint)
    yield from adopted(endpoint)
    yield from chained(endpoint)


def drifted(endpoint: Endpoint) -> Iterator[Plan]:
    """What moved at the provider while the job or its model stands."""
    ready = make_job(TRAINING)
    other = replace(ready, hyperparameters={"n_epochs": 5})
    for job in (make_job(TRAINING, status) for status in (JobStatus.PAUSED, JobStatus.PAUSING)):
        yield plan_for(TRAINING, make_observed(job, endpoint=endpoint))
    yield plan_for(TRAINING, make_observed(other, endpoint=endpoint))
    without = make_observed(ready, endpoint=endpoint, missing_files=frozenset({"file-1"}))
    yield plan_for(TRAINING, without)
    over = {TRAINING.model: "2026-01-01"}
    gone = make_observed(ready, endpoint=endpoint, shutdown=over, models=frozenset())
    yield plan_for(TRAINING, gone)
    kept = replace(TRAINING, lifecycle=Lifecycle(prevent_retrain=True))
    yield plan_for(kept, make_observed(make_job(make_training(seed=1)), endpoint=endpoint))
    bad = make_job(make_training(seed=1), JobStatus.FAILED, error="invalid_training_file")
    yield plan_for(TRAINING, make_observed(bad, endpoint=endpoint))


def adopted(endpoint: Endpoint) -> Iterator[Plan]:
    """What Git adopts, and can't be so."""

    def plan(training: Training, *jobs: Job, **observed: Any) -> Plan:
        return plan_for(training, make_observed(*jobs, endpoint=endpoint, **observed))

    job = make_job(TRAINING, metadata={})
    one, two = (Binding(f"ftjob-{n}", TRAINING.key) for n in (1, 2))
    yield plan(replace(TRAINING, bindings=(one, two)))
    binds = replace(TRAINING, bindings=(one,))
    yield plan(binds)
    yield plan(binds, replace(job, method="dpo"))
    yield plan(binds, replace(job, status=JobStatus.PAUSED, fine_tuned_model=None))
    only = replace(binds, training=None)
    yield plan(only, job, models=frozenset())
    again = Lifecycle(on_drift=OnDrift(model_deleted="retrain"))
    yield plan(replace(only, lifecycle=again), job, models=frozenset())


def chained(endpoint: Endpoint) -> Iterator[Plan]:
    """What starts from something that can't be started from."""
    parent = make_training("a", seed=1)
    last, step = (Parent("a", parent.key, checkpoint) for checkpoint in (LAST, 60))
    child = make_training(parent=last)
    failed = make_job(parent, JobStatus.FAILED, error="exceeded_quota")
    for wanted, job in ((child, failed), (make_training(parent=step), make_job(parent))):
        seen = make_observed(job, endpoint=endpoint)
        yield told_of(wanted, plan_for(make_desired(parent, wanted), seen))
    alone = replace(make_desired(parent, child), selected=frozenset({child.name}))
    yield plan_for(alone, make_observed(endpoint=endpoint))


def told_of(training: Training, plan: Plan) -> Plan:
    """The plan, as far as it is about one training."""
    resources = tuple(resource for resource in plan.resources if resource.key == training.key)
    return replace(plan, resources=resources)


def reviewed(endpoint: Endpoint) -> Iterator[Plan]:
    """What a policy holds."""
    new = plan_for(TRAINING, make_observed(endpoint=endpoint))
    plain = Rules(calendar=make_calendar(endpoint), max_usd=None, is_attended=False)
    dirty = replace(new, revision=replace(new.revision, is_dirty=True))
    yield review(dirty, plain)
    yield review(new, plain)
    yield review(new, replace(plain, max_usd=0.1))
    unpriced = plan_for(make_training(model="gpt-9"), make_observed(endpoint=endpoint))
    for limits in LIMITS:
        yield review(new, replace(plain, max_usd=9.0, **limits))
    yield review(unpriced, replace(plain, max_usd=0.1))
    yield review(unpriced, replace(plain, max_usd=0.1, budget=Budget(per_job=9.0)))
    yield review(unpriced, replace(plain, is_attended=True, budget=Budget(per_month=9.0)))
    unmarked = make_job(make_training(seed=1), JobStatus.RUNNING, metadata={})
    gone = make_right(make_training(seed=1), ClosingKind.CREATED, job_id=unmarked.id)
    unbilled = plan_for(TRAINING, make_observed(unmarked, endpoint=endpoint, rights=(gone,)))
    yield review(unbilled, replace(plain, is_attended=True, budget=Budget(per_month=9.0)))
    for day in ("2026-01-01", "2026-12-01"):
        days = make_calendar(shutdown={TRAINING.model: day})
        yield review(new, replace(plain, max_usd=9.0, calendar=days))
    twice = [make_job(make_training(seed=1), JobStatus.RUNNING, number=n) for n in (1, 2)]
    yield review(plan_for(TRAINING, make_observed(*twice, endpoint=endpoint)), plain)
    many = plan_for(
        make_training(hyperparameters={"n_epochs": 5}), make_observed(endpoint=endpoint)
    )
    yield review(many, replace(plain, max_usd=9.0, policy=Policy(max_epochs=2)))
    yield rests_on_what_is_refused(endpoint, plain)
    if not endpoint.is_embedded:  # neither the calendar nor the fuses hold there
        yield review(new, replace(plain, calendar=make_calendar(today=date(2028, 1, 1))))
        yield from fused(new, plain)


LIMITS: tuple[dict[str, Any], ...] = (
    {"policy": Policy(allowed_models=["gpt-9"])},
    {"policy": Policy(allowed_methods=["dpo"])},
    {"policy": Policy(require_validation=True)},
    {"policy": Policy(require_labels=["team"])},
    {"budget": Budget(per_job=0.1)},
    {"budget": Budget(per_pass=0.1)},
    {"budget": Budget(per_month=0.1)},
    {"budget": Budget(approval_above=0.1)},
)


def rests_on_what_is_refused(endpoint: Endpoint, plain: Rules) -> Plan:
    """A child whose parent a policy refuses."""
    parent = make_training("a", hyperparameters={"n_epochs": 5})
    child = make_training(parent=Parent("a", parent.key))
    plan = plan_for(make_desired(parent, child), make_observed(endpoint=endpoint))
    few = Policy(max_epochs=2)
    return told_of(child, review(plan, replace(plain, max_usd=9.0, policy=few)))


def fused(new: Plan, plain: Rules) -> Iterator[Plan]:
    """What the fuses hold."""
    often = tuple(make_right(make_training(seed=n), ClosingKind.CREATED) for n in range(5))
    yield review(new, replace(plain, rights=often))
    two = make_desired(TRAINING, make_training("b", seed=1))
    both = review(
        plan_for(two, make_observed(endpoint=GATEWAY)), replace(plain, fuses=Fuses(jobs_per_pass=1))
    )
    yield told_of(TRAINING, both)
