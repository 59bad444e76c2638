"""Arbitrary worlds: what Git says, what the provider shows and what the ledger holds.

Few names, keys and owners, so that they meet; chains, shared and suspended specs, adopted jobs;
every status, damaged and dropped marks, records without jobs and jobs without records.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import product
from math import inf
from typing import Any

from hypothesis import strategies as st

from reconciler.catalog import load_catalog
from reconciler.diff import diff
from reconciler.ownership import file_name, metadata_for
from reconciler.plan import Cancel, Create, Limits, Plan, Tariff, Upload, make_plan
from reconciler.plan.calendar import Calendar
from reconciler.plan.model import Action
from reconciler.policy import Rules
from reconciler.resolve import resolve
from reconciler.spec import Budget, FineTune, Fuses, OnDrift, Policy, Project
from reconciler.state import (
    LAST,
    Binding,
    Checkpoint,
    Closing,
    ClosingKind,
    Desired,
    Endpoint,
    Job,
    JobStatus,
    Loaded,
    LoadedSpec,
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
ERRORS = ("", "server_error", "invalid_training_file", "exceeded_quota")
CODES = ("", "training_not_available", "rate_limit_exceeded")
LIFECYCLES: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"on_drift": dict.fromkeys(OnDrift.model_fields, "ignore")},
    {"on_drift": {"model_deleted": "retrain", "job_cancelled": "retrain"}},
    {"prevent_retrain": True},
)
STEP = 60

OTHERS = tuple(make_training(name, **variant) for name in NAMES for variant in VARIANTS)


def any_of(**choices: Sequence[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """One value for each name: a single draw, which is what makes a world cheap."""
    rows = product(*choices.values())
    return st.sampled_from([dict(zip(choices, row, strict=True)) for row in rows])


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


# ---- what Git says -------------------------------------------------------------------------------


@st.composite
def specs(draw: st.DrawFn, *, is_chained: bool = False) -> Loaded:
    """Specs by distinct names; one may start from any that comes before it, or has to."""
    loaded: list[LoadedSpec] = []
    for name in NAMES:
        if is_chained or draw(st.booleans()):
            earlier = [each.document.metadata.name for each in loaded]
            loaded.append(draw(spec(name, earlier if is_chained else (None, *earlier))))
    return Loaded("/root", OWNER, PROJECT, tuple(loaded), CLEAN)


WISHES = any_of(
    variant=VARIANTS,
    lifecycle=LIFECYCLES,
    suspend=(False, False, False, True),
    labels=({}, {"team": "care"}),
)


@st.composite
def spec(draw: st.DrawFn, name: str, parents: Sequence[str | None]) -> LoadedSpec:
    """A spec that starts from one of these; from a base where that is None, or there are none."""
    wish = draw(WISHES)
    variant = wish["variant"]
    chain = draw(any_of(parent=parents or (None,), checkpoint=(LAST, LAST, STEP)))
    source = {"from": chain["parent"], "checkpoint": chain["checkpoint"]}
    body = {
        "model": source if chain["parent"] else variant.get("model", MINI),
        "dataset": "data/training.jsonl",
        "hyperparameters": variant.get("hyperparameters", {"n_epochs": 1}),
        "suffix": variant.get("suffix"),
        "lifecycle": wish["lifecycle"],
        "suspend": wish["suspend"],
    }
    document = {"metadata": {"name": name, "labels": wish["labels"]}, "spec": body}
    return LoadedSpec(
        FineTune.model_validate({**VERSION, "kind": "FineTune", **document}),
        f"specs/{name}.yaml",
        1,
        variant.get("training", make_facts()),
        variant.get("validation"),
    )


VERSION = {"apiVersion": "reconciler.dev/v1"}
PROJECT = Project.model_validate({**VERSION, "kind": "Project", "metadata": {"name": OWNER}})


@st.composite
def desires(draw: st.DrawFn, *, is_chained: bool = False) -> Desired:
    """What specs come to; some adopt a job, and some of these have nothing else."""
    whole = resolve(draw(specs(is_chained=is_chained)))
    selected = draw(st.sampled_from([whole.selected, frozenset({"a"}), frozenset({"b", "c"})]))
    trainings = tuple(draw(bound(training)) for training in whole.trainings)
    return replace(whole, trainings=trainings, selected=selected & whole.selected)


@st.composite
def bound(draw: st.DrawFn, training: Training) -> Training:
    """The training, mostly as it is; or with a job that Git adopts for it, or for another key."""
    kind = draw(st.sampled_from([*["free"] * 9, "adopts", "stale", "only adopts"]))
    if kind == "free":
        return training
    key = "0" * 64 if kind == "stale" else training.key
    bindings = (Binding(f"ftjob-{draw(st.integers(0, 4))}", key),)
    if kind == "only adopts":
        return replace(training, bindings=bindings, training=None, validation=None)
    return replace(training, bindings=bindings)


# ---- what the provider shows and the ledger holds ------------------------------------------------


LIVES = any_of(
    status=(*[JobStatus.SUCCEEDED] * 6, *JobStatus),
    error=ERRORS,
    attempt=(1, 2, 3),
    finished_at=(None, NOW - 2, NOW),
    trained_tokens=(None, 70_000, 100_000),
)
TRACES = any_of(
    owner=(*[OWNER] * 6, "another"),
    ago=(0, 1, 2, 3),
    damage=(*["none"] * 20, "dropped", *metadata_for(OTHERS[0], make_claim(OTHERS[0]), "", 0)),
    hyperparameters=({}, {"n_epochs": 1}, {"n_epochs": 5}),
)


@st.composite
def jobs(draw: st.DrawFn, number: int, trainings: tuple[Training, ...]) -> Job:
    """A job of some training, in any state, with a mark that may be another's, damaged or gone."""
    life, trace = draw(LIVES), draw(TRACES)
    job = make_job(
        draw(st.sampled_from((*trainings, *trainings, *OTHERS))),
        number=number,
        owner=trace["owner"],
        created_at=NOW - trace["ago"],
        hyperparameters=trace["hyperparameters"],
        **life,
    )
    match trace["damage"]:
        case "none":
            return job
        case "dropped":
            return replace(job, metadata={})
        case name:
            return replace(job, metadata={**job.metadata, name: draw(st.text(max_size=20))})


