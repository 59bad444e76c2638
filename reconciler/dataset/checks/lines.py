"""Bytes to JSON: a line's example, and what is wrong with the line as JSON.

A fast parser reads what is right; what it refuses is read again, slowly, to say why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import jiter

from reconciler.dataset.rules import Finding
from reconciler.dataset.shapes import Example, kind

# Keys of the format, which a finding may name; any other key may be a row's content.
_NAMED = ("role", "content", "messages", "weight", "name", "tools", "tool_calls", "type", "text")
_MARK = b"\xef\xbb\xbf"
_NEXT_VALUE = re.compile(r"[\s,]*[{\[]")


def parse_line(raw: bytes) -> tuple[Example | None, tuple[Finding, ...]]:
    """A line's example, or None where there is none, and what is wrong with it as JSON.

    A repeated key, a NaN or half a character is found without losing the example: its other faults
    are reported too.
    """
    try:
        value = jiter.from_json(raw, catch_duplicate_keys=True, allow_inf_nan=False)
    except ValueError:
        return _read_closely(raw)
    return (value, ()) if type(value) is dict else _read_closely(raw)


def _read_closely(raw: bytes) -> tuple[Example | None, tuple[Finding, ...]]:
    if not raw.strip():
        return None, (Finding("DS114", "a blank line", "a JSON object"),)
    plain = raw.removeprefix(_MARK)
    marked = (Finding("DS113", "a byte-order mark", "UTF-8 without one"),) if raw != plain else ()
    if b"\0" in plain:
        return None, (*marked, Finding("DS113", "a NUL byte", "UTF-8 text"))
    try:
        text = plain.rstrip(b"\r\n").decode()
    except UnicodeDecodeError:
        return None, (*marked, Finding("DS113", "bytes that are not UTF-8", "UTF-8 text"))
    example, faults = _parse_text(text)
    return example, (*marked, *faults)


def _parse_text(text: str) -> tuple[Example | None, tuple[Finding, ...]]:
    reader = _Reader()
    try:
        value = reader.decode(text)
    except json.JSONDecodeError as error:
        return None, (_syntax(text, error),)
    except RecursionError:
        return None, (Finding("DS101", "values nested too deeply", "a JSON object"),)
    except ValueError:  # Python's guard against numbers of thousands of digits
        return None, (Finding("DS101", "a number with too many digits", "a JSON number"),)
    faults = tuple(reader.faults())
    if not isinstance(value, dict):
        return None, (*faults, Finding("DS102", kind(value), "an object"))
    return value, (*faults, *_half_characters(value))


def _syntax(text: str, error: json.JSONDecodeError) -> Finding:
    found = error.msg.partition(":")[0]  # what follows a colon may quote the line
    if found == "Extra data" and _NEXT_VALUE.match(text, error.pos):
        return Finding("DS127", "another value", "one object a line", column=error.colno)
    return Finding("DS101", found, "a JSON object on one line", column=error.colno)


def _half_characters(value: Example) -> Iterator[Finding]:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        yield Finding("DS128", "an unpaired surrogate", "whole characters")
    except RecursionError:  # too deep to be written: no message is so, other rules see to it
        return


class _Reader:
    """Python's JSON reader, which lets repeated keys and NaN pass: it takes note of them."""

    def __init__(self) -> None:
        self._repeated = 0
        self._key = ""
        self._constant = ""
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=self._not_finite
        )

    def decode(self, text: str) -> object:
        value: object = self._decoder.decode(text)
        return value

    def faults(self) -> Iterator[Finding]:
        """At most one finding of each kind a line."""
        if self._repeated:
            found = f"{self._repeated} repeated key(s)"
            yield Finding("DS116", found, "each key once", self._key)
        if self._constant:
            yield Finding("DS117", self._constant, "a JSON number")

    def _object(self, pairs: list[tuple[str, object]]) -> Example:
        members = dict(pairs)
        if twice := len(pairs) - len(members):
            self._repeated += twice
            keys = [key for key, _ in pairs]
            self._key = self._key or next((key for key in _NAMED if keys.count(key) > 1), "")
        return members

    def _not_finite(self, name: str) -> object:
        self._constant = self._constant or name
        return float(name)
