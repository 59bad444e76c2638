"""Training data from disk: one pass over a file gives its facts and all that is wrong with it.

    bytes -> blocks of whole lines, hashed -> Reports, by several processes if it is big -> Reading

Memory doesn't grow with the file. What is wrong with a line is for ``checks/`` to say.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from reconciler.dataset.breaches import Breaches, FirstLines
from reconciler.dataset.checks.examples import FORMATS, format_of
from reconciler.dataset.checks.files import check_file, what_else
from reconciler.dataset.checks.lines import parse_line
from reconciler.dataset.examine import LONGEST_LINE, Block, Question, Report
from reconciler.dataset.facts import Reading
from reconciler.dataset.prints import Prints, repeats
from reconciler.dataset.rules import Finding
from reconciler.dataset.shapes import Method
from reconciler.dataset.tokens import stats_of
from reconciler.dataset.workers import examined, processors

BLOCK = 2 << 20
"""Bytes that are examined together: enough that handing them over costs nothing."""

WORTH_WORKERS = 8_000_000
"""Bytes from which a file is examined by several processes, which take half a second to start."""

Progress = Callable[[int], None]
"""Told the bytes that were examined, as it goes on."""


def read_dataset(
    path: Path,
    question: Question,
    *,
    prints: Prints | None = None,
    progress: Progress = lambda _: None,
    workers: int | None = None,
) -> Reading:
    """Read and check one dataset file. Any content gives a Reading, and the same one each time.

    Args:
        path: the file.
        question: what it must be.
        prints: takes the fingerprints of its examples, for a comparison with another file.
        progress: told the bytes that were examined.
        workers: processes to examine it with; None for what its size and the machine suggest.

    Raises:
        OSError: the file can't be opened or read.
        SettingsError: no vocabulary is installed for the encoding.
        WorkerLost: a process that examined it ended by itself.
    """
    with ExitStack() as stack:
        stream = stack.enter_context(path.open("rb"))
        before = os.fstat(stream.fileno())
        if prints is None:
            prints = stack.enter_context(closing(Prints()))
        number = _suggested(before.st_size) if workers is None else workers
        source = _Source(stream)
        report = _examine(source, question, prints, progress, number)
        source.finish()
    if source.size != before.st_size or _identity(before) != _identity_at(path):
        changed = Finding("DS120", "another size, time or file than at the start")
        report.breaches.add(0, [changed])
    return Reading(
        sha256=source.sha256.hexdigest(),
        bytes=source.size,
        examples=report.examples,
        encoding=question.encoding or "",
        stats=stats_of(report.tally, question.example_limit, report.images, report.with_images),
        breaches=dict(sorted(report.breaches.items())),
    )


def method_of(path: Path) -> Method:
    """The method that a file's first lines are examples of; supervised if they don't tell."""
    with path.open("rb") as stream:
        for raw in islice(iter(lambda: stream.readline(LONGEST_LINE), b""), 100):
            example, _ = parse_line(raw)
            if example and (found := format_of(example)) in ("supervised", "dpo"):
                return "dpo" if found == "dpo" else "supervised"
    return "supervised"


# ---- bytes to blocks -------------------------------------------------------------------------


class _Source:
    """A stream as blocks of whole lines, hashed as it is read."""

    def __init__(self, stream: BinaryIO) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0
        self._stream = stream
        self._rest = self._take()
        self._line = 1

    @property
    def head(self) -> bytes:
        """The first bytes, up to a block; asked for before anything else."""
        return self._rest

    def blocks(self) -> Iterator[Block]:
        """Whole lines, about a megabyte each time; a line that is too long has no content."""
        while self._rest:
            chunk = self._take()
            cut = len(self._rest) if not chunk else self._rest.rfind(b"\n") + 1
            if cut:
                yield self._cut(cut)
            elif len(self._rest) >= LONGEST_LINE:
                yield Block(self._line, None)
                chunk = self._skipped(chunk)
                self._line += 1
            self._rest += chunk

    def finish(self) -> None:
        """Hash what was not asked for."""
        while self._take():
            pass

    def _cut(self, at: int) -> Block:
        block = Block(self._line, self._rest[:at])
        self._line += self._rest.count(b"\n", 0, at)
        self._rest = self._rest[at:]
        return block

    def _skipped(self, chunk: bytes) -> bytes:
        """What follows the end of a line that is too long."""
        self._rest = b""
        while chunk and b"\n" not in chunk:
            chunk = self._take()
        return chunk.partition(b"\n")[2]

    def _take(self) -> bytes:
        part = self._stream.read(BLOCK)
        self.sha256.update(part)
        self.size += len(part)
        return part


# ---- blocks to one report --------------------------------------------------------------------


def _examine(
    source: _Source, question: Question, prints: Prints, progress: Progress, workers: int
) -> Report:
    """The report of the whole file."""
    total = Report()
    if found := list(what_else(source.head)):
        total.breaches.add(0, found)
        return total
    with closing(examined(source.blocks(), question, workers)) as reports:
        for report in reports:
            total.merge(report)
            prints.add(bytes(report.prints))
            progress(report.bytes)
    _judge_formats(total, question.method)
    total.breaches.merge(_repeated(prints))
    counted = (source.size, total.examples, total.with_images)
    total.breaches.add(0, check_file(*counted, question.is_training))
    return total


def _judge_formats(report: Report, method: Method) -> None:
    """A file of another method is told so once, one that mixes formats line by line."""
    if (other := report.breaches.pop("DS103", None)) is None:
        return
    if report.formats[method]:
        expected = f"a {FORMATS[method]} as on other lines"
        report.breaches["DS154"] = other.renamed("DS154", expected)
    else:
        line, first = other.places[0]
        found = f"{first.found}, as on {other.lines:,} line(s)"
        report.breaches.add(line, [Finding("DS103", found, first.expected)])


def _repeated(prints: Prints) -> Breaches:
    """Examples that stand twice, and prompts that are answered twice."""
    same, other = (
        FirstLines("DS144", "the example of line {}"),
        FirstLines("DS146", "the prompt of line {}, answered otherwise"),
    )
    for is_same, line, earlier in repeats(prints):
        (same if is_same else other).add(line, earlier)
    return Breaches({found.rule: found.breach() for found in (same, other) if found.total})


# ---- the file itself -------------------------------------------------------------------------


def _suggested(size: int) -> int:
    return processors() if size >= WORTH_WORKERS else 1


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _identity_at(path: Path) -> tuple[int, ...]:
    """The identity of what the path leads to now; empty if that is nothing."""
    try:
        return _identity(path.stat())
    except OSError:
        return ()
