"""Events to values, each with its line, column and raw text; by YAML 1.2's core schema.

So ``no`` stays the text "no", a date stays text, ``012`` is 12 and ``1_000`` is text: nothing is
bent as YAML 1.1 bends it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from reconciler.errors import Problem
from reconciler.load.flaw import Flaw, Place, clip
from reconciler.load.guard import (
    LOADER,
    Halt,
    control_character,
    decode,
    guarded_events,
    place_of,
)


class Broken:
    """Stands where a value can't be told; its own problem is already written down."""


BROKEN: Final = Broken()

Value = str | int | float | bool | None | Broken | dict[str, "Entry"] | tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A value as it stands in a file; ``raw`` is a scalar's own text, before it was read."""

    line: int
    column: int
    value: Value
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A node, and the place of the key that it stands under (or its own)."""

    line: int
    column: int
    node: Node

    def key_place(self, file: str) -> Place:
        """Where the key stands."""
        return Place(file, self.line, self.column)

    def value_place(self, file: str) -> Place:
        """Where the value stands."""
        return Place(file, self.node.line, self.node.column)


Path = Sequence[str | int]


def compose(
    data: bytes, file: str, loader: type = LOADER
) -> tuple[tuple[Node, ...], tuple[Problem, ...]]:
    """The documents of a file, empty ones left out, and its problems. Never raises."""
    composer = _Composer(file)
    try:
        composer.read(guarded_events(decode(data, file), file, loader))
    except Halt as halt:
        composer.problems.append(halt.problem)
    return tuple(composer.documents), tuple(composer.problems)


def plain(node: Node) -> object:
    """The values alone, as dict, list and scalars."""
    match node.value:
        case dict() as entries:
            return {key: plain(entry.node) for key, entry in entries.items()}
        case tuple() as items:
            return [plain(item) for item in items]
        case value:
            return value


def locate(root: Node, path: Path) -> tuple[Entry, int]:
    """The deepest entry along the path that is written, and how many parts led to it."""
    entry = Entry(root.line, root.column, root)
    for depth, part in enumerate(path):
        child = _child(entry.node, part)
        if child is None:
            return entry, depth
        entry = child
    return entry, len(path)


def entry_at(root: Node, *path: str | int) -> Entry | None:
    """The entry at exactly this path, or None."""
    entry, depth = locate(root, path)
    return entry if depth == len(path) else None


def text_at(root: Node, *path: str | int) -> str | None:
    """The text at exactly this path; None if there is none or it is no text."""
    entry = entry_at(root, *path)
    return entry.node.value if entry and isinstance(entry.node.value, str) else None


def _child(node: Node, part: str | int) -> Entry | None:
    match node.value, part:
        case dict() as entries, str():
            return entries.get(part)
        case tuple() as items, int() if part < len(items):
            return Entry(items[part].line, items[part].column, items[part])
        case _:
            return None


class _Composer:
    """Composes nodes of one file. The guard bounds the depth, so recursion is safe."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.documents: list[Node] = []
        self.problems: list[Problem] = []

    def read(self, events: Iterator[yaml.Event]) -> None:
        """Composes all documents but the empty ones; ``Halt`` where the guard stops."""
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                root = self.node(next(events), events)
                if root.value is not None:
                    self.documents.append(root)

    def node(self, event: yaml.Event, rest: Iterator[yaml.Event]) -> Node:
        """The node that begins with this event."""
        place = place_of(event, self.file)
        tainted = self._taint(event, place)
        value: Value
        raw = ""
        if isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(rest)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(rest)
        elif isinstance(event, yaml.ScalarEvent):
            value, raw = self._scalar(event, place), event.value
        else:
            value = BROKEN  # an alias
        return Node(place.line, place.column, BROKEN if tainted else value, raw)

    def _taint(self, event: yaml.Event, place: Place) -> bool:
        """Reports what we don't take; whether the value is not what is written."""
        if (anchor := getattr(event, "anchor", None)) is not None:
            mark = "*" if isinstance(event, yaml.AliasEvent) else "&"
            self.problems.append(_anchor(mark + anchor).at(place))
        if (tag := getattr(event, "tag", None)) is not None:
            self.problems.append(_tag(tag).at(place))
            return True
        return False

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> Value:
        # An escape may write what the guard refuses in the file itself.
        if bad := _ESCAPED.search(event.value):
            self.problems.append(control_character(bad.group()).at(place))
            return BROKEN
        return read_scalar(event.value) if event.implicit[0] else event.value

    def _sequence(self, rest: Iterator[yaml.Event]) -> tuple[Node, ...]:
        items = []
        while not isinstance(event := next(rest), yaml.SequenceEndEvent):
            items.append(self.node(event, rest))
        return tuple(items)

    def _mapping(self, rest: Iterator[yaml.Event]) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        while not isinstance(event := next(rest), yaml.MappingEndEvent):
            is_merge = isinstance(event, yaml.ScalarEvent) and _is_merge(event)
            key = self.node(event, rest)
            entry = Entry(key.line, key.column, self.node(next(rest), rest))
            flaw = _MERGE if is_merge else _key_flaw(key, entries)
            if flaw:
                self.problems.append(flaw.at(entry.key_place(self.file)))
            elif isinstance(key.value, str):
                entries[key.value] = entry
        return entries


