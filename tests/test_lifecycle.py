"""Chains, drift, a hand on a job, saved plans: whole passes against the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from reconciler.engine import (
    Pass,
    Steer,
    describe,
    find,
    look,
    reconcile,
    steer_job,
    steerable,
    wait,
)
from reconciler.errors import StalePlan, UsageError
from reconciler.plan import Plan, Reason
from reconciler.plan.saved import SavedPlan, saved_from_json, saved_to_json
from reconciler.providers.protocol import JobRequest
from reconciler.state import Health, Job, JobStatus, Sync
from tests.e2e.relay import Forward, Reply, Sent
from tests.test_engine import Scene, opened, quiet

CHAIN = """\
apiVersion: reconciler.dev/v1
kind: FineTune
metadata: {{name: {name}}}
spec:
  model: {model}
  dataset: ../data/one.jsonl
  hyperparameters: {{n_epochs: 2}}
{more}"""


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with opened(tmp_path) as scene:
        yield scene


def write(scene: Scene, name: str, model: str = "gpt-4o-mini-2024-07-18", more: str = "") -> None:
    text = CHAIN.format(name=name, model=model, more=more)
    (scene.request.root / f"specs/{name}.yaml").write_text(text)


def trained(scene: Scene) -> Pass:
    """Apply, and let what was made end."""
    scene.apply()
    seen, _ = wait(scene.request, scene.world, lambda _job, _events: None, pause=0)
    return seen


def later(scene: Scene, seconds: int) -> None:
    clock = scene.sandbox_url.removesuffix("/v1") + "/_sandbox/clock"
    httpx2.post(clock, json={"advance": seconds}, timeout=20).raise_for_status()


def job_of(scene: Scene, name: str = "one") -> Job:
    seen = look(scene.request, scene.world)
    _, resource = find(seen, name)
    return next(job for job in seen.observed.jobs if job.id == resource.job_id)


def standing(seen: Pass, name: str = "one") -> tuple[Sync, Health, str]:
    _, resource = find(seen, name)
    condition = resource.condition
    return condition.sync, condition.health, condition.reason


# ---- chains --------------------------------------------------------------------------------------


def test_a_chain_is_trained_parents_first_each_on_what_was_made_before(scene: Scene) -> None:
    write(scene, "child", "{from: one, checkpoint: 12}")
    write(scene, "grandchild", "{from: child}")
    first = look(scene.request, scene.world).plan
    assert [create.training.name for create in first.creates] == ["one"]
    assert [create.training.name for create in first.later] == ["child", "grandchild"]
    second = trained(scene).plan
    assert [create.training.name for create in second.creates] == ["child"]
    assert [create.training.name for create in second.later] == ["grandchild"]
    trained(scene)
    assert not trained(scene).plan.writes
    one, child, grandchild = (job_of(scene, name) for name in ("one", "child", "grandchild"))
    assert child.model == f"{one.fine_tuned_model}:ckpt-step-12"
    assert grandchild.model == child.fine_tuned_model


def test_a_chain_starts_from_a_checkpoint_of_a_parent_that_the_ledger_alone_names(
    scene: Scene,
) -> None:
    scene.relay.spoil = without_marks
    write(scene, "child", "{from: one, checkpoint: 12}")
    [create] = trained(scene).plan.creates
    assert (create.training.name, create.base[-3:]) == ("child", "-12")


def without_marks(sent: Sent, forward: Forward) -> Reply:
    """What a gateway answers that keeps no metadata."""
    reply = forward(sent)
    if "/fine_tuning/jobs" not in sent.path or not reply.body:
        return reply
    answer = json.loads(reply.body)
    for row in answer.get("data", [answer]):
        row["metadata"] = None
    return replace(reply, body=json.dumps(answer).encode())


# ---- drift ---------------------------------------------------------------------------------------


def test_a_file_that_is_gone_is_drift_of_a_model_that_is_used_all_the_same(scene: Scene) -> None:
    trained(scene)
    scene.provider.delete_file(job_of(scene).training_file)
    later(scene, 7200)
    seen = look(scene.request, scene.world)
    assert standing(seen) == (Sync.DRIFTED, Health.READY, Reason.FILE_DELETED)
    assert not seen.plan.writes


def test_what_is_deleted_is_trained_again_only_where_the_spec_asks_for_it(scene: Scene) -> None:
    model = job_of_trained(scene).fine_tuned_model
    assert model is not None
    scene.provider.delete_model(model)
    assert not look(scene.request, scene.world).plan.writes
    write(scene, "one", more="  lifecycle: {on_drift: {model_deleted: retrain}}\n")
    assert not look(scene.request, scene.world).plan.writes  # an endpoint may lag
    later(scene, 3600)
    [create] = look(scene.request, scene.world).plan.creates
    assert (create.reason, create.attempt) == (Reason.RETRAIN_DRIFT, 2)
    assert not trained(scene).plan.writes


def job_of_trained(scene: Scene) -> Job:
    trained(scene)
    return job_of(scene)


def test_a_model_that_nobody_needs_and_that_is_gone_costs_no_request_in_a_pass(
    scene: Scene,
) -> None:
    model = job_of_trained(scene).fine_tuned_model
    assert model is not None
    scene.spec(epochs=3)
    trained(scene)
    scene.provider.delete_model(model)
    scene.relay.sent.clear()
    look(scene.request, scene.world)
    assert not [sent.path for sent in scene.relay.sent if "/models/" in sent.path]


# ---- adoption ------------------------------------------------------------------------------------


def test_a_job_that_somebody_made_by_hand_is_adopted_by_git_alone(scene: Scene) -> None:
    [create] = look(scene.request, scene.world).plan.creates
    file = scene.provider.upload(
        scene.request.root / "data/one.jsonl",
        "by-hand.jsonl",
        create.training.datasets[0].sha256,
        lambda _count: None,
    )
    job = scene.provider.create(
        JobRequest(create.base, "supervised", {"n_epochs": 2}, file.id, None, None, None, {}, "n-1")
    )
    write(scene, "one", more=f"  adopt: {{job: {job.id}, run_key: {create.key}}}\n")
    assert not trained(scene).plan.writes
    assert standing(look(scene.request, scene.world)) == (Sync.IN_SYNC, Health.READY, Reason.READY)
    assert len(scene.relay.creates) == 1
    story = describe(scene.request, scene.world, "one")
    assert [(g.job_id, g.key, g.is_current) for g in story.generations] == [
        (job.id, create.key, True)
    ]


def test_an_adopted_job_that_is_another_is_not_taken_and_nothing_is_trained_beside_it(
    scene: Scene,
) -> None:
    job = job_of_trained(scene)
    write(scene, "two", more="  seed: 7\n")
    key = next(r.key for r in look(scene.request, scene.world).plan.resources if r.name == "two")
    write(scene, "two", more=f"  seed: 7\n  adopt: {{job: {job.id}, run_key: {key}}}\n")
    seen = look(scene.request, scene.world)
    assert standing(seen, "two")[1:] == (Health.HELD, Reason.ADOPTION_CONTRADICTED)
    assert not seen.plan.writes


# ---- a hand on a job -----------------------------------------------------------------------------


def test_a_paused_job_is_held_until_it_is_resumed_and_a_cancelled_one_is_drift(
    tmp_path: Path,
) -> None:
    with opened(tmp_path, speed=0.01) as scene:
        scene.apply()
        later(scene, 20)
        steer(scene, Steer.PAUSE)
        later(scene, 60)
        seen, ended = wait(scene.request, scene.world, lambda _job, _events: None, pause=0)
        assert (standing(seen), ended) == ((Sync.DRIFTED, Health.HELD, Reason.JOB_PAUSED), ())
        with pytest.raises(UsageError, match="nothing to pause"):
            steer(scene, Steer.PAUSE)
        assert steer(scene, Steer.RESUME).status is not JobStatus.PAUSED
        assert steer(scene, Steer.CANCEL).status is JobStatus.CANCELLED
        seen = look(scene.request, scene.world)
        assert standing(seen) == (Sync.DRIFTED, Health.MISSING, Reason.JOB_CANCELLED)
        with pytest.raises(UsageError, match="is cancelled: nothing to cancel"):
            steer(scene, Steer.CANCEL)


def steer(scene: Scene, how: Steer) -> Job:
    seen, job = steerable(scene.request, scene.world, "one", how)
    return steer_job(seen, scene.world, job, how)


# ---- plans that wait -----------------------------------------------------------------------------


def test_a_plan_that_was_thought_about_for_long_is_made_once_more_and_must_be_the_same(
    scene: Scene,
) -> None:
    def think(_plan: Plan) -> bool:
        later(scene, 600)
        look(scene.request, scene.world)  # the clock is read off an answer
        return True

    def think_while_another_runner_acts(plan: Plan) -> bool:
        scene.apply()
        return think(plan)

    with pytest.raises(StalePlan):
        reconcile(scene.request, scene.world, approve=think_while_another_runner_acts, tell=quiet)
    assert len(scene.relay.creates) == 1
    write(scene, "two", more="  seed: 2\n")
    reconcile(scene.request, scene.world, approve=think, tell=quiet)
    assert len(scene.relay.creates) == 2


def test_a_saved_plan_is_carried_out_exactly_and_once(scene: Scene) -> None:
    plan = look(scene.request, scene.world).plan
    saved = saved_from_json(saved_to_json(SavedPlan(plan)), "plan.json")
    write(scene, "two", more="  seed: 2\n")  # not in the plan: not carried out
    request = replace(scene.request, saved=saved.plan)
    later(scene, 3600)
    reconcile(request, scene.world, approve=lambda _plan: True, tell=quiet)
    assert len(scene.relay.creates) == 1
    with pytest.raises(StalePlan, match="one: it would not be trained now: Training"):
        reconcile(request, scene.world, approve=lambda _plan: True, tell=quiet)
    assert len(scene.relay.creates) == 1
