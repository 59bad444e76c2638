"""Where rights to create are kept: the back-end that the Project names, or the sandbox's own."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from reconciler.ledger import FolderRecords, Ledger, Records
from reconciler.ledger.lifetime import (
    DIES_WITH_THE_MACHINE,
    OUTLIVES_IT,
    in_force,
    is_short_lived,
)
from reconciler.ledger.mounts import MOUNTS, refuse_network
from reconciler.spec import FolderLedger, GithubLedger, LedgerSettings
from reconciler.state import Loaded

if TYPE_CHECKING:
    from reconciler.ledger.github import GithubRecords

PRIVATE = ".reconciler"
"""Folder of the project that holds sandbox state and, by default, the ledger; never committed."""


class Ledgers(ExitStack):
    """Opens the ledger of a Project; a connection to GitHub is kept until this is closed.

    Args:
        is_sandbox: rights in a sandbox belong to the checkout that holds it, and leave it never.
        warn: told once that the ledger may not outlive its machine; None for who can't spend.
        mounts: the system's file of mounts.
    """

    def __init__(
        self, *, is_sandbox: bool, warn: Callable[[str], None] | None, mounts: Path = MOUNTS
    ) -> None:
        super().__init__()
        self._mounts = mounts
        self._is_sandbox = is_sandbox
        self._warn = warn
        self._github: tuple[GithubLedger, GithubRecords] | None = None

    def open(self, loaded: Loaded) -> Ledger:
        """The ledger that the Project names.

        Raises:
            SettingsError: what it needs is missing, or its folder is on a network file system.
        """
        settings = in_force(loaded.project.spec.ledger, is_sandbox=self._is_sandbox)
        if self._warn and is_short_lived(settings, os.environ):
            self._warn(f"{DIES_WITH_THE_MACHINE}; {OUTLIVES_IT}")
            self._warn = None
        return Ledger(self._records(settings, Path(loaded.root)))

    def _records(self, settings: LedgerSettings, root: Path) -> Records:
        match settings:
            case FolderLedger():
                return self._open_folder(settings, root)
            case GithubLedger():
                return self._open_github(settings)
            case _:
                assert_never(settings)

    def _open_folder(self, settings: FolderLedger, root: Path) -> FolderRecords:
        folder = root / settings.path
        if not settings.on_network:
            refuse_network(folder, self._mounts)
        if Path(settings.path).parts[:1] == (PRIVATE,):
            private_folder(root)
        return FolderRecords(folder)

    def _open_github(self, settings: GithubLedger) -> GithubRecords:
        """Opened at first use, and anew only if a watched Project names another repository."""
        from reconciler.cache import cache_folder
        from reconciler.ledger.github import open_github

        if self._github is None or self._github[0] != settings:
            self.close()
            cache = cache_folder(os.environ, "ledger")
            records = open_github(settings.repository, os.environ, cache)
            self.enter_context(records.api.client)
            self._github = (settings, records)
        return self._github[1]


def private_folder(root: Path) -> Path:
    """``.reconciler`` under the root, made with a .gitignore of its own if it is missing."""
    folder = root / PRIVATE
    folder.mkdir(mode=0o700, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return folder
