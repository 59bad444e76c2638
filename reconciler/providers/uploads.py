"""Files of any size: in one request, or above 512 MB in parts that are sent several at a time.

What is sent is what was checked. One pass over the open file, before anything leaves, proves its
digest and notes one for each part; each request then hashes what it sends, and its last bytes leave
only if they fit. So a file that changes on the way is never completed, and an upload that isn't
completed never becomes a file. Memory stays flat: nothing is held but the chunks under way.

A part that failed in passing is sent again, and an upload that expired is begun again: neither
costs anything, nor does an upload that is left behind.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Lock
from typing import IO, Protocol, TypeVar, cast

import stamina

from reconciler.errors import (
    DatasetChanged,
    ProviderError,
    ReconcileError,
    Refused,
    Unavailable,
)
from reconciler.providers.objects import Raw, mapping_of, text_of

Progress = Callable[[int], None]
Answer = TypeVar("Answer")

LONGEST_PAUSE = 30.0
"""Seconds between two sendings of a request that fails in passing, at the most."""
UPLOADS = 2
"""How often an upload is begun: a laptop may have slept; a line that is too slow stays so."""
_CHUNK = 1024 * 1024


@dataclass(frozen=True)
class UploadLimits:
    """What OpenAI takes, in bytes (API reference, files and uploads, read 2026-11-22).

    Whether its MB are decimal isn't said, so each limit is the safe reading of the two.

    Attributes:
        single: "512 MB": the largest file sent in one request; parts take any size.
        part: "64 MB": what OpenAI's own SDK sends (its ``DEFAULT_PART_SIZE``).
        total: "8 GB": above it nothing is sent; a service that takes less says so at the start.
        at_once: parts under way at a time.
        patience: seconds for which a request that fails in passing is sent again: an outage of
            minutes must not throw away what has taken an hour.
    """

    single: int = 512_000_000
    part: int = 64 * 1024 * 1024
    total: int = 8 * 1024**3
    at_once: int = 4
    patience: float = 300.0


OPENAI_LIMITS = UploadLimits()


class FileCalls(Protocol):
    """The requests that make a file: each is sent once, and raises the errors of a read."""

    def whole(self, name: str, body: IO[bytes]) -> Raw:
        """Send a whole file; the file object."""

    def begin(self, name: str, size: int) -> Raw:
        """Begin an upload by parts; the upload object."""

    def part(self, upload_id: str, body: IO[bytes]) -> Raw:
        """Send a part; the part object."""

    def complete(self, upload_id: str, part_ids: Sequence[str], md5: str) -> Raw:
        """Make the parts a file, in this order; the upload object with its file."""

    def cancel(self, upload_id: str) -> None:
        """Give an upload up."""

    def find(self, name: str, size: int) -> Raw | None:
        """The file object of a usable file that is there."""


class _Expired(ProviderError):
    """The service no longer takes the parts of this upload."""


class _Stopped(Exception):
    """Another part failed, or somebody interrupted: no more is sent."""


def send(
    calls: FileCalls, path: Path, name: str, sha256: str, limits: UploadLimits, progress: Progress
) -> Raw:
    """Send a file under a name, unless it is there, and return its object as the service gave it.

    Args:
        sha256: what the file must still be.
        progress: told bytes as they leave: each byte once, however often it is sent, from any
            thread but never from two at a time.

    Raises:
        DatasetChanged: the file isn't what was checked; nothing was stored.
        ProviderError: it is too large, or the service didn't take it.
    """
    with path.open("rb") as handle:
        size = os.fstat(handle.fileno()).st_size
        if size > limits.total:
            raise ProviderError(
                f"{path.name} has {size:,} bytes, and the service takes files of at most "
                f"{limits.total:,}; nothing was sent. Use fewer examples, or split the file"
            )
        source = _Source(handle.fileno(), size, path.name)
        if size <= limits.single:
            piece = source.piece(0, size, sha256)
            meter = _Meter(progress)
            return _retried(
                lambda: (
                    calls.find(name, size)
                    or calls.whole(name, _body(CheckedStream(piece, meter.sent)))
                ),
                limits.patience,
            )
        survey = source.survey(sha256, limits.part)
        return calls.find(name, size) or _Upload(calls, survey, name, limits, progress).send()


# ---- the file on disk ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Piece:
    """Some bytes of an open file, and the digest that they had when they were checked."""

    descriptor: int
    start: int
    length: int
    sha256: str
    shown_as: str

    def read(self, position: int, size: int) -> bytes:
        """Bytes from a position inside the piece; threads don't share a place in the file."""
        most = min(size, self.length - position)
        return os.pread(self.descriptor, most, self.start + position)

    def changed(self) -> DatasetChanged:
        """The error of bytes that are others now."""
        return DatasetChanged(
            f"{self.shown_as} changed after it was checked; nothing was stored. Run again"
        )


