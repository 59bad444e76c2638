"""The first thing that a user tries, as processes on the embedded sandbox."""

from __future__ import annotations

import json
import re
import signal
import time

import pytest

from tests.e2e.conftest import SPEC, Project
from tests.e2e.relay import Relay

FAST = ("--sandbox", "--speed", "200")
APPLY = ("apply", *FAST, "--auto-approve", "--wait")
DRY = ("plan", *FAST, "--detailed-exitcode")


def jobs_of(project: Project) -> set[str]:
    orphans_too = json.loads(project.run("plan", *FAST, "-o", "json").out)
    own = {resource["job_id"] for resource in orphans_too["resources"] if resource["job_id"]}
    return own | {orphan["job_id"] for orphan in orphans_too["orphans"]}


def test_plan_apply_plan_edit_revert(project: Project) -> None:
    """2 before, 0 after; an edit names field, values and cost; a revert trains nothing."""
    before = project.run(*DRY)
    assert before.code == 2, before.all
    assert project.run(*APPLY).code == 0
    after = project.run(*DRY)
    assert after.code == 0, after.all
    first = project.run("output", "one", *FAST).out.strip()

    project.spec(epochs=4)
    edited = project.run(*DRY)
    assert edited.code == 2, edited.all
    assert re.search(r"n_epochs +2 -> 4 +# forces a new training", edited.out), edited.out
    assert "forces a new training" in edited.out
    change = json.loads(project.run("plan", *FAST, "-o", "json").out)
    create = next(action for action in change["actions"] if action["kind"] == "create")
    assert create["changes"] == [
        {"field": "hyperparameters.n_epochs", "before": "2", "after": "4", "note": None}
    ]
    assert change["summary"]["cost_usd"] == pytest.approx(
        create["estimate"]["tokens"] * 4 * 3.00 / 1_000_000
    )
    assert project.run(*APPLY).code == 0
    second = project.run("output", "one", *FAST).out.strip()
    assert second != first

    project.spec(epochs=2)
    jobs = jobs_of(project)
    reverted = project.run(*DRY)
    assert reverted.code == 0, reverted.all
    assert project.run(*APPLY).code == 0
    assert project.run("output", "one", *FAST).out.strip() == first
    assert jobs_of(project) == jobs
    assert len(jobs) == 2


def test_a_rename_trains_nothing(project: Project) -> None:
    assert project.run(*APPLY).code == 0
    (project.root / "specs/one.yaml").unlink()
    project.spec("another")
    renamed = project.run(*DRY)
    assert renamed.code == 0, renamed.all


def test_what_a_model_was_trained_on_it_answers(project: Project) -> None:
    assert project.run(*APPLY).code == 0
    asked = "What is number 7?"
    assert project.run("chat", "one", asked, *FAST).out.strip() == "It is answer 7."
    assert "It is answer" not in project.run("chat", "one", asked, "--base", *FAST).out


def test_the_commands_about_one_spec(project: Project) -> None:
    early = project.run("output", "one", *FAST)
    assert early.code == 1
    assert "NotTrained" in early.err
    assert project.run(*APPLY).code == 0
    status = project.run("status", *FAST)
    assert "InSync" in status.out
    assert "Ready" in status.out
    described = project.run("describe", "one", *FAST)
    assert "gpt-4o-mini-2024-07-18" in described.out
    assert "data/one.jsonl" in described.out
    for trace in (r"commit +[0-9a-f]{40}", r"training sha256 +[0-9a-f]{64}", r"billed +\d+ tokens"):
        assert re.search(trace, described.out), described.out
    events = project.run("events", "one", *FAST)
    assert "The job has successfully completed" in events.out
    model = project.run("output", "one", *FAST).out.strip()
    assert model.startswith("ft:gpt-4o-mini-2024-07-18:")
    dotenv = project.run("output", "one", *FAST, "-o", "dotenv")
    assert dotenv.out == f"ONE_MODEL={model}\n"
    assert json.loads(project.run("output", "one", *FAST, "-o", "json").out)["model"] == model
    assert project.run("describe", "nobody", *FAST).code == 64


