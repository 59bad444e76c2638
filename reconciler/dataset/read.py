"""Training data from disk: one pass over a file gives its facts and its problems.

The file is read once, line by line: hashed, counted and checked in memory that doesn't grow with
it. What is wrong with a line is for ``checks.py`` to say.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from reconciler.dataset.checks import Method, check_example, check_file, check_length, parse_line
from reconciler.dataset.facts import DatasetFacts
from reconciler.dataset.rules import Finding
from reconciler.dataset.tokens import Count, counter, example_tokens
from reconciler.errors import Problem, Severity

LONGEST_LINE = 10_000_000
"""Bytes from which a line is not read: far above any example that a base can hold."""

_SKIPPED_AT_ONCE = 65_536

MOST_PROBLEMS = 100
"""Problems that a Reading keeps; the rest are counted."""


@dataclass(frozen=True)
class Reading:
    """A dataset file as it was read.

    Attributes:
        facts: what identity, cost and uploads need to know, of a faulty file too.
        problems: the first 100, whole-file problems and errors before warnings, in the order of
            their lines; then one DS100 that says how many more there are, if there are more.
        total_problems: how many there are, kept or not.
    """

    facts: DatasetFacts
    problems: tuple[Problem, ...]
    total_problems: int


def read_dataset(
    path: Path,
    shown_as: str,
    method: Method,
    encoding: str | None,
    *,
    is_training: bool = True,
    example_limit: int | None = None,
) -> Reading:
    """Read and check one dataset file. Any content gives a Reading, and the same one each time.

    Args:
        path: the file.
        shown_as: its name in facts and problems: relative to the project root, POSIX style.
        method: what its lines must be examples of.
        encoding: tiktoken's name of the base's vocabulary; None counts no tokens.
        is_training: whether it must hold 10 examples (a validation file needn't).
        example_limit: the longest example that the base takes, in tokens; None if not known.

    Raises:
        OSError: the file can't be opened or read.
        SettingsError: no vocabulary is installed for the encoding.
    """
    examiner = _Examiner(method, counter(encoding) if encoding else None, example_limit)
    found = _Found(shown_as)
    with path.open("rb") as stream:
        before = os.fstat(stream.fileno())
        lines = _Lines(stream)
        for number, raw in enumerate(lines, start=1):
            found.add(number, examiner.examine(raw))
    found.add(0, check_file(lines.size, examiner.examples, is_training))
    if lines.size != before.st_size or _identity(before) != _identity_at(path):
        found.add(0, [Finding("DS120", "another size, time or file than at the start")])
    digest = lines.sha256.hexdigest()
    counts = (lines.size, examiner.examples, examiner.tokens)
    facts = DatasetFacts(shown_as, digest, *counts, encoding or "")
    return Reading(facts, found.kept(), found.total)


class _Lines:
    """The lines of a stream, None for one that is too long to hold; hashes all that it reads."""

    def __init__(self, stream: BinaryIO) -> None:
        self.sha256 = hashlib.sha256()
        self.size = 0
        self._stream = stream

    def __iter__(self) -> Iterator[bytes | None]:
        while line := self._take(LONGEST_LINE):
            if len(line) < LONGEST_LINE or line.endswith(b"\n"):
                yield line
            else:
                del line  # not held while its rest is read
                self._skip()
                yield None

    def _take(self, most: int) -> bytes:
        part = self._stream.readline(most)
        self.sha256.update(part)
        self.size += len(part)
        return part

    def _skip(self) -> None:
        while (part := self._take(_SKIPPED_AT_ONCE)) and not part.endswith(b"\n"):
            pass


class _Examiner:
    """Checks and counts line after line; sums up what the facts need."""

    def __init__(self, method: Method, count: Count | None, limit: int | None) -> None:
        self.examples = 0
        self.tokens = 0
        self._method = method
        self._count = count
        self._limit = limit
        self._has_crlf = False

    def examine(self, raw: bytes | None) -> Iterator[Finding]:
        """All findings of one line."""
        if raw is None:
            yield Finding("DS119", f"at least {LONGEST_LINE} bytes", "a shorter line")
            return
        if raw.endswith(b"\r\n") and not self._has_crlf:
            self._has_crlf = True
            yield Finding("DS121", "CR LF", "LF")
        example, findings = parse_line(raw)
        yield from findings
        if example is not None:
            self.examples += 1
            yield from check_example(example, self._method)
            yield from self._measure(example)

    def _measure(self, example: object) -> Iterator[Finding]:
        if self._count:
            tokens = example_tokens(example, self._count)
            self.tokens += tokens
            yield from check_length(tokens, self._limit)


class _Found:
    """The first problems of each kind; the rest only counted, so that memory stays flat."""

    def __init__(self, file: str) -> None:
        self.total = 0
        self._errors = 0
        self._file = file
        self._whole: list[Problem] = []
        self._lines: dict[Severity, list[Problem]] = {severity: [] for severity in Severity}

    def add(self, line: int, findings: Iterable[Finding]) -> None:
        """Take in the findings of a line, or of the whole file (line 0)."""
        for finding in findings:
            self.total += 1
            self._errors += finding.severity is Severity.ERROR
            kept = self._lines[finding.severity] if line else self._whole
            if len(kept) < MOST_PROBLEMS:
                kept.append(finding.at(self._file, line))

    def kept(self) -> tuple[Problem, ...]:
        """What is shown: no number of warnings crowds an error out."""
        ranked = [*self._whole, *self._lines[Severity.ERROR], *self._lines[Severity.WARNING]]
        shown = tuple(sorted(ranked[:MOST_PROBLEMS]))
        if self.total == len(shown):
            return shown
        more = Finding("DS100", f"{self.total - len(shown)} more problem(s)").at(self._file, 0)
        shown_errors = sum(problem.severity is Severity.ERROR for problem in shown)
        if self._errors == shown_errors:
            more = replace(more, severity=Severity.WARNING)
        return (*shown, more)


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _identity_at(path: Path) -> tuple[int, ...]:
    """The identity of what the path leads to now; empty if that is nothing."""
    try:
        return _identity(path.stat())
    except OSError:
        return ()
