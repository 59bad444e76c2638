"""Earlier versions of a file, out of Git."""

from __future__ import annotations

import signal
import subprocess  # git is asked by its command, with fixed arguments
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import file_digest
from pathlib import Path
from signal import SIGTERM
from tempfile import TemporaryDirectory
from threading import current_thread, main_thread

from reconciler.load.revision import TIMEOUT, environment


@contextmanager
def earlier_file(path: Path, revision: str, sha256: str = "") -> Iterator[Path | None]:
    """A file as it was at a revision, put into a temporary place.

    Yields:
        Its path; None if Git can't give it (no checkout, no such revision in this clone, no such
        file there), or if it isn't the one whose digest starts with ``sha256``.
    """
    with _terminable(), TemporaryDirectory(prefix="reconciler-") as folder:
        earlier = Path(folder, "earlier.jsonl")
        is_there = _written(path, revision, earlier) and _is_wanted(earlier, sha256)
        yield earlier if is_there else None


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends us as an exception does, so that no rows stay behind in a temporary folder."""
    is_ours = current_thread() is main_thread() and signal.getsignal(SIGTERM) is signal.SIG_DFL
    if not is_ours:
        yield
        return
    signal.signal(SIGTERM, lambda *_: sys.exit(128 + SIGTERM))
    try:
        yield
    finally:
        signal.signal(SIGTERM, signal.SIG_DFL)


def _written(path: Path, revision: str, place: Path) -> bool:
    # None would be the index, and one that starts with "-" an option of Git's.
    if not revision or revision.startswith("-") or not path.parent.is_dir():
        return False
    # A partial clone would fetch what it lacks: nothing is downloaded, nobody is asked.
    object_name = f"{revision}:./{path.name}"
    command = ("git", "-c", "protocol.allow=never", "cat-file", "blob", object_name)
    offline = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
    try:
        with place.open("wb") as file:
            done = subprocess.run(  # noqa: S603  # no shell
                command,
                cwd=path.parent,
                env={**environment(), **offline},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.DEVNULL,
                timeout=TIMEOUT,
                check=False,
            )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _is_wanted(file: Path, sha256: str) -> bool:
    with file.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest().startswith(sha256)