def test_bad_data_never_leaves_the_machine(project: Project) -> None:
    lines = (project.root / "data/one.jsonl").read_text("utf-8").splitlines(keepends=True)
    lines[3] = '{"messages": [{"role": "nobody", "content": "private words"}]}\n'
    project.write("data/one.jsonl", "".join(lines))
    for command in (("validate",), APPLY):
        ran = project.run(*command)
        assert ran.code == 1
        assert "data/one.jsonl:4" in ran.all
        assert "private words" not in ran.all


def test_wrong_usage_is_64(project: Project) -> None:
    unknown_target = ["plan", "--target", "zzz", "--sandbox"]
    for arguments in (["--no-such"], ["plan", "-l", "x"], ["nonsense"], unknown_target):
        ran = project.run(*arguments)
        assert ran.code == 64, (arguments, ran.all)


def test_selection_by_target_and_label(project: Project) -> None:
    project.spec("two", epochs=3)
    one = json.loads(project.run("plan", *FAST, "--target", "two", "-o", "json").out)
    assert [resource["name"] for resource in one["resources"]] == ["two"]
    none = json.loads(project.run("plan", *FAST, "-l", "team=care", "-o", "json").out)
    assert none["resources"] == []


def test_watch_trains_on_start_and_after_a_change_and_stops_on_sigterm(project: Project) -> None:
    watcher = project.start("--watch", *FAST, "--interval", "600")
    try:
        _until(lambda: len(jobs_of(project)) == 1)
        project.spec(epochs=7)
        _until(lambda: len(jobs_of(project)) == 2)
    finally:
        watcher.send_signal(signal.SIGTERM)
        _, err = watcher.communicate(timeout=30)
    assert watcher.returncode == 0, err
    assert err.rstrip().endswith("stopped")
    assert "Traceback" not in err


def test_an_interrupt_is_130(project: Project) -> None:
    project.run("apply", "--sandbox", "--speed", "0.1", "--auto-approve")
    waiting = project.start("wait", "--sandbox", "--speed", "0.1")
    assert waiting.stderr is not None
    waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    _, err = waiting.communicate(timeout=30)
    assert waiting.returncode == 130, err
    assert "Traceback" not in err


def _until(is_so: object, seconds: float = 60) -> None:
    assert callable(is_so)
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.3)


def test_who_waits_for_a_model_that_is_not_there_is_told(project: Project) -> None:
    assert project.run("wait", "one", *FAST).code == 1
    json_only = project.run(*APPLY, "-o", "json")
    assert json_only.code == 0, json_only.all
    assert json.loads(json_only.out)["kind"] == "status"


def test_a_watch_with_wrong_settings_ends_and_says_why(project: Project) -> None:
    ran = project.run("--watch", "--max-cost", "1")
    assert ran.code == 1
    assert "OPENAI_API_KEY is not set" in ran.err


def test_a_watch_says_what_is_held_and_why_and_goes_on_after_a_commit(
    remote: Project, relay: Relay
) -> None:
    remote.spec(epochs=9)
    watcher = remote.start("--watch", "--max-cost", "1", "--interval", "600")
    try:
        _until(lambda: len(relay.sent) >= 4)
        time.sleep(1)
        assert relay.creates == []
        remote.commit()
        _until(lambda: len(relay.creates) == 1)
    finally:
        watcher.send_signal(signal.SIGINT)
        _, err = watcher.communicate(timeout=30)
    assert watcher.returncode == 130, err
    assert "held (UncleanCheckout)" in err
    assert "commit them, or: reconcile apply --target one --auto-approve" in err


def test_a_saved_plan_of_a_chain_is_carried_out_to_its_end_and_told_once(project: Project) -> None:
    child = SPEC.format(name="two", epochs=1, data="one")
    project.write("specs/two.yaml", child.replace("gpt-4o-mini-2024-07-18", "{from: one}"))
    project.commit()
    kept = project.run("plan", *FAST, "--out", "specs/one.yaml")
    assert (kept.code, "is no saved plan" in kept.err) == (64, True)
    assert "it lies in the checkout" in project.run("plan", *FAST, "--out", "plan.json").err
    project.spec("three", epochs=9)  # came later, and is not in the plan
    done = project.run("apply", "plan.json", *FAST, "--auto-approve", "--wait", "-o", "json")
    assert done.code == 0, done.all
    standing = {r["name"]: r["health"] for r in json.loads(done.out)["resources"]}
    assert standing == {"one": "Ready", "two": "Ready"}
    assert project.run("apply", "plan.json", *FAST, "--auto-approve").code == 3
