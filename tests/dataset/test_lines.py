"""Laws of lines: what the fast reader takes is what a strict one takes, the rest says why not."""

from __future__ import annotations

import json
from typing import Any

import jiter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dataset.checks.lines import parse_line
from tests.dataset.strategies import CONTENTS, JSON

# ---- JSON-like text --------------------------------------------------------------------------

SPACES = st.sampled_from(["", "", "", " ", "\t", "\r", "\n ", "\x0b", "\u00a0", "\ufeff"])
ESCAPES = st.sampled_from(
    [r"\"", r"\\", r"\/", r"\b", r"\n", r"\u00e9", r"\u0000", r"\uD83D\uDE00", r"\u005c", r"\u0022"]
)
WRONG_ESCAPES = st.sampled_from(
    [
        r"\ud83d",
        r"\ude00",
        r"\ude00\ud83d",
        r"\ud83d\u0041",
        r"\ud83d\ud83d\ude00",
        r"\x41",
        r"\u12",
    ]
)
CHARACTERS = st.text(max_size=3) | st.sampled_from(
    ["a", "\t", "\x7f", "\x1f", "\u2028", "😀", "\\"]
)
STRINGS = st.lists(CHARACTERS | ESCAPES | WRONG_ESCAPES, max_size=4).map(
    lambda pieces: f'"{"".join(pieces)}"'
)
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,20})?([eE][+-]?[0-9]{1,3})?", fullmatch=True
)
ODD_NUMBERS = st.sampled_from(
    ["9" * 4300, "-" + "9" * 4300, "9" * 4301, "01", "1.", ".5", "+1", "1e", "--1", "0x1", "1_0"]
)
NOT_FINITE = st.sampled_from(["NaN", "Infinity", "-Infinity", "nan", "-NaN", "1e999", "-1e999"])
WORDS = st.sampled_from(["true", "false", "null", "True", "None", "undefined"])
OBJECT_KEYS = st.sampled_from(['"a"', '"a"', r'"\u0061"', '"b"', '""', "a", "1"]) | STRINGS


@st.composite
def joined(
    draw: st.DrawFn, parts: st.SearchStrategy[str], opening: str, closing: str, most: int = 3
) -> str:
    """Some of the parts as a JSON list or object; now and then with a comma too many."""
    told = draw(st.lists(parts, max_size=most))
    end = draw(st.sampled_from(["", "", "", "", ","]))
    return f"{opening}{','.join(told)}{end}{closing}"


@st.composite
def spaced(draw: st.DrawFn, value: st.SearchStrategy[str]) -> str:
    """A value between white space, some of it such as JSON doesn't have."""
    return f"{draw(SPACES)}{draw(value)}{draw(SPACES)}"


def members(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(spaced(OBJECT_KEYS), spaced(value)).map(":".join)


def containers(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return joined(spaced(value), "[", "]") | joined(members(value), "{", "}")


VALUES = st.recursive(
    STRINGS | NUMBERS | ODD_NUMBERS | NOT_FINITE | WORDS, containers, max_leaves=6
)
DEPTHS = st.integers(150, 300).map(lambda depth: '{"a":' + "[" * depth + "]" * depth + "}")
RIGHT = JSON.map(lambda value: json.dumps({"a": value}))
MARKS = st.sampled_from([b"", b"", b"", b"", b"\xef\xbb\xbf"])
TEXTS = joined(members(VALUES), "{", "}") | spaced(VALUES) | DEPTHS | RIGHT
RAW = st.tuples(MARKS, TEXTS.map(lambda text: text.encode("utf-8", "replace"))).map(b"".join)


# ---- readers ---------------------------------------------------------------------------------


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def finite(name: str) -> Any:
    raise ValueError(name)


def strictly(raw: bytes) -> Any:
    """The value by Python's own reader, which repeats no key and knows no NaN.

    Raises:
        ValueError: there is none, or half a character stands in it.
    """
    value = json.loads(raw.decode(), object_pairs_hook=unique, parse_constant=finite)
    json.dumps(value, ensure_ascii=False).encode()
    return value


def fast(raw: bytes) -> Any:
    return jiter.from_json(raw, catch_duplicate_keys=True, allow_inf_nan=False)


def is_taken(raw: bytes) -> bool:
    try:
        strictly(raw)
    except (ValueError, RecursionError):
        return False
    return True


# ---- laws ------------------------------------------------------------------------------------


@given(RAW)
def test_what_the_fast_reader_takes_the_strict_one_takes_as_the_same_value(raw: bytes) -> None:
    try:
        value = fast(raw)
    except ValueError:
        return
    assert repr(value) == repr(strictly(raw))  # 1, 1.0 and True are three values


@given(RAW)
def test_a_line_is_faultless_exactly_if_a_strict_reader_takes_it_as_an_object(raw: bytes) -> None:
    example, findings = parse_line(raw)
    if is_taken(raw) and isinstance(strictly(raw), dict):
        assert (repr(example), findings) == (repr(strictly(raw)), ())
    else:
        assert findings


@given(RAW | CONTENTS)
def test_any_bytes_give_an_example_or_a_finding(raw: bytes) -> None:
    example, findings = parse_line(raw)
    assert example is not None or findings
    assert len(set(findings)) == len(findings)


LENIENT = [
    (b'{"a": 1, "\\u0061": 2}', "DS116"),
    (b'{"a": {"b": 1, "b": 1}}', "DS116"),
    (b'{"a": [-Infinity]}', "DS117"),
    (b'{"a": NaN}', "DS117"),
    (b'{"a": "\\ud800"}', "DS128"),
    (b'{"\\udc00": 1}', "DS128"),
    (b'\xef\xbb\xbf{"a": 1}', "DS113"),
]


@pytest.mark.parametrize(("raw", "rule"), LENIENT)
def test_a_fault_that_loses_no_value_loses_no_example(raw: bytes, rule: str) -> None:
    example, findings = parse_line(raw)
    assert example
    assert [finding.rule for finding in findings] == [rule]


COLUMNS = [
    (b'{"a": }\n', "DS101", 7),
    (b'{"a": 1} {"b": 2}\n', "DS127", 10),
    (b"{'a': 1}", "DS101", 2),
    ('{"é": x}'.encode(), "DS101", 7),
    (b'\xef\xbb\xbf{"a": x}', "DS101", 7),
]


@pytest.mark.parametrize(("raw", "rule", "column"), COLUMNS)
def test_a_fault_of_syntax_has_its_column_in_characters(raw: bytes, rule: str, column: int) -> None:
    finding = parse_line(raw)[1][-1]
    assert (finding.rule, finding.column) == (rule, column)


def test_a_repeated_key_of_the_format_is_named_and_any_other_is_not() -> None:
    assert parse_line(b'{"role": 1, "role": 2}')[1][0].field == "role"
    assert parse_line(b'{"SECRET": 1, "SECRET": 2}')[1][0].field == ""


def test_repeated_keys_of_a_line_are_one_finding_with_their_number() -> None:
    (finding,) = parse_line(b'{"a": 1, "a": 2, "b": {"c": 1, "c": 2, "c": 3}}')[1]
    assert finding.found == "3 repeated key(s)"
