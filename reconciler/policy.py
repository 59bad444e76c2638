"""Review of a plan: a policy takes actions away, each with a refusal; it never adds one.

Each rule answers for one create, or for the whole pass, and names the figure and the way out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from reconciler.catalog import Catalog, base_name
from reconciler.cost import dollars
from reconciler.plan import Action, Create, Plan, Reason, Resource, Upload
from reconciler.state import Condition, Health, Sync


@dataclass(frozen=True)
class Rules:
    """The limits of a pass.

    Attributes:
        catalog: for the endpoint's calendar.
        today: the day by the server's clock.
        shutdown: model -> the endpoint's own word on its last day (``YYYY-MM-DD``).
        max_usd: the most that all creates of the pass may cost; None for no limit.
        is_attended: whether a person approves, or nothing can cost money (embedded sandbox).
        allow_dirty: whether an unclean checkout may spend unattended.
    """

    catalog: Catalog
    today: date
    shutdown: Mapping[str, str]
    max_usd: float | None
    is_attended: bool
    allow_dirty: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a create may not happen: a word, a sentence with the figure, the way out."""

    reason: Reason
    message: str
    remedy: str


PassRule = Callable[[Plan, Rules], Refusal | None]
CreateRule = Callable[[Create, Plan, Rules], Refusal | None]


def review(plan: Plan, rules: Rules) -> Plan:
    """The plan without what the rules refuse; its resources say why. Never a larger plan."""
    refused = {create.key: r for create in plan.creates if (r := _refuse(create, plan, rules))}
    plan = _without(plan, refused)
    for rule in _PASS_RULES:
        if plan.creates and (refusal := rule(plan, rules)):
            plan = _without(plan, {create.key: refusal for create in plan.creates})
    return plan


def _refuse(create: Create, plan: Plan, rules: Rules) -> Refusal | None:
    return next((r for rule in _CREATE_RULES if (r := rule(create, plan, rules))), None)


# ---- rules for one create ----------------------------------------------------------------------


def _calendar(create: Create, plan: Plan, rules: Rules) -> Refusal | None:
    model = create.training.model
    ends = _last_day(model, plan, rules)
    if ends and ends <= rules.today:
        return Refusal(
            Reason.PAST_DATE,
            f"{model} was shut down at this endpoint on {ends}",
            "choose a base that is still there",
        )
    row = rules.catalog.endpoint(plan.endpoint.base_url)
    if row and row.last_create < rules.today:
        return Refusal(
            Reason.PAST_DATE,
            f"{row.name} takes no new trainings since {row.last_create}",
            "use another endpoint; trained models go on until their base is shut down",
        )
    return None


def _last_day(model: str, plan: Plan, rules: Rules) -> date | None:
    """The endpoint's live word first, then the catalog's row for this endpoint."""
    live = (_read_date(rules.shutdown.get(name, "")) for name in (model, base_name(model)))
    if told := [day for day in live if day]:
        return min(told)
    endpoint = rules.catalog.endpoint(plan.endpoint.base_url)
    base = rules.catalog.base(model)
    return base.shutdown.get(endpoint.name) if endpoint and base else None


def _read_date(text: str) -> date | None:
    """The day in an endpoint's answer; what is none doesn't stop a pass."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


_CREATE_RULES: tuple[CreateRule, ...] = (_calendar,)

# ---- rules for the whole pass ------------------------------------------------------------------


def _clean_checkout(plan: Plan, rules: Rules) -> Refusal | None:
    if rules.is_attended or rules.allow_dirty or not plan.revision.is_dirty:
        return None
    return Refusal(
        Reason.UNCLEAN_CHECKOUT,
        "the checkout has changes that no commit holds, and nobody is asked before money is spent",
        "commit them, or give --allow-dirty",
    )


def _has_budget(plan: Plan, rules: Rules) -> Refusal | None:
    if rules.is_attended or rules.max_usd is not None:
        return None
    return Refusal(
        Reason.NO_BUDGET,
        f"{dollars(plan.usd)} would be spent with nobody asked and no budget set",
        "give --max-cost USD, or set spec.budget.per_pass in reconciler.yaml",
    )


def _within_budget(plan: Plan, rules: Rules) -> Refusal | None:
    if rules.max_usd is None:
        return None
    unpriced = [create.training.model for create in plan.creates if create.estimate.usd is None]
    if unpriced:
        return Refusal(
            Reason.OVER_BUDGET,
            f"the budget is {dollars(rules.max_usd)} and nobody knows the price of {unpriced[0]}",
            "set its price under spec.prices in reconciler.yaml",
        )
    if plan.usd <= rules.max_usd:
        return None
    excess = dollars(plan.usd - rules.max_usd)
    return Refusal(
        Reason.OVER_BUDGET,
        f"{dollars(plan.usd)} for {_trainings(plan)} is {excess} over the budget of "
        f"{dollars(rules.max_usd)}",
        "raise --max-cost or spec.budget.per_pass, or choose with --target",
    )


def _trainings(plan: Plan) -> str:
    return f"{len(plan.creates)} training{'s' if len(plan.creates) > 1 else ''}"


_PASS_RULES: tuple[PassRule, ...] = (_clean_checkout, _has_budget, _within_budget)

# ---- taking away -------------------------------------------------------------------------------


def _without(plan: Plan, refused: Mapping[str, Refusal]) -> Plan:
    if not refused:
        return plan
    kept = [a for a in plan.actions if not (isinstance(a, Create) and a.key in refused)]
    return replace(
        plan,
        actions=tuple(_needed(kept)),
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
