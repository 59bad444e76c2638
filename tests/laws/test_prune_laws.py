"""What holds for every prune, whatever the world is like."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Guarded
from reconciler.ownership import file_name, read_mark
from reconciler.plan import Limits
from reconciler.plan.prune import OLD_ENOUGH, REASONS, Asked, Pruning, make_pruning
from reconciler.state import Binding, Desired, History, Job, JobStatus, Parent
from tests.laws.worlds import NAMES, VARIANTS, World, desires, jobs, rights
from tests.make import CLEAN, NOW, OWNER, make_facts, make_file, make_observed, make_training

KEYS = [make_training("a", **fields).key for fields in VARIANTS]
ALL = 1_000


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world in which much may be pruned: models, chains of them, old files, little in doubt."""
    desired = draw(desires().filter(lambda desired: desired.trainings))
    numbers = draw(st.permutations(range(6)))
    trained = [_trained(draw(jobs(number, desired.trainings)), draw) for number in numbers]
    models = [job.fine_tuned_model for job in trained if job.fine_tuned_model]
    seen = tuple(_made_from(job, trained, draw) for job in trained)
    age = draw(st.sampled_from([OLD_ENOUGH, OLD_ENOUGH, OLD_ENOUGH - 1]))
    contents = ("training", "more", "validation", "other")
    stored = (make_file(make_facts(content), n) for n, content in enumerate(contents))
    observed = make_observed(
        *seen,
        files=tuple(replace(file, created_at=NOW - age) for file in stored),
        models=frozenset(models) - draw(st.frozensets(st.sampled_from(models), max_size=1))
        if models
        else frozenset(),
        rights=draw(rights()) if draw(st.integers(0, 4)) == 4 else (),
        acknowledged=frozenset(job.id for job in seen),
        used_elsewhere=frozenset(n for job in seen if not is_ours(job) for n in made_with(job)),
    )
    return World(_bound(desired, draw), observed, Limits())


def _trained(job: Job, draw: st.DrawFn) -> Job:
    """The job, mostly with a model."""
    if draw(st.integers(0, 3)) == 3:
        return job
    model = f"ft:{job.model}:{OWNER}::{job.id}"
    return replace(job, status=JobStatus.SUCCEEDED, fine_tuned_model=model)


def _made_from(job: Job, others: list[Job], draw: st.DrawFn) -> Job:
    """The job, with any files, trained on its base or on the model of an older one."""
    files = st.sampled_from(["file-0", "file-1", "file-2", "file-3", "file-9"])
    older = [o.fine_tuned_model for o in others if o.age_rank < job.age_rank and o.fine_tuned_model]
    base = draw(st.sampled_from([job.model, job.model, *older]))
    step = draw(st.sampled_from(["", "", ":ckpt-step-8"]))
    held_out = draw(st.none() | files)
    return replace(job, model=base + step, training_file=draw(files), validation_file=held_out)


def _bound(desired: Desired, draw: st.DrawFn) -> Desired:
    bindings = st.builds(
        Binding, st.sampled_from([f"ftjob-{n}" for n in range(6)]), st.sampled_from(KEYS)
    )
    parents = st.builds(Parent, st.just("above"), st.sampled_from(KEYS))
    trainings = (
        replace(
            training,
            bindings=(draw(bindings),) if draw(st.booleans()) else (),
            parent=draw(parents) if draw(st.booleans()) else None,
        )
        for training in desired.trainings
    )
    return replace(desired, trainings=tuple(trainings))


ASKED = st.builds(
    Asked,
    only=st.just(frozenset(REASONS)) | st.frozensets(st.sampled_from(REASONS), min_size=1),
    keep=st.sampled_from([0, 0, 1, 2]),
    per_run=st.just(ALL) | st.integers(1, 3),
    max_share=st.just(1.0),
)
HISTORIES = st.builds(
    History,
    ancestors=st.sampled_from([frozenset({CLEAN.commit})] * 4 + [frozenset()]),
    on_remove=st.sampled_from([dict.fromkeys(NAMES, "prune"), {"b": "prune", "c": "retain"}]),
)


