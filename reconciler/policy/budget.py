"""The expected bill: of one training, of the whole pass, of the month; and who must say yes to it.

A training of a chain that can't be sent yet counts as well: who pays for a parent wants the child.
"""

from __future__ import annotations

from reconciler.cost import USD_DIGITS, closely, total_usd
from reconciler.plan import Create, Plan, Reason
from reconciler.plan.remedies import command, limit_for
from reconciler.policy.rules import (
    Refusal,
    Refusals,
    Rules,
    asked_for,
    first_in_line,
    make_it,
    plan_it,
    same_again,
)

SHOWN = 3
"""Jobs that are named where many stand in the way."""


def per_job(plan: Plan, rules: Rules) -> Refusals:
    """One training too dear."""
    most = rules.budget.per_job
    for create in asked_for(plan) if most is not None else ():
        usd = create.estimate.usd
        if most is None or (usd is not None and usd <= most):
            continue
        told = _unpriced_words(create) if usd is None else f"{closely(usd)} is expected"
        message = f"{told}, and spec.budget.per_job in reconciler.yaml allows {closely(most)}"
        remedy = f"train on less, or have the limit raised; then: {plan_it(create, plan)}"
        yield create, Refusal(Reason.OVER_BUDGET, message, _priced(create, plan, remedy))


def per_pass(plan: Plan, rules: Rules) -> Refusals:
    """All trainings of the pass together too dear, or one of unknown price among them."""
    most = rules.pass_usd
    if most is None:
        return
    if unpriced := _unpriced(plan):
        yield from _nobody_knows(unpriced, "the budget", most, plan)
    elif _usd(plan) > most:
        yield from _over_pass(most, plan, rules)


def per_month(plan: Plan, rules: Rules) -> Refusals:
    """The pass on top of what was billed since the month began."""
    most = rules.budget.per_month
    if most is None:
        return
    if unpriced := _unpriced(plan):
        yield from _nobody_knows(unpriced, "spec.budget.per_month", most, plan)
    elif plan.unbilled:
        yield from _unknown_month(most, plan)
    elif _usd(plan) > round(most - plan.billed_usd, USD_DIGITS):
        yield from _over_month(most, plan)


def approval(plan: Plan, rules: Rules) -> Refusals:
    """A sum that a person has to say yes to, whatever else allows it."""
    above = rules.budget.approval_above
    unpriced = _unpriced(plan)
    if rules.is_attended or above is None or (_usd(plan) <= above and not unpriced):
        return
    known = f"{closely(_usd(plan))} for {_trainings(plan)}"
    message = (
        f"{_unpriced_words(unpriced) if unpriced else known}, and spec.budget.approval_above in "
        f"reconciler.yaml wants a person's yes above {closely(above)}"
    )
    for create in first_in_line(plan):
        remedy = (
            f"on a terminal, where you are asked: {command(plan.endpoint, *same_again(create))}"
        )
        yield create, Refusal(Reason.NEEDS_APPROVAL, message, remedy)


# ---- sums and words ------------------------------------------------------------------------------


def _usd(plan: Plan) -> float:
    return total_usd([create.estimate for create in asked_for(plan)])


def _unpriced(plan: Plan) -> Create | None:
    return next((c for c in asked_for(plan) if c.estimate.usd is None), None)


def _unpriced_words(create: Create) -> str:
    return f"nobody knows the price of {create.training.model}"


def _priced(create: Create, plan: Plan, otherwise: str) -> str:
    if create.estimate.usd is not None:
        return otherwise
    then = plan_it(create, plan)
    return f"set its price under spec.prices in reconciler.yaml, then: {then}"


def _nobody_knows(unpriced: Create, name: str, most: float, plan: Plan) -> Refusals:
    message = f"{name} is {closely(most)} and {_unpriced_words(unpriced)}"
    for create in first_in_line(plan):
        remedy = (
            f"set its price under spec.prices in reconciler.yaml, then: {plan_it(create, plan)}"
        )
        yield create, Refusal(Reason.OVER_BUDGET, message, remedy)


def _unknown_month(most: float, plan: Plan) -> Refusals:
    jobs = " and ".join(plan.unbilled[:SHOWN])
    more = f" and {len(plan.unbilled) - SHOWN} more" if len(plan.unbilled) > SHOWN else ""
    message = f"spec.budget.per_month is {closely(most)} and nobody knows the bill of {jobs}{more}"
    for create in first_in_line(plan):
        remedy = (
            "set the price of its base under spec.prices in reconciler.yaml, or wait until the "
            f"service tells it, or for the next month (UTC); then: {plan_it(create, plan)}"
        )
        yield create, Refusal(Reason.OVER_BUDGET, message, remedy)


def _over_month(most: float, plan: Plan) -> Refusals:
    message = (
        f"{closely(_usd(plan))} for {_trainings(plan)} on top of {closely(plan.billed_usd)} "
        f"since the month began is more than spec.budget.per_month, {closely(most)}"
    )
    for create in first_in_line(plan):
        remedy = (
            "wait for the next month (UTC), or have the limit in reconciler.yaml raised; then: "
            f"{plan_it(create, plan)}"
        )
        yield create, Refusal(Reason.OVER_BUDGET, message, remedy)


def _over_pass(most: float, plan: Plan, rules: Rules) -> Refusals:
    message = (
        f"{closely(_usd(plan))} for {_trainings(plan)} is {closely(_usd(plan) - most)} over the "
        f"budget of {closely(most)}"
    )
    for create in first_in_line(plan):
        is_ours = rules.budget.per_pass == most
        way_out = _within_project if is_ours else _within_max_cost
        yield create, Refusal(Reason.OVER_BUDGET, message, way_out(create, plan, rules))


def _within_project(create: Create, plan: Plan, rules: Rules) -> str:
    """What to do about the Project's limit, which no option goes past."""
    usd, most = create.estimate.usd or 0, rules.budget.per_pass or 0
    is_a_choice = len(asked_for(plan)) > 1 and usd <= most
    choice = f", or choose: {make_it(create, plan, rules)}" if is_a_choice else ""
    then = "" if is_a_choice else f"; then: {plan_it(create, plan)}"
    return f"have spec.budget.per_pass in reconciler.yaml raised{choice}{then}"


def _within_max_cost(create: Create, plan: Plan, rules: Rules) -> str:
    """What to do about the limit of the command line."""
    one = make_it(create, plan, rules, limit_for(create.estimate.usd or 0))
    is_one = len(asked_for(plan)) == 1
    return f"give a higher limit: {one}{'' if is_one else f'; for all: {limit_for(_usd(plan))}'}"


def _trainings(plan: Plan) -> str:
    count = len(asked_for(plan))
    return f"{count} training{'s' if count > 1 else ''}"
