"""What was found in a file, rule by rule: the first places kept, the rest counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from heapq import nsmallest

from reconciler.dataset.rules import Finding

KEPT = 100
"""Places kept of each rule: as many as are ever shown."""


@dataclass
class Breach:
    """All breaches of one rule in one file.

    Attributes:
        total: how many there are; for a rule that counts amounts their sum.
        lines: on how many lines.
        places: the first 100: line (0 for the whole file) and finding, in the order of the file.
        latest: the last line that was taken in.
    """

    total: int = 0
    lines: int = 0
    places: list[tuple[int, Finding]] = field(default_factory=list)
    latest: int = -1

    def add(self, line: int, finding: Finding) -> None:
        """Take one in; lines come in order."""
        self.total += finding.amount or 1
        self.lines += line != self.latest
        self.latest = line
        if len(self.places) < KEPT:
            self.places.append((line, finding))

    def merge(self, later: Breach) -> None:
        """Take in those of a later part of the file."""
        self.total += later.total
        self.lines += later.lines
        self.places += later.places[: KEPT - len(self.places)]
        self.latest = later.latest

    def renamed(self, rule: str, expected: str) -> Breach:
        """The same breaches, judged to be of another rule."""
        places = [
            (line, replace(finding, rule=rule, expected=expected)) for line, finding in self.places
        ]
        return replace(self, places=places)


class FirstLines:
    """The breaches of a rule about two lines, told in any order: the first lines are kept."""

    def __init__(self, rule: str, words: str) -> None:
        self.rule = rule
        self.total = 0
        self._words = words
        self._pairs: list[tuple[int, int]] = []

    def add(self, line: int, other: int) -> None:
        """A line, and the one that it has to do with."""
        self.total += 1
        self._pairs.append((line, other))
        if len(self._pairs) > 10 * KEPT:
            self._pairs = nsmallest(KEPT, self._pairs)

    def breach(self) -> Breach:
        """All that were told."""
        places = [
            (line, Finding(self.rule, self._words.format(other)))
            for line, other in nsmallest(KEPT, self._pairs)
        ]
        return Breach(self.total, self.total, places)


class Breaches(dict[str, Breach]):
    """Rule -> its breaches."""

    def add(self, line: int, findings: Iterable[Finding]) -> None:
        """Take in the findings of a line, or of the whole file (line 0)."""
        for finding in findings:
            self.setdefault(finding.rule, Breach()).add(line, finding)

    def merge(self, later: Breaches) -> None:
        """Take in those of a later part of the file."""
        for rule, breach in later.items():
            self.setdefault(rule, Breach()).merge(breach)
