"""Something was trained twice, and nobody has said that they know."""

from __future__ import annotations

from reconciler.plan import Plan, Reason
from reconciler.plan.remedies import made_twice, unfreeze
from reconciler.policy.rules import Refusal, Refusals, Rules

SHOWN = 3
"""How many trainings that were made twice a message names."""


def frozen(plan: Plan, _rules: Rules) -> Refusals:
    """Whatever made a second job may make a third one: a person looks first."""
    if plan.duplicates:
        shown = "; ".join(made_twice(d.used_by, d.jobs) for d in plan.duplicates[:SHOWN])
        more = len(plan.duplicates) - SHOWN
        message = f"creates are frozen: {shown}{f'; and {more} more' if more > 0 else ''}"
        for create in plan.creates:
            yield create, Refusal(Reason.FROZEN, message, unfreeze(plan.endpoint))
