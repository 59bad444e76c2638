"""Arbitrary worlds: what Git says, what the provider shows and what the ledger holds.

Few names, keys and owners, so that they meet; every status, damaged and dropped marks, records
without jobs and jobs without records.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from hypothesis import strategies as st

from reconciler.catalog import load_catalog
from reconciler.diff import diff
from reconciler.ownership import file_name, metadata_for
from reconciler.plan import Cancel, Create, Limits, Plan, Tariff, Upload, make_plan
from reconciler.plan.calendar import Calendar
from reconciler.plan.model import Action
from reconciler.policy import Rules
from reconciler.spec import Fuses
from reconciler.state import (
    Closing,
    ClosingKind,
    Desired,
    Endpoint,
    Job,
    JobStatus,
    Observed,
    RemoteFile,
    Revision,
    Right,
    Training,
)
from tests.make import (
    CLEAN,
    GATEWAY,
    MINI,
    NOW,
    OPENAI,
    OWNER,
    make_claim,
    make_desired,
    make_facts,
    make_file,
    make_job,
    make_observed,
    make_training,
)

NAMES = ("a", "b", "c")
VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"hyperparameters": {"n_epochs": "auto"}},
    {"training": make_facts("more"), "validation": make_facts("validation")},
    {"model": "gpt-9", "suffix": "größe|<b>@all"},
)
ERRORS = ("", "server_error", "invalid_training_file")
CODES = ("", "training_not_available", "rate_limit_exceeded")

TRAININGS = st.builds(
    lambda name, fields: make_training(name, **fields),
    st.sampled_from(NAMES),
    st.sampled_from(VARIANTS),
)


@dataclass(frozen=True)
class World:
    """One state of everything, and the limits of a pass over it."""

    desired: Desired
    observed: Observed
    limits: Limits

    def plan(self) -> Plan:
        """What a pass would do."""
        differences = diff(self.desired, self.observed)
        tariff = Tariff(load_catalog(), {})
        return make_plan(self.desired, self.observed, differences, tariff, self.limits)


@st.composite
def desires(draw: st.DrawFn) -> Desired:
    """Specs by distinct names; equal ones share a training, as ``resolve`` makes them."""
    by_name = draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VARIANTS)))
    shared: dict[str, Training] = {}
    for name, fields in sorted(by_name.items()):
        training = make_training(name, **fields)
        first = shared.get(training.key)
        used_by = (*first.used_by, name) if first else (name,)
        shared[training.key] = replace(training, used_by=used_by)
    desired = make_desired(*shared.values())
    selected = draw(st.sampled_from([desired.selected, frozenset({"a"})]))
    return replace(desired, selected=selected & desired.selected)


@st.composite
def jobs(draw: st.DrawFn, number: int) -> Job:
    """A job of some training, in any state, with a mark that may be another's, damaged or gone."""
    job = make_job(
        draw(TRAININGS),
        draw(st.sampled_from(JobStatus)),
        number=number,
        attempt=draw(st.integers(1, 3)),
        owner=draw(st.sampled_from([OWNER, OWNER, OWNER, "another"])),
        error=draw(st.sampled_from(ERRORS)),
        created_at=NOW - draw(st.integers(0, 3)),
        finished_at=draw(st.sampled_from([None, NOW - 2, NOW])),
    )
    damage = draw(st.sampled_from(["none", "none", "none", "dropped", "scrambled"]))
    if damage == "dropped":
        return replace(job, metadata={})
    if damage == "scrambled":
        name = draw(st.sampled_from(sorted(job.metadata)))
        return replace(job, metadata={**job.metadata, name: draw(st.text(max_size=20))})
    return job


@st.composite
def closings(draw: st.DrawFn) -> Closing | None:
    """How a claim ended, if it has."""
    kind = draw(st.none() | st.sampled_from(ClosingKind))
    if kind is None:
        return None
    return Closing(
        kind,
        at=NOW - draw(st.integers(0, 4000)),
        job_id=f"ftjob-{draw(st.integers(0, 5))}" if kind is ClosingKind.CREATED else "",
        status=draw(st.sampled_from([400, 403, 429])) if kind is ClosingKind.REFUSED else 0,
        code=draw(st.sampled_from(CODES)),
        message=draw(st.text(max_size=10)),
        retry_after=draw(st.none() | st.floats(0, allow_nan=False)),
    )


@st.composite
def rights(draw: st.DrawFn) -> tuple[Right, ...]:
    """Ledger records, at most one for a key and attempt."""
    claimed = draw(
        st.dictionaries(st.tuples(st.sampled_from(VARIANTS_AT), st.integers(1, 4)), closings())
    )
    return tuple(
        Right(
            make_claim(
                make_training("a", **VARIANTS[variant]),
                attempt,
                at=NOW - draw(st.integers(0, 2000)),
                owner=draw(st.sampled_from([OWNER, OWNER, "another"])),
            ),
            closing,
        )
        for (variant, attempt), closing in claimed.items()
    )


