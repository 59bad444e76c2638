"""Fixtures of the end-to-end tests: a project of its own, a sandbox, a relay, the command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from reconciler.cli.world import token_counter
from reconciler.sandbox import embedded
from tests.e2e.relay import Relay, relay_to

COMMAND = Path(sys.executable).parent / "reconcile"

SPEC = """\
apiVersion: reconciler.dev/v1
kind: FineTune
metadata:
  name: {name}
spec:
  model: gpt-4o-mini-2024-07-18
  dataset: ../data/{data}.jsonl
  hyperparameters:
    n_epochs: {epochs}
"""


@dataclass(frozen=True)
class Ran:
    """What a finished command said."""

    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return f"{self.out}\n{self.err}"


@dataclass(frozen=True)
class Project:
    """A project folder in a Git checkout, and the installed command run inside it."""

    root: Path
    environment: dict[str, str]

    def run(self, *arguments: str, **environment: str) -> Ran:
        done = subprocess.run(
            [COMMAND, *arguments],
            cwd=self.root,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [COMMAND, *arguments],
            cwd=self.root,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=take_interrupts,  # one call, no lock, before the exec
        )

    def write(self, path: str, text: str) -> None:
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")

    def spec(self, name: str = "one", epochs: int | str = 2, data: str = "one") -> None:
        self.write(f"specs/{name}.yaml", SPEC.format(name=name, epochs=epochs, data=data))

    def data(self, name: str = "one", examples: int = 12, word: str = "answer") -> None:
        self.write(f"data/{name}.jsonl", "".join(lines_of(examples, word)))

    def commit(self) -> str:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", "a change")
        return git(self.root, "rev-parse", "HEAD")


def take_interrupts() -> None:
    """In the child: a shell that started these tests in the background made them ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def lines_of(examples: int, word: str) -> Iterator[str]:
    for number in range(examples):
        messages = [
            {"role": "user", "content": f"What is number {number}?"},
            {"role": "assistant", "content": f"It is {word} {number}."},
        ]
        yield json.dumps({"messages": messages}) + "\n"


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "gc.auto=0"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A committed project with one valid spec and no provider settings in its environment."""
    root = tmp_path / "shop"
    root.mkdir()
    outside = ("OPENAI_", "GITHUB_", "CI", "TIKTOKEN_", "RECONCILER_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(outside)}
    own = {"NO_COLOR": "1", "COLUMNS": "100", "RECONCILER_CACHE": str(tmp_path / "cache")}
    project = Project(root, {**environment, **own})
    git(root, "init", "-q", "-b", "main")
    project.data()
    project.spec()
    project.commit()
    return project


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    """A relay in front of a sandbox whose clock runs fast."""
    with (
        embedded(tmp_path / "sandbox", 200.0, token_counter()) as sandbox,
        relay_to(sandbox.base_url) as relay,
    ):
        yield relay


@pytest.fixture
def remote(project: Project, relay: Relay) -> Project:
    """The project, set up to use the relay as if it were a provider that costs money."""
    settings = {"OPENAI_BASE_URL": relay.base_url, "OPENAI_API_KEY": "sk-test-0123456789"}
    return Project(project.root, {**project.environment, **settings})
