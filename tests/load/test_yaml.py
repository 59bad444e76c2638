"""Values are read by YAML 1.2's core schema, with places and raw text; nothing is bent."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.load.compose import compose, entry_at, locate, plain, read_scalar

# What JSON may hold and a spec may not: control characters, and YAML 1.1's own line breaks.
_text = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cn"], exclude_characters="\u2028\u2029\ufeff"),
    max_size=20,
)
_numbers = st.floats(allow_nan=False, allow_infinity=False)
_scalars = st.none() | st.booleans() | st.integers() | _numbers | _text
_json = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4)
)


@given(st.dictionaries(_text, _json, max_size=5))
@settings(deadline=None)
def test_json_is_read_as_json(value: dict[str, object]) -> None:
    text = json.dumps(value, ensure_ascii=False)
    [document], problems = compose(text.encode(), "f")
    assert problems == ()
    assert plain(document) == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        *((word, None) for word in ("", "~", "null", "Null", "NULL")),
        *((word, True) for word in ("true", "True", "TRUE")),
        *((word, False) for word in ("false", "False", "FALSE")),
        ("0", 0),
        ("-12", -12),
        ("+12", 12),
        ("012", 12),
        ("0o17", 15),
        ("0xfF", 255),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("1e3", 1000.0),
        ("1E-3", 0.001),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        # What YAML 1.1 would bend stays as it is written.
        *((word, word) for word in ("no", "on", "off", "yes", "y", "No", "nULL", "tRUE")),
        *((word, word) for word in ("12:30", "2026-01-01", "1_000", "0b11", "017x", "=", "1.2.3")),
        *((word, word) for word in ("-", ".", "+", "e3", "-0x1", "inf", "nan", "٣")),
    ],
)
def test_plain_scalars_follow_the_core_schema(raw: str, value: object) -> None:
    read = read_scalar(raw)
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize("raw", ["1" * 5000, "0x" + "f" * 5000, "1e999999", "9" * 301])
def test_endless_numbers_are_read_without_failing(raw: str) -> None:
    assert isinstance(read_scalar(raw), str | float)


def test_nan_is_read() -> None:
    assert math.isnan(float(str(read_scalar(".nan"))))


@pytest.mark.parametrize("written", ['"1"', "'1'", "|-\n  1", ">-\n  1"])
def test_quoted_and_block_scalars_are_text(written: str) -> None:
    [document], _ = compose(f"a: {written}\n".encode(), "f")
    assert plain(document) == {"a": "1"}


def test_keys_and_values_know_their_places_and_raw_text() -> None:
    [document], _ = compose("é: # c\n  bé: [x, 1_0, 1e3]\nc:\n".encode(), "f")
    item = entry_at(document, "é", "bé", 2)
    assert item is not None
    assert (item.node.value, item.node.raw) == (1000.0, "1e3")
    assert item.value_place("f") == ("f", 2, 16)
    under = entry_at(document, "é", "bé")
    assert under is not None
    assert under.key_place("f") == ("f", 2, 3)
    assert under.value_place("f") == ("f", 2, 7)


def test_the_deepest_written_part_of_a_path_is_found() -> None:
    [document], _ = compose(b"a:\n  b: 1\n", "f")
    entry, depth = locate(document, ("a", "x", "y"))
    assert (depth, entry.key_place("f")) == (1, ("f", 1, 1))


def test_empty_documents_are_skipped_and_places_go_on_counting() -> None:
    documents, problems = compose(b"---\n---\n# c\n...\n---\na: 1\n---\n~\n", "f")
    assert problems == ()
    assert [(document.line, plain(document)) for document in documents] == [(6, {"a": 1})]