CLOSINGS = any_of(
    kind=(None, *ClosingKind),
    ago=(0, 100, 4000),
    number=(0, 1, 2, 3, 4, 5),
    status=(400, 403, 429),
    code=CODES,
    message=("", "größe|<b>"),
    retry_after=(None, 0.5, 1e9, inf),
)


def closing(told: dict[str, Any]) -> Closing | None:
    """How a claim ended, if it has."""
    kind = told["kind"]
    if kind is None:
        return None
    return Closing(
        kind,
        at=NOW - told["ago"],
        job_id=f"ftjob-{told['number']}" if kind is ClosingKind.CREATED else "",
        status=told["status"] if kind is ClosingKind.REFUSED else 0,
        code=told["code"],
        message=told["message"],
        retry_after=told["retry_after"],
    )


@st.composite
def rights(draw: st.DrawFn, trainings: tuple[Training, ...] = ()) -> tuple[Right, ...]:
    """Ledger records, at most one for a key and attempt."""
    claims = any_of(
        training=(*trainings, *trainings, *OTHERS[: len(VARIANTS)]),
        attempt=(1, 2, 3, 4),
        ago=(0, 50, 1000, 2000),
        owner=(OWNER, OWNER, "another"),
    )
    told: dict[tuple[str, int], Right] = {}
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        claim = draw(claims)
        training, attempt = claim["training"], claim["attempt"]
        claimed = make_claim(training, attempt, at=NOW - claim["ago"], owner=claim["owner"])
        told[training.key, attempt] = Right(claimed, closing(draw(CLOSINGS)))
    return tuple(told.values())


ENDPOINTS = (OPENAI, GATEWAY, Endpoint("sandbox:1", "http://sandbox.invalid/v1"))
STORED = [make_file(make_facts(c), n) for n, c in enumerate(("training", "more", "validation"))]
LOOKS = any_of(
    endpoint=ENDPOINTS,
    missing_files=(frozenset(), frozenset({"file-1"})),
    shutdown=({}, {}, {MINI: "2026-11-01"}, {MINI: "2026-12-24"}),
    latest_unmarked=(0, 0, NOW - 1000),
    files=((), tuple(STORED), tuple(STORED[:1]), tuple(STORED[1:])),
)


@st.composite
def observations(draw: st.DrawFn, trainings: tuple[Training, ...]) -> Observed:
    """What the provider answers and the ledger holds."""
    numbers = draw(st.permutations(range(draw(st.sampled_from([0, 1, 1, 2, 2, 3, 4, 5])))))
    seen = tuple(draw(jobs(number, trainings)) for number in numbers)
    made = [job for job in seen if job.fine_tuned_model]
    gone = draw(st.sampled_from([(), (), (), (), *((job,) for job in made), made]))
    return make_observed(
        *seen,
        models=frozenset(str(job.fine_tuned_model) for job in made if job not in gone),
        checkpoints={job.id: (Checkpoint(STEP, f"ft:{job.id}:{STEP}"),) for job in made[::2]},
        rights=draw(rights(trainings)),
        acknowledged=draw(st.sampled_from([frozenset(), frozenset(job.id for job in seen)])),
        **draw(LOOKS),
    )


