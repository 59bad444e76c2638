"""Git's word on the checkout, by the ``git`` command."""

from __future__ import annotations

import os
import subprocess  # git is asked by its command, with fixed arguments
from collections.abc import Sequence
from pathlib import Path

from reconciler.state import Revision

TIMEOUT = 60.0
"""Seconds; a status over a large, cold work tree takes its time."""

# Everything that differs from HEAD below the folder, in a form that no setting of the user bends.
_STATUS = (
    "git",
    "--no-optional-locks",
    "status",
    "--porcelain=v2",
    "--branch",
    "--untracked-files=normal",
    "--ignore-submodules=none",
    "--",
    ".",
    ":(exclude).reconciler",
)
_SHALLOW = ("git", "rev-parse", "--is-shallow-repository")
_HEAD = "# branch.oid "
_NO_COMMIT = "(initial)"
# A Git hook sets these for its own repository; the folder alone shall decide.
_FOREIGN = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_PREFIX",
    "GIT_NAMESPACE",
    "GIT_LITERAL_PATHSPECS",
)
_UNTOLD = Revision(commit="", is_dirty=True)


def read_revision(root: Path) -> Revision:
    """HEAD's commit, and whether tracked or untracked files below the root differ from it.

    Ignored files and ``.reconciler/`` don't count. Outside a checkout the answer is ``Revision()``.
    A checkout without a commit, or that Git can't be asked about (it is not installed, another user
    owns the folder and ``safe.directory`` doesn't name it, it is broken, it takes too long) is
    ``Revision("", is_dirty=True)``: what nobody can vouch for is not clean. Never raises.
    """
    if not _is_checkout(root):
        return Revision()
    lines = _told(_STATUS, root)
    return _UNTOLD if lines is None else _read(lines)


def is_shallow(root: Path) -> bool:
    """Whether the clone lacks a part of its history. False where Git can't tell."""
    return _told(_SHALLOW, root) == ["true"]


def _told(question: Sequence[str], root: Path) -> list[str] | None:
    """The lines that Git answers; None if it can't."""
    try:
        answer = subprocess.run(  # noqa: S603  # no shell, fixed arguments
            question, cwd=root, env=environment(), capture_output=True, timeout=TIMEOUT, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if answer.returncode:
        return None
    return answer.stdout.decode("utf-8", "replace").splitlines()


def _read(lines: list[str]) -> Revision:
    commit = next((line.removeprefix(_HEAD) for line in lines if line.startswith(_HEAD)), "")
    if commit in ("", _NO_COMMIT):
        return _UNTOLD
    return Revision(commit, any(not line.startswith("#") for line in lines))


def _is_checkout(root: Path) -> bool:
    return any((folder / ".git").exists() for folder in (root, *root.parents))


def environment() -> dict[str, str]:
    """The environment that Git is asked in: the folder alone decides, in English, no locks."""
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    return {**kept, "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
