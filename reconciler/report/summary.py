"""A plan in one sentence, the number that matters first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from reconciler.cost import dollars, total_usd
from reconciler.plan import Cancel, Create, Orphan, Plan, Reason, Resource
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
    if condition.health is Health.PROGRESSING:
        return "under way"
    if condition.health is not Health.MISSING:
        return "ready"
    if condition.sync is Sync.IN_SYNC:
        return "ignored"
    return "waiting" if condition.reason == Reason.AWAITING_PARENT else "to train"


def drift_line(plan: Plan) -> str:
    """``Drift: 2 resources.``"""
    count = len(drifted(plan)) + len(unneeded(plan))
    return f"Drift: {counted(count, 'resource')}." if count else "No drift."


def drifted(plan: Plan) -> tuple[Resource, ...]:
    """The resources that moved and no commit explains it, in whatever health."""
    return tuple(r for r in plan.resources if r.condition.sync is Sync.DRIFTED)


def unneeded(plan: Plan) -> tuple[Orphan, ...]:
    """The jobs that run, and are paid for, though no spec asks for them."""
    return tuple(orphan for orphan in plan.orphans if orphan.is_drift)


_ALWAYS = {
    Health.HELD: "held",
    Health.FAILED: "failed",
    Health.SUSPENDED: "suspended",
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
        del count["waiting"]  # told with what it waits for
        told = [*_writes(plan), *_standings(count), *_orphans(plan)]
        return f"Plan: {', '.join(told)}.{frozen}"
    is_well = not (frozen or unneeded(plan) or any(count[word] for word in TROUBLE))
    told = [*_standings(count), *_orphans(plan)]
    return f"Nothing to {'do' if is_well else 'train'}: {', '.join(told)}.{frozen}"


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
    if plan.later:
        yield f"then {number(len(plan.later))} more {_cost_in_all(plan)}"
    if plan.uploads:
        yield f"{counted(len(plan.uploads), 'file')} to upload"
    if cancels := superfluous(plan):
        yield f"{counted(len(cancels), 'duplicate')} to cancel"
    for what in ("model", "file"):
        if count := sum(delete.what == what for delete in plan.deletes):
            yield f"{counted(count, what)} to delete"


def _cost(plan: Plan) -> str:
    tokens = f"({counted(trained_tokens(plan), 'token')} trained)"
    if all(create.estimate.usd is None for create in plan.creates):
        return f"at a price that isn't known {tokens}"
    return f"for {dollars(plan.usd)}{_uncounted(plan.creates)} {tokens}"


def _cost_in_all(plan: Plan) -> str:
    both = (*plan.creates, *plan.later)
    told = dollars(total_usd([create.estimate for create in both]))
    return f"({told} in all{_uncounted(both)})"


def _uncounted(creates: Sequence[Create]) -> str:
    unknown = sum(create.estimate.usd is None for create in creates)
    return f", not counting {unknown} of unknown price" if unknown else ""


def _orphans(plan: Plan) -> Iterator[str]:
    if count := len(unneeded(plan)):
        yield f"{counted(count, 'job')} running for no spec"


def _standings(count: Counter[str]) -> Iterator[str]:
    for word in ("under way", *TROUBLE, "waiting", "suspended", "ignored"):
        if count[word]:
            yield f"{number(count[word])} {word}"
    if count["ready"]:
        yield f"{counted(count['ready'], 'model')} ready"
