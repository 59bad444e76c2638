"""THE PASS. Every command, the Action and the watch loop are one call into this module.

Level-triggered: a pass looks at everything anew; nothing depends on what woke it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from reconciler.apply import Effects, Outcome, Progress, apply
from reconciler.catalog import load_catalog
from reconciler.dataset.cache import FactsCache
from reconciler.diff import diff
from reconciler.errors import UsageError
from reconciler.ledger import Ledger
from reconciler.load import Examined, load
from reconciler.load.changes import with_data_changes
from reconciler.observe import observe, prove_absence
from reconciler.plan import Limits, Plan, Resource, Tariff, make_plan
from reconciler.policy import Rules, review
from reconciler.providers.protocol import Connection, Event
from reconciler.resolve import resolve
from reconciler.spec import Project
from reconciler.state import (
    Desired,
    Job,
    Loaded,
    Observed,
    Revision,
    Training,
)

Approve = Callable[[Plan], bool]
Tell = Callable[[Outcome], None]
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
    """

    root: Path
    folders: tuple[Path, ...] | None = None
    targets: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    retry: frozenset[str] = frozenset()
    max_usd: float | None = None
    is_attended: bool = False
    allow_dirty: bool = False


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
    examined: Examined = lambda _path, _size, _count: None
    cache: FactsCache | None = None
    turn: Callable[[], AbstractContextManager[None]] = nullcontext


@dataclass(frozen=True)
class Pass:
    """What one pass saw, decided and did; ``is_approved`` is False where somebody said no."""

    loaded: Loaded
    desired: Desired
    plan: Plan
    outcomes: tuple[Outcome, ...] = ()
    is_approved: bool = True


def reconcile(request: Request, world: World, approve: Approve, tell: Tell) -> Pass:
    """One whole pass: load, resolve, observe, diff, plan, review, ask, apply.

    Raises:
        InvalidInput: specs or datasets have problems; nothing was sent.
        ReconcileError: any other reason to stop, in words; nothing more was sent.
    """
    loaded = load(
        request.root,
        request.folders,
        count_tokens=True,
        cache=world.cache,
        progress=world.examined,
    )
    desired = resolve(loaded, targets=request.targets, labels=request.labels)
    with world.connect(loaded.project) as connection:
        ledger = world.ledger(loaded)
        observed = observe(connection.reader, ledger, connection.endpoint, desired)
        plan = _decide(desired, observed, loaded.project, request)
        if plan.creates:  # what isn't there is created only after every job was looked at
            observed = prove_absence(connection.reader, observed, desired)
            plan = _decide(desired, observed, loaded.project, request)
        plan = review(plan, _rules(observed, loaded.project, request))
        if request.folders:  # a part of the specs can't tell what none of them needs
            plan = replace(plan, orphans=())
        plan = with_data_changes(plan, request.root)
        if not plan.writes:
            return Pass(loaded, desired, plan)
        if not approve(plan):
            return Pass(loaded, desired, plan, is_approved=False)
        outcomes = apply(plan, _effects(request, world, connection, ledger))
        return Pass(loaded, desired, plan, tuple(_told(outcome, tell) for outcome in outcomes))


def look(request: Request, world: World) -> Pass:
    """A pass that changes nothing: what would be done, and how everything stands."""
    return reconcile(request, world, approve=lambda _plan: False, tell=lambda _outcome: None)


def _decide(desired: Desired, observed: Observed, project: Project, request: Request) -> Plan:
    settings = project.spec
    return make_plan(
        desired,
        observed,
        diff(desired, observed),
        Tariff(load_catalog(), settings.prices),
        Limits(settings.doubt_window, settings.doubt_budget, request.retry),
    )


def _rules(observed: Observed, project: Project, request: Request) -> Rules:
    budgets = [usd for usd in (request.max_usd, project.spec.budget.per_pass) if usd is not None]
    return Rules(
        catalog=load_catalog(),
        today=datetime.fromtimestamp(observed.taken_at, UTC).date(),
        shutdown=observed.shutdown,
        max_usd=min(budgets, default=None),
        is_attended=request.is_attended or observed.endpoint.is_embedded,
        allow_dirty=request.allow_dirty,
        fuses=project.spec.fuses,
        rights=observed.rights,
        retry=request.retry,
    )


def _effects(request: Request, world: World, connection: Connection, ledger: Ledger) -> Effects:
    return Effects(
        root=request.root,
        writer=connection.writer,
        ledger=ledger,
        now=connection.reader.now,
        nonce=world.nonce,
        revision=world.revision,
        progress=world.progress,
        turn=world.turn,
    )


def _told(outcome: Outcome, tell: Tell) -> Outcome:
    tell(outcome)
    return outcome


# ---- one resource --------------------------------------------------------------------------------


def find(seen: Pass, name: str) -> tuple[Training, Resource]:
    """The training of a spec and how it stands. Raises UsageError if no spec has the name."""
    resource = next((r for r in seen.plan.resources if name in r.used_by), None)
    if resource is None:
        raise UsageError(f"no spec is named {name}")
    return next(t for t in seen.desired.trainings if t.key == resource.key), resource
