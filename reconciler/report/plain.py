"""Numbers and other people's words, the same in every format."""

from __future__ import annotations

import re
from collections.abc import Iterable

from reconciler.errors import redact

UNITS = ("bytes", "kB", "MB", "GB")

# Control and format characters (line ends, escape sequences, changed writing directions), and what
# is not assigned: in a terminal or a table they would say something else than they show.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)


def number(value: int) -> str:
    """``84,120``."""
    return f"{value:,}"


def counted(count: int, noun: str) -> str:
    """``1 file``, ``3 files``, ``1,000 files``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def size(count: int) -> str:
    """``940 bytes``, ``24.1 kB``, ``1.5 GB``: powers of 1,000, as the API counts."""
    value, unit = float(count), 0
    while value >= 999.95 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:,.1f} {UNITS[unit]}" if unit else counted(count, "byte")


def plain(text: str) -> str:
    """Other people's words on one line: nothing hidden in them acts on a terminal, no key shows."""
    return redact(_UNSEEN.sub(" ", text)).strip()


def plain_lines(text: str) -> str:
    """The same of a text of several lines, which keep their indentation."""
    lines = text.split("\n")
    return "\n".join(line[: len(line) - len(line.lstrip(" "))] + plain(line) for line in lines)


def listed(names: Iterable[str]) -> str:
    """``a, b, c``."""
    return ", ".join(plain(name) for name in names)
