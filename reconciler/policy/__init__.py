"""Review of a plan: a policy takes actions away, each with a refusal; it never adds one.

Each rule says which creates it refuses, and for each the figure and the command that is the way
out. The rules are asked one after another, each about what those before it have left:

    frozen      something was trained twice, and nobody has said that they know
    dates       the base or the endpoint is past its date, or soon will be
    house       bases, methods, epochs, validation files and labels that the project allows
    fuses       one spec too often in a day; too many jobs in one pass (never the embedded sandbox)
    unattended  a clean checkout, and a budget
    budget      the expected bill: a job, the whole pass, the month; who must say yes to it

What rests on a training that was taken away is taken away with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.plan import Action, Create, Plan, Reason, Resource, Upload
from reconciler.plan.remedies import command
from reconciler.policy import budget, dates, frozen, fuses, house, unattended
from reconciler.policy.rules import Refusal, Refusals, Rule, Rules
from reconciler.state import Condition, Health, Sync

__all__ = ["Refusal", "Refusals", "Rule", "Rules", "review"]

_RULES: tuple[Rule, ...] = (
    frozen.frozen,
    dates.past_date,
    dates.short_lived,
    house.allowed_models,
    house.allowed_methods,
    house.max_epochs,
    house.validation_required,
    house.labels_required,
    fuses.too_often,
    fuses.too_many,
    unattended.clean_checkout,
    unattended.has_budget,
    budget.per_job,
    budget.per_pass,
    budget.per_month,
    budget.approval,
)


def review(plan: Plan, rules: Rules) -> Plan:
    """The plan without what the rules refuse; its resources say why. Never a larger plan."""
    for rule in _RULES:
        refused = {create.key: refusal for create, refusal in rule(plan, rules)}
        plan = _without(plan, _with_children(plan, refused))
    return plan


# ---- taking away -------------------------------------------------------------------------------


def _with_children(plan: Plan, refused: Mapping[str, Refusal]) -> Mapping[str, Refusal]:
    """The refusals, and one for each training that rests on what is refused; parents come first."""
    told = dict(refused)
    for create in plan.later:
        parent = create.training.parent
        if parent and parent.key in told and create.key not in told:
            first = command(plan.endpoint, "describe", parent.name)
            told[create.key] = Refusal(
                Reason.PARENT_NOT_READY,
                f"it starts from {parent.name}, which is refused: {told[parent.key].message}",
                f"see to {parent.name} first: {first}",
            )
    return told


def _without(plan: Plan, refused: Mapping[str, Refusal]) -> Plan:
    if not refused:
        return plan
    kept = [a for a in plan.actions if not (isinstance(a, Create) and a.key in refused)]
    return replace(
        plan,
        actions=tuple(_needed(kept)),
        later=tuple(create for create in plan.later if create.key not in refused),
        resources=tuple(_told(resource, refused) for resource in plan.resources),
    )


def _needed(actions: Iterable[Action]) -> Iterator[Action]:
    """All actions but the uploads that no create is left for."""
    actions = list(actions)
    files = {name for a in actions if isinstance(a, Create) for name in a.files}
    yield from (a for a in actions if not isinstance(a, Upload) or a.file_name in files)


def _told(resource: Resource, refused: Mapping[str, Refusal]) -> Resource:
    refusal = refused.get(resource.key)
    if refusal is None:
        return resource
    condition = Condition(
        Sync.OUT_OF_SYNC, Health.HELD, refusal.reason, refusal.message, refusal.remedy
    )
    return replace(resource, condition=condition)
