"""One part of a file: its lines parsed, checked, counted and fingerprinted. Pure.

    lines -> parse -> check -> count -> fingerprint -> Report

What a Report says doesn't depend on where the file was parted: merged in order, the Reports of all
parts are that of the file. So parts can be examined by several processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from reconciler.dataset.breaches import Breaches
from reconciler.dataset.checks.examples import (
    check_example,
    conversations,
    count_images,
    format_of,
)
from reconciler.dataset.checks.files import check_length
from reconciler.dataset.checks.lines import parse_line
from reconciler.dataset.checks.texts import check_elsewhere, check_texts, is_suspicious
from reconciler.dataset.prints import digests, fingerprint, pack, transcript
from reconciler.dataset.rules import Finding
from reconciler.dataset.shapes import Example, Method, Plain, plain_messages
from reconciler.dataset.spoken import Turn, turns_of
from reconciler.dataset.tokens import Counting, Tally, counter

LONGEST_LINE = 10_000_000
"""Bytes from which a line is not read: far above any example that a base can hold."""


@dataclass(frozen=True)
class Question:
    """What is asked of a dataset; the answer depends on this and on the bytes.

    Attributes:
        method: what its lines must be examples of.
        encoding: tiktoken's name of the base's vocabulary; None counts no tokens.
        example_limit: the longest example that the base takes, in tokens; None if not known.
        takes_images: whether the base can be trained on images; None if not known.
        is_training: whether it must hold 10 examples (a validation file needn't).
    """

    method: Method
    encoding: str | None = None
    example_limit: int | None = None
    takes_images: bool | None = None
    is_training: bool = True


@dataclass(frozen=True)
class Block:
    """Whole lines of a file, and the number of the first; no content for one that is too long."""

    first_line: int
    content: bytes | None


@dataclass
class Report:
    """What was found in a part of a file.

    Attributes:
        examples: lines that hold a JSON object, and ``with_images`` those that hold images.
        formats: format -> how many lines have it; the empty name for unknown ones.
        tally: counts of tokens.
        breaches: what is wrong.
        prints: fingerprints, packed; a merged report has none, since there may be very many.
        bytes: how many were examined.
    """

    examples: int = 0
    with_images: int = 0
    images: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    breaches: Breaches = field(default_factory=Breaches)
    prints: bytearray = field(default_factory=bytearray)
    bytes: int = 0

    def merge(self, later: Report) -> None:
        """Take in the report of a later part of the file, without its fingerprints."""
        self.examples += later.examples
        self.with_images += later.with_images
        self.images += later.images
        self.formats.update(later.formats)
        self.tally.merge(later.tally)
        self.breaches.merge(later.breaches)
        self.bytes += later.bytes


class Examiner:
    """Examines parts of files for one question; loads the vocabulary once."""

    def __init__(self, question: Question) -> None:
        self._question = question
        self._count = counter(question.encoding) if question.encoding else None

    def examine(self, block: Block) -> Report:
        """The report of one part. Any bytes have one."""
        run = _Run(self._question, Counting(self._count) if self._count else None)
        if block.content is None:
            run.too_long(block.first_line)
            return run.report
        *lines, last = block.content.split(b"\n")
        for number, raw in enumerate(lines, start=block.first_line):
            run.line(number, raw)
        if last:  # nothing ends it, so a CR at its end is only white space
            run.line(block.first_line + len(lines), last.removesuffix(b"\r"))
        run.count()
        run.report.bytes = len(block.content)
        return run.report


_Said = tuple[int, list[Plain], Sequence[Turn], tuple[int, int] | None]
"""An example still to be counted: its line, its plain messages or else its turns, fingerprints."""


@dataclass
class _Run:
    """One part while it is examined: first all lines are checked, then all are counted.

    One after the other, line by line, would cost a tenth more: the tokenizer's tables and the rest
    would push each other out of the processor's cache.
    """

    question: Question
    counting: Counting | None
    report: Report = field(default_factory=Report)
    said: list[_Said] = field(default_factory=list)

    def too_long(self, number: int) -> None:
        found = f"at least {LONGEST_LINE:,} bytes"
        self.report.breaches.add(number, [Finding("DS119", found, "a shorter line")])

    def line(self, number: int, raw: bytes) -> None:
        if len(raw) >= LONGEST_LINE:
            self.too_long(number)
            return
        if raw.endswith(b"\r"):
            self.report.breaches.add(number, [Finding("DS121", "CR LF", "LF")])
        example, findings = parse_line(raw)
        if findings:
            self.report.breaches.add(number, findings)
        if example is not None:
            self._example(number, example)

    def count(self) -> None:
        """Count what was said, and note the fingerprints."""
        limit, report = self.question.example_limit, self.report
        for line, plain, turns, prints in self.said:
            tokens = 0
            if self.counting:
                tokens = self.counting.add_plain(plain) if plain else self.counting.add(turns)
            if limit is not None and tokens > limit:
                report.breaches.add(line, check_length(tokens, limit))
            if prints:
                report.prints += pack(line, *prints, tokens)
        if self.counting:
            report.tally = self.counting.tally

    def _example(self, number: int, example: Example) -> None:
        found = format_of(example)
        self.report.examples += 1
        self.report.formats[found] += 1
        plain = plain_messages(example) if self.question.method == "supervised" else []
        if plain:
            text, asked = transcript(plain)
            if not is_suspicious(text):
                self.said.append((number, plain, (), digests(text, asked)))
                return
        self._closely(number, example, is_asked=found == self.question.method)

    def _closely(self, number: int, example: Example, *, is_asked: bool) -> None:
        """The long way, which every example may take."""
        report, question = self.report, self.question
        found = check_example(example, question.method, takes_images=question.takes_images)
        report.breaches.add(number, found)
        turns = list(turns_of(example))
        report.breaches.add(number, check_texts(turns))
        report.breaches.add(number, check_elsewhere(example, turns))
        images = sum(map(count_images, conversations(example)))
        report.images += images
        report.with_images += images > 0
        prints = fingerprint(example, question.method) if is_asked else None
        self.said.append((number, [], turns, prints))
