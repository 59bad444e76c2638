"""How money, epochs and what a plan holds are written, the same in every format."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

from reconciler.cost import Estimate, dollars
from reconciler.dataset.facts import DatasetFacts
from reconciler.diff import ABSENT, FieldChange
from reconciler.plan import Create, Duplicate, Plan, Reason, Resource, remedies
from reconciler.report.plain import counted, plain
from reconciler.state import Health, Sync

FORCES = "forces a new training"
AUTO = "auto"
UNNEEDED_REMEDY = "cancel what is not wanted in the dashboard, or bring its spec back"


def why(create: Create, plan: Plan) -> str:
    """The reason of a create, in the words of its condition."""
    resource = plan.by_key.get(create.key)
    return plain(resource.condition.message if resource else create.reason)


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
    return plain(remedies.made_twice(duplicate.used_by, duplicate.jobs))


def unfreeze(plan: Plan) -> str:
    """What a person does about trainings that were made twice."""
    return f"nothing is created until this is done: {remedies.unfreeze(plan.endpoint)}"


def to_prune(plan: Plan) -> str:
    """The command that shows what nothing needs any more."""
    return remedies.command(plan.endpoint, "prune", "--dry-run")


def days(plan: Plan, day: str, *, is_last: bool = False) -> str:
    """``2027-01-14, 53 days``; what is past says so. ``is_last``: the day itself still counts."""
    left = (date.fromisoformat(day) - datetime.fromtimestamp(plan.taken_at, UTC).date()).days
    if left == 0 and is_last:
        return f"{day}, today"
    return f"{day}, {counted(left, 'day')}" if left > 0 else f"{day}, which is past"


def serves_until(create: Create, plan: Plan) -> str:
    """The last day of the model that a create makes; empty if none is known."""
    resource = plan.by_key.get(create.key)
    return days(plan, resource.serves_until) if resource and resource.serves_until else ""


def retires(resource: Resource, plan: Plan) -> str:
    """``serves until 2027-01-14, 53 days``, of a model whose last day is near; else empty."""
    is_near = resource.condition.health is Health.RETIRING and resource.serves_until
    return f"serves until {days(plan, resource.serves_until)}" if is_near else ""


def calendar(plan: Plan) -> Iterator[str]:
    """The endpoint's last day for new jobs, if it has announced one."""
    if plan.last_create:
        yield f"new jobs until {days(plan, plan.last_create, is_last=True)}"


def bases_until(plan: Plan) -> Iterator[str]:
    """The last day of each base, and of all that is trained on it: a line a day."""
    ends = {(r.serves_until, plain(r.model)) for r in plan.resources if r.serves_until}
    for day in sorted({day for day, _ in ends}):
        bases = ", ".join(sorted(base for until, base in ends if until == day))
        yield f"models on {bases} serve until {days(plan, day)}"


def after_parent(create: Create) -> str:
    """What a training of a chain waits for."""
    parent = create.training.parent
    return f"once {plain(parent.name)} is trained" if parent else ""


def age(plan: Plan, since: int | None) -> str:
    """How long something has been so, in its largest unit: ``45 s``, ``3 h``, ``12 d``."""
    if since is None:
        return "-"
    seconds = max(0, plan.taken_at - since)
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def cost(resource: Resource) -> str:
    """What a resource's job was billed; with ``~`` what it is expected to be."""
    if resource.usd is None:
        return "-"
    return f"{'' if resource.is_billed else '~'}{dollars(resource.usd)}"


def next_step(resource: Resource) -> str:
    """What a person does next, in a word or two; ``-`` for nothing."""
    condition = resource.condition
    if condition.reason == Reason.RETIRING:
        return f"replace by {resource.serves_until}"
    if condition.sync is Sync.IN_SYNC and condition.health is Health.MISSING:
        return "-"
    return _NEXT.get(condition.reason, "below" if condition.remedy else "-")


_NEXT: dict[str, str] = {
    Reason.NOT_TRAINED: "apply",
    Reason.SPEC_CHANGED: "apply",
    Reason.RETRY_TRANSIENT: "apply",
    Reason.RETRY_ASKED: "apply",
    Reason.RETRY_REFUSAL: "apply",
    Reason.RETRAIN_DRIFT: "apply",
    Reason.DOUBT_SETTLED: "apply",
    Reason.AWAITING_PARENT: "apply again",
    Reason.TRAINING: "wait",
    Reason.BACKING_OFF: "wait",
    Reason.MODEL_DELETED: "retry",
    Reason.JOB_CANCELLED: "retry",
    Reason.JOB_PAUSED: "resume",
    Reason.FOREIGN_JOB: "adopt",
    Reason.FROZEN: "unfreeze",
}


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
