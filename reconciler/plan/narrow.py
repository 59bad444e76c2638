"""A plan cut down to what was agreed to: a saved plan, or the rest of a chain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from reconciler.plan.model import Action, Cancel, Create, Plan, Upload, Wait


@dataclass(frozen=True)
class Agreed:
    """What may be done, and what is spoken of.

    Attributes:
        creates: run keys of trainings that may be made now, or later.
        cancels: jobs that may be cancelled.
        resources: run keys that are spoken of; None for all.
    """

    creates: frozenset[str] = frozenset()
    cancels: frozenset[str] = frozenset()
    resources: frozenset[str] | None = None

    def is_about(self, key: str) -> bool:
        """Whether a training is spoken of."""
        return self.resources is None or key in self.resources


def narrowed(plan: Plan, agreed: Agreed) -> Plan:
    """The plan without all that nobody agreed to. Never a larger one."""
    return replace(
        plan,
        actions=tuple(_kept(plan, agreed)),
        later=tuple(create for create in plan.later if create.key in agreed.creates),
        resources=tuple(r for r in plan.resources if agreed.is_about(r.key)),
    )


def _kept(plan: Plan, agreed: Agreed) -> Iterator[Action]:
    creates = [create for create in plan.creates if create.key in agreed.creates]
    files = {name for create in creates for name in create.files}
    gone = {n for c in plan.creates if c.key not in agreed.creates for n in c.used_by}
    for action in plan.actions:
        match action:
            case Create() if action.key in agreed.creates:
                yield action
            case Cancel() if action.job_id in agreed.cancels:
                yield action
            case Upload() if action.file_name in files:
                yield replace(action, used_by=tuple(n for n in action.used_by if n not in gone))
            case Wait() if agreed.is_about(action.key):
                yield action
            case _:
                pass
