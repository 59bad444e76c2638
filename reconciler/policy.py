"""Review of a plan: a policy takes actions away, each with a refusal; it never adds one.

Each rule says which creates it refuses, and for each the figure and the command that is the way
out. The rules are asked one after another, each about what those before it have left:

    frozen      something was trained twice, and nobody has said that they know
    calendar    the base or the endpoint is past its date
    fuses       one spec too often in a day; too many jobs in one pass (never the embedded sandbox)
    unattended  a clean checkout, and a budget
    budget      the expected bill of the whole pass
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from reconciler.catalog import Catalog, base_name
from reconciler.cost import dollars
from reconciler.plan import Action, Create, Duplicate, Plan, Reason, Resource, Upload
from reconciler.plan.remedies import command, limit_for
from reconciler.spec import Fuses
from reconciler.state import ClosingKind, Condition, Health, Right, Sync

DAY = 86_400
TOO_MANY_REQUESTS = 429
SHOWN = 3
"""How many trainings that were made twice a message names."""


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
        fuses: how many jobs a pass, and how often a spec a day.
        rights: the ledger's records for this endpoint: how often a spec was claimed.
        retry: names that a person asked to try again, however often that was.
    """

    catalog: Catalog
    today: date
    shutdown: Mapping[str, str]
    max_usd: float | None
    is_attended: bool
    allow_dirty: bool = False
    fuses: Fuses = field(default_factory=Fuses)
    rights: tuple[Right, ...] = ()
    retry: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Refusal:
    """Why a create may not happen: a word, a sentence with the figure, the way out."""

    reason: Reason
    message: str
    remedy: str


Refusals = Iterator[tuple[Create, Refusal]]
Rule = Callable[[Plan, Rules], Refusals]


def review(plan: Plan, rules: Rules) -> Plan:
    """The plan without what the rules refuse; its resources say why. Never a larger plan."""
    for rule in _RULES:
        refused = {create.key: refusal for create, refusal in rule(plan, rules)}
        plan = _without(plan, refused)
    return plan


# ---- frozen ------------------------------------------------------------------------------------


def _frozen(plan: Plan, _rules: Rules) -> Refusals:
    """Whatever made a second job may make a third one: a person looks first."""
    if plan.duplicates:
        shown = "; ".join(map(_made_twice, plan.duplicates[:SHOWN]))
        more = len(plan.duplicates) - SHOWN
        message = f"creates are frozen: {shown}{f'; and {more} more' if more > 0 else ''}"
        remedy = (
            "look at these jobs, and cancel what is not wanted; then: "
            f"{command(plan.endpoint, 'unfreeze')}"
        )
        for create in plan.creates:
            yield create, Refusal(Reason.FROZEN, message, remedy)


def _made_twice(duplicate: Duplicate) -> str:
    return f"{', '.join(duplicate.used_by)} was trained by {' and '.join(duplicate.jobs)}"


# ---- dates -------------------------------------------------------------------------------------


def _calendar(plan: Plan, rules: Rules) -> Refusals:
    for create in plan.creates:
        if refusal := _past_date(create, plan, rules):
            yield create, refusal


