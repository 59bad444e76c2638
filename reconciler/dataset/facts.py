"""What is known of a dataset: facts for a pass, statistics for people, what is wrong, what changed.

Data, and no judgement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.dataset.breaches import Breach


@dataclass(frozen=True)
class DatasetFacts:
    """One dataset file as it was read: what identity, cost and uploads need to know of it.

    Attributes:
        path: relative to the project root, POSIX style.
        sha256: hex digest of the file's bytes: its identity.
        bytes: its size.
        examples: lines that hold an example.
        tokens: tokens that an epoch trains on by OpenAI's counting rule under ``encoding``, without
            those that the base cuts off; 0 if they were not counted.
        encoding: tiktoken's name of the vocabulary used, or empty if tokens were not counted.
    """

    path: str
    sha256: str
    bytes: int
    examples: int
    tokens: int
    encoding: str


@dataclass(frozen=True)
class Stats:
    """What the examples of a dataset are like, in tokens.

    Attributes:
        tokens: all of them, those that the base cuts off included.
        by_role: by who speaks; ``tools`` for declarations, ``example`` for the frame of each.
        learned: tokens of the messages that training learns, the others are only read.
        cut: tokens beyond the base's limit, and ``cut_examples`` the examples they are cut from.
        images: images in all, and ``with_images`` the examples that hold some.
        quantiles: share of the examples, in percent -> the length up to which they go.
        histogram: upper bound of a bin (a power of two) -> examples in it, from the shortest.
    """

    tokens: int = 0
    by_role: Mapping[str, int] = field(default_factory=dict)
    learned: int = 0
    cut: int = 0
    cut_examples: int = 0
    images: int = 0
    with_images: int = 0
    quantiles: Mapping[int, int] = field(default_factory=dict)
    histogram: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """A dataset file as it was read, under no name yet: equal bytes have equal readings.

    Attributes:
        sha256: hex digest of the bytes.
        bytes: their number.
        examples: lines that hold a JSON object.
        encoding: the vocabulary that tokens were counted by; empty if they were not.
        stats: counts.
        breaches: rule -> what was found, in a faulty file too.
    """

    sha256: str
    bytes: int
    examples: int
    encoding: str
    stats: Stats
    breaches: Mapping[str, Breach]

    def facts(self, path: str) -> DatasetFacts:
        """The facts of the file under its name."""
        trained = self.stats.tokens - self.stats.cut
        return DatasetFacts(path, self.sha256, self.bytes, self.examples, trained, self.encoding)


@dataclass(frozen=True, order=True)
class Line:
    """An example of one side: its line, and its tokens (0 if they weren't counted)."""

    number: int
    tokens: int


@dataclass(frozen=True)
class Edit:
    """An example before and after; ``is_answer``: it asks the same and is answered otherwise."""

    before: Line
    after: Line
    is_answer: bool


@dataclass(frozen=True)
class DataDiff:
    """What became of a dataset's examples; each list in the order of its file.

    Attributes:
        added: lines of the new file alone.
        removed: lines of the old file alone.
        edited: pairs of lines.
        unchanged: examples on both sides.
    """

    added: tuple[Line, ...]
    removed: tuple[Line, ...]
    edited: tuple[Edit, ...]
    unchanged: int

    @property
    def tokens(self) -> int:
        """How many more tokens the new file has; fewer if negative."""
        came = sum(line.tokens for line in self.added)
        went = sum(line.tokens for line in self.removed)
        return came - went + sum(edit.after.tokens - edit.before.tokens for edit in self.edited)
