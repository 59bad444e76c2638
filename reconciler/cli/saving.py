"""A plan in a file: written by `plan --out`, carried out by `apply FILE`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import terminal

if TYPE_CHECKING:
    from reconciler.engine import Pass, Request


def write(file: Path, seen: Pass, request: Request) -> None:
    """Save what a pass would do, and what it was asked for; readable by its owner alone."""
    from reconciler.plan.saved import SavedPlan, saved_to_json

    folders = tuple(os.path.relpath(path, request.root) for path in request.folders or ())
    saved = SavedPlan(
        plan=seen.plan,
        folders=folders,
        targets=request.targets,
        labels=dict(request.labels),
        retry=tuple(sorted(request.retry)),
    )
    file.touch(mode=0o600)
    file.write_text(saved_to_json(saved), encoding="utf-8")
    terminal.tell(f"saved; to carry out exactly this: reconcile apply {file}")


def read(file: Path, request: Request) -> Request:
    """The request that carries out the plan of a file.

    Raises:
        UsageError: there is no such plan, or the command line asks for a choice beside it.
    """
    from reconciler.errors import UsageError
    from reconciler.plan.saved import saved_from_json

    if request.targets or request.labels or request.folders:
        message = "a saved plan says what is acted on: give no --specs, --label or --target with it"
        raise UsageError(message)
    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {error}") from error
    saved = saved_from_json(text, str(file))
    return replace(
        request,
        folders=tuple(request.root / folder for folder in saved.folders) or None,
        targets=saved.targets,
        labels=saved.labels,
        retry=frozenset(saved.retry),
        saved=saved.plan,
    )
