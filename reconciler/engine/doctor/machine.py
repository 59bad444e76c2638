"""Checks of this machine: ledger, checkout, history, versions."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from reconciler import __version__
from reconciler.engine.doctor.scene import Scene, Verdict
from reconciler.ledger.lifetime import DIES_WITH_THE_MACHINE, OUTLIVES_IT, is_short_lived
from reconciler.load import is_shallow
from reconciler.ownership import read_mark
from reconciler.report.doctor import Status
from reconciler.report.plain import counted
from reconciler.spec import GithubLedger
from reconciler.state import Revision

# ---- ledger --------------------------------------------------------------------------------------


def ledger(scene: Scene) -> Verdict:
    """Whether rights to create can be read and, as far as it can be told, written."""
    settings, folder = scene.ledger, scene.ledger_folder
    doubts = _doubts(scene)
    open_ended = "in doubt" if scene.line else "with nothing written of what became of them"
    found = f"{_place(scene)}; {counted(len(scene.book.rights), 'claim')}, {doubts} {open_ended}"
    if folder and not can_write(folder):
        told = f"{found}; it can't be written: nothing can be created"
        return Verdict(Status.FAIL, told, f"let this user write {folder}")
    if doubts:
        remedy = f"see which, and what ends it: {scene.command('status')}"
        return Verdict(Status.WARN, found, remedy)
    if is_short_lived(settings, scene.host.environment):
        return Verdict(Status.WARN, f"{found}; {DIES_WITH_THE_MACHINE}", OUTLIVES_IT)
    if isinstance(settings, GithubLedger):
        told = f"{found}; readable: whether the token may write is known only by trying"
        return Verdict(Status.NOTE, told, "see that it has the permission contents: write")
    return Verdict(Status.OK, found)


def _place(scene: Scene) -> str:
    """``folder .reconciler/ledger`` or ``GitHub acme/shop``."""
    settings = scene.ledger
    if isinstance(settings, GithubLedger):
        named = settings.repository or scene.host.environment.get("GITHUB_REPOSITORY", "")
        return f"GitHub {named}"
    return f"folder {settings.path}"


def _doubts(scene: Scene) -> int:
    """Claims of ours without a job that is shown and without a word on what became of them."""
    answered = {mark.claim for job in scene.jobs if (mark := read_mark(job))}
    owner = scene.project.metadata.name
    return sum(
        right.closing is None and right.claim.owner == owner and right.claim.nonce not in answered
        for right in scene.book.rights
    )


def can_write(folder: Path) -> bool:
    """Whether a folder can be written, or made where it is to be; nothing is, to find out."""
    nearest = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


# ---- checkout ------------------------------------------------------------------------------------


def checkout(revision: Revision) -> Verdict:
    """What a model that is trained now would trace to."""
    if revision == Revision():
        return Verdict(Status.NOTE, "none: models trace to no commit", "keep the specs in Git")
    if not revision.commit:
        return Verdict(
            Status.WARN,
            "Git can't tell the commit: with nobody asked nothing is spent",
            "commit once, and see that `git status` works in this folder, by this user",
        )
    at = revision.commit[:12]
    if revision.is_dirty:
        told = f"at {at}, and something that no commit holds: with nobody asked nothing is spent"
        return Verdict(Status.NOTE, told, "commit it")
    return Verdict(Status.OK, f"clean, at {at}")


def history(revision: Revision, root: Path) -> Verdict:
    """Whether it can be told which commits are behind this one."""
    if not revision.commit:
        return Verdict(Status.NOTE, "none: nothing can be pruned")
    if is_shallow(root):
        return Verdict(
            Status.NOTE,
            "a part of it is missing here: what a missing commit trained can't be pruned",
            "git fetch --unshallow; in a workflow: actions/checkout with fetch-depth: 0",
        )
    return Verdict(Status.OK, "whole")


def versions() -> Verdict:
    """What runs."""
    sdk = version("openai")
    python = platform.python_version()
    return Verdict(Status.OK, f"reconcile {__version__}, Python {python}, openai {sdk}")
