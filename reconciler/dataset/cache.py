"""Readings kept between runs: a dataset that didn't change costs a look at its file's status.

A Reading is kept under what was asked and the digest of the bytes; beside it, for each path, the
digest that its bytes had when the file's status (size, times, inode) was such. The folder is safe
to delete, and safe under any number of processes: entries are written whole, and what can't be
read counts as not there. Another set of rules has another folder.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, astuple
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from reconciler.cache import Told, cache_folder, read_entry, write_entry
from reconciler.dataset.breaches import Breach
from reconciler.dataset.examine import Question
from reconciler.dataset.facts import Reading, Stats
from reconciler.dataset.prints import Prints
from reconciler.dataset.read import BLOCK, Progress, read_dataset
from reconciler.dataset.rules import Finding

_FINE, _COARSE = 100_000_000, 2_100_000_000
"""Nanoseconds within which a second change may leave a file's times as they were: on most file
systems, and on those that keep whole seconds."""


class _Seen(NamedTuple):
    """Which bytes a path led to when its status was such."""

    status: tuple[int, ...]
    sha256: str


class FactsCache:
    """Readings of dataset files, taken anew only where they aren't known."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / _ruleset()

    def reading(
        self,
        path: Path,
        question: Question,
        *,
        prints: Prints | None = None,
        progress: Progress = lambda _: None,
    ) -> Reading:
        """As ``read_dataset``; ``prints`` stays empty where the Reading was known."""
        began, status = time.time_ns(), path.stat()
        kept = self._kept(path, question, began, status)
        if kept:
            return kept
        reading = read_dataset(path, question, prints=prints, progress=progress)
        if "DS120" not in reading.breaches:
            name = f"{reading.bytes}-{reading.sha256}"
            write_entry(self._readings(question) / name, asdict(reading))
            self._remember(path, began, status, reading.sha256)
        return reading

    def breach(self, what: str, digests: tuple[str, ...], find: Callable[[], Breach]) -> Breach:
        """What was found about several files, by their digests."""
        place = self._folder / "between" / _digest(what, *digests)
        if kept := read_entry(place, _breach):
            return kept
        found = find()
        write_entry(place, asdict(found))
        return found

    def _kept(
        self, path: Path, question: Question, began: int, status: os.stat_result
    ) -> Reading | None:
        """The Reading of these bytes if it is known. They are hashed only where it may be."""
        folder = self._readings(question)
        seen = read_entry(self._seen(path), _seen)
        if seen and seen.status == _identity(status):
            return read_entry(folder / f"{status.st_size}-{seen.sha256}", _reading)
        if not any(folder.glob(f"{status.st_size}-*")):
            return None
        sha256 = _hashed(path)
        kept = read_entry(folder / f"{status.st_size}-{sha256}", _reading)
        if kept:
            self._remember(path, began, status, sha256)
        return kept

    def _remember(self, path: Path, began: int, status: os.stat_result, sha256: str) -> None:
        """Note the digest, unless the file is so young that a change would not show."""
        changed = max(status.st_mtime_ns, status.st_ctime_ns)
        blur = _FINE if status.st_mtime_ns % 1_000_000_000 else _COARSE
        with suppress(OSError):
            if changed + blur < began and _identity(path.stat()) == _identity(status):
                seen = _Seen(_identity(status), sha256)
                write_entry(self._seen(path), seen._asdict())

    def _readings(self, question: Question) -> Path:
        return self._folder / _digest(*map(str, astuple(question)))

    def _seen(self, path: Path) -> Path:
        return self._folder / "seen" / _digest(os.fspath(path))


def open_cache(environment: Mapping[str, str]) -> FactsCache | None:
    """The user's cache, or the one that ``RECONCILER_CACHE`` names; None where it is empty."""
    folder = cache_folder(environment, "datasets")
    return FactsCache(folder) if folder else None


# ---- entries ---------------------------------------------------------------------------------


def _reading(told: Told) -> Reading:
    breaches = {rule: _breach(breach) for rule, breach in told.pop("breaches").items()}
    stats = told.pop("stats")
    for name in ("quantiles", "histogram"):  # JSON's keys are texts
        stats[name] = {int(key): value for key, value in stats[name].items()}
    return Reading(**told, stats=Stats(**stats), breaches=breaches)


def _breach(told: Told) -> Breach:
    places = [(line, Finding(**finding)) for line, finding in told.pop("places")]
    return Breach(**told, places=places)


def _seen(told: Told) -> _Seen:
    return _Seen(tuple(told["status"]), told["sha256"])


# ---- digests ---------------------------------------------------------------------------------


@cache
def _ruleset() -> str:
    """The digest of our own rules, as they are written, and the versions of what they stand on."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    versions = [version(name) for name in ("jiter", "pillow", "tiktoken")]
    return _digest(sys.version, *versions, *(source.read_text("utf-8") for source in sources))


def _digest(*parts: str) -> str:
    text = "\0".join(parts).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:32]


def _hashed(path: Path) -> str:
    sha256 = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(BLOCK):
            sha256.update(part)
    return sha256.hexdigest()


def _identity(status: os.stat_result) -> tuple[int, ...]:
    times = (status.st_mtime_ns, status.st_ctime_ns)
    return (status.st_size, *times, status.st_ino, status.st_dev)
