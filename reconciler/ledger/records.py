"""What a ledger needs of the place where its records are: an atomic "put if there is none"."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Protocol


class Put(Enum):
    """What a back-end says of a record it was asked to put."""

    STORED = auto()  # there was none, and now it is this one
    TAKEN = auto()  # there is one, perhaps the very same
    UNSURE = auto()  # no answer, or one that says neither


class Records(Protocol):
    """Named texts that are put once and never change. Names are paths of plain characters."""

    def put(self, name: str, text: str) -> Put:
        """Put a record if there is none of that name, atomically and durably.

        Raises:
            LedgerError: the place can't be used; nothing was put.
        """

    def get(self, name: str) -> str | None:
        """The record of a name, None if there surely is none. Raises LedgerError in doubt."""

    def all(self, folder: str) -> Mapping[str, str]:
        """Every record whose name starts with the folder, name -> text. Raises LedgerError."""
