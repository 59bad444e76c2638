"""What is wrong, where it stands, and how foreign text is shown in a message."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.errors import Problem, Severity, redact

SHOWN = 60
"""The most characters of the user's own text that a message repeats."""

# Control characters and lone surrogates; then what re-orders or breaks a line on a terminal.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Place(NamedTuple):
    """A place in a file of the user's, as ``Problem`` counts it."""

    file: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Flaw:
    """A problem that doesn't know its place yet; the words are those of ``Problem``."""

    rule: str
    found: str
    expected: str
    remedy: str
    severity: Severity = Severity.ERROR

    def at(self, place: Place, field: str = "") -> Problem:
        """The problem at this place."""
        return Problem(
            *place, self.rule, field, self.found, self.expected, self.remedy, self.severity
        )


def printable(text: str) -> str:
    """The text with every character that a terminal or a log would act upon written out."""
    return _UNPRINTABLE.sub(lambda match: ascii(match.group())[1:-1], text)


def clip(text: str) -> str:
    """The user's text as a message shows it: no key in it, printable, cut at ``SHOWN``."""
    # The cut comes last: a key cut short would no longer be recognised.
    shown = printable(redact(text[: 10 * SHOWN]))
    return shown if len(shown) <= SHOWN else shown[: SHOWN - 1] + "…"


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that was probably meant, or None if none is near."""
    from rapidfuzz import fuzz, process, utils  # only once something is wrong

    found = process.extractOne(
        word[: 10 * SHOWN],
        list(choices),
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        score_cutoff=75,
    )
    return found[0] if found else None


def did_you_mean(word: str, choices: Iterable[str], otherwise: str) -> str:
    """A remedy: the nearest choice as a question, else the other sentence."""
    meant = nearest(word, choices)
    return f'Did you mean "{clip(meant)}"?' if meant else otherwise
