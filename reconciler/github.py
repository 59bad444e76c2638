"""GitHub Actions glue: which command an event asks for, and where its results go.

GitHub reads workflow commands on stdout, Markdown from the file of GITHUB_STEP_SUMMARY, and
``name=value`` lines from the file of GITHUB_OUTPUT.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from reconciler.engine import Pass
from reconciler.errors import Problem

APPLYING_EVENTS = frozenset({"push", "schedule", "workflow_dispatch"})
"""Events that may speak of an accepted commit. All others, pull requests above all, plan."""


def is_applying(environment: Mapping[str, str], branch: str) -> bool:
    """Whether this run shall apply: only such an event, on the branch that commits are accepted to.

    Args:
        environment: GitHub's variables.
        branch: the branch's name; empty for the repository's default branch, which stands in the
            event's payload. Where nobody names one, nothing is applied.
    """
    accepted = branch or _default_branch(environment.get("GITHUB_EVENT_PATH"))
    is_accepted = accepted != "" and environment.get("GITHUB_REF") == f"refs/heads/{accepted}"
    return is_accepted and environment.get("GITHUB_EVENT_NAME", "") in APPLYING_EVENTS


def _default_branch(payload: str | None) -> str:
    try:
        event = json.loads(Path(payload or "").read_text("utf-8"))
        return str(event["repository"]["default_branch"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def in_repository(
    problems: Iterable[Problem], folder: Path, environment: Mapping[str, str]
) -> tuple[Problem, ...]:
    """Problems whose files are named from a folder, named from the repository: GitHub wants that.

    Outside a workflow, and for a file outside the repository, names stay as they are.
    """
    workspace = environment.get("GITHUB_WORKSPACE")
    if not workspace:
        return tuple(problems)
    top = Path(workspace).resolve()
    return tuple(replace(problem, file=_below(top, folder / problem.file)) for problem in problems)


def _below(top: Path, path: Path) -> str:
    resolved = path.parent.resolve() / path.name
    return resolved.relative_to(top).as_posix() if top in resolved.parents else str(resolved)


def add_summary(environment: Mapping[str, str], markdown: str) -> None:
    """Add a report to the job's summary, if there is one to add to."""
    _append(environment.get("GITHUB_STEP_SUMMARY"), markdown + "\n")


def set_outputs(environment: Mapping[str, str], seen: Pass | None, code: int) -> None:
    """Set the step's outputs: ``changes`` (true or false), ``cost-usd``, ``exit-code``.

    Without a pass (invalid input, no answer) nothing is known to change and nothing was spent.
    """
    values = {
        "changes": "true" if seen and seen.plan.has_changes else "false",
        "cost-usd": f"{seen.plan.usd if seen else 0:.4f}",
        "exit-code": str(int(code)),
    }
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    _append(environment.get("GITHUB_OUTPUT"), lines)


def _append(path: str | None, text: str) -> None:
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(text)