def _is_merge(event: yaml.ScalarEvent) -> bool:
    return event.value == "<<" and bool(event.implicit[0])


def _key_flaw(key: Node, entries: dict[str, Entry]) -> Flaw | None:
    if isinstance(key.value, Broken):
        return None
    if not isinstance(key.value, str):
        remedy = f'Write it in quotes: "{clip(key.raw)}".' if key.raw else "Write a name there."
        return Flaw("YAML010", f"the key {describe(key)}", "text as a key", remedy)
    if first := entries.get(key.value):
        found = f'"{clip(key.value)}" for the second time; the first is in line {first.line}'
        return Flaw("YAML011", found, "every key once", "Remove one of the two.")
    return None


def describe(node: Node) -> str:
    """The value in a few words, as a message shows it."""
    match node.value:
        case None:
            return "nothing"
        case str() as text:
            return f'"{clip(text)}"'
        case dict():
            return "a mapping"
        case tuple():
            return "a list"
        case _:
            return clip(node.raw)


# ---- scalars: YAML 1.2.2, section 10.3.2 -----------------------------------------------------

_ESCAPED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_WORDS: dict[str, bool | None] = {
    "": None,
    **dict.fromkeys(("null", "Null", "NULL", "~")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
# No field takes numbers of hundreds of digits, and Python refuses to read thousands.
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], int | float]], ...] = (
    (re.compile(r"[-+]?[0-9]{1,300}"), int),
    (re.compile(r"0o[0-7]{1,300}"), lambda raw: int(raw, 0)),
    (re.compile(r"0x[0-9a-fA-F]{1,300}"), lambda raw: int(raw, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda raw: float(raw.replace(".", ""))),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda _: float("nan")),
)
_NUMBER_STARTS = frozenset("+-.0123456789")


def read_scalar(raw: str) -> str | int | float | bool | None:
    """What a plain scalar says: null, true, false, a number, else its text."""
    if raw in _WORDS:
        return _WORDS[raw]
    if raw[0] in _NUMBER_STARTS:
        for pattern, read in _NUMBERS:
            if pattern.fullmatch(raw):
                return read(raw)
    return raw


def _anchor(written: str) -> Flaw:
    found = f"{'an alias' if written[0] == '*' else 'an anchor'}, {clip(written)}"
    return Flaw("YAML006", found, "values written out", "Write the value out where it is used.")


def _tag(tag: str) -> Flaw:
    remedy = "Remove the tag; quote the value if text is meant."
    return Flaw("YAML007", f"the tag {clip(tag)}", "no tag", remedy)


_MERGE = Flaw("YAML008", "a merge key, <<", "keys written out", "Write the merged keys out.")