LIMITS = any_of(
    doubt_window=(1, 900),
    doubt_budget=(0.0, 0.5),
    retry=(frozenset(), frozenset(), frozenset({"a"}), frozenset(NAMES)),
).map(lambda told: Limits(**told))


@st.composite
def worlds(draw: st.DrawFn, *, is_chained: bool = False) -> World:
    """One state of everything."""
    desired = draw(desires(is_chained=is_chained))
    return World(desired, draw(observations(desired.trainings)), draw(LIMITS))


@st.composite
def chained_worlds(draw: st.DrawFn) -> World:
    """Specs that all rest on one; what chains start from was mostly trained, before all else."""
    world = draw(worlds(is_chained=True))
    parents = {t.parent.key for t in world.desired.trainings if t.parent}
    begun = [t for t in world.desired.trainings if t.key in parents]
    jobs = [
        make_job(training, draw(st.sampled_from(BEGUN)), number=50 + number, created_at=NOW - 9999)
        for number, training in enumerate(begun)
        if draw(st.sampled_from([True, True, True, False]))
    ]
    observed = world.observed
    steps = {job.id: (Checkpoint(STEP, f"ft:{job.id}:{STEP}"),) for job in jobs}
    made = [job.fine_tuned_model for job in jobs if job.fine_tuned_model]
    models = frozenset(made[draw(st.sampled_from([0, 0, 0, 1])) :])
    observed = replace(
        observed,
        jobs=(*jobs, *observed.jobs),
        models=observed.models | models,
        checkpoints={**observed.checkpoints, **steps},
    )
    return replace(world, observed=observed)


BEGUN = (JobStatus.SUCCEEDED, JobStatus.SUCCEEDED, JobStatus.RUNNING)


@st.composite
def two_worlds(draw: st.DrawFn) -> tuple[World, World]:
    """A world, and what it has become: a pass on, another look, or another wish."""
    world = draw(worlds())
    kind = draw(st.sampled_from(["applied", "applied in part", "seen anew", "wished anew"]))
    if kind == "seen anew":
        return world, replace(world, observed=draw(observations(world.desired.trainings)))
    if kind == "wished anew":
        return world, replace(world, desired=draw(desires()))
    actions = world.plan().actions
    done = draw(st.integers(0, len(actions))) if kind == "applied in part" else len(actions)
    return world, applied(world, actions[:done])


def opened(world: World) -> World:
    """The same world at an endpoint that has never ended training."""
    rights = tuple(
        replace(right, closing=replace(right.closing, code="")) if right.closing else right
        for right in world.observed.rights
    )
    return replace(world, observed=replace(world.observed, rights=rights))


WORLDS = worlds()
CHAINED_WORLDS = chained_worlds()
TWO_WORLDS = two_worlds()

BUDGETS = (
    *(Budget(), Budget(), Budget(per_job=0.2), Budget(per_pass=0.5)),
    *(Budget(per_month=1.0), Budget(approval_above=0.1)),
)
POLICIES = (
    *(Policy(), Policy(), Policy(allowed_models=[MINI]), Policy(allowed_methods=["dpo"])),
    *(Policy(max_epochs=2), Policy(require_validation=True)),
    *(Policy(require_labels=["team"]), Policy(min_useful_days=60)),
)
SETTINGS = any_of(
    max_usd=(None, None, 0.0, 0.3, 0.9, 100.0),
    is_attended=(True, False),
    allow_dirty=(True, False),
    allow_short_lived=(True, False),
    budget=BUDGETS,
    policy=POLICIES,
)
CALENDARS = st.builds(
    Calendar,
    catalog=st.just(load_catalog()),
    endpoint=st.sampled_from([OPENAI, GATEWAY]),
    today=st.dates(date(2026, 1, 1), date(2028, 1, 1)),
    shutdown=st.sampled_from([{}, {MINI: "2026-11-01"}, {MINI: "never"}]),
)
RULES = st.builds(
    lambda settings, **others: Rules(**settings, **others),
    settings=SETTINGS,
    calendar=CALENDARS,
    fuses=st.sampled_from([Fuses(), Fuses(jobs_per_pass=1, creates_per_day=1)]),
    rights=rights(),
    retry=st.sampled_from([frozenset(), frozenset({"a"}), frozenset(NAMES)]),
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
