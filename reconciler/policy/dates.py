"""The endpoint's calendar: what can't be trained any more, and what would not live long."""

from __future__ import annotations

from reconciler.plan import Create, Plan, Reason
from reconciler.plan.calendar import days_left
from reconciler.plan.remedies import command
from reconciler.policy.rules import Refusal, Refusals, Rules, asked_for, plan_it, same_again


def past_date(plan: Plan, rules: Rules) -> Refusals:
    """The base was shut down, or the endpoint takes no new trainings."""
    for create in asked_for(plan):
        if refusal := _past_date(create, plan, rules):
            yield create, refusal


def _past_date(create: Create, plan: Plan, rules: Rules) -> Refusal | None:
    model, then, calendar = create.training.model, plan_it(create, plan), rules.calendar
    ends = calendar.serves_until(model)
    if ends and calendar.days_until(ends) <= 0:
        return Refusal(
            Reason.PAST_DATE,
            f"{model} was shut down at this endpoint on {ends}",
            f"write a base that is still there, then: {then}",
        )
    last = calendar.last_create
    if last and calendar.days_until(last) < 0:
        row = calendar.catalog.endpoint(plan.endpoint.base_url)
        return Refusal(
            Reason.PAST_DATE,
            f"{row.name if row else 'this endpoint'} takes no new trainings since {last}",
            "models that are trained go on until their base is shut down; for a new one name "
            f"another endpoint in reconciler.yaml, then: {then}",
        )
    return None


def short_lived(plan: Plan, rules: Rules) -> Refusals:
    """A model that would hardly be used is hardly worth its training."""
    least, calendar = rules.policy.min_useful_days, rules.calendar
    if rules.allow_short_lived:
        return
    for create in asked_for(plan):
        ends = calendar.serves_until(create.training.model)
        if ends and calendar.days_until(ends) < least:
            force = (*same_again(create), "--allow-short-lived")
            yield (
                create,
                Refusal(
                    Reason.SHORT_LIVED,
                    f"{create.training.model} serves until {ends}, "
                    f"{days_left(calendar.days_until(ends))}, and spec.policy.min_useful_days in "
                    f"reconciler.yaml asks for {least}",
                    f"choose a base that lives longer, or: {command(plan.endpoint, *force)}",
                ),
            )
