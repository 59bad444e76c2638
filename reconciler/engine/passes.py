"""THE PASS. Every command, the Action and the watch loop are one call into this module.

Level-triggered: a pass looks at everything anew; nothing depends on what woke it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.apply import Effects, Outcome, Progress, apply
from reconciler.catalog import load_catalog
from reconciler.dataset.cache import FactsCache
from reconciler.diff import diff
from reconciler.errors import StalePlan, UsageError
from reconciler.ledger import Ledger
from reconciler.load import Examined, load
from reconciler.load.changes import with_data_changes
from reconciler.observe import observe, prove_absence
from reconciler.plan import Limits, Plan, Resource, Tariff, make_plan
from reconciler.plan.calendar import calendar_of
from reconciler.plan.narrow import Agreed, narrowed
from reconciler.plan.saved import exactly
from reconciler.policy import Rules, review
from reconciler.providers.protocol import Connection, Event
from reconciler.resolve import resolve
from reconciler.spec import Project
from reconciler.state import (
    Desired,
    History,
    Job,
    Loaded,
    Observed,
    Revision,
    Training,
)

LOOK_AGAIN = 60
"""Seconds that somebody may think about a plan before everything is looked at once more."""

Approve = Callable[[Plan], bool]
Tell = Callable[[Outcome], None]
Recall = Callable[[Loaded, frozenset[str], frozenset[str]], History]
Listen = Callable[[Job, tuple[Event, ...]], None]


@dataclass(frozen=True)
class Request:
    """What a caller asks of a pass.

    Attributes:
        root: the project root.
        folders: spec files or folders instead of the Project's; None for those.
        targets, labels: which specs to act on; empty for all.
        retry: names whose failures a person asked to try again.
        max_usd: the most that this pass may spend; None for the Project's budget alone.
        is_attended: whether a person is asked before money is spent.
        allow_dirty: whether an unclean checkout may spend with nobody asked.
        allow_short_lived: whether models may be trained whose base ends soon.
        saved: a plan to carry out, and nothing beyond it.
        agreed: what was agreed to before: nothing else is done or spoken of; None for no limit.
    """

    root: Path
    folders: tuple[Path, ...] | None = None
    targets: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    retry: frozenset[str] = frozenset()
    max_usd: float | None = None
    is_attended: bool = False
    allow_dirty: bool = False
    allow_short_lived: bool = False
    saved: Plan | None = None
    agreed: Agreed | None = None

    @property
    def is_partial(self) -> bool:
        """Whether it is about some of the specs alone."""
        return bool(self.folders or self.targets or self.labels)


@dataclass(frozen=True)
class World:
    """Everything outside: passed in, so that tests and the watch loop can bring their own.

    Attributes:
        connect: opens the endpoint that the Project names.
        ledger: the rights to create of the project.
        revision: the checkout, looked at anew.
        nonce: a fresh unguessable text.
        sleep: waits that many seconds.
        progress: told the bytes of an upload as they leave.
        history: what Git tells of these commits, and of the specs of these names, which are gone.
        examined: told how far datasets were examined.
        cache: where facts of datasets are kept between runs; None for nowhere.
        turn: entered for each upload: one runner at a time, as far as anybody can tell.
    """

    connect: Callable[[Project], AbstractContextManager[Connection]]
    ledger: Callable[[Loaded], Ledger]
    revision: Callable[[], Revision]
    nonce: Callable[[], str]
    sleep: Callable[[float], None]
    progress: Progress
    history: Recall = lambda _loaded, _commits, _names: History()
    examined: Examined = lambda _path, _size, _count: None
    cache: FactsCache | None = None
    turn: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True)
class Pass:
    """What one pass saw, decided and did; ``is_approved`` is False where somebody said no."""

    loaded: Loaded
    desired: Desired
    observed: Observed
    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    is_approved: bool = True


def reconcile(request: Request, world: World, approve: Approve, tell: Tell) -> Pass:
    """One whole pass: load, resolve, observe, diff, plan, review, ask, apply.

    Raises:
        InvalidInput: specs or datasets have problems; nothing was sent.
        StalePlan: what was approved or saved is no longer the right answer; nothing was sent.
        ReconcileError: any other reason to stop, in words; nothing more was sent.
    """
    loaded = loaded_by(request, world)
    desired = resolve(loaded, targets=request.targets, labels=request.labels)
    with world.connect(loaded.project) as connection:
        scene = Scene(request, loaded, desired, connection, world.ledger(loaded))
        observed, plan = planned(scene)
        if not plan.writes:
            return Pass(loaded, desired, observed, plan)
        asked_at = connection.reader.now()
        if not approve(plan):
            return Pass(loaded, desired, observed, plan, is_approved=False)
        if connection.reader.now() - asked_at > LOOK_AGAIN:
            observed, plan = _unchanged(plan, *planned(scene))
        outcomes = tuple(
            told(outcome, tell) for outcome in apply(plan, effects(request, world, scene))
        )
        return Pass(loaded, desired, observed, plan, outcomes)


def loaded_by(request: Request, world: World) -> Loaded:
    """What the disk holds. Raises InvalidInput for whatever is wrong with it."""
    return load(
        request.root,
        request.folders,
        count_tokens=True,
        cache=world.cache,
        progress=world.examined,
        revision=world.revision,
    )


def look(request: Request, world: World) -> Pass:
    """A pass that changes nothing: what would be done, and how everything stands."""
    return reconcile(request, world, approve=lambda _plan: False, tell=lambda _outcome: None)


@dataclass(frozen=True)
class Scene:
    """Where plans are made: what is desired, and the outside that is looked at."""

    request: Request
    loaded: Loaded
    desired: Desired
    connection: Connection
    ledger: Ledger


def planned(scene: Scene) -> tuple[Observed, Plan]:
    """The middle of a pass: observe, diff, plan, review."""
    reader, desired = scene.connection.reader, scene.desired
    observed = observe(reader, scene.ledger, scene.connection.endpoint, desired)
    plan = decide(scene, observed)
    if plan.creates:  # what isn't there is created only after every job was looked at
        observed = prove_absence(reader, observed, desired)
        plan = decide(scene, observed)
    plan = review(plan, _rules(scene, observed))
    if scene.request.is_partial:  # a part of the specs can't tell what none of them needs
        plan = replace(plan, orphans=())
    if scene.request.saved:
        plan = exactly(scene.request.saved, plan)
    if scene.request.agreed:
        plan = narrowed(plan, scene.request.agreed)
    return observed, with_data_changes(plan, scene.request.root)


def decide(scene: Scene, observed: Observed) -> Plan:
    """The plan of what was observed, before any review."""
    settings = scene.loaded.project.spec
    return make_plan(
        scene.desired,
        observed,
        diff(scene.desired, observed),
        Tariff(load_catalog(), settings.prices),
        Limits(settings.doubt_window, settings.doubt_budget, scene.request.retry),
    )


def _rules(scene: Scene, observed: Observed) -> Rules:
    request, settings = scene.request, scene.loaded.project.spec
    return Rules(
        calendar=calendar_of(observed, load_catalog()),
        max_usd=request.max_usd,
        is_attended=request.is_attended or observed.endpoint.is_embedded,
        allow_dirty=request.allow_dirty,
        allow_short_lived=request.allow_short_lived,
        budget=settings.budget,
        policy=settings.policy,
        fuses=settings.fuses,
        rights=observed.rights,
        retry=request.retry,
    )


def _unchanged(approved: Plan, observed: Observed, now: Plan) -> tuple[Observed, Plan]:
    """The plan that was approved, as it would be made now."""
    if now.digest != approved.digest:
        raise StalePlan("while you were asked, things changed and the plan is another: plan again")
    return observed, now


def effects(request: Request, world: World, scene: Scene) -> Effects:
    """The world that a plan may touch."""
    return Effects(
        root=request.root,
        writer=scene.connection.writer,
        ledger=scene.ledger,
        now=scene.connection.reader.now,
        nonce=world.nonce,
        revision=world.revision,
        progress=world.progress,
        turn=world.turn,
    )


def told(outcome: Outcome, tell: Tell) -> Outcome:
    """The same outcome, once somebody was told of it."""
    tell(outcome)
    return outcome


# ---- one resource --------------------------------------------------------------------------------


def find(seen: Pass, name: str) -> tuple[Training, Resource]:
    """The training of a spec and how it stands. Raises UsageError if no spec has the name."""
    resource = next((r for r in seen.plan.resources if name in r.used_by), None)
    if resource is None:
        raise UsageError(f"no spec is named {name}")
    return next(t for t in seen.desired.trainings if t.key == resource.key), resource
