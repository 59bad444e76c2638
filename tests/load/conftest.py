"""A small valid project on disk, and what loading it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import InvalidInput, Problem
from reconciler.load import load
from reconciler.state import Loaded

SPEC = """\
apiVersion: reconciler.dev/v1
kind: FineTune
metadata: {name: triage}
spec:
  model: gpt-4.1-mini-2025-04-14
  dataset: ../data/train.jsonl
"""


def _examples(answer: str, number: int = 10) -> str:
    line = (
        '{"messages": [{"role": "user", "content": "%s or %d?"}, '
        '{"role": "assistant", "content": "%s"}]}\n'
    )
    return "".join(line % (answer, i, answer) for i in range(number))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project root with two datasets and a folder for specs, inside a folder of its own."""
    root = tmp_path.resolve() / "My Project"
    (root / "specs").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "data/train.jsonl").write_text(_examples("yes"))
    (root / "data/valid.jsonl").write_text(_examples("no"))
    return root


@pytest.fixture
def spec() -> str:
    """The shortest valid spec; seen from ``specs/``."""
    return SPEC


@pytest.fixture
def write(root: Path) -> Callable[[str, str | bytes], Path]:
    """Writes a file below the root."""

    def write(path: str, content: str | bytes) -> Path:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return write


@pytest.fixture
def loaded(root: Path) -> Callable[..., Loaded]:
    """Loads the project, or the given paths of it."""

    def loaded(*given: Path) -> Loaded:
        return load(root, given, count_tokens=False)

    return loaded


@pytest.fixture
def problems(loaded: Callable[..., Loaded]) -> Callable[..., tuple[Problem, ...]]:
    """The problems of the project; warnings where there is nothing worse."""

    def problems(*given: Path) -> tuple[Problem, ...]:
        try:
            return loaded(*given).warnings
        except InvalidInput as invalid:
            return invalid.problems

    return problems
