"""Laws of the rules: each speaks where it should, none where it shouldn't, none quotes a row."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.dataset.checks import (
    LEAST_EXAMPLES,
    ROLES,
    Example,
    Method,
    check_example,
    check_file,
    check_length,
    parse_line,
)
from reconciler.dataset.rules import RULES, Finding
from reconciler.errors import Severity

PAGE = Path(__file__).parents[2] / "docs" / "dataset-rules.md"

Row = dict[str, Any]

USER: Row = {"role": "user", "content": "SECRET question"}
ANSWER: Row = {"role": "assistant", "content": "SECRET answer"}
CALL: Row = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "track", "arguments": '{"order": 7}'},
}
CALLING: Row = {"role": "assistant", "tool_calls": [CALL]}
RESULT: Row = {"role": "tool", "tool_call_id": "call_1", "content": "arrived"}


def chat(*messages: object, **more: object) -> Example:
    return {"messages": list(messages), **more}


def pair(**parts: object) -> Example:
    other = {"role": "assistant", "content": "SECRET worse"}
    valid: Row = {"input": {"messages": [USER]}, "preferred_output": [ANSWER]}
    return {**valid, "non_preferred_output": [other], **parts}


def found(example: Example, method: Method = "supervised") -> list[tuple[str, str]]:
    return [(finding.rule, finding.field) for finding in check_example(example, method)]


# ---- what is valid ---------------------------------------------------------------------------

IMAGE = {"type": "image_url", "image_url": {"url": "https://example.org/a.png", "detail": "low"}}

VALID = {
    "plain": chat(USER, ANSWER),
    "every early role": chat(
        {"role": "system", "content": ""}, {"role": "developer", "content": "x"}, USER, ANSWER
    ),
    "weights, one learned": chat(USER, {**ANSWER, "weight": 0}, USER, {**ANSWER, "weight": 1}),
    "a null weight": chat({**USER, "weight": None}, ANSWER),
    "names": chat({**USER, "name": "ann"}, {**ANSWER, "name": "bot"}),
    "tools and parallel calls": chat(
        USER, CALLING, RESULT, ANSWER, tools=[{"type": "function"}], parallel_tool_calls=False
    ),
    "content beside calls": chat(USER, {**CALLING, "content": "One moment."}),
    "null and empty content beside calls": chat(
        USER, {**CALLING, "content": None}, RESULT, {**CALLING, "content": ""}
    ),
    "null and empty calls beside content": chat(
        USER, {**ANSWER, "tool_calls": None}, {**ANSWER, "tool_calls": [], "function_call": None}
    ),
    "a function call of the old kind": chat(
        USER,
        {"role": "assistant", "content": None, "function_call": CALL["function"]},
        {"role": "function", "name": "track", "content": "arrived"},
        functions=[{"name": "track"}],
    ),
    "images": chat({"role": "user", "content": [{"type": "text", "text": "?"}, IMAGE]}, ANSWER),
    "a part type of tomorrow": chat({"role": "user", "content": [{"type": "hologram"}]}, ANSWER),
    "a refusal": chat(USER, {"role": "assistant", "content": None, "refusal": "No."}),
    "other keys for a grader": chat(USER, ANSWER, reference="x", score=1.5),
}


@pytest.mark.parametrize("example", VALID.values(), ids=VALID.keys())
def test_no_rule_speaks_of_a_valid_supervised_example(example: Example) -> None:
    assert found(example) == []


VALID_PAIRS = {
    "plain": pair(),
    "calls against text": pair(preferred_output=[CALLING]),
    "parts": pair(preferred_output=[{**ANSWER, "content": [{"type": "text", "text": "x"}]}]),
    "a conversation with tools": pair(input={"messages": [USER, CALLING, RESULT], "tools": []}),
}


@pytest.mark.parametrize("example", VALID_PAIRS.values(), ids=VALID_PAIRS.keys())
def test_no_rule_speaks_of_a_valid_dpo_example(example: Example) -> None:
    assert found(example, "dpo") == []


# ---- what is not -----------------------------------------------------------------------------

FAULTS: list[tuple[Example, list[tuple[str, str]]]] = [
    (pair(), [("DS103", "")]),
    ({"prompt": "a", "completion": "b"}, [("DS103", "")]),
    ({}, [("DS104", "messages")]),
    (chat(), [("DS104", "messages")]),
    ({"messages": {"role": "user"}}, [("DS104", "messages")]),
    ({"messages": None}, [("DS104", "messages")]),
    (chat("hi", ANSWER), [("DS105", "messages[0]")]),
    (chat(USER, {"content": "x"}), [("DS105", "messages[1].role")]),
    (chat({"role": "human", "content": "x"}, ANSWER), [("DS105", "messages[0].role")]),
    (chat({"role": ["user"], "content": "x"}, ANSWER), [("DS105", "messages[0].role")]),
    (chat(USER, {"role": "assistant"}), [("DS106", "messages[1].content")]),
    (chat(USER, {"role": "assistant", "content": ""}), [("DS106", "messages[1].content")]),
    (chat(USER, {"role": "assistant", "content": []}), [("DS106", "messages[1].content")]),
    (chat(USER, {**ANSWER, "content": 5}), [("DS106", "messages[1].content")]),
    (chat({"role": "user"}, ANSWER), [("DS106", "messages[0].content")]),
    (chat({**USER, "content": [IMAGE, "x"]}, ANSWER), [("DS106", "messages[0].content[1]")]),
    (chat({**USER, "content": [{"type": "text"}]}, ANSWER), [("DS106", "messages[0].content[0]")]),
    (chat({**USER, "weight": 1}, ANSWER), [("DS107", "messages[0].weight")]),
    (chat(USER, {**ANSWER, "weight": 0.5}), [("DS107", "messages[1].weight")]),
    (chat(USER, {**ANSWER, "weight": True}), [("DS107", "messages[1].weight")]),
    (chat(USER, {**ANSWER, "weight": "1"}), [("DS107", "messages[1].weight")]),
    (chat(USER), [("DS108", "messages")]),
    (chat(USER, {**ANSWER, "weight": 0}), [("DS108", "messages")]),
    (chat(USER, {**CALLING, "tool_calls": {}}, ANSWER), [
        ("DS106", "messages[1].content"), ("DS115", "messages[1].tool_calls"),
    ]),
    (chat(USER, {**CALLING, "tool_calls": ["x"]}), [("DS115", "messages[1].tool_calls[0]")]),
    (chat(USER, {**CALLING, "tool_calls": [{**CALL, "id": 1}]}), [
        ("DS115", "messages[1].tool_calls[0].id"),
    ]),
    (chat(USER, {**CALLING, "tool_calls": [{"id": "c"}]}), [
        ("DS115", "messages[1].tool_calls[0].function"),
    ]),
    (chat(USER, {**ANSWER, "function_call": {}}), [
        ("DS115", "messages[1].function_call.name"),
        ("DS115", "messages[1].function_call.arguments"),
    ]),
    (chat(USER, RESULT, CALLING), [("DS115", "messages[1].tool_call_id")]),
    (chat(USER, CALLING, {**RESULT, "tool_call_id": "no"}), [
        ("DS115", "messages[2].tool_call_id"),
    ]),
    (chat(USER, CALLING, {"role": "tool", "content": "x"}), [
        ("DS115", "messages[2].tool_call_id"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("example", "expected"), FAULTS)
def test_a_fault_is_found_once_at_its_field(
    example: Example, expected: list[tuple[str, str]]
) -> None:
    assert found(example) == expected


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "7", {"order": 7}, None, "[" * 5000])
def test_arguments_are_a_json_object_in_a_string(arguments: object) -> None:
    call = {"id": "c", "function": {"name": "track", "arguments": arguments}}
    example = chat(USER, {"role": "assistant", "tool_calls": [call]})
    assert found(example) == [("DS115", "messages[1].tool_calls[0].function.arguments")]


PAIR_FAULTS: list[tuple[Example, list[tuple[str, str]]]] = [
    (chat(USER, ANSWER), [("DS103", "")]),
    ({"prompt": "a", "completion": "b"}, [("DS103", "")]),
    ({}, [("DS109", "input"), ("DS109", "preferred_output"), ("DS109", "non_preferred_output")]),
    (pair(input={}), [("DS109", "input")]),
    (pair(input="x"), [("DS109", "input")]),
    (pair(input={"messages": []}), [("DS104", "input.messages")]),
    (pair(input={"messages": [{"role": "me"}]}), [("DS105", "input.messages[0].role")]),
    (pair(preferred_output=ANSWER), [("DS109", "preferred_output")]),
    (pair(preferred_output=[]), [("DS109", "preferred_output")]),
    (pair(preferred_output=[ANSWER, ANSWER]), [("DS109", "preferred_output")]),
    (pair(non_preferred_output=[USER]), [("DS109", "non_preferred_output")]),
    (pair(non_preferred_output=[{"role": "assistant"}]), [
        ("DS109", "non_preferred_output[0].content"),
    ]),
    (pair(non_preferred_output=[{**ANSWER, "content": 7}]), [
        ("DS106", "non_preferred_output[0].content"),
    ]),
    (pair(non_preferred_output=[{**ANSWER, "name": "b"}]), [("DS110", "non_preferred_output")]),
]  # fmt: skip


@pytest.mark.parametrize(("example", "expected"), PAIR_FAULTS)
def test_a_fault_of_a_pair_is_found_once_at_its_field(
    example: Example, expected: list[tuple[str, str]]
) -> None:
    assert found(example, "dpo") == expected


def test_another_methods_format_is_named() -> None:
    assert next(check_example(pair(), "supervised")).found == "a dpo example"
    assert next(check_example(chat(USER), "dpo")).found == "a supervised example"
    retired: Example = {"prompt": "a", "completion": "b"}
    assert "prompt/completion" in next(check_example(retired, "dpo")).found


# ---- lines -----------------------------------------------------------------------------------

LINES: list[tuple[bytes, bool, list[tuple[str, int]]]] = [
    (b'{"a": 1}\r\n', True, []),
    (b'{"a": "\\u0000\\ud800"}', True, []),
    (b"", False, [("DS114", 0)]),
    (b" \t\r\n", False, [("DS114", 0)]),
    (b'{"a": }\n', False, [("DS101", 7)]),
    (b'{"a": 1} {"b": 2}\n', False, [("DS101", 10)]),
    (b"{'a': 1}", False, [("DS101", 2)]),
    (b'{"a": ' + b"[" * 100_000, False, [("DS101", 0)]),
    (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", False, [("DS101", 0)]),
    (b'{"a": ' + b"9" * 5000 + b"}", False, [("DS101", 0)]),
    (b"[1, 2]\n", False, [("DS102", 0)]),
    (b"null\n", False, [("DS102", 0)]),
    (b"[NaN]\n", False, [("DS117", 0), ("DS102", 0)]),
    (b'\xef\xbb\xbf{"a": 1}\n', True, [("DS113", 0)]),
    (b"\xef\xbb\xbf\n", False, [("DS113", 0), ("DS101", 1)]),
    ('{"a": "é"}'.encode("latin-1"), False, [("DS113", 0)]),
    ('{"a": 1}'.encode("utf-16"), False, [("DS113", 0)]),
    (b'{"a": "\0"}', False, [("DS113", 0)]),
    (b'{"a": 1, "a": 2}', True, [("DS116", 0)]),
    (b'{"a": {"b": 1, "b": 1}}', True, [("DS116", 0)]),
    (b'{"a": NaN}', True, [("DS117", 0)]),
    (b'{"a": [-Infinity]}', True, [("DS117", 0)]),
    (b'{"a": 1, "a": ' + b"[" * 100_000, False, [("DS101", 0)]),
]


@pytest.mark.parametrize(("raw", "is_example", "expected"), LINES)
def test_a_line_is_an_example_or_says_why_not(
    raw: bytes, is_example: bool, expected: list[tuple[str, int]]
) -> None:
    example, findings = parse_line(raw)
    assert (example is not None) == is_example
    assert [(finding.rule, finding.column) for finding in findings] == expected


def test_a_repeated_key_of_the_format_is_named_and_any_other_is_not() -> None:
    assert parse_line(b'{"role": 1, "role": 2}')[1][0].field == "role"
    assert parse_line(b'{"SECRET": 1, "SECRET": 2}')[1][0].field == ""


# ---- whole files and lengths -----------------------------------------------------------------


def test_a_training_file_has_ten_examples_and_a_validation_file_may_have_one() -> None:
    assert [finding.rule for finding in check_file(1, LEAST_EXAMPLES - 1, True)] == ["DS111"]
    assert not [*check_file(1, LEAST_EXAMPLES, True), *check_file(1, 1, False)]


@pytest.mark.parametrize("is_training", [True, False])
def test_an_empty_file_is_that_and_nothing_else(is_training: bool) -> None:
    assert [finding.rule for finding in check_file(0, 0, is_training)] == ["DS112"]


def test_an_example_over_the_limit_is_a_warning() -> None:
    assert not [*check_length(100, 100), *check_length(100, None)]
    (finding,) = check_length(101, 100)
    assert finding.at("a.jsonl", 3).severity is Severity.WARNING


# ---- laws ------------------------------------------------------------------------------------

KEYS = st.sampled_from(
    [
        "messages",
        "input",
        "preferred_output",
        "non_preferred_output",
        "prompt",
        "completion",
        "role",
        "content",
        "weight",
        "tool_calls",
        "function_call",
        "function",
        "id",
        "name",
        "arguments",
        "tool_call_id",
        "type",
        "text",
    ]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(ROLES),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)
MESSAGE = st.dictionaries(KEYS, JSON | st.sampled_from(ROLES), max_size=6)
SHAPED = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(MESSAGE, max_size=4) | JSON,
        "input": st.fixed_dictionaries({"messages": st.lists(MESSAGE, max_size=3)}) | JSON,
        "preferred_output": st.lists(MESSAGE, max_size=2) | JSON,
        "non_preferred_output": st.lists(MESSAGE, max_size=2) | JSON,
    },
)


@settings(deadline=None, max_examples=200)
@given(SHAPED, st.sampled_from(["supervised", "dpo"]))
def test_any_shape_gives_findings_of_known_rules(example: Example, method: Method) -> None:
    for finding in check_example(example, method):
        assert finding.rule in RULES


@settings(deadline=None, max_examples=200)
@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_give_an_example_or_a_finding(raw: bytes) -> None:
    example, findings = parse_line(raw)
    assert example is not None or findings


def test_no_finding_quotes_a_row() -> None:
    examples = [(example, "supervised") for example, _ in FAULTS]
    pairs = [(example, "dpo") for example, _ in PAIR_FAULTS]
    secret = {"role": "SECRET", "SECRET": "SECRET", "content": {"SECRET": 1}, "weight": "SECRET"}
    cases: list[tuple[Example, Any]] = [*examples, *pairs, (chat(secret), "supervised")]
    lines = [b'{"SECRET": SECRET}', b'{"a": "\\SECRET"}', b'"SECRET"', b'SECRET: "x"']
    findings: list[Finding] = [one for line in lines for one in parse_line(line)[1]]
    findings += [one for example, method in cases for one in check_example(example, method)]
    assert findings
    assert not [one for one in findings if "SECRET" in str(one.at("a.jsonl", 1))]


def test_a_deeply_nested_example_is_no_crash() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    same = {**ANSWER, "content": deep}
    found(pair(preferred_output=[same], non_preferred_output=[{**same, "content": [deep]}]), "dpo")
    found(chat(deep, {**ANSWER, "content": deep}))


def test_the_page_says_what_the_table_says() -> None:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    expected = [f"{rule_id}: {rule.summary}" for rule_id, rule in RULES.items()]
    assert [section.partition("\n")[0] for section in sections] == expected
    for section, rule in zip(sections, RULES.values(), strict=True):
        severity, why, remedy = section.strip().split("\n\n")[1:]
        assert (severity, remedy) == (f"Severity: {rule.severity}", f"Remedy: {rule.remedy}")
        assert why


def test_rules_are_in_the_order_of_their_ids() -> None:
    assert list(RULES) == sorted(RULES)