def pruned(world: World, history: History, asked: Asked) -> Pruning | None:
    """What a prune of the world would do; None if it refuses."""
    seen = replace(world, desired=replace(world.desired, trainings=())).plan()
    try:
        return make_pruning(seen, world.desired, world.observed, history, asked)
    except Guarded:
        return None


def after(world: World, pruning: Pruning) -> World:
    """The world without what was deleted."""
    gone = ids(pruning)
    observed = world.observed
    files = tuple(file for file in observed.files if file.id not in gone)
    return replace(world, observed=replace(observed, models=observed.models - gone, files=files))


def ids(pruning: Pruning) -> frozenset[str]:
    return frozenset(delete.id for delete in pruning.plan.deletes)


def is_ours(job: Job) -> bool:
    mark = read_mark(job)
    return mark is not None and mark.owner == OWNER


def made_with(job: Job) -> list[str]:
    return [name for name in (job.model, job.training_file, job.validation_file) if name]


def needed(world: World, history: History, gone: frozenset[str]) -> set[str]:
    """Everything that must stay: worked out from what must, not from what may go."""
    trainings = world.desired.trainings
    keys = {t.key for t in trainings} | {t.parent.key for t in trainings if t.parent}
    bound = {binding.job for t in trainings for binding in t.bindings}
    names = {file_name(OWNER, facts) for t in trainings for facts in t.datasets}
    stays = {file.id for file in world.observed.files if file.name in names}
    stays |= {file.id for file in world.observed.files if NOW - file.created_at < OLD_ENOUGH}
    stays |= {training.model for training in trainings}
    for job in world.observed.jobs:
        mark = read_mark(job)
        is_needed = not is_ours(job) or job.id in bound or (mark and mark.key in keys)
        if is_needed or not mark or mark.commit not in history.ancestors:
            stays.add(job.fine_tuned_model or "")
        has_model = job.fine_tuned_model in world.observed.models - gone
        if is_needed or has_model or not job.status.is_terminal:
            stays.update(name.partition(":ckpt-")[0] for name in made_with(job))
    return stays


@given(world=worlds(), history=HISTORIES, asked=ASKED)
def test_a_prune_never_removes_anything_needed(
    world: World, history: History, asked: Asked
) -> None:
    if pruning := pruned(world, history, asked):
        gone = ids(pruning)
        assert not gone & needed(world, history, gone)


@given(world=worlds(), history=HISTORIES, asked=ASKED)
def test_a_spec_that_has_a_model_has_one_after_a_prune(
    world: World, history: History, asked: Asked
) -> None:
    if pruning := pruned(world, history, asked):
        assert with_model(world) == with_model(after(world, pruning))


def with_model(world: World) -> set[str]:
    """The specs that a model answers for: one of their name, or of what they ask for today."""
    there = [job for job in world.observed.jobs if job.fine_tuned_model in world.observed.models]
    marks = [mark for job in there if (mark := read_mark(job)) and mark.owner == OWNER]
    made, keys = {mark.name for mark in marks}, {mark.key for mark in marks}
    bound = {job.id for job in there}
    return {
        name
        for training in world.desired.trainings
        for name in training.used_by
        if name in made or training.key in keys or not bound.isdisjoint(training.adopted)
    }


@given(world=worlds(), history=HISTORIES, asked=ASKED)
def test_a_prune_deletes_each_thing_once_models_first_and_never_more_than_asked(
    world: World, history: History, asked: Asked
) -> None:
    if pruning := pruned(world, history, asked):
        deletes = pruning.plan.deletes
        assert len(ids(pruning)) == len(deletes) == len(pruning.plan.actions) <= asked.per_run
        assert [d.what for d in deletes] == sorted((d.what for d in deletes), reverse=True)
        assert {d.reason for d in deletes} <= asked.only


@given(world=worlds(), history=HISTORIES, asked=ASKED)
def test_what_a_prune_kept_the_next_one_keeps(world: World, history: History, asked: Asked) -> None:
    whole = pruned(world, history, replace(asked, per_run=ALL))
    if whole is None:
        return
    done: frozenset[str] = frozenset()
    while (pruning := pruned(world, history, asked)) and pruning.plan.deletes:
        done |= ids(pruning)
        world = after(world, pruning)
    assert done == ids(whole)
