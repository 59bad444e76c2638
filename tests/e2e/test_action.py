"""action.yml as GitHub would run it, by act on this machine: pull requests plan, pushes apply."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Project, git
from tests.e2e.relay import Relay

CHECKOUT = Path(__file__).parent.parent.parent
SHIPPED = ("action.yml", "requirements.lock", "pyproject.toml", "README.md", "LICENSE")
ACT = Path(sys.executable).parent / "act"

WORKFLOW = """\
on: [push, pull_request]
jobs:
  models:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: reconcile
        uses: ./.action
        with: {{max-cost: "1", python: {python}}}
        env:
          OPENAI_API_KEY: sk-test-0123456789
          OPENAI_BASE_URL: {base_url}
      - if: always()
        env:
          CHANGES: ${{{{ steps.reconcile.outputs.changes }}}}
          COST: ${{{{ steps.reconcile.outputs.cost-usd }}}}
          CODE: ${{{{ steps.reconcile.outputs.exit-code }}}}
        run: echo "outputs changes=$CHANGES cost=$COST code=$CODE"
"""


@pytest.fixture
def repository(project: Project, relay: Relay) -> Path:
    """The project as a repository whose workflow uses this checkout's action."""
    action = project.root / ".action"
    for name in SHIPPED:
        action.mkdir(exist_ok=True)
        shutil.copy(CHECKOUT / name, action / name)
    for folder in ("reconciler", "specs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / folder, action / folder, ignore=ignored)
    workflow = WORKFLOW.format(python=sys.executable, base_url=relay.base_url)
    project.write(".github/workflows/models.yml", workflow)
    project.commit()
    return project.root


def act(repository: Path, event: str, home: Path) -> str:
    """Run the workflow for an event; what it printed."""
    home.mkdir(exist_ok=True)
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "CI"))}
    payload = home / "event.json"
    pull = {"head": {"ref": "x"}, "base": {"ref": "main"}}
    event_data = {"pull_request": pull, "repository": {"default_branch": "main"}}
    payload.write_text(json.dumps(event_data))
    done = subprocess.run(
        [ACT, event, "-P", "ubuntu-latest=-self-hosted", "--eventpath", payload, "--pull=false"],
        cwd=repository,
        env={**inherited, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.timeout(600)
def test_a_pull_request_plans_and_a_push_applies_once(
    repository: Path, relay: Relay, tmp_path: Path
) -> None:
    planned = act(repository, "pull_request", tmp_path / "home")
    assert re.search(r"outputs changes=true cost=0\.\d+ code=0", planned), planned
    assert "to train" in planned
    assert relay.creates == []
    applied = act(repository, "push", tmp_path / "home")
    assert re.search(r"outputs changes=true cost=0\.\d+ code=0", applied), applied
    assert len(relay.creates) == 1
    commit = git(repository, "rev-parse", "HEAD")
    assert relay.creates[0].json["metadata"]["reconciler.commit"] == commit
    for output in (planned, applied):
        assert "sk-test-0123456789" not in output
