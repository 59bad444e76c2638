"""How money, epochs and what a plan holds are written, the same in every format."""

from __future__ import annotations

from reconciler.cost import Estimate, dollars
from reconciler.dataset.facts import DatasetFacts
from reconciler.diff import ABSENT, FieldChange
from reconciler.plan import Create, Duplicate, Plan
from reconciler.plan.remedies import command
from reconciler.report.plain import counted, listed, plain

FORCES = "forces a new training"
AUTO = "auto"


def why(create: Create, plan: Plan) -> str:
    """The reason of a create, in the words of its condition."""
    told = (r.condition.message for r in plan.resources if r.key == create.key)
    return plain(next(told, create.reason))


def price(estimate: Estimate) -> str:
    """``$0.42``, or that nobody knows."""
    return "price unknown" if estimate.usd is None else dollars(estimate.usd)


def arithmetic(estimate: Estimate) -> str:
    """``84,120 tokens x 3 epochs (expected) x $5.00 / 1M``: how the price came about."""
    expected = " (expected)" if estimate.is_default else ""
    epochs = f"{counted(estimate.epochs, 'epoch')}{expected}"
    rate = "" if estimate.price is None else f" x {dollars(estimate.price)} / 1M"
    return f"{counted(estimate.tokens, 'token')} x {epochs}{rate}"


def unpriced(create: Create) -> str:
    """What to do about a create whose price nobody knows."""
    model = plain(create.training.model)
    return f"set the price of {model} under spec.prices in reconciler.yaml"


def epochs(declared: object, expected: Estimate | None) -> str:
    """``3``, ``auto (10 expected)``, or ``auto`` where there is no estimate."""
    if declared not in (None, AUTO):
        return str(declared)
    return f"{AUTO} ({expected.epochs} expected)" if expected else AUTO


def data(facts: DatasetFacts) -> str:
    """``specs/data/a.jsonl (30 examples, 5,120 tokens)``."""
    tokens = f", {counted(facts.tokens, 'token')}" if facts.encoding else ""
    return f"{plain(facts.path)} ({counted(facts.examples, 'example')}{tokens})"


def sides(change: FieldChange) -> tuple[str, str]:
    """Before and after for people; a hyperparameter that isn't written is "auto"."""
    absent = AUTO if change.field.startswith("hyperparameters.") else ABSENT
    before, after = (
        absent if side == ABSENT else plain(side) for side in (change.before, change.after)
    )
    return before, after


def made_twice(duplicate: Duplicate) -> str:
    """``triage: ftjob-1 and ftjob-2 are one training, made twice``."""
    jobs = " and ".join(map(plain, duplicate.jobs))
    return f"{listed(duplicate.used_by)}: {jobs} are one training, made more than once"


def unfreeze(plan: Plan) -> str:
    """What a person does about trainings that were made twice."""
    return (
        "nothing is created until somebody has looked at them and cancelled what is not wanted; "
        f"then: {command(plan.endpoint, 'unfreeze')}"
    )


def running_bill(create: Create) -> str:
    """That an earlier job of the same name still runs, with both bills; empty if none does."""
    difference = create.difference
    if difference is None or not difference.earlier_alive:
        return ""
    told = f"{plain(difference.earlier_job)} still runs and is left to end"
    if create.earlier_usd is None:
        return f"{told}: its bill, which isn't known, comes on top"
    if create.estimate.usd is None:
        return f"{told}: its bill, {dollars(create.earlier_usd)}, comes on top"
    both = dollars(create.earlier_usd + create.estimate.usd)
    return f"{told}: its bill, {dollars(create.earlier_usd)}, comes on top ({both} for both)"
