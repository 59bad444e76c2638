"""The right to create: (endpoint, run key, attempt) can be claimed at most once, by anybody.

The ledger holds rights, never the truth: what exists is what the provider shows. Losing it costs
the guarantee against a second payment while a reply is lost, nothing else. Records are only added.

The ``dir`` back-end is a folder that all runners share, one folder an endpoint and run key::

    <root>/<digest of the endpoint>/<run key>/0001.claim      who may send attempt 1, and since when
                                              0001.closing    what became of it
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from pydantic import TypeAdapter

from reconciler.errors import LedgerError
from reconciler.state import Claim, Closing, Right

_CLAIM = TypeAdapter(Claim)
_CLOSING = TypeAdapter(Closing)


class Ledger(Protocol):
    """A back-end: claims are atomic; closings are added, and the latest counts."""

    def claim(self, claim: Claim) -> bool:
        """Put the claim if there is none for its endpoint, key and attempt; whether it was put."""

    def close(self, claim: Claim, closing: Closing) -> None:
        """Write what became of a claim; of several closings the latest counts."""

    def rights(self, endpoint: str) -> tuple[Right, ...]:
        """All records of an endpoint, by key and attempt."""


class DirLedger:
    """A ledger in a folder, by O_CREAT | O_EXCL and fsync of file and folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def claim(self, claim: Claim) -> bool:
        """See Ledger. Raises LedgerError if the disk doesn't take it."""
        with _disk():
            folder = self._folder(claim.endpoint) / claim.key
            _make_folders(folder)
            return _put(folder / f"{claim.attempt:04}.claim", asdict(claim))

    def close(self, claim: Claim, closing: Closing) -> None:
        """See Ledger: closings are numbered, and the last one counts."""
        with _disk():
            folder = self._folder(claim.endpoint) / claim.key
            number = 0
            while not _put(folder / f"{claim.attempt:04}.closing{number or ''}", asdict(closing)):
                number += 1

    def rights(self, endpoint: str) -> tuple[Right, ...]:
        """See Ledger. Raises LedgerError if a record can't be read: doubt is no permission."""
        with _disk():
            return tuple(map(_read, sorted(self._folder(endpoint).glob("*/*.claim"))))

    def _folder(self, endpoint: str) -> Path:
        return self._root / sha256(endpoint.encode()).hexdigest()[:16]


@contextmanager
def _disk() -> Iterator[None]:
    """What the disk or a damaged record says, as LedgerError: doubt is no permission."""
    try:
        yield
    except (OSError, ValueError) as error:
        message = f"the ledger can't be used: {error}"
        raise LedgerError(message) from error


def _put(path: Path, record: dict[str, object]) -> bool:
    """Write a record if its file doesn't exist, wholly and durably; whether it was written.

    The text is written to a file of its own first and linked into place: a reader never sees half
    a record, and of two writers one wins.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(record, file, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return True


def _make_folders(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for parent in (folder.parent, folder.parent.parent):
        _sync_folder(parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(claim: Path) -> Right:
    return Right(_CLAIM.validate_json(claim.read_bytes()), _closing(claim))


def _closing(claim: Path) -> Closing | None:
    """The latest closing of a claim, if there is one."""
    paths = claim.parent.glob(f"{claim.stem}.closing*")
    latest = max(paths, key=lambda path: (len(path.name), path.name), default=None)
    return _CLOSING.validate_json(latest.read_bytes()) if latest else None
