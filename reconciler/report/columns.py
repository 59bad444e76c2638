"""Rows as lines, in columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from reconciler.report.fields import Row

INDENT = "    "


def indented(lines: Iterable[str]) -> Iterator[str]:
    """The lines, as the details of what stands above them."""
    return (f"{INDENT}{line}" for line in lines)


def table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its longest cell; a marker takes one space only."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [_line(row, widths) for row in cells]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    start = f"{padded[0]} " if widths[0] == 1 else f"{padded[0]}  "
    return (start + "  ".join(padded[1:])).rstrip()


def aligned(rows: Sequence[Row]) -> list[str]:
    """Labels, values and notes under each other."""
    label = max(len(row.label) for row in rows)
    value = max((len(row.value) for row in rows if row.note), default=0)
    return [_row(row, label, value) for row in rows]


def _row(row: Row, label: int, value: int) -> str:
    note = f"  # {row.note}" if row.note else ""
    return f"{row.label.ljust(label)}  {row.value.ljust(value if note else 0)}{note}".rstrip()
