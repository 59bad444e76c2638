"""A plan in one sentence, the number that matters first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reconciler.cost import dollars, total_usd
from reconciler.plan import Cancel, Plan, Reason, Resource
from reconciler.plan.prune import Kept, Pruning
from reconciler.report.plain import counted, listed, number
from reconciler.state import Health, Sync

TROUBLE = ("failed", "held", "drifted")
"""What a resource that needs somebody is called."""


def standing(resource: Resource) -> str:
    """A resource in one word: what the plan, the status and the counts call it."""
    condition = resource.condition
    if condition.health in _ALWAYS:
        return _ALWAYS[condition.health]
    if condition.sync is Sync.DRIFTED:
        return "drifted"
    if condition.health is not Health.MISSING:
        return "ready"
    if condition.sync is Sync.IN_SYNC:
        return "ignored"
    return "waiting" if condition.reason == Reason.AWAITING_PARENT else "to train"


def drifted(plan: Plan) -> tuple[Resource, ...]:
    """The resources that moved and no commit explains it, in whatever health."""
    return tuple(r for r in plan.resources if r.condition.sync is Sync.DRIFTED)


_ALWAYS = {
    Health.HELD: "held",
    Health.FAILED: "failed",
    Health.SUSPENDED: "suspended",
    Health.PROGRESSING: "under way",
}


def summary_line(plan: Plan) -> str:
    """``Plan: 2 to train for $0.61 (122,010 tokens trained), 3 files to upload, 1 held.``"""
    frozen = " Creates are frozen." if plan.duplicates else ""
    if plan.deletes:
        return f"Prune: {', '.join(_writes(plan))}."
    if not plan.resources:
        return f"Nothing to do: no spec is selected.{frozen}"
    count = Counter(map(standing, plan.resources))
    if plan.writes:
        return f"Plan: {', '.join([*_writes(plan), *_standings(count)])}.{frozen}"
    is_well = not (frozen or any(count[word] for word in TROUBLE))
    return f"Nothing to {'do' if is_well else 'train'}: {', '.join(_standings(count))}.{frozen}"


def prune_line(pruning: Pruning) -> str:
    """``Prune: 2 models to delete, 1 file to delete; 3 more in the next run.``"""
    more = f"; {number(pruning.more)} more in the next run" if pruning.more else ""
    told = ", ".join(_writes(pruning.plan))
    return f"Prune: {told}{more}." if told else "Nothing to prune."


def kept(objects: Kept) -> str:
    """``2 models of titles, triage``."""
    names = f" of {listed(objects.names)}" if objects.names else ""
    return f"{counted(objects.count, objects.what)}{names}"


def trained_tokens(plan: Plan) -> int:
    """The billable tokens of all creates."""
    return sum(create.estimate.trained_tokens for create in plan.creates)


def superfluous(plan: Plan) -> tuple[Cancel, ...]:
    """The live jobs that are to be cancelled."""
    return tuple(action for action in plan.actions if isinstance(action, Cancel))


def _writes(plan: Plan) -> Iterator[str]:
    if plan.creates:
        yield f"{number(len(plan.creates))} to train {_cost(plan)}"
    if plan.uploads:
        yield f"{counted(len(plan.uploads), 'file')} to upload"
    if cancels := superfluous(plan):
        yield f"{counted(len(cancels), 'duplicate')} to cancel"
    if plan.later:
        both = total_usd([create.estimate for create in (*plan.creates, *plan.later)])
        yield f"{number(len(plan.later))} after that ({dollars(both)} in all)"
    for what in ("model", "file"):
        if count := sum(delete.what == what for delete in plan.deletes):
            yield f"{counted(count, what)} to delete"


def _cost(plan: Plan) -> str:
    unknown = sum(create.estimate.usd is None for create in plan.creates)
    tokens = f"({counted(trained_tokens(plan), 'token')} trained)"
    if unknown == len(plan.creates):
        return f"at a price that isn't known {tokens}"
    more = f", not counting {unknown} of unknown price" if unknown else ""
    return f"for {dollars(plan.usd)}{more} {tokens}"


def _standings(count: Counter[str]) -> Iterator[str]:
    for word in ("under way", *TROUBLE, "waiting", "suspended", "ignored"):
        if count[word]:
            yield f"{number(count[word])} {word}"
    if count["ready"]:
        yield f"{counted(count['ready'], 'model')} ready"
