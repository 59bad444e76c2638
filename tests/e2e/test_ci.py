"""``reconcile ci``: plans unless a commit was accepted, and reports where GitHub reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Project, Ran
from tests.e2e.relay import Relay


def ci(
    project: Project, event: str, folder: Path, *more: str, ref: str = "refs/heads/main"
) -> tuple[Ran, str, str]:
    """Run for an event; what was printed, the job summary, the outputs."""
    summary, outputs, payload = (folder / name for name in ("summary.md", "outputs", "event.json"))
    summary.write_text("")
    outputs.write_text("")
    payload.write_text('{"repository": {"default_branch": "main"}}')
    variables = {
        "CI": "true",
        "GITHUB_EVENT_NAME": event,
        "GITHUB_EVENT_PATH": str(payload),
        "GITHUB_OUTPUT": str(outputs),
        "GITHUB_REF": ref,
        "GITHUB_STEP_SUMMARY": str(summary),
    }
    ran = project.run("ci", "--max-cost", "1", *more, **variables)
    return ran, summary.read_text("utf-8"), outputs.read_text("utf-8")


def test_a_push_to_another_branch_only_plans(remote: Project, relay: Relay, tmp_path: Path) -> None:
    for ref in ("refs/heads/feature/main", "refs/tags/main", "main", ""):
        assert ci(remote, "push", tmp_path, ref=ref)[0].code == 0
    assert relay.creates == []
    ran, _, _ = ci(remote, "push", tmp_path, "--branch", "prod", ref="refs/heads/prod")
    assert ran.code == 0, ran.all
    assert len(relay.creates) == 1


def test_a_pull_request_is_planned_by_the_rules_of_the_merge(
    remote: Project, tmp_path: Path
) -> None:
    remote.write(
        "reconciler.yaml",
        "apiVersion: reconciler.dev/v1\nkind: Project\nmetadata: {name: shop}\n"
        "spec: {budget: {per_pass: 0}}\n",
    )
    remote.commit()
    ran, summary, _ = ci(remote, "pull_request", tmp_path)
    assert ran.code == 3, ran.all
    assert "OverBudget" in summary


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "issues", ""])
def test_only_an_accepted_commit_is_applied(
    remote: Project, relay: Relay, tmp_path: Path, event: str
) -> None:
    ran, summary, outputs = ci(remote, event, tmp_path)
    assert ran.code == 0, ran.all
    assert "changes=true\n" in outputs
    assert "1 to train" in summary
    assert relay.creates == []


def test_a_push_applies_once(remote: Project, relay: Relay, tmp_path: Path) -> None:
    ran, summary, outputs = ci(remote, "push", tmp_path)
    assert ran.code == 0, ran.all
    assert "exit-code=0\n" in outputs
    assert "created" in summary
    assert len(relay.creates) == 1
    ran, summary, outputs = ci(remote, "push", tmp_path)
    assert ran.code == 0, ran.all
    assert "changes=false\ncost-usd=0.0000\n" in outputs
    assert len(relay.creates) == 1


def test_invalid_input_is_annotated_and_fails(remote: Project, tmp_path: Path) -> None:
    remote.spec(epochs=99)
    ran, summary, outputs = ci(remote, "pull_request", tmp_path)
    assert ran.code == 1
    assert "::error file=specs/one.yaml,line=9," in ran.out
    assert "SPEC104" in summary
    assert "exit-code=1\n" in outputs


def test_the_summary_cannot_be_written_into_by_a_spec(remote: Project, tmp_path: Path) -> None:
    spec = (remote.root / "specs/one.yaml").read_text("utf-8")
    remote.write("specs/one.yaml", spec + '  suffix: "<img src=x>|@team`"\n')
    _, summary, _ = ci(remote, "pull_request", tmp_path)
    assert "<img" not in summary
    assert "@team" not in summary
