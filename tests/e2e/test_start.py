"""Nothing is imported that isn't used: a command's start costs what the command needs."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.e2e.conftest import Project

HEAVY = ("openai", "deepdiff", "starlette", "uvicorn", "tiktoken", "rich", "watchfiles", "stamina")

PROBE = """\
import json, sys
from reconciler.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
names = {name.partition(".")[0] for name in sys.modules}
print(json.dumps(sorted(names)), file=sys.stderr)
"""


def imported(project: Project, *arguments: str) -> set[str]:
    """The top-level modules that a command imports."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        cwd=project.root,
        env=project.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["plan", "--help"], ["schema"]])
def test_what_needs_no_provider_imports_none(project: Project, arguments: list[str]) -> None:
    assert imported(project, *arguments).isdisjoint(HEAVY)


def test_an_unchanged_dataset_needs_no_tokenizer(project: Project) -> None:
    assert "tiktoken" in imported(project, "validate")
    assert imported(project, "validate").isdisjoint(HEAVY)


def test_help_imports_not_even_pydantic_or_yaml(project: Project) -> None:
    assert imported(project, "--help").isdisjoint({"pydantic", "yaml", *HEAVY})


def test_a_plan_with_nothing_to_word_imports_no_deepdiff(project: Project) -> None:
    modules = imported(project, "plan", "--sandbox")
    assert "openai" in modules
    assert modules.isdisjoint({"deepdiff", "rich"})
