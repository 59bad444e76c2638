"""A plan in one sentence, the number that matters first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reconciler.cost import dollars
from reconciler.plan import Cancel, Plan, Resource
from reconciler.report.plain import counted, number
from reconciler.state import Health, Sync

TROUBLE = ("failed", "held", "drifted")
"""What a resource that needs somebody is called."""


def standing(resource: Resource) -> str:
    """A resource in one word: ready, under way, failed, held, drifted, or to train."""
    if resource.condition.sync is Sync.DRIFTED:
        return "drifted"
    words = {
        Health.READY: "ready",
        Health.PROGRESSING: "under way",
        Health.FAILED: "failed",
        Health.HELD: "held",
        Health.MISSING: "to train",
    }
    return words[resource.condition.health]


def summary_line(plan: Plan) -> str:
    """``Plan: 2 to train for $0.61 (122,010 tokens trained), 3 files to upload, 1 held.``"""
    frozen = " Creates are frozen." if plan.duplicates else ""
    if not plan.resources:
        return f"Nothing to do: no spec is selected.{frozen}"
    count = Counter(map(standing, plan.resources))
    if plan.writes:
        return f"Plan: {', '.join([*_writes(plan), *_standings(count)])}.{frozen}"
    is_well = not (frozen or any(count[word] for word in TROUBLE))
    return f"Nothing to {'do' if is_well else 'train'}: {', '.join(_standings(count))}.{frozen}"


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


def _cost(plan: Plan) -> str:
    unknown = sum(create.estimate.usd is None for create in plan.creates)
    tokens = f"({counted(trained_tokens(plan), 'token')} trained)"
    if unknown == len(plan.creates):
        return f"at a price that isn't known {tokens}"
    more = f", not counting {unknown} of unknown price" if unknown else ""
    return f"for {dollars(plan.usd)}{more} {tokens}"


def _standings(count: Counter[str]) -> Iterator[str]:
    for word in ("under way", *TROUBLE):
        if count[word]:
            yield f"{number(count[word])} {word}"
    if count["ready"]:
        yield f"{counted(count['ready'], 'model')} ready"