def _past_date(create: Create, plan: Plan, rules: Rules) -> Refusal | None:
    model = create.training.model
    then = command(plan.endpoint, "plan", "--target", create.training.name)
    ends = _last_day(model, plan, rules)
    if ends and ends <= rules.today:
        return Refusal(
            Reason.PAST_DATE,
            f"{model} was shut down at this endpoint on {ends}",
            f"write a base that is still there, then: {then}",
        )
    row = rules.catalog.endpoint(plan.endpoint.base_url)
    if row and row.last_create < rules.today:
        return Refusal(
            Reason.PAST_DATE,
            f"{row.name} takes no new trainings since {row.last_create}",
            "models that are trained go on until their base is shut down; for a new one name "
            f"another endpoint in reconciler.yaml, then: {then}",
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


# ---- fuses -------------------------------------------------------------------------------------


def _too_often(plan: Plan, rules: Rules) -> Refusals:
    """A dataset that is generated anew on every run asks for a new training on every run."""
    if plan.endpoint.is_embedded:
        return
    most = rules.fuses.creates_per_day
    for create in plan.creates:
        claimed = sorted(_claimed(create, plan, rules))
        if len(claimed) >= most and rules.retry.isdisjoint(create.used_by):
            left = claimed[-most] + DAY - plan.taken_at
            yield (
                create,
                Refusal(
                    Reason.TOO_OFTEN,
                    f"it was sent {len(claimed)} times within 24 h, and "
                    f"spec.fuses.creates_per_day in reconciler.yaml allows {most}",
                    "see what changes it so often; if all of it is meant: "
                    f"{command(plan.endpoint, 'retry', create.training.name)}, or raise the fuse; "
                    f"a pass goes on by itself in {left} s",
                ),
            )


def _claimed(create: Create, plan: Plan, rules: Rules) -> Iterator[int]:
    """When a create of the spec was claimed within the last day, but for what surely cost nothing.

    Across keys: it is the name that is counted.
    """
    for right in rules.rights:
        claim, closing = right.claim, right.closing
        is_its = claim.owner == plan.owner and claim.name in create.used_by
        is_void = closing and (
            closing.kind is ClosingKind.NOT_SENT or closing.status == TOO_MANY_REQUESTS
        )
        if is_its and not is_void and claim.at > plan.taken_at - DAY:
            yield claim.at


def _too_many(plan: Plan, rules: Rules) -> Refusals:
    """A pass that wants far more than usual is more likely a mistake than a wish."""
    count, most = len(plan.creates), rules.fuses.jobs_per_pass
    if count <= most or plan.endpoint.is_embedded:
        return
    message = (
        f"{count} new trainings in one pass, and spec.fuses.jobs_per_pass in reconciler.yaml "
        f"allows {most}"
    )
    for create in plan.creates:
        one = command(plan.endpoint, "apply", "--target", create.training.name)
        yield create, Refusal(Reason.TOO_MANY_JOBS, message, f"choose: {one}, or raise the fuse")


# ---- with nobody asked -------------------------------------------------------------------------


def _clean_checkout(plan: Plan, rules: Rules) -> Refusals:
    if rules.is_attended or rules.allow_dirty or not plan.revision.is_dirty:
        return
    message = (
        "the checkout has changes that no commit holds, and nobody is asked before money is spent"
    )
    for create in plan.creates:
        remedy = f"commit them, or: {_unattended(create, plan)} --allow-dirty"
        yield create, Refusal(Reason.UNCLEAN_CHECKOUT, message, remedy)


def _has_budget(plan: Plan, rules: Rules) -> Refusals:
    if rules.is_attended or rules.max_usd is not None:
        return
    message = f"{dollars(plan.usd)} would be spent with nobody asked and no budget set"
    for create in plan.creates:
        remedy = f"set spec.budget.per_pass in reconciler.yaml, or: {_unattended(create, plan)}"
        yield create, Refusal(Reason.NO_BUDGET, message, remedy)


def _unattended(create: Create, plan: Plan) -> str:
    """The command that makes one training with nobody asked."""
    limit = limit_for(create.estimate.usd or 0)
    words = ("apply", "--target", create.training.name, "--auto-approve", limit)
    return command(plan.endpoint, *words)


# ---- budget ------------------------------------------------------------------------------------


def _within_budget(plan: Plan, rules: Rules) -> Refusals:
    if rules.max_usd is None:
        return
    unpriced = [create.training.model for create in plan.creates if create.estimate.usd is None]
    if unpriced:
        yield from _unpriced(unpriced[0], rules.max_usd, plan)
    elif plan.usd > rules.max_usd:
        yield from _over_budget(rules.max_usd, plan)


def _unpriced(model: str, max_usd: float, plan: Plan) -> Refusals:
    message = f"the budget is {dollars(max_usd)} and nobody knows the price of {model}"
    for create in plan.creates:
        then = command(plan.endpoint, "plan", "--target", create.training.name)
        remedy = f"set its price under spec.prices in reconciler.yaml, then: {then}"
        yield create, Refusal(Reason.OVER_BUDGET, message, remedy)


def _over_budget(max_usd: float, plan: Plan) -> Refusals:
    excess = dollars(plan.usd - max_usd)
    message = (
        f"{dollars(plan.usd)} for {_trainings(plan)} is {excess} over the budget of "
        f"{dollars(max_usd)}"
    )
    for create in plan.creates:
        limit = limit_for(create.estimate.usd or 0)
        one = command(plan.endpoint, "apply", "--target", create.training.name, limit)
        remedy = (
            f"raise spec.budget.per_pass in reconciler.yaml if it is the limit, or choose: {one}"
        )
        yield create, Refusal(Reason.OVER_BUDGET, message, remedy)


def _trainings(plan: Plan) -> str:
    return f"{len(plan.creates)} training{'s' if len(plan.creates) > 1 else ''}"


_RULES: tuple[Rule, ...] = (
    _frozen,
    _calendar,
    _too_often,
    _too_many,
    _clean_checkout,
    _has_budget,
    _within_budget,
)

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
