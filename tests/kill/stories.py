"""What the runners do that are killed: projects of one spec, and the command each runner is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.conftest import COMMAND, git, lines_of

PROJECT = """\
apiVersion: reconciler.dev/v1
kind: Project
metadata: {name: shop}
spec: {doubt_window: 300, doubt_budget: 1}
"""
SPEC = """\
apiVersion: reconciler.dev/v1
kind: FineTune
metadata: {name: NAME}
spec:
  model: gpt-4.1-mini-2025-04-14
"""
AFTER_THE_WINDOW = 400.0
"""Seconds: the window of the project above, and the minute of a training."""
INSTALLED = (str(COMMAND), "apply", "--auto-approve", "--max-cost", "1")
CHECK = (str(COMMAND), "plan", "--detailed-exitcode")
BY_PARTS = (sys.executable, "-m", "tests.kill.by_parts")


@dataclass(frozen=True)
class Story:
    """A project, the command of a runner, and how many runners start together."""

    name: str
    files: Mapping[str, str]
    command: tuple[str, ...] = INSTALLED
    runners: int = 1

    @property
    def specs(self) -> int:
        return sum(path.startswith("specs/") for path in self.files)

    def write(self, root: Path) -> None:
        """Make the project, committed, in a folder of its own."""
        for path, text in {"reconciler.yaml": PROJECT, **self.files}.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        git(root, "init", "-q", "-b", "main")
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", "a project")


def _spec(name: str, rest: str) -> dict[str, str]:
    return {f"specs/{name}.yaml": SPEC.replace("NAME", name) + rest}


def _preferences(count: int) -> Iterator[str]:
    for number in range(count):
        example = {
            "input": {"messages": [{"role": "user", "content": f"How is day {number}?"}]},
            "preferred_output": [{"role": "assistant", "content": f"Day {number} is fine."}],
            "non_preferred_output": [{"role": "assistant", "content": f"No idea about {number}."}],
        }
        yield json.dumps(example) + "\n"


_TRAINING = {"data/train.jsonl": "".join(lines_of(12, "answer"))}
_BOTH = {**_TRAINING, "data/valid.jsonl": "".join(lines_of(10, "held-out answer"))}
_VALIDATED = _spec(
    "validated",
    "  dataset: {training: ../data/train.jsonl, validation: ../data/valid.jsonl}\n"
    "  hyperparameters: {n_epochs: 2}\n",
)
_LARGE = _spec("large", "  dataset: ../data/train.jsonl\n")
_ONCE = _spec("once", "  dataset: ../data/train.jsonl\n  hyperparameters: {n_epochs: 1}\n")
_DPO = _spec("preferred", "  dataset: ../data/train.jsonl\n  method: dpo\n")

SUPERVISED = Story("supervised with validation file", {**_BOTH, **_VALIDATED})
PARTS = Story("parts upload", {**_TRAINING, **_LARGE}, BY_PARTS)
DPO = Story("dpo", {"data/train.jsonl": "".join(_preferences(12)), **_DPO})
TWO_RUNNERS = Story("two runners at once", SUPERVISED.files, runners=2)
PAIR = Story("two specs", {**SUPERVISED.files, **_ONCE})
STORIES = (SUPERVISED, PARTS, DPO, TWO_RUNNERS)
