"""What holds for every plan, whatever the world is like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import StalePlan
from reconciler.ownership import read_mark
from reconciler.plan import Cancel, Create, Limits, Plan, Reason
from reconciler.plan.model import plan_from_json, plan_to_json
from reconciler.plan.saved import SavedPlan, exactly, saved_from_json, saved_to_json, sealed
from reconciler.policy import Rules, review
from reconciler.resolve import resolve
from reconciler.spec import Lifecycle
from reconciler.state import LAST, Claim, Health, JobStatus, Loaded, Revision
from tests.laws.worlds import (
    CHAINED_WORLDS,
    NAMES,
    OPEN_WORLDS,
    REVISIONS,
    RULES,
    TWO_WORLDS,
    WORLDS,
    World,
    applied,
    specs,
)
from tests.make import OWNER, make_observed


@given(world=WORLDS, random=st.randoms(use_true_random=False))
def test_a_plan_does_not_depend_on_the_order_of_what_it_is_made_from(
    world: World, random: Random
) -> None:
    observed, desired = world.observed, world.desired
    mixed = replace(
        observed,
        jobs=tuple(random.sample(observed.jobs, len(observed.jobs))),
        files=tuple(random.sample(observed.files, len(observed.files))),
        rights=tuple(random.sample(observed.rights, len(observed.rights))),
    )
    assert World(desired, mixed, world.limits).plan() == world.plan()


@given(world=WORLDS)
def test_a_plan_survives_json(world: World) -> None:
    plan = world.plan()
    assert plan_from_json(plan_to_json(plan)) == plan
    assert plan_from_json(plan_to_json(plan)).digest == plan.digest


@given(world=WORLDS, rules=RULES, revision=REVISIONS)
def test_a_review_never_adds(world: World, rules: Rules, revision: Revision) -> None:
    plan = replace(world.plan(), revision=revision)
    reviewed = review(plan, rules)
    assert [action for action in plan.actions if action in reviewed.actions] == list(
        reviewed.actions
    )
    assert [create for create in plan.later if create in reviewed.later] == list(reviewed.later)
    assert [r.key for r in reviewed.resources] == [r.key for r in plan.resources]
    assert reviewed.usd <= plan.usd
    assert review(reviewed, rules) == reviewed


@given(world=WORLDS, rules=RULES)
def test_what_a_review_takes_away_it_holds(world: World, rules: Rules) -> None:
    plan = world.plan()
    reviewed = review(plan, rules)
    held = {resource.key for resource in reviewed.having(Health.HELD)}
    assert asked(plan) - asked(reviewed) <= held
    files = {name for create in reviewed.creates for name in create.files}
    assert {upload.file_name for upload in reviewed.uploads} <= files


def asked(plan: Plan) -> set[str]:
    """The keys that are to be trained, now or once their parent is there."""
    return {create.key for create in (*plan.creates, *plan.later)}


@given(world=CHAINED_WORLDS, rules=RULES)
def test_what_a_review_leaves_to_come_later_still_has_what_it_rests_on(
    world: World, rules: Rules
) -> None:
    reviewed = review(world.plan(), rules)
    under_way = {resource.key for resource in reviewed.having(Health.PROGRESSING)}
    for create in reviewed.later:
        assert create.training.parent
        parent = create.training.parent.key
        is_selected = any(resource.key == parent for resource in reviewed.resources)
        assert parent in asked(reviewed) | under_way or not is_selected


@given(world=WORLDS, rules=RULES)
def test_nothing_is_created_while_a_training_made_twice_is_not_acknowledged(
    world: World, rules: Rules
) -> None:
    plan = world.plan()
    if plan.duplicates:
        assert review(plan, rules).creates == ()
    jobs = {job for duplicate in plan.duplicates for job in duplicate.jobs}
    known = replace(world.observed, acknowledged=world.observed.acknowledged | jobs)
    thawed = replace(world, observed=known).plan()
    assert thawed.duplicates == ()
    assert replace(thawed, duplicates=plan.duplicates) == plan


@given(world=WORLDS)
def test_what_is_to_be_cancelled_as_superfluous_is_a_duplicate_or_stands_beside_what_git_adopts(
    world: World,
) -> None:
    plan = replace(world, observed=replace(world.observed, acknowledged=frozenset())).plan()
    jobs = {job for duplicate in plan.duplicates for job in duplicate.jobs}
    adopting = {training.key for training in world.desired.trainings if training.adopted}
    cancels = [action for action in plan.actions if isinstance(action, Cancel)]
    assert {cancel.job_id for cancel in cancels if cancel.key not in adopting} <= jobs


@given(world=WORLDS)
def test_only_what_bears_our_mark_is_ever_cancelled(world: World) -> None:
    plan = world.plan()
    jobs = {job.id: job for job in world.observed.jobs}
    for action in plan.actions:
        if isinstance(action, Cancel):
            job = jobs[action.job_id]
            mark = read_mark(job)
            assert mark is not None
            assert mark.owner == OWNER
            assert not job.status.is_terminal


@given(world=WORLDS)
def test_no_job_that_git_names_is_ever_cancelled(world: World) -> None:
    named = {binding.job for t in world.desired.trainings for binding in t.bindings}
    cancelled = {a.job_id for a in world.plan().actions if isinstance(a, Cancel)}
    assert not named & cancelled


@given(world=WORLDS)
def test_no_plan_of_a_pass_deletes_anything(world: World) -> None:
    assert world.plan().deletes == ()


@given(world=WORLDS)
def test_nothing_is_sent_for_a_training_that_is_suspended(world: World) -> None:
    plan = world.plan()
    suspended = {t.key for t in world.desired.trainings if t.is_suspended}
    assert not suspended & sent(plan)
    every = tuple(replace(training, is_suspended=True) for training in world.desired.trainings)
    still = replace(world, desired=replace(world.desired, trainings=every)).plan()
    assert not still.writes
    assert still.later == ()


def sent(plan: Plan) -> set[str]:
    """The keys for which something is or will be created or cancelled."""
    cancelled = {action.key for action in plan.actions if isinstance(action, Cancel)}
    return asked(plan) | cancelled


@given(world=WORLDS, revision=REVISIONS, later=st.integers(0, 10**9))
def test_a_digest_does_not_depend_on_time_commit_labels_or_what_a_lifecycle_says(
    world: World, revision: Revision, later: int
) -> None:
    plan = world.plan()
    named = tuple(replace(t, labels=("other",)) for t in world.desired.trainings)
    desired = replace(world.desired, revision=revision, trainings=named)
    assert replace(world, desired=desired).plan().digest == plan.digest
    assert replace(plan, taken_at=plan.taken_at + later).digest == plan.digest
    other = Lifecycle(on_remove="prune", prevent_retrain=True)
    creates = tuple(
        replace(create, training=replace(create.training, lifecycle=other))
        for create in plan.creates
    )
    rest = tuple(action for action in plan.actions if not isinstance(action, Create))
    before = replace(plan, actions=(*plan.creates, *rest))
    assert replace(before, actions=(*creates, *rest)).digest == before.digest


@given(world=WORLDS)
def test_each_selected_training_has_one_resource_and_at_most_one_create(world: World) -> None:
    plan = world.plan()
    wanted = [t.key for t in world.desired.trainings if world.desired.is_selected(t)]
    assert [resource.key for resource in plan.resources] == wanted
    created = [create.key for create in plan.creates]
    assert len(set(created)) == len(created)
    assert set(created) <= set(wanted)
    alive = (Health.READY, Health.RETIRING, Health.PROGRESSING)
    working = {r.key for health in alive for r in plan.having(health)}
    assert not working & set(created)


@given(world=WORLDS)
def test_a_create_that_goes_well_lifts_the_end_of_training_and_then_all_is_still(
    world: World,
) -> None:
    once = applied(world, world.plan().actions)
    twice = applied(once, once.plan().actions)
    assert not twice.plan().writes


@given(world=OPEN_WORLDS, keeps_marks=st.booleans())
def test_after_an_apply_the_next_plan_writes_nothing(world: World, keeps_marks: bool) -> None:
    after = applied(world, world.plan().actions, keeps_marks=keeps_marks)
    assert not after.plan().writes


@given(world=OPEN_WORLDS, data=st.data())
def test_interrupted_at_any_action_the_next_pass_ends_in_the_same_state(
    world: World, data: st.DataObject
) -> None:
    plan = world.plan()
    cut = data.draw(st.integers(0, len(plan.actions)))
    interrupted = applied(world, plan.actions[:cut])
    resumed = applied(interrupted, interrupted.plan().actions)
    whole = applied(world, plan.actions)
    assert not resumed.plan().writes
    assert axes(resumed) == axes(whole)
    assert len(resumed.observed.jobs) == len(whole.observed.jobs)


def axes(world: World) -> list[tuple[str, str, str]]:
    """How each resource stands."""
    told = [(r.key, r.condition) for r in world.plan().resources]
    return [(key, condition.sync, condition.health) for key, condition in told]


@given(world=WORLDS)
def test_nothing_is_created_beside_a_job_of_ours_that_lives_or_a_model_that_answers(
    world: World,
) -> None:
    created = {create.key for create in world.plan().creates}
    adopted = {r.closing.job_id for r in world.observed.rights if r.closing}
    for job in world.observed.jobs:
        mark = read_mark(job)
        answers = (
            job.status is JobStatus.SUCCEEDED and job.fine_tuned_model in world.observed.models
        )
        if mark and mark.owner == OWNER and job.id not in adopted:
            assert mark.key not in created or (job.status.is_terminal and not answers)


# ---- chains --------------------------------------------------------------------------------------


@given(world=CHAINED_WORLDS)
def test_a_child_is_created_on_what_its_parent_made_and_only_once_that_can_be_used(
    world: World,
) -> None:
    everything = frozenset(name for t in world.desired.trainings for name in t.used_by)
    whole = replace(world, desired=replace(world.desired, selected=everything)).plan()
    usable = {r.key: r for r in whole.resources if r.condition.health.is_usable}
    for create in (*world.plan().creates, *whole.creates):
        parent = create.training.parent
        if parent is None:
            assert create.base == create.training.model
            continue
        resource = usable[parent.key]
        steps = world.observed.checkpoints.get(resource.job_id, ())
        made = {(LAST, resource.fine_tuned_model), *((c.step, c.model) for c in steps)}
        assert (parent.checkpoint, create.base) in made
        assert resource.fine_tuned_model in world.observed.models


@given(world=CHAINED_WORLDS)
def test_what_comes_later_rests_on_what_comes_before_it(world: World) -> None:
    plan = world.plan()
    done = {create.key for create in plan.creates}
    done |= {resource.key for resource in plan.having(Health.PROGRESSING)}
    chosen = {resource.key for resource in plan.resources}
    for create in plan.later:
        parent = create.training.parent
        assert create.base == ""
        assert parent
        assert parent.key in done or parent.key not in chosen
        done.add(create.key)


@given(loaded=specs(), random=st.randoms(use_true_random=False))
def test_what_is_desired_does_not_depend_on_the_order_of_specs(
    loaded: Loaded, random: Random
) -> None:
    mixed = replace(loaded, specs=tuple(random.sample(loaded.specs, len(loaded.specs))))
    assert resolve(mixed) == resolve(loaded)


@given(loaded=specs())
def test_specs_with_one_key_train_once_and_each_is_told_of(loaded: Loaded) -> None:
    desired = resolve(loaded)
    plan = World(desired, make_observed(), Limits()).plan()
    created = [create.key for create in (*plan.creates, *plan.later)]
    assert len(set(created)) == len(created)
    names = [name for training in desired.trainings for name in training.used_by]
    assert sorted(names) == [each.document.metadata.name for each in loaded.specs]


# ---- saved plans ---------------------------------------------------------------------------------


@given(world=WORLDS, rules=RULES)
def test_a_plan_that_is_still_right_is_carried_out_whole(world: World, rules: Rules) -> None:
    plan = review(world.plan(), rules)
    assert exactly(plan, plan) == plan


@given(worlds=TWO_WORLDS)
def test_a_saved_plan_is_carried_out_as_it_was_decided_or_not_at_all(
    worlds: tuple[World, World],
) -> None:
    saved, now = (world.plan() for world in worlds)
    is_same = decisions(saved) <= decisions(now)
    if not is_same:
        with pytest.raises(StalePlan):
            exactly(saved, now)
        return
    kept = exactly(saved, now)
    assert decisions(kept) == decisions(saved)
    files = {name for create in saved.creates for name in create.files}
    assert {upload.file_name for upload in kept.uploads} <= files
    assert {create.key for create in kept.later} <= {r.key for r in saved.resources}


@given(world=WORLDS, data=st.data())
def test_a_saved_plan_is_stale_after_any_change_of_what_it_creates_and_takes_on_nothing_new(
    world: World, data: st.DataObject
) -> None:
    plan = world.plan()
    if not plan.creates:
        return
    create = data.draw(st.sampled_from(plan.creates))
    rest = tuple(action for action in plan.actions if action != create)
    assert decisions(exactly(replace(plan, actions=rest), plan)) == decisions(
        replace(plan, actions=rest)
    )
    changed = data.draw(st.sampled_from([(), *((other,) for other in others_of(create))]))
    with pytest.raises(StalePlan, match=create.training.name):
        exactly(plan, replace(plan, actions=(*changed, *rest)))


def others_of(create: Create) -> Iterator[Create]:
    """The same training as it would be decided otherwise."""
    yield replace(create, attempt=create.attempt + 1)
    yield replace(create, base=f"{create.base}:other")
    yield replace(create, estimate=replace(create.estimate, tokens=7, price=7.0))
    other = Reason.RETRY_ASKED if create.reason is not Reason.RETRY_ASKED else Reason.NOT_TRAINED
    yield replace(create, reason=other)


def decisions(plan: Plan) -> set[tuple[object, ...]]:
    """What costs or ends something, by all that makes it another decision."""
    creates = ((c.key, c.attempt, c.reason, c.base, c.estimate.usd) for c in plan.creates)
    cancels = (("cancel", a.job_id) for a in plan.actions if isinstance(a, Cancel))
    return {*creates, *cancels, ("endpoint", plan.endpoint.label)}


@given(world=WORLDS, retry=st.frozensets(st.sampled_from(NAMES)))
def test_a_saved_plan_survives_its_file(world: World, retry: frozenset[str]) -> None:
    saved = SavedPlan(world.plan(), ("specs",), ("a",), {"team": "care"}, tuple(sorted(retry)))
    assert saved_from_json(saved_to_json(saved), "plan.json") == sealed(saved)


# ---- what stands is left alone -------------------------------------------------------------------


@given(world=WORLDS)
def test_nothing_is_created_while_a_claim_of_its_key_is_fresh(world: World) -> None:
    fresh = {
        right.claim.key
        for right in world.observed.rights
        if right.closing is None
        and right.claim.at + world.limits.doubt_window > world.observed.taken_at
        and right.claim == latest(world, right.claim.key)
    }
    seen = {mark.key for job in world.observed.jobs if (mark := read_mark(job))}
    assert not {create.key for create in world.plan().creates} & (fresh - seen)


def latest(world: World, key: str) -> Claim:
    """The claim of a key with the highest attempt."""
    claims = (right.claim for right in world.observed.rights if right.claim.key == key)
    return max(claims, key=lambda claim: claim.attempt)
