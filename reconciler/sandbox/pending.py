"""Uploads that aren't files yet: a row each, and a folder of parts that goes when the upload ends.

    pending -> completed    its parts have become a file
            -> cancelled
            -> expired      by the clock: nothing is written when that happens

Whatever an upload left behind, by its end or by a crash, lies in its own folder, and `sweep`
removes the folder of each one that is no longer pending.
"""

import hashlib
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from reconciler.sandbox.records import FileRecord
from reconciler.sandbox.store import Store, insert_file, insert_lifespan

_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True)
class UploadRecord:
    """An upload as it was begun, and how it ended if somebody ended it.

    Attributes:
        lifespan: Seconds for which the file made of it is there; None if it stays.
    """

    id: str
    created_at: float
    expires_at: float
    purpose: str
    filename: str
    bytes: int
    state: str = "pending"
    lifespan: int | None = None

    def status(self, now: float) -> str:
        """Return the status the API shows."""
        has_expired = self.state == "pending" and now >= self.expires_at
        return "expired" if has_expired else self.state


def begin(store: Store, record: UploadRecord) -> None:
    """Remember an upload, and make the folder of its parts."""
    with store.transaction() as connection:
        values = astuple(record)[:-1]
        connection.execute("INSERT INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        insert_lifespan(connection, record.id, record.lifespan)
        folder_of(store, record.id).mkdir()


def find(store: Store, upload_id: str) -> UploadRecord | None:
    """Return an upload by its id."""
    with store.transaction() as connection:
        query = (
            "SELECT uploads.*, seconds FROM uploads LEFT JOIN lifespans ON owner = id WHERE id = ?"
        )
        row = connection.execute(query, (upload_id,)).fetchone()
    return UploadRecord(*row) if row else None


def folder_of(store: Store, upload_id: str) -> Path:
    """Return where the parts of an upload known to this store lie."""
    return store.parts_dir / upload_id


def add_part(store: Store, upload: UploadRecord, part_id: str, content: Path, most: int) -> bool:
    """Take a part that has come in whole, unless the parts then hold more bytes than may be."""
    size = content.stat().st_size
    with store.transaction() as connection:
        if sum(_sizes(connection, upload.id).values()) + size > most:
            return False
        content.replace(folder_of(store, upload.id) / part_id)
        connection.execute("INSERT INTO parts VALUES (?, ?, ?)", (part_id, upload.id, size))
    return True


def part_sizes(store: Store, upload_id: str) -> dict[str, int]:
    """Return the bytes of each part of an upload."""
    with store.transaction() as connection:
        return _sizes(connection, upload_id)


def _sizes(connection: sqlite3.Connection, upload_id: str) -> dict[str, int]:
    query = "SELECT id, bytes FROM parts WHERE upload = ?"
    return dict(connection.execute(query, (upload_id,)).fetchall())


def join(store: Store, upload_id: str, part_ids: Sequence[str], name: str) -> tuple[Path, str]:
    """Write the parts one after another into a file beside them; return it and its MD5."""
    folder = folder_of(store, upload_id)
    joined, md5 = folder / name, hashlib.md5(usedforsecurity=False)
    try:
        with joined.open("wb") as file:
            for chunk in _chunks(folder / part_id for part_id in part_ids):
                file.write(chunk)
                md5.update(chunk)
    except FileNotFoundError:  # another request ended the upload and removed its parts
        joined.unlink(missing_ok=True)
        raise
    return joined, md5.hexdigest()


def _chunks(paths: Iterator[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as part:
            while chunk := part.read(_CHUNK):
                yield chunk


def complete(store: Store, upload: UploadRecord, file: FileRecord, content: Path) -> bool:
    """Make an upload a file, unless it ended meanwhile."""
    with store.transaction() as connection:
        if not _end(connection, upload.id, "completed"):
            return False
        content.replace(store.path_of(file.id))
        insert_file(connection, file)
    _forget_parts(store, upload.id)
    return True


def cancel(store: Store, upload: UploadRecord) -> bool:
    """Give an upload up, unless it ended meanwhile."""
    with store.transaction() as connection:
        if not _end(connection, upload.id, "cancelled"):
            return False
    _forget_parts(store, upload.id)
    return True


def _end(connection: sqlite3.Connection, upload_id: str, state: str) -> bool:
    query = "UPDATE uploads SET state = ? WHERE id = ? AND state = 'pending'"
    return connection.execute(query, (state, upload_id)).rowcount == 1


def expire(store: Store, upload_id: str, now: float) -> None:
    """Let the time of an upload be over."""
    with store.transaction() as connection:
        query = "UPDATE uploads SET expires_at = min(expires_at, ?) WHERE id = ?"
        connection.execute(query, (now, upload_id))


def lose_part(store: Store, part_id: str) -> None:
    """Know nothing any more of a part that was taken."""
    with store.transaction() as connection:
        connection.execute("DELETE FROM parts WHERE id = ?", (part_id,))


def sweep(store: Store, now: float) -> None:
    """Remove the parts of every upload that has ended or expired."""
    for folder in store.parts_dir.iterdir():
        upload = find(store, folder.name)
        if upload is None or upload.status(now) != "pending":
            _forget_parts(store, folder.name)


def _forget_parts(store: Store, upload_id: str) -> None:
    shutil.rmtree(folder_of(store, upload_id), ignore_errors=True)
    with store.transaction() as connection:
        connection.execute("DELETE FROM parts WHERE upload = ?", (upload_id,))
