"""Spending with nobody asked: a clean checkout, and a budget."""

from __future__ import annotations

from reconciler.cost import dollars
from reconciler.plan import Create, Plan, Reason
from reconciler.plan.remedies import limit_for
from reconciler.policy.rules import Refusal, Refusals, Rules, make_it


def clean_checkout(plan: Plan, rules: Rules) -> Refusals:
    """What is spent must trace to a commit."""
    if rules.is_attended or rules.allow_dirty or not plan.revision.is_dirty:
        return
    message = (
        "the checkout has changes that no commit holds, and nobody is asked before money is spent"
    )
    for create in plan.creates:
        remedy = f"commit them, or: {_unattended(create, plan, rules)} --allow-dirty"
        yield create, Refusal(Reason.UNCLEAN_CHECKOUT, message, remedy)


def has_budget(plan: Plan, rules: Rules) -> Refusals:
    """Somebody must have set a limit."""
    if rules.is_attended or rules.pass_usd is not None:
        return
    message = f"{dollars(plan.usd)} would be spent with nobody asked and no budget set"
    for create in plan.creates:
        one = _unattended(create, plan, rules)
        remedy = f"set spec.budget.per_pass in reconciler.yaml, or: {one}"
        yield create, Refusal(Reason.NO_BUDGET, message, remedy)


def _unattended(create: Create, plan: Plan, rules: Rules) -> str:
    """The command that makes one training with nobody asked."""
    return make_it(create, plan, rules, limit_for(create.estimate.usd or 0))