@dataclass(frozen=True)
class _Survey:
    """A file that was read whole and is what was checked: its parts, in order."""

    size: int
    md5: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True)
class _Source:
    """An open file: what its path leads to later doesn't matter."""

    descriptor: int
    size: int
    shown_as: str

    def piece(self, start: int, length: int, sha256: str) -> Piece:
        return Piece(self.descriptor, start, length, sha256, self.shown_as)

    def survey(self, sha256: str, part: int) -> _Survey:
        """Read the file once, in order, and cut it into parts."""
        whole, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
        pieces: list[Piece] = []
        for start in range(0, self.size, part):
            bare = self.piece(start, min(part, self.size - start), "")
            own = hashlib.sha256()
            for chunk in _chunks(bare):
                for digest in (whole, md5, own):
                    digest.update(chunk)
            pieces.append(self.piece(start, bare.length, own.hexdigest()))
        if whole.hexdigest() != sha256:
            raise self.piece(0, self.size, sha256).changed()
        return _Survey(self.size, md5.hexdigest(), tuple(pieces))


def _chunks(piece: Piece) -> Iterator[bytes]:
    position = 0
    while chunk := piece.read(position, _CHUNK):
        yield chunk
        position += len(chunk)


class CheckedStream(io.RawIOBase):
    """A piece of a file, hashed while it is sent; it never ends well with the wrong digest.

    The last chunk is held back until the digest is known to be right; a wrong one raises, so the
    request stays incomplete and the service stores nothing.
    """

    def __init__(self, piece: Piece, sent: Callable[[Piece, int], None]) -> None:
        self._piece = piece
        self._sent = sent
        self._position = 0
        self._hash = hashlib.sha256()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Start again (the transport does so before it sends), or tell the length."""
        self._position = self._piece.length + offset if whence == io.SEEK_END else offset
        self._hash = hashlib.sha256()
        return self._position

    def tell(self) -> int:
        """How much of the piece has been read."""
        return self._position

    def read(self, size: int = -1) -> bytes:
        """The next chunk; the last one only if all bytes have the expected digest."""
        length = self._piece.length
        chunk = self._piece.read(self._position, length if size < 0 else size)
        self._position += len(chunk)
        self._hash.update(chunk)
        has_all = self._position == length
        if not (has_all or chunk) or (has_all and self._hash.hexdigest() != self._piece.sha256):
            raise self._piece.changed()
        self._sent(self._piece, self._position)
        return chunk


def _body(stream: CheckedStream) -> IO[bytes]:
    return cast(IO[bytes], stream)


class _Meter:
    """Tells how much has left: each byte once, by one thread at a time."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._told: dict[int, int] = {}
        self._lock = Lock()

    def sent(self, piece: Piece, position: int) -> None:
        """A piece has been read up to a position, perhaps not for the first time."""
        with self._lock:
            fresh = position - self._told.get(piece.start, 0)
            if fresh > 0:
                self._told[piece.start] = position
                self._progress(fresh)


# ---- an upload by parts --------------------------------------------------------------------------


