"""What holds for every prune, whatever the world is like."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import Guarded
from reconciler.ownership import file_name, read_mark
from reconciler.plan.prune import OLD_ENOUGH, REASONS, Asked, Pruning, make_pruning
from reconciler.state import Binding, Desired, History, Job, Observed, Parent
from tests.laws.worlds import NAMES, VARIANTS, WORLDS, World
from tests.make import CLEAN, NOW, OWNER, make_training

KEYS = [make_training("a", **fields).key for fields in VARIANTS]
ALL = 1_000


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """A world in which much may be pruned: chains, bindings, old files, all that is made known."""
    world = draw(WORLDS)
    observed = world.observed
    jobs = tuple(_drawn_from(job, observed, draw) for job in observed.jobs)
    closed = tuple(right for right in observed.rights if right.closing or draw(st.booleans()))
    age = draw(st.sampled_from([0, OLD_ENOUGH - 1, OLD_ENOUGH]))
    elsewhere = {name for job in jobs if not is_ours(job) for name in made_with(job)}
    observed = replace(
        observed,
        jobs=jobs,
        rights=closed,
        models=frozenset(observed.models),
        files=tuple(replace(file, created_at=NOW - age) for file in observed.files),
        acknowledged=frozenset(job.id for job in jobs),
        used_elsewhere=frozenset(elsewhere),
    )
    return replace(world, desired=_bound(world.desired, draw), observed=observed)


def _drawn_from(job: Job, observed: Observed, draw: st.DrawFn) -> Job:
    bases = [job.model, job.model, *sorted(observed.models)]
    files = st.sampled_from(["file-0", "file-1", "file-2", "file-9"])
    base = draw(st.sampled_from(bases)) + draw(st.sampled_from(["", "", ":ckpt-step-8"]))
    return replace(
        job, model=base, training_file=draw(files), validation_file=draw(st.none() | files)
    )


def _bound(desired: Desired, draw: st.DrawFn) -> Desired:
    bindings = st.builds(Binding, st.sampled_from(["ftjob-0", "ftjob-3"]), st.sampled_from(KEYS))
    parents = st.none() | st.builds(Parent, st.just("above"), st.sampled_from(KEYS))
    trainings = (
        replace(t, bindings=tuple(draw(st.lists(bindings, max_size=1))), parent=draw(parents))
        for t in desired.trainings
    )
    return replace(desired, trainings=tuple(trainings))


ASKED = st.builds(
    Asked,
    only=st.just(frozenset(REASONS)) | st.frozensets(st.sampled_from(REASONS)),
    keep=st.integers(0, 2),
    per_run=st.integers(1, 3) | st.just(ALL),
    max_share=st.just(1.0),
)
HISTORIES = st.builds(
    History,
    ancestors=st.sampled_from([frozenset({CLEAN.commit})] * 3 + [frozenset()]),
    on_remove=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["prune", "retain"])),
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
