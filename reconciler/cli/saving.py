"""A plan in a file: written by `plan --out`, carried out by `apply FILE`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING

from reconciler.cli import terminal

if TYPE_CHECKING:
    from reconciler.engine import Pass, Request
    from reconciler.plan.saved import SavedPlan


def write(file: Path, seen: Pass, request: Request) -> None:
    """Save what a pass would do, and what it was asked for; readable by its owner alone.

    Raises:
        UsageError: something else than a saved plan is there.
    """
    from reconciler.plan.remedies import command
    from reconciler.plan.saved import SavedPlan, saved_to_json

    if file.exists():
        _check_replaceable(file)
    folders = tuple(os.path.relpath(path, request.root) for path in request.folders or ())
    saved = SavedPlan(
        plan=seen.plan,
        folders=folders,
        targets=request.targets,
        labels=dict(request.labels),
        retry=tuple(sorted(request.retry)),
    )
    _put(file, saved_to_json(saved))
    then = command(seen.plan.endpoint, "apply", str(file))
    terminal.tell(f"saved; to carry out exactly this: {then}")
    _warn_of_dirt(seen, request.root)


def _check_replaceable(file: Path) -> None:
    from reconciler.errors import UsageError

    try:
        read_saved(file)
    except UsageError as error:
        message = f"{file} is there, and is no saved plan: give --out another name"
        raise UsageError(message) from error


def _put(file: Path, text: str) -> None:
    """The file, whole or not at all, for its owner's eyes."""
    with NamedTemporaryFile("w", dir=file.parent, delete=False, encoding="utf-8") as beside:
        beside.write(text)
    Path(beside.name).replace(file)


def _warn_of_dirt(seen: Pass, root: Path) -> None:
    """A plan that lies in the checkout, where Git sees it, makes it unclean: say so now."""
    from reconciler.load import read_revision

    if not seen.plan.revision.is_dirty and read_revision(root).is_dirty:
        terminal.tell(
            "it lies in the checkout, which is unclean now: with nobody asked nothing is spent; "
            "save it elsewhere, or in .reconciler/, which Git ignores"
        )


def read(file: Path, request: Request) -> Request:
    """The request that carries out the plan of a file.

    Raises:
        UsageError: there is no such plan, or the command line asks for a choice beside it.
    """
    from reconciler.errors import UsageError

    if request.targets or request.labels or request.folders:
        message = "a saved plan says what is acted on: give no --specs, --label or --target with it"
        raise UsageError(message)
    saved = read_saved(file)
    return replace(
        request,
        folders=tuple(request.root / folder for folder in saved.folders) or None,
        targets=saved.targets,
        labels=saved.labels,
        retry=frozenset(saved.retry),
        saved=saved.plan,
    )


def read_saved(file: Path) -> SavedPlan:
    """The saved plan in a file. Raises UsageError if there is none."""
    from reconciler.errors import UsageError
    from reconciler.plan.saved import saved_from_json

    try:
        text = file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} can't be read: {error}") from error
    return saved_from_json(text, str(file))
