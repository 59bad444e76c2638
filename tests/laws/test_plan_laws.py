"""What holds for every plan, whatever the world is like."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from reconciler.ownership import read_mark
from reconciler.plan import Cancel
from reconciler.plan.model import plan_from_json, plan_to_json
from reconciler.policy import Rules, review
from reconciler.state import Claim, Health, JobStatus, Revision
from tests.laws.worlds import OPEN_WORLDS, REVISIONS, RULES, WORLDS, World, applied
from tests.make import OWNER


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
    assert [r.key for r in reviewed.resources] == [r.key for r in plan.resources]
    assert reviewed.usd <= plan.usd
    assert review(reviewed, rules) == reviewed


@given(world=WORLDS, rules=RULES)
def test_what_a_review_takes_away_it_holds(world: World, rules: Rules) -> None:
    plan = world.plan()
    reviewed = review(plan, rules)
    gone = {create.key for create in plan.creates} - {create.key for create in reviewed.creates}
    held = {resource.key for resource in reviewed.having(Health.HELD)}
    assert gone <= held
    files = {name for create in reviewed.creates for name in create.files}
    assert {upload.file_name for upload in reviewed.uploads} <= files


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
def test_what_is_to_be_cancelled_as_superfluous_is_a_duplicate(world: World) -> None:
    plan = replace(world, observed=replace(world.observed, acknowledged=frozenset())).plan()
    jobs = {job for duplicate in plan.duplicates for job in duplicate.jobs}
    assert {a.job_id for a in plan.actions if isinstance(a, Cancel)} <= jobs


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


@given(world=WORLDS, revision=REVISIONS, later=st.integers(0, 10**9))
def test_a_digest_does_not_depend_on_time_or_commit(
    world: World, revision: Revision, later: int
) -> None:
    plan = world.plan()
    desired = replace(world.desired, revision=revision)
    assert replace(world, desired=desired).plan().digest == plan.digest
    assert replace(plan, taken_at=plan.taken_at + later).digest == plan.digest


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
