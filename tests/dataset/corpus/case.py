"""What a case is, and the small language in which the corpus is written.

A case is a whole file with all that must be said of it. Most stand around one line: `each` pads it
with good ones and lets it stand first, then last, then in the middle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Row = dict[str, Any]
Line = Row | str | bytes
Found = tuple[str, int]
Method = Literal["supervised", "dpo"]


@dataclass(frozen=True)
class Case:
    """A file, how it is read, and every (rule, line) that must be found: no more, no less.

    Attributes:
        is_movable: good lines before it change nothing but the line numbers.
    """

    content: bytes = field(default=b"", repr=False)
    expected: tuple[Found, ...] = ()
    method: Method = "supervised"
    encoding: Literal["o200k_base"] | None = None
    is_training: bool = True
    example_limit: int | None = None
    takes_images: bool | None = None
    is_movable: bool = True


Classes = dict[str, list[Case]]
"""What is wrong, in plain words, and files in which it is."""

SUPERVISED = Case()
DPO = Case(method="dpo")

PADDING = 11
PLACES = (1, PADDING + 1, 6, 2, PADDING)


# ---- rows ------------------------------------------------------------------------------------


def message(role: str, content: object, **more: object) -> Row:
    return {"role": role, "content": content, **more}


def user(content: object = "Where is my order?", **more: object) -> Row:
    return message("user", content, **more)


def assistant(content: object = "It arrives on Friday.", **more: object) -> Row:
    return message("assistant", content, **more)


def chat(*messages: object, **more: object) -> Row:
    return {"messages": list(messages), **more}


def pair(preferred: object, other: object, *asked: object, **more: object) -> Row:
    """A preference; each of the outputs is one message, or whatever else is given."""
    return {
        "input": {"messages": list(asked or [user()]), **more},
        "preferred_output": [preferred],
        "non_preferred_output": [other],
    }


def good(number: int, method: Method = "supervised") -> Row:
    """A valid example, another one for each number."""
    asked = user(f"How many days are {number} weeks?")
    right = assistant(f"{number} weeks are {7 * number} days.")
    if method == "supervised":
        return chat(asked, right)
    return pair(right, assistant(f"Some, since it is {number} of them."), asked)


def goods(count: int, method: Method = "supervised", first: int = 1) -> list[Line]:
    return [good(number, method) for number in range(first, first + count)]


# ---- lines and files -------------------------------------------------------------------------


def dumped(row: object) -> str:
    return json.dumps(row, ensure_ascii=False)


def encoded(line: Line) -> bytes:
    if isinstance(line, dict):
        return json.dumps(line).encode()
    return line.encode() if isinstance(line, str) else line


def file_of(lines: Iterable[Line], end: bytes = b"\n") -> bytes:
    return b"".join(encoded(line) + end for line in lines)


def padded(line: Line, place: int, method: Method) -> bytes:
    lines = goods(PADDING, method)
    lines.insert(place - 1, line)
    return file_of(lines)


def each(rules: str, *lines: Line, like: Case = SUPERVISED) -> list[Case]:
    """A file for each line, in which that line breaks exactly these rules."""
    cases = []
    for number, line in enumerate(lines):
        place = PLACES[number % len(PLACES)]
        expected = tuple((rule, place) for rule in rules.split())
        cases.append(replace(like, content=padded(line, place, like.method), expected=expected))
    return cases


def together(rules: dict[int, str], *lines: Line, like: Case = SUPERVISED) -> Case:
    """One file of these lines and ten good ones after them; the rules by line."""
    content = file_of([*lines, *goods(10, like.method)])
    return replace(like, content=content, expected=listed(rules))


def valid(*lines: Line, like: Case = SUPERVISED) -> Case:
    """These lines between good ones."""
    before, after = goods(6, like.method), goods(6, like.method, first=50)
    return replace(like, content=file_of([*before, *lines, *after]))


def whole(rules: str, *contents: bytes, like: Case = SUPERVISED) -> list[Case]:
    """A case for each content, of which as a whole these rules are broken."""
    expected = tuple((rule, 0) for rule in rules.split())
    return [
        replace(like, content=content, expected=expected, is_movable=False) for content in contents
    ]


def lines_only(rules: dict[int, str], *lines: Line, like: Case = SUPERVISED) -> Case:
    """One file of these lines alone, which can't be moved; line 0 is the file."""
    return replace(like, content=file_of(lines), expected=listed(rules), is_movable=False)


def listed(rules: dict[int, str]) -> tuple[Found, ...]:
    return tuple((rule, line) for line, names in rules.items() for rule in names.split())
