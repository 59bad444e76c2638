"""Token counts: tiktoken's own, of one text and of one example, by role."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate

from reconciler.dataset.facts import Stats
from reconciler.dataset.shapes import ROLES, Plain, is_learned
from reconciler.dataset.spoken import TOOLS, Turn
from reconciler.dataset.vocabulary import encoder

Count = Callable[[str], int]
"""The number of tokens in a text."""

FRAME = 3
"""Tokens that the format itself takes: so many a message, and as many an example."""

QUANTILES = (0, 10, 50, 90, 99, 100)
"""Shares of the examples, in percent, whose lengths the statistics tell."""

# tiktoken's patterns overflow the stack of its regex engine on more than 400,000 white-space
# characters in a row (tiktoken 0.14). A power of two, so that a cut falls between whole tokens.
_SPACES_AT_ONCE = 65_536
_TOO_MANY_SPACES = re.compile(rf"(?<!\s)\s{{{_SPACES_AT_ONCE + 1},}}")

_REPEATED = frozenset({"system", "developer"})
_REMEMBERED, _SHORT = 512, 8_192
"""Texts whose count is remembered, and their most characters: 4 MB at the very most."""


# ---- counting one text -----------------------------------------------------------------------


def counter(encoding: str) -> Count:
    """A function that counts a text's tokens under ``cl100k_base`` or ``o200k_base``.

    The count is tiktoken's own and exact, special tokens such as ``<|endoftext|>`` taken as the
    ordinary text that they are in a training file, and lone surrogates as U+FFFD. In two cases it
    is an approximation: a run of more than 65,536 white-space characters is cut into pieces of this
    length, and each cut may shift the count by a token or two; and should tiktoken panic, the
    text's UTF-8 bytes are counted, which is an upper bound. No text raises.

    The first call for an encoding loads it (a third of a second); no call uses the network.

    Raises:
        SettingsError: no vocabulary is installed for this encoding.
    """
    encode = encoder(encoding)

    def count(text: str) -> int:
        if len(text) > _SPACES_AT_ONCE:
            return sum(_count_piece(piece, encode) for piece in _pieces(text))
        return _count_piece(text, encode)

    return count


def _count_piece(text: str, encode: Callable[[str], Sequence[int]]) -> int:
    """The tokens of a text; its bytes, which are never fewer, should tiktoken's Rust panic."""
    try:
        return len(encode(text))
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # its class can't be imported
            raise
        return len(text.encode("utf-8", "replace"))


def _pieces(text: str) -> Iterator[str]:
    """The text, cut only inside its overlong runs of white space."""
    start = 0
    for run in _TOO_MANY_SPACES.finditer(text):
        for cut in range(run.start() + _SPACES_AT_ONCE, run.end(), _SPACES_AT_ONCE):
            yield text[start:cut]
            start = cut
    yield text[start:]


# ---- counting one example --------------------------------------------------------------------


@dataclass
class Tally:
    """Counts of a run of examples; ``merge`` adds those of another run.

    Attributes:
        lengths: tokens of an example -> how many examples have so many.
        by_role: tokens by who speaks, ``tools`` for declarations, ``example`` for frames.
        learned: tokens of the messages that training learns: answers without weight 0, and both
            outputs of dpo. The others are read only.
    """

    lengths: Counter[int] = field(default_factory=Counter)
    by_role: Counter[str] = field(default_factory=Counter)
    learned: int = 0

    def merge(self, other: Tally) -> None:
        """Add the counts of another run."""
        self.lengths.update(other.lengths)
        self.by_role.update(other.by_role)
        self.learned += other.learned


