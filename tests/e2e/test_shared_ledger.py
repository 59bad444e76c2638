"""Runners that share no disk share a ledger on GitHub: what one has claimed, no other sends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, Ran
from tests.e2e.relay import Forward, Relay, Reply, Sent, is_create
from tests.e2e.test_ci import ci
from tests.github_fake import REPOSITORY, TOKEN, FakeGithub, lose_the_reply, on_ref_puts, served

SPEND = ("apply", "--auto-approve", "--max-cost", "1")
PROJECT = """\
apiVersion: reconciler.dev/v1
kind: Project
metadata: {name: shop}
spec:
  ledger: {kind: github}
"""


@pytest.fixture
def github() -> Iterator[FakeGithub]:
    github = FakeGithub()
    with served(github):
        yield github


@pytest.fixture
def shared(remote: Project, github: FakeGithub) -> Project:
    """The project, its ledger declared to be on GitHub."""
    remote.write("reconciler.yaml", PROJECT)
    remote.commit()
    settings = {
        "GITHUB_API_URL": github.base_url,
        "GITHUB_REPOSITORY": REPOSITORY,
        "GITHUB_TOKEN": TOKEN,
    }
    return Project(remote.root, {**remote.environment, **settings})


def copied(project: Project, tmp_path: Path) -> Project:
    """The same commit in another folder, with a cache of its own: another machine."""
    root = tmp_path / "elsewhere" / "shop"
    shutil.copytree(project.root, root, ignore=shutil.ignore_patterns(".reconciler"))
    own = {"RECONCILER_CACHE": str(tmp_path / "elsewhere" / "cache")}
    return Project(root, {**project.environment, **own})


def said(ran: Ran) -> str:
    assert TOKEN not in ran.all
    return ran.all


def test_what_one_machine_has_claimed_another_holds(
    shared: Project, github: FakeGithub, relay: Relay, tmp_path: Path
) -> None:
    def vanish(sent: Sent, forward: Forward) -> Reply:
        return Reply(0, None) if is_create(sent) else forward(sent)

    relay.spoil = vanish
    lost = shared.run(*SPEND, CI="true")
    assert lost.code == 3, lost.all
    assert "dies" not in said(lost), "a ledger on GitHub outlives the machine"
    assert not (shared.root / ".reconciler/ledger").exists()
    relay.spoil = lambda sent, forward: forward(sent)
    held = copied(shared, tmp_path).run(*SPEND)
    assert held.code == 3, said(held)
    assert "InDoubt" in held.all
    assert len(relay.creates) == 1
    assert [ref.rpartition(".")[2] for ref in github.refs] == ["claim"]


def test_what_one_machine_has_created_another_finds_in_step(
    shared: Project, github: FakeGithub, relay: Relay, tmp_path: Path
) -> None:
    github.spoil = on_ref_puts(lose_the_reply)
    done = shared.run(*SPEND, "--wait")
    assert done.code == 0, said(done)
    again = copied(shared, tmp_path).run(*SPEND)
    assert again.code == 0, said(again)
    assert len(relay.creates) == 1
    assert sorted(ref.rpartition(".")[2] for ref in github.refs) == ["claim", "closing"]


def test_a_ledger_that_cannot_be_reached_sends_nothing(shared: Project, relay: Relay) -> None:
    ran = shared.run(*SPEND, **{"GITHUB_TOKEN": "ghs_wrong_0123456789"})
    assert ran.code == 1, ran.all
    assert "Bad credentials" in ran.err
    assert "ghs_wrong" not in ran.all
    assert relay.creates == []


def test_a_token_that_may_only_read_plans_and_creates_nothing(
    shared: Project, github: FakeGithub, relay: Relay
) -> None:
    github.permission = "read"
    planned = shared.run("plan")
    assert planned.code == 0, planned.all
    ran = shared.run(*SPEND)
    assert ran.code == 1, ran.all
    assert "permissions: {contents: write}" in said(ran)
    assert relay.creates == []


def test_a_folder_that_dies_with_the_runner_is_warned_of_where_github_shows_it(
    remote: Project, tmp_path: Path
) -> None:
    ran, summary, _ = ci(remote, "push", tmp_path)
    assert ran.code == 0, ran.all
    assert "::warning title=reconcile::the ledger is a folder" in ran.out
    assert "kind: github" in summary
    assert "> [!WARNING]" in summary
    applied = remote.run(*SPEND, CI="true")
    assert applied.err.count("warning: the ledger is a folder") == 1
