"""Records in a folder that all runners share, by O_CREAT | O_EXCL and fsync of file and folder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import LedgerError
from reconciler.ledger.records import Put


@dataclass(frozen=True)
class FolderRecords:
    """A file a record, private to its user. See Records."""

    root: Path

    def put(self, name: str, text: str) -> Put:
        """See Records: the disk always knows."""
        with _disk():
            path = self.root / name
            _make_folders(path.parent, self.root)
            return Put.STORED if _put(path, text) else Put.TAKEN

    def get(self, name: str) -> str | None:
        """See Records."""
        with _disk():
            try:
                return (self.root / name).read_text("utf-8")
            except FileNotFoundError:
                return None

    def all(self, folder: str) -> Mapping[str, str]:
        """See Records: drafts, whose names start with a dot, are none."""
        with _disk():
            paths = (path for path in (self.root / folder).glob("*/*") if path.name[0] != ".")
            return {
                path.relative_to(self.root).as_posix(): path.read_text("utf-8") for path in paths
            }


@contextmanager
def _disk() -> Iterator[None]:
    """What the disk or a damaged record says, as LedgerError: doubt is no permission."""
    try:
        yield
    except (OSError, ValueError) as error:
        message = f"the ledger can't be used: {error}"
        raise LedgerError(message) from error


def _put(path: Path, text: str) -> bool:
    """Write a record if its file doesn't exist, wholly and durably; whether it was written.

    The text is written to a file of its own first and linked into place: a reader never sees half
    a record, and of two writers one wins.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return True


def _make_folders(folder: Path, root: Path) -> None:
    """Make a folder and all above it that are missing: each private, and durable in its parent.

    Those below the root are synced anyway: another process may have made them just now.
    """
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(each.parent)
    for parent in folder.parents:
        _sync_folder(parent)
        if parent == root:
            return


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
