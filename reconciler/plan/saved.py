"""A plan that was saved: carried out exactly, or not at all.

What counts is what was decided for the run keys it names. Time, the commit and other people's jobs
don't; a price, a policy or a job of one of these keys does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256

from pydantic import TypeAdapter, ValidationError

from reconciler.cost import dollars
from reconciler.errors import StalePlan, UsageError
from reconciler.plan.model import Cancel, Create, Plan, plan_to_json
from reconciler.plan.narrow import Agreed, narrowed

SAVED_VERSION = 1


@dataclass(frozen=True)
class SavedPlan:
    """A plan and what it was asked for.

    Attributes:
        plan: all of it, as it was reviewed.
        folders: spec files or folders that were named instead of the Project's, from the root.
        targets, labels, retry: which specs it may act on.
        digest: SHA-256 of the plan as it was saved: what was reviewed is what is carried out.
    """

    plan: Plan
    folders: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    retry: tuple[str, ...] = ()
    digest: str = ""
    kind: str = "saved-plan"
    schema_version: int = SAVED_VERSION


def saved_to_json(saved: SavedPlan) -> str:
    """A saved plan as JSON, sealed; ``saved_from_json`` gives an equal one."""
    return _adapter().dump_json(sealed(saved), indent=2).decode() + "\n"


def sealed(saved: SavedPlan) -> SavedPlan:
    """The same, with the digest of its plan."""
    return replace(saved, digest=sha256(plan_to_json(saved.plan).encode()).hexdigest())


def saved_from_json(text: str, name: str) -> SavedPlan:
    """The saved plan in a file. Raises UsageError if it holds none that this version can read."""
    try:
        saved = _adapter().validate_json(text)
    except ValidationError as error:
        message = f"{name} holds no plan of this version of reconcile; make one: plan --out {name}"
        raise UsageError(message) from error
    if (saved.kind, saved.schema_version) != ("saved-plan", SAVED_VERSION):
        message = f"{name} holds a {saved.kind} of version {saved.schema_version}, not a saved plan"
        raise UsageError(message)
    if sealed(saved) != saved:
        message = f"{name} was changed after it was saved; make it anew: plan --out {name}"
        raise UsageError(message)
    return saved


@cache
def _adapter() -> TypeAdapter[SavedPlan]:
    return TypeAdapter(SavedPlan)


def exactly(saved: Plan, now: Plan) -> Plan:
    """What was saved, as it is decided now; nothing beyond it.

    Raises:
        StalePlan: for one of its keys the decision would now be another; says which and how.
    """
    others = list(_others(saved, now))
    if others:
        raise StalePlan(
            "this plan can't be carried out as it was saved, and nothing was done: "
            + "; ".join(others)
        )
    return narrowed(now, agreed_to(saved))


def agreed_to(saved: Plan) -> Agreed:
    """What a saved plan allows."""
    return Agreed(
        creates=frozenset(create.key for create in (*saved.creates, *saved.later)),
        cancels=frozenset(a.job_id for a in saved.actions if isinstance(a, Cancel)),
        resources=frozenset(resource.key for resource in saved.resources),
    )


def _others(saved: Plan, now: Plan) -> Iterator[str]:
    """Each decision that is another by now, in a clause."""
    for what, before, after in (
        ("the owner", saved.owner, now.owner),
        ("the endpoint", saved.endpoint.label, now.endpoint.label),
    ):
        if before != after:
            yield f"{what} was {before} and is {after}"
    yield from _other_creates(saved.creates, now.creates, now)
    yield from _other_creates(saved.later, now.later, now)
    cancelled = {action.job_id for action in now.actions if isinstance(action, Cancel)}
    for action in saved.actions:
        if isinstance(action, Cancel) and action.job_id not in cancelled:
            yield f"{', '.join(action.used_by)}: {action.job_id} is not to be cancelled any more"


def _other_creates(saved: Iterable[Create], now: Iterable[Create], plan: Plan) -> Iterator[str]:
    by_key = {create.key: create for create in now}
    for create in saved:
        if clause := _other(create, by_key.get(create.key), plan):
            yield f"{create.training.name}: {clause}"


def _other(saved: Create, now: Create | None, plan: Plan) -> str:
    if now is None:
        return f"it would not be trained now: {_standing(saved, plan)}"
    if now.attempt != saved.attempt:
        return f"attempt {saved.attempt} was planned, and attempt {now.attempt} is due"
    if now.reason != saved.reason:
        return f"it was to be trained for {saved.reason}, and is for {now.reason}"
    if now.base != saved.base:
        return f"it was to start from {saved.base}, and would from {now.base}"
    if now.estimate.usd != saved.estimate.usd:
        return f"it cost {_price(saved)}, and costs {_price(now)}"
    return ""


def _standing(saved: Create, plan: Plan) -> str:
    """How the training stands now; a spec that changed asks for another."""
    resource = plan.by_key.get(saved.key)
    told = resource.condition if resource else None
    return f"{told.reason}, {told.message}" if told else "no spec asks for this training"


def _price(create: Create) -> str:
    return (
        "a price that nobody knows" if create.estimate.usd is None else dollars(create.estimate.usd)
    )
