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
spec: {doubt_window: 300, doubt_budget: 1, prune: {keep: 0}}
"""
SPEC = """\
apiVersion: reconciler.dev/v1
kind: FineTune
metadata: {name: NAME}
spec:
  model: gpt-4.1-mini-2025-04-14
"""
A_DAY = 90_000.0
"""Seconds: a file that is younger is not pruned."""
AFTER_THE_WINDOW = 400.0
"""Seconds: the window of the project above, and the minute of a training."""
INSTALLED = (str(COMMAND), "apply", "--auto-approve", "--max-cost", "1")
PRUNE = (str(COMMAND), "prune", "--auto-approve")
CHECK = (str(COMMAND), "plan", "--detailed-exitcode")
BY_PARTS = (sys.executable, "-m", "tests.kill.by_parts")


@dataclass(frozen=True)
class Story:
    """A project, the command of a runner, and how many runners start together.

    ``earlier``: what the project's files were before, each applied undisturbed; the runner then
    deletes what that has left.
    """

    name: str
    files: Mapping[str, str]
    command: tuple[str, ...] = INSTALLED
    runners: int = 1
    earlier: tuple[Mapping[str, str], ...] = ()

    @property
    def names(self) -> list[str]:
        """The specs that there are in the end, each in a file of its name."""
        return [Path(path).stem for path in self.files if path.startswith("specs/")]

    @property
    def specs(self) -> int:
        return len(self.names)

    def write(self, root: Path) -> None:
        """Make the project, committed, in a folder of its own."""
        root.mkdir(parents=True, exist_ok=True)
        git(root, "init", "-q", "-b", "main")
        commit(root, self.files)


def commit(root: Path, files: Mapping[str, str]) -> None:
    """Commit a state of the project: these files, and no spec beside them."""
    for spec in root.glob("specs/*.yaml"):
        spec.unlink()
    for path, text in {"reconciler.yaml": PROJECT, **files}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "a state of the project")


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

_SAYS_PRUNE = _spec("removed", "  dataset: ../data/valid.jsonl\n  lifecycle: {on_remove: prune}\n")
_EDITED = {
    "data/edited.jsonl": "".join(lines_of(12, "another answer")),
    **_spec("once", "  dataset: ../data/edited.jsonl\n  hyperparameters: {n_epochs: 1}\n"),
}

SUPERVISED = Story("supervised with validation file", {**_BOTH, **_VALIDATED})
PARTS = Story("parts upload", {**_TRAINING, **_LARGE}, BY_PARTS)
DPO = Story("dpo", {"data/train.jsonl": "".join(_preferences(12)), **_DPO})
TWO_RUNNERS = Story("two runners at once", SUPERVISED.files, runners=2)
PAIR = Story("two specs", {**SUPERVISED.files, **_ONCE})
PRUNED = Story(
    "prune",
    {**_BOTH, **_EDITED},
    PRUNE,
    earlier=({**_BOTH, **_SAYS_PRUNE, **_ONCE}, {**_BOTH, **_SAYS_PRUNE, **_EDITED}),
)
STORIES = (SUPERVISED, PARTS, DPO, TWO_RUNNERS, PRUNED)
