"""`reconcile prune`: delete what nothing needs any more. It looks twice, and asks between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.apply import Outcome, apply
from reconciler.engine.passes import (
    Request,
    Scene,
    Tell,
    World,
    decide,
    effects,
    loaded_by,
    told,
)
from reconciler.observe import observe, prove_absence
from reconciler.plan import Reason
from reconciler.plan.guards import guard_checkout, guard_sight
from reconciler.plan.prune import REASONS, Asked, Pruning, agreed, make_pruning, questions
from reconciler.resolve import resolve
from reconciler.spec import Prune

Agree = Callable[[Pruning], bool]


@dataclass(frozen=True)
class PruneRequest:
    """What a caller asks of a prune.

    Attributes:
        root: the project root.
        names: specs whose objects alone it is about, and may go whatever they said; empty for all.
        only: the reasons to go by.
        keep, per_run: instead of the Project's; None for those.
    """

    root: Path
    names: frozenset[str] = frozenset()
    only: frozenset[Reason] = frozenset(REASONS)
    keep: int | None = None
    per_run: int | None = None


@dataclass(frozen=True)
class Pruned:
    """What a prune saw and did; ``is_approved`` is False where somebody said no."""

    pruning: Pruning
    outcomes: tuple[Outcome, ...] = ()
    is_approved: bool = True


def prune(request: PruneRequest, world: World, agree: Agree, tell: Tell) -> Pruned:
    """Look, ask, look again, and delete what both looks say.

    Raises:
        InvalidInput: specs or datasets have problems; nothing was deleted.
        Guarded: what is known doesn't prove that anything may be deleted.
        UsageError: a name is asked for that no job of ours bears.
        ReconcileError: any other reason to stop, in words; nothing more was deleted.
    """
    first = preview(request, world)
    if not first.plan.deletes:
        return Pruned(first)
    if not agree(first):
        return Pruned(first, is_approved=False)
    with _looking(request, world) as (scene, second):
        both = agreed(first, second)
        done = apply(both.plan, effects(scene.request, world, scene))
        return Pruned(both, tuple(told(outcome, tell) for outcome in done))


def preview(request: PruneRequest, world: World) -> Pruning:
    """What a prune would do now. Raises what ``prune`` raises; nothing is ever deleted."""
    with _looking(request, world) as (_, pruning):
        return pruning


@contextmanager
def _looking(request: PruneRequest, world: World) -> Iterator[tuple[Scene, Pruning]]:
    """Everything looked at anew, and what may be deleted by that; the connection stays open."""
    asked = Request(request.root)
    loaded = loaded_by(asked, world)
    guard_checkout(loaded)
    desired = resolve(loaded)
    with world.connect(loaded.project) as connection:
        scene = Scene(asked, loaded, desired, connection, world.ledger(loaded))
        observed = observe(connection.reader, scene.ledger, connection.endpoint, desired)
        # Nothing is deleted but after every job and file was looked at.
        observed = prove_absence(connection.reader, observed, desired)
        history = world.history(loaded, *questions(desired, observed))
        guard_sight(history)
        plan = decide(scene, observed)
        wanted = _asked(request, loaded.project.spec.prune)
        yield scene, make_pruning(plan, desired, observed, history, wanted)


def _asked(request: PruneRequest, settings: Prune) -> Asked:
    return Asked(
        names=request.names,
        only=request.only,
        keep=settings.keep if request.keep is None else request.keep,
        per_run=settings.per_run if request.per_run is None else request.per_run,
        max_share=settings.max_share,
    )