def stats_of(tally: Tally, limit: int | None, images: int, with_images: int) -> Stats:
    """The statistics of what was counted.

    Args:
        tally: counts of the whole file.
        limit: the longest example that the base takes, in tokens; None if not known.
        images, with_images: images in all, and examples that hold some.
    """
    most = limit if limit is not None else max(tally.lengths, default=0)
    long = {length: number for length, number in tally.lengths.items() if length > most}
    return Stats(
        tokens=sum(length * number for length, number in tally.lengths.items()),
        by_role=dict(sorted(tally.by_role.items())),
        learned=tally.learned,
        cut=sum((length - most) * number for length, number in long.items()),
        cut_examples=sum(long.values()),
        images=images,
        with_images=with_images,
        quantiles=_quantiles(tally.lengths),
        histogram=_histogram(tally.lengths),
    )


def _quantiles(lengths: Counter[int]) -> dict[int, int]:
    """Exact ones: the least length that so many percent of the examples don't exceed."""
    ranked = list(accumulate(sorted(lengths.items()), lambda a, b: (b[0], a[1] + b[1])))
    total = lengths.total()
    return {
        percent: next(length for length, rank in ranked if rank * 100 >= percent * total)
        for percent in (QUANTILES if total else ())
    }


def _histogram(lengths: Counter[int]) -> dict[int, int]:
    bins: Counter[int] = Counter()
    for length, number in lengths.items():
        bins[1 << max(0, length - 1).bit_length()] += number
    return {bound: bins[bound] for bound in sorted(bins)}


class Counting:
    """Counts examples by the rule of OpenAI's fine-tuning notebook, extended, into a ``Tally``.

    The notebook ("Data preparation and analysis for chat model fine-tuning", OpenAI cookbook):
    3 a message, plus the tokens of each of its text values, plus 1 for a ``name``; 3 an example.
    What the notebook can't count is counted so, everywhere in this project:

    ==================================  =========================================================
    content as a list of parts          the tokens of each text (or refusal) part; images, audio
                                        and files count 0: an estimate leaves them out
    ``tool_calls``, ``function_call``   the tokens of each function's name and arguments
    ``tools``, ``functions``            the tokens of their compact JSON, keys sorted, once an
                                        example
    dpo                                 the input's messages and both outputs, 3 a message each
    numbers, null, unknown shapes       0
    ==================================  =========================================================

    Never raises if ``count`` doesn't: what has an odd shape counts 0, the checks report it.
    """

    def __init__(self, count: Count) -> None:
        self.tally = Tally()
        self._count = count
        # Prompts and declarations are often the same on every line.
        self._remembered = lru_cache(_REMEMBERED)(count)
        self._frames = {role: FRAME + count(role) for role in ROLES}

    def add(self, turns: Sequence[Turn]) -> int:
        """Count one example; its tokens."""
        total = FRAME
        for turn in turns:
            tokens = self._turn(turn)
            total += tokens
            self.tally.by_role[turn.role] += tokens
            if turn.is_learned:
                self.tally.learned += tokens
        self.tally.by_role["example"] += FRAME
        self.tally.lengths[total] += 1
        return total

    def add_plain(self, messages: list[Plain]) -> int:
        """The same for an example of plain messages, the short way."""
        total, by_role, count, frames = FRAME, self.tally.by_role, self._count, self._frames
        for message in messages:
            role, text = message["role"], message["content"]
            counted = self._recall(text) if role in _REPEATED else count(text)
            tokens = counted + frames[role]
            total += tokens
            by_role[role] += tokens
            if role == "assistant" and is_learned(message):
                self.tally.learned += tokens
        by_role["example"] += FRAME
        self.tally.lengths[total] += 1
        return total

    def _turn(self, turn: Turn) -> int:
        if turn.role == TOOLS:
            return sum(self._recall(text) for _, text in turn.texts)
        tokens = FRAME
        is_repeated = turn.role in _REPEATED
        for key, text in turn.texts:
            if key == "name":
                tokens += 1
            is_recalled = is_repeated or key == "role"
            tokens += self._recall(text) if is_recalled else self._count(text)
        return tokens

    def _recall(self, text: str) -> int:
        return self._remembered(text) if len(text) <= _SHORT else self._count(text)