VARIANTS_AT = tuple(range(len(VARIANTS)))
ENDPOINTS = (OPENAI, GATEWAY, Endpoint("sandbox:1", "http://sandbox.invalid/v1"))


@st.composite
def observations(draw: st.DrawFn) -> Observed:
    """What the provider answers and the ledger holds."""
    numbers = draw(st.permutations(range(draw(st.integers(0, 5)))))
    seen = tuple(draw(jobs(number)) for number in numbers)
    models = sorted({job.fine_tuned_model for job in seen if job.fine_tuned_model})
    stored = [make_file(make_facts(c), n) for n, c in enumerate(("training", "more", "validation"))]
    return make_observed(
        *seen,
        endpoint=draw(st.sampled_from(ENDPOINTS)),
        files=tuple(draw(st.lists(st.sampled_from(stored), unique=True))),
        models=frozenset(draw(st.lists(st.sampled_from(models), unique=True))) if models else (),
        rights=draw(rights()),
        latest_unmarked=draw(st.sampled_from([0, 0, NOW - 1000])),
        acknowledged=draw(st.sampled_from([frozenset(), frozenset(job.id for job in seen)])),
    )


def opened(world: World) -> World:
    """The same world at an endpoint that has never ended training."""
    rights = tuple(
        replace(right, closing=replace(right.closing, code="")) if right.closing else right
        for right in world.observed.rights
    )
    return replace(world, observed=replace(world.observed, rights=rights))


WORLDS = st.builds(
    World,
    desired=desires(),
    observed=observations(),
    limits=st.builds(
        Limits,
        doubt_window=st.sampled_from([1, 900]),
        doubt_budget=st.sampled_from([0.0, 0.5]),
        retry=st.frozensets(st.sampled_from(NAMES)),
    ),
)

RULES = st.builds(
    Rules,
    calendar=st.builds(
        Calendar,
        catalog=st.just(load_catalog()),
        endpoint=st.sampled_from([OPENAI, GATEWAY]),
        today=st.dates(date(2026, 1, 1), date(2028, 1, 1)),
        shutdown=st.sampled_from([{}, {MINI: "2026-11-01"}, {MINI: "never"}]),
    ),
    max_usd=st.none() | st.sampled_from([0.0, 0.3, 0.9, 100.0]),
    is_attended=st.booleans(),
    allow_dirty=st.booleans(),
    fuses=st.sampled_from([Fuses(), Fuses(jobs_per_pass=1, creates_per_day=1)]),
    rights=rights(),
    retry=st.frozensets(st.sampled_from(NAMES)),
)
OPEN_WORLDS = WORLDS.map(opened)
REVISIONS = st.builds(Revision, st.sampled_from(["", CLEAN.commit]), st.booleans())


# ---- applying, as a provider would answer it -----------------------------------------------------


def applied(world: World, actions: tuple[Action, ...], *, keeps_marks: bool = True) -> World:
    """The world after these actions, all of which went well."""
    observed = world.observed
    for action in actions:
        match action:
            case Upload():
                observed = _uploaded(observed, action)
            case Create():
                observed = _created(observed, action, keeps_marks)
            case Cancel():
                observed = _cancelled(observed, action)
            case _:
                pass
    return replace(world, observed=observed)


def _uploaded(observed: Observed, upload: Upload) -> Observed:
    file = RemoteFile(f"file-{upload.file_name}", upload.file_name, upload.bytes, NOW)
    return replace(observed, files=(*observed.files, file))


def _created(observed: Observed, create: Create, keeps_marks: bool) -> Observed:
    stored = {file.name for file in observed.files}
    assert {file_name(OWNER, facts) for facts in create.training.datasets} <= stored
    claim = make_claim(create.training, create.attempt, at=NOW)
    assert claim.attempt not in {
        r.claim.attempt for r in observed.rights if r.claim.key == create.key
    }
    marks = metadata_for(create.training, claim, CLEAN.commit, create.estimate.trained_tokens)
    job = make_job(
        create.training,
        JobStatus.QUEUED,
        number=100 + len(observed.jobs),
        created_at=NOW,
        metadata=marks if keeps_marks else {},
    )
    right = Right(claim, Closing(ClosingKind.CREATED, NOW, job_id=job.id))
    return replace(observed, jobs=(*observed.jobs, job), rights=(*observed.rights, right))


def _cancelled(observed: Observed, cancel: Cancel) -> Observed:
    jobs = (
        replace(job, status=JobStatus.CANCELLED) if job.id == cancel.job_id else job
        for job in observed.jobs
    )
    return replace(observed, jobs=tuple(jobs))
