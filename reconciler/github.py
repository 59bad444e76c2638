"""GitHub Actions glue: which command an event asks for, and where its results go.

GitHub reads workflow commands on stdout, Markdown from the file of GITHUB_STEP_SUMMARY, and
``name=value`` lines from the file of GITHUB_OUTPUT.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.engine import Pass

APPLYING_EVENTS = frozenset({"push", "schedule", "workflow_dispatch"})
"""Events on which a commit has been accepted. Everything else, pull requests above all, plans."""


def is_applying(environment: Mapping[str, str]) -> bool:
    """Whether this run shall apply: never for a pull request or an event that we don't know."""
    return environment.get("GITHUB_EVENT_NAME", "") in APPLYING_EVENTS


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
