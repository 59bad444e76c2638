"""THE PASS. Every command, the Action and the watch loop are one call into this module.

Level-triggered: a pass looks at everything anew; nothing depends on what woke it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import zip_longest
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
from reconciler.ownership import is_same_file, read_mark
from reconciler.plan import Duplicate, Limits, Plan, Reason, Resource, Tariff, make_plan
from reconciler.plan.decide import CLOCK_SKEW
from reconciler.policy import Rules, review
from reconciler.providers.protocol import Connection, Event, Reader
from reconciler.resolve import resolve
from reconciler.spec import AUTO, Project
from reconciler.state import (
    Acknowledgement,
    Claim,
    Closing,
    ClosingKind,
    Desired,
    Job,
    JobStatus,
    Loaded,
    Observed,
    RemoteFile,
    Revision,
    Right,
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


# ---- waiting -------------------------------------------------------------------------------------

FIRST_PAUSE, LONGER = 0.5, 1.5
"""Seconds after the first look at a job, and by how much each pause is longer than the last."""


def wait(
    request: Request, world: World, listen: Listen, *, pause: float, deadline: float | None = None
) -> tuple[Pass, tuple[Job, ...]]:
    """Follow the jobs under way until each has ended or the deadline is over; then look again.

    Args:
        request: which specs to wait for.
        world: the outside.
        listen: told each job with its new events, every time it is looked at.
        pause: the longest time between two looks, in seconds; the first ones are shorter, for a
            job that can't be trained fails soon.
        deadline: seconds to wait at the most; None for as long as it takes.

    Returns:
        How everything stands then, and the jobs that ended meanwhile.
    """
    seen = look(request, world)
    jobs = [action.job_id for action in seen.plan.waits]
    with world.connect(seen.loaded.project) as connection:
        waited, pauses = 0.0, _pauses(pause)
        latest: dict[str, str] = {}
        ended: list[Job] = []
        while jobs and (deadline is None or waited < deadline):
            followed = [_follow(connection.reader, job, latest, listen) for job in jobs]
            ended += [job for job in followed if job and job.status.is_terminal]
            jobs = [job.id for job in followed if job and not job.status.is_terminal]
            if jobs:
                slept = next(pauses)
                world.sleep(slept)
                waited += slept
    return look(request, world), tuple(ended)


def _pauses(longest: float) -> Iterator[float]:
    pause = FIRST_PAUSE
    while True:
        yield min(pause, longest)
        pause *= LONGER


def _follow(reader: Reader, job_id: str, latest: dict[str, str], listen: Listen) -> Job | None:
    """Tell what is new of a job; None if it is gone. ``latest`` keeps the last event's id."""
    job = reader.job(job_id)
    if job is None:
        return None
    events = reader.events(job_id, latest.get(job_id))
    if events:
        latest[job_id] = events[-1].id
    listen(job, events)
    return job


# ---- one resource --------------------------------------------------------------------------------


def find(seen: Pass, name: str) -> tuple[Training, Resource]:
    """The training of a spec and how it stands. Raises UsageError if no spec has the name."""
    resource = next((r for r in seen.plan.resources if name in r.used_by), None)
    if resource is None:
        raise UsageError(f"no spec is named {name}")
    return next(t for t in seen.desired.trainings if t.key == resource.key), resource


# ---- a freeze ------------------------------------------------------------------------------------


def unfreeze(request: Request, world: World) -> tuple[Duplicate, ...]:
    """Write down that a person knows of every training that was made twice: creates go on.

    Returns:
        What was acknowledged: exactly the jobs that were seen; another one freezes again.

    Raises:
        UsageError: nothing is frozen.
    """
    seen = look(request, world)
    if not seen.plan.duplicates:
        raise UsageError("nothing is frozen: no training was made twice that nobody knows of")
    with world.connect(seen.loaded.project) as connection:
        ledger, now = world.ledger(seen.loaded), connection.reader.now()
        for duplicate in seen.plan.duplicates:
            known = Acknowledgement(tuple(sorted(duplicate.jobs)), now)
            ledger.acknowledge(connection.endpoint.id, known)
    return seen.plan.duplicates


# ---- settling a doubt ----------------------------------------------------------------------------


