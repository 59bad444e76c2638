"""What may come in: bytes to text to parse events, with limits, before anything is composed.

PyYAML's own composer crashes the process on deep nesting and builds anything from tags and
aliases. So events are streamed and looked at one by one, and none is trusted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from reconciler.errors import Problem
from reconciler.load.flaw import Flaw, Place, clip

MAX_BYTES = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 100_000

LOADER: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The C parser where PyYAML was built with it; the slower one gives the same events."""

# YAML's printable set without the line breaks that only YAML 1.1 knows (an editor would count
# lines otherwise) and without a byte order mark inside.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_BREAK = re.compile("\r\n|\r|\n")
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


class Halt(Exception):
    """Nothing after this place of the file can be read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(str(problem))


def decode(data: bytes, file: str) -> str:
    """The text of a spec file; ``Halt`` if it is too big or can't be text."""
    if len(data) > MAX_BYTES:
        raise Halt(_TOO_BIG.at(Place(file)))
    if data.startswith(_MARKS):
        raise Halt(_encoding("a byte order mark").at(Place(file, 1, 1)))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        place = _place(file, data[: error.start].decode("utf-8"))
        raise Halt(_encoding("bytes that are not UTF-8").at(place)) from None
    if bad := _FORBIDDEN.search(text):
        raise Halt(control_character(bad.group()).at(_place(file, text[: bad.start()])))
    return text


def guarded_events(text: str, file: str, loader: type = LOADER) -> Iterator[yaml.Event]:
    """The parse events of a text; ``Halt`` at the first that breaks a limit or the syntax."""
    depth = nodes = 0
    for event in _events(text, file, loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH:
            raise Halt(_TOO_DEEP.at(place_of(event, file)))
        if nodes > MAX_NODES:
            raise Halt(_TOO_MANY.at(place_of(event, file)))
        yield event


def _events(text: str, file: str, loader: type) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=loader)  # events only, nothing is built
    except yaml.MarkedYAMLError as error:
        raise Halt(_syntax(error, file)) from None
    except (yaml.YAMLError, ValueError):  # the slow parser lets a bad escape's ValueError through
        raise Halt(_bad_syntax("something that is not YAML").at(Place(file, 1))) from None


def place_of(event: yaml.Event, file: str) -> Place:
    """Where an event begins."""
    mark = event.start_mark
    return Place(file, 1) if mark is None else Place(file, mark.line + 1, mark.column + 1)


def control_character(character: str) -> Flaw:
    """The flaw of a character that has no business in a spec."""
    found = f"the character U+{ord(character):04X}"
    return Flaw("YAML002", found, "printable text", "Remove it; nothing in a spec needs it.")


def _place(file: str, before: str) -> Place:
    lines = _BREAK.split(before)
    return Place(file, len(lines), len(lines[-1]) + 1)


def _encoding(found: str) -> Flaw:
    expected = "UTF-8 without a byte order mark"
    return Flaw("YAML001", found, expected, "Save the file as UTF-8 in your editor.")


def _syntax(error: yaml.MarkedYAMLError, file: str) -> Problem:
    mark = error.problem_mark
    place = Place(file, 1) if mark is None else Place(file, mark.line + 1, mark.column + 1)
    if error.problem == _LIBYAML_TOO_DEEP:
        return _TOO_DEEP.at(place)
    words = ", ".join(part for part in (error.context, error.problem) if part)
    return _bad_syntax(clip(words)).at(place)


def _bad_syntax(found: str) -> Flaw:
    remedy = "Correct it here or just above: indentation (no tabs), quotes, brackets, colons."
    return Flaw("YAML009", found, "well-formed YAML", remedy)


_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"
"""The C parser looks far ahead, and since PyYAML 6.0.4 has a limit of its own."""
_TOO_BIG = Flaw("YAML003", "more than 1 MB", "at most 1 MB", "Split it into several files.")
_TOO_DEEP = Flaw("YAML004", "deeper nesting", "at most 64 levels", "Write it flatter.")
_TOO_MANY = Flaw("YAML005", "more than 100,000 values", "fewer", "Split it into several files.")