class _Upload:
    """One file on its way in parts."""

    def __init__(
        self,
        calls: FileCalls,
        survey: _Survey,
        name: str,
        limits: UploadLimits,
        progress: Progress,
    ) -> None:
        self._calls = calls
        self._survey = survey
        self._name = name
        self._at_once = limits.at_once
        self._patience = limits.patience
        self._meter = _Meter(progress)
        self._stop = Event()

    def send(self) -> Raw:
        """Begin, and once more if the upload expires on the way."""
        for _ in range(UPLOADS - 1):
            with suppress(_Expired):
                return self._send_once()
        try:
            return self._send_once()
        except _Expired as error:
            raise ProviderError(
                f"{error}. It was begun {UPLOADS} times: the service gives an upload an hour, and "
                "this file takes longer on this line"
            ) from error

    def _send_once(self) -> Raw:
        begun = _retried(lambda: self._calls.begin(self._name, self._survey.size), self._patience)
        upload_id = text_of(begun, "id")
        if not upload_id:
            raise Unavailable("the endpoint began an upload without an id")
        try:
            return self._complete(upload_id, self._send_parts(upload_id))
        except BaseException:  # an interrupt too: what was sent is of no use to anybody
            with suppress(ReconcileError):
                self._calls.cancel(upload_id)
            raise

    def _send_parts(self, upload_id: str) -> list[str]:
        """The ids of all parts, in the file's order; no thread outlives this, however it ends."""
        if self._at_once == 1:
            return [self._send_part(upload_id, piece) for piece in self._survey.pieces]
        pool = ThreadPoolExecutor(self._at_once, thread_name_prefix="upload")
        self._stop.clear()
        try:
            pieces = self._survey.pieces
            sending = [pool.submit(self._send_part, upload_id, piece) for piece in pieces]
            for part in as_completed(sending):
                part.result()
            return [part.result() for part in sending]
        finally:
            self._stop.set()
            pool.shutdown(cancel_futures=True)

    def _send_part(self, upload_id: str, piece: Piece) -> str:
        def once() -> str:
            body = _body(CheckedStream(piece, self._sent))
            part_id = text_of(self._calls.part(upload_id, body), "id")
            if not part_id:
                raise Unavailable("the endpoint took a part and gave it no id")
            return part_id

        with _told_of_expiry():
            return _retried(once, self._patience)

    def _sent(self, piece: Piece, position: int) -> None:
        if self._stop.is_set():
            raise _Stopped
        self._meter.sent(piece, position)

    def _complete(self, upload_id: str, part_ids: Sequence[str]) -> Raw:
        """Ask for the file until there is an answer: it may come of a request whose own was lost.

        The service then refuses the next one, and the file is there already.
        """
        is_in_doubt = False

        def once() -> Raw:
            nonlocal is_in_doubt
            try:
                return _file_in(self._calls.complete(upload_id, part_ids, self._survey.md5))
            except Unavailable:
                is_in_doubt = True
                raise
            except Refused:
                made = self._calls.find(self._name, self._survey.size) if is_in_doubt else None
                if made is None:
                    raise
                return made

        with _told_of_expiry():
            return _retried(once, self._patience)


def _file_in(upload: Raw) -> Raw:
    """The file of a completed upload."""
    file = mapping_of(upload.get("file"))
    if text_of(file, "id"):
        return file
    status = text_of(upload, "status")
    if status in ("expired", "cancelled"):
        raise Refused(200, f"upload_{status}", f"the upload is {status}", None)
    raise Unavailable("the endpoint completed an upload and names no file")


@contextmanager
def _told_of_expiry() -> Iterator[None]:
    """An error that says so as one of its own; no document names its status or its code."""
    try:
        yield
    except ProviderError as error:
        if "expired" in str(error).lower():
            raise _Expired(str(error)) from error
        raise


def _retried(once: Callable[[], Answer], patience: float) -> Answer:
    for attempt in stamina.retry_context(
        on=Unavailable, attempts=None, timeout=patience, wait_max=LONGEST_PAUSE
    ):
        with attempt:
            return once()
    raise AssertionError  # pragma: no cover  # retry_context returns or raises