def settle(request: Request, world: World, name: str, adopt: str | None) -> str:
    """End an attempt in doubt by a person's word: a job is bound to it, or it is abandoned.

    Returns:
        The sentence that says what was written.

    Raises:
        UsageError: nothing is in doubt, or the job can't be the one that was sent.
    """
    seen = look(request, world)
    training, resource = find(seen, name)
    if resource.condition.reason not in (Reason.IN_DOUBT, Reason.JOB_MISSING):
        raise UsageError(f"nothing about {name} is in doubt: {resource.condition.message}")
    with world.connect(seen.loaded.project) as connection:
        ledger, reader = world.ledger(seen.loaded), connection.reader
        rights = ledger.rights(connection.endpoint.id)
        right = _latest(rights, training.key)
        _check_open(right, resource.condition.reason, seen.plan.owner)
        if adopt:
            _check_adopted(Adoption(seen, training, right.claim, rights), reader, adopt)
            closing = Closing(ClosingKind.CREATED, reader.now(), job_id=adopt)
        else:
            closing = _abandoned(seen, right, reader.now())
        ledger.close(right.claim, closing)
    if adopt:
        return f"{name}: attempt {right.claim.attempt} is {adopt}"
    return f"{name}: attempt {right.claim.attempt} is abandoned; the next pass may send another"


def _latest(rights: Collection[Right], key: str) -> Right:
    return max((r for r in rights if r.claim.key == key), key=lambda right: right.claim.attempt)


def _check_open(right: Right, reason: str, owner: str) -> None:
    """What was written since the person looked goes before what they said of it."""
    number, kind = right.claim.attempt, right.closing.kind if right.closing else None
    if right.claim.owner != owner:
        raise UsageError(f"attempt {number} was claimed by {right.claim.owner}: settle it there")
    if kind is not (ClosingKind.CREATED if reason == Reason.JOB_MISSING else None):
        raise UsageError(f"attempt {number} was written down as {kind} meanwhile: look again")


def _abandoned(seen: Pass, right: Right, now: int) -> Closing:
    left = right.claim.at + seen.loaded.project.spec.doubt_window - now
    if right.closing is None and left > 0:
        raise UsageError(f"too early: a runner may still be sending it; try again in {left} s")
    return Closing(ClosingKind.ABANDONED, now)


@dataclass(frozen=True)
class Adoption:
    """What a job is to stand for: a training, and the attempt in doubt among all rights."""

    seen: Pass
    training: Training
    claim: Claim
    rights: tuple[Right, ...]


def _check_adopted(adoption: Adoption, reader: Reader, job_id: str) -> None:
    """A job can stand for a training only if all that it shows of itself is the same."""
    job = reader.job(job_id)
    if job is None:
        raise UsageError(f"the endpoint knows no job {job_id}")
    files = {file.id: file for file in reader.files()}
    reasons = [*_elsewhere(adoption, job), *_contradictions(adoption, job, files)]
    if reasons:
        raise UsageError(f"{job_id} can't be adopted: {'; '.join(reasons)}")


def _elsewhere(adoption: Adoption, job: Job) -> Iterator[str]:
    """Why a job belongs to something else than the attempt."""
    if job.created_at < adoption.claim.at - CLOCK_SKEW:
        yield "it was created before the attempt was claimed"
    for claim, closing in ((right.claim, right.closing) for right in adoption.rights):
        is_named = closing and closing.job_id == job.id
        if is_named and (claim.key, claim.attempt) != (adoption.claim.key, adoption.claim.attempt):
            yield f"it is attempt {claim.attempt} of {claim.name}"


def _contradictions(adoption: Adoption, job: Job, files: Mapping[str, RemoteFile]) -> Iterator[str]:
    seen, training, mark = adoption.seen, adoption.training, read_mark(job)
    if mark and (mark.key, mark.owner) != (training.key, seen.plan.owner):
        yield f"it bears the mark of {mark.owner}/{mark.name}"
    if job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        yield f"it is {job.status}"
    ids = (job.training_file, job.validation_file)
    for file_id, facts in zip_longest(filter(None, ids), training.datasets):
        file = files.get(file_id or "")
        if not (file and facts and is_same_file(file, seen.plan.owner, facts)):
            yield f"its file {file_id} is not {facts.path if facts else 'asked for'}"
    unsaid = (None, AUTO)
    shown_fields = _fields(job) | {"model": load_catalog().snapshot_of(job.model) or job.model}
    for name, value in _fields(training).items():
        shown = shown_fields.get(name)
        if value not in unsaid and shown not in (*unsaid, value):
            yield f"its {name} is {shown}, not {value}"


def _fields(of: Training | Job) -> dict[str, object]:
    own = {"model": of.model, "method": of.method, "suffix": of.suffix, "seed": of.seed}
    return {**own, **of.hyperparameters}
