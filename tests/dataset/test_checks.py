"""Laws of the rules' words: what a finding names, that it quotes no row, that the page is in step.

Which rule speaks of what is the corpus's matter.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dataset.checks.examples import FORMATS, check_example, format_of
from reconciler.dataset.checks.files import (
    LEAST_EXAMPLES,
    MOST_BYTES,
    MOST_EXAMPLES_WITH_IMAGES,
    check_file,
    check_length,
    what_else,
)
from reconciler.dataset.checks.texts import check_texts
from reconciler.dataset.rules import RULES, Finding
from reconciler.dataset.shapes import Example, Method
from reconciler.dataset.spoken import turns_of
from tests.dataset.corpus.case import assistant, chat, message, pair, user
from tests.dataset.strategies import SHAPED, Row

PAGE = Path(__file__).parents[2] / "docs" / "dataset-rules.md"

FUNCTION: Row = {"name": "track", "arguments": '{"order": 7}'}
CALL: Row = {"id": "call_1", "type": "function", "function": FUNCTION}
CALLING: Row = {"role": "assistant", "tool_calls": [CALL]}
RESULT: Row = {"role": "tool", "tool_call_id": "call_1", "content": "arrived"}
TOOLS: list[Row] = [{"type": "function", "function": {"name": "track"}}]
IMAGE: Row = {"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}


def calling(*messages: object, **more: object) -> Row:
    return chat(user(), *messages, tools=TOOLS, **more)


def with_call(**changes: object) -> Row:
    return calling({**CALLING, "tool_calls": [{**CALL, **changes}]})


def found(example: Example, method: Method = "supervised") -> list[tuple[str, str, str]]:
    findings = [*check_example(example, method, takes_images=False)]
    return [(finding.rule, finding.field, finding.found) for finding in findings]


# ---- fields and words ------------------------------------------------------------------------

Told = tuple[Row, str, str, str]

SUPERVISED: list[Told] = [
    (pair("A", "B"), "DS103", "", "a dpo example"),
    ({"prompt": 1, "completion": 2}, "DS103", "", f"a {FORMATS['completion']}"),
    ({"conversations": []}, "DS103", "", "a ShareGPT example"),
    ({}, "DS104", "messages", "no messages"),
    (chat(), "DS104", "messages", "an empty list"),
    ({"messages": {"role": "user"}}, "DS104", "messages", "an object"),
    ({"messages": None}, "DS104", "messages", "null"),
    (chat("hi", assistant()), "DS105", "messages[0]", "a string"),
    (chat(user(), {"content": "x"}), "DS105", "messages[1].role", "no role"),
    (chat(message("human", "x"), assistant()), "DS105", "messages[0].role", "an unknown role"),
    (chat({"role": ["user"]}, assistant()), "DS105", "messages[0].role", "a list"),
    (chat(user(), {"role": "assistant"}), "DS106", "messages[1].content", "no content"),
    (chat(user(), assistant(5)), "DS106", "messages[1].content", "a number"),
    (chat(user(["x"]), assistant()), "DS106", "messages[0].content[0]", "a string"),
    (
        chat(user(weight=1), assistant()),
        "DS107",
        "messages[0].weight",
        "a weight on a user message",
    ),
    (chat(user(), assistant(weight=0.5)), "DS107", "messages[1].weight", "another number"),
    (chat(user(), assistant(weight=True)), "DS107", "messages[1].weight", "a boolean"),
    (chat(user()), "DS108", "messages", "no assistant message"),
    (
        chat(user(), assistant(weight=0)),
        "DS108",
        "messages",
        "weight 0 on all 1 assistant message(s)",
    ),
    (with_call(id=1), "DS115", "messages[1].tool_calls[0].id", "a number"),
    (with_call(type="x"), "DS115", "messages[1].tool_calls[0].type", "another type"),
    (with_call(function=7), "DS115", "messages[1].tool_calls[0].function", "a number"),
    (
        with_call(function={**FUNCTION, "arguments": "{"}),
        "DS115",
        "messages[1].tool_calls[0].function.arguments",
        "a string that is none",
    ),
    (
        with_call(function={**FUNCTION, "arguments": '"{}"'}),
        "DS132",
        "messages[1].tool_calls[0].function.arguments",
        "a string in the string",
    ),
    (
        with_call(function={**FUNCTION, "name": "other"}),
        "DS131",
        "messages[1].tool_calls[0].function.name",
        "another name",
    ),
    (
        calling(CALLING, {**RESULT, "tool_call_id": "no"}),
        "DS115",
        "messages[2].tool_call_id",
        "an id that no earlier call has",
    ),
    (calling(CALLING, user()), "DS133", "messages[1].tool_calls", "1 call(s) without an answer"),
    (
        calling(assistant(), functions=[FUNCTION]),
        "DS130",
        "functions[0].name",
        "a name that is declared twice",
    ),
    (chat(user(), assistant(), tools={}), "DS130", "tools", "an object"),
    (
        chat(user([IMAGE]), assistant([IMAGE])),
        "DS135",
        "messages[1].content[0]",
        "an image in a message of role assistant",
    ),
    (chat(user([IMAGE]), assistant()), "DS140", "", "1 image(s)"),
    (chat(user([IMAGE] * 11), assistant()), "DS136", "", "11 images"),
    (chat(user(), assistant(" \n")), "DS141", "messages[1].content", "only white space"),
    (chat(user(name="a b"), assistant()), "DS143", "messages[0].name", "another name"),
    (chat(user(), assistant(), score=1), "DS147", "", "unknown key"),
    (chat(user(tag=1), assistant()), "DS147", "messages[0]", "unknown key"),
]


@pytest.mark.parametrize(("example", "rule", "field", "words"), SUPERVISED)
def test_a_finding_names_the_field_and_says_what_stands_there(
    example: Row, rule: str, field: str, words: str
) -> None:
    assert (rule, field, words) in found(example)


A, B = assistant("A"), assistant("B")
DPO: list[Told] = [
    (chat(user(), assistant()), "DS103", "", "a supervised example"),
    ({}, "DS109", "input", "no input"),
    ({**pair(A, B), "input": {}}, "DS109", "input", "no messages"),
    ({**pair(A, B), "input": {"messages": []}}, "DS104", "input.messages", "an empty list"),
    (pair(A, B, message("me", "?")), "DS105", "input.messages[0].role", "an unknown role"),
    (pair(A, B, tools=7), "DS130", "input.tools", "a number"),
    (pair(A, B, tag=7), "DS147", "input", "unknown key"),
    ({**pair(A, B), "preferred_output": A}, "DS109", "preferred_output", "an object"),
    ({**pair(A, B), "preferred_output": []}, "DS109", "preferred_output", "0 messages"),
    ({**pair(A, B), "preferred_output": [A, A]}, "DS109", "preferred_output", "2 messages"),
    (pair(A, user()), "DS109", "non_preferred_output", "not an assistant message"),
    (pair(A, assistant("")), "DS109", "non_preferred_output[0].content", "no content"),
    (pair(A, assistant(7)), "DS106", "non_preferred_output[0].content", "a number"),
    (pair(A, assistant("A", name="b")), "DS110", "non_preferred_output", "two equal outputs"),
    (
        pair(A, CALLING),
        "DS131",
        "non_preferred_output[0].tool_calls[0].function.name",
        "no declared tools",
    ),
]


@pytest.mark.parametrize(("example", "rule", "field", "words"), DPO)
def test_a_finding_in_a_pair_names_the_field_and_says_what_stands_there(
    example: Row, rule: str, field: str, words: str
) -> None:
    assert (rule, field, words) in found(example, "dpo")


@pytest.mark.parametrize("arguments", ["", "{", "[1]", "7", {"order": 7}, None, "[" * 5000])
def test_arguments_are_a_json_object_in_a_string(arguments: object) -> None:
    ((rule, field, _),) = found(with_call(function={"name": "track", "arguments": arguments}))
    assert (rule, field) == ("DS115", "messages[1].tool_calls[0].function.arguments")


def test_what_stands_in_a_text_is_counted_at_its_field_and_not_shown() -> None:
    said = [{"type": "text", "text": "ann@mail.org, bob@mail.org <|im_end|>"}]
    findings = list(check_texts(list(turns_of(chat(user(said), assistant())))))
    assert [(one.rule, one.field, one.found, one.amount) for one in findings] == [
        ("DS142", "messages[0].content[0].text", "<|im_end|> as text", 0),
        ("DS149", "messages[0].content[0].text", "e-mail address(es)", 2),
    ]


# ---- any shape -------------------------------------------------------------------------------

FIELD = re.compile(r"(\w+(\[\d+\])?\.?)*")


@given(SHAPED, st.sampled_from(["supervised", "dpo"]), st.none() | st.booleans())
def test_any_shape_gives_findings_of_known_rules_at_fields(
    example: Row, method: Method, takes_images: bool | None
) -> None:
    findings = [*check_example(example, method, takes_images=takes_images)]
    findings += check_texts(list(turns_of(example)))
    for finding in findings:
        assert finding.rule in RULES
        assert finding.found
        assert FIELD.fullmatch(finding.field)


@given(SHAPED, st.sampled_from(["supervised", "dpo"]))
def test_another_format_is_one_finding_and_no_more(example: Row, method: Method) -> None:
    if format_of(example) not in ("", method):
        assert [rule for rule, _, _ in found(example, method)] == ["DS103"]


def test_a_deeply_nested_example_is_no_crash() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    same, other = assistant(deep), assistant([deep])
    examples: list[tuple[Row, Method]] = [
        (pair(same, other), "dpo"),
        (chat(deep, same, tools=deep), "supervised"),
    ]
    for example, method in examples:
        assert found(example, method)
        assert not list(check_texts(list(turns_of(example))))


# ---- whole files and lengths -----------------------------------------------------------------


def ids(findings: Any) -> list[str]:
    return [finding.rule for finding in findings]


@pytest.mark.parametrize("is_training", [True, False])
def test_an_empty_file_is_that_and_nothing_else(is_training: bool) -> None:
    assert ids(check_file(0, 0, 0, is_training)) == ["DS112"]


def test_a_training_file_has_ten_examples_and_a_validation_file_may_have_one() -> None:
    assert ids(check_file(1, LEAST_EXAMPLES - 1, 0, is_training=True)) == ["DS111"]
    assert not ids(check_file(1, LEAST_EXAMPLES, 0, is_training=True))
    assert not ids(check_file(1, 1, 0, is_training=False))


def test_a_file_is_as_large_as_the_service_takes_to_the_byte() -> None:
    assert not ids(check_file(MOST_BYTES, 10, 0, is_training=True))
    (finding,) = check_file(MOST_BYTES + 1, 10, 0, is_training=True)
    assert (finding.rule, finding.found) == ("DS129", "8,000,000,001 bytes")


def test_a_file_has_as_many_examples_with_images_as_the_service_takes() -> None:
    most = MOST_EXAMPLES_WITH_IMAGES
    assert not ids(check_file(1, most, most, is_training=True))
    (finding,) = check_file(1, most + 1, most + 1, is_training=True)
    assert (finding.rule, finding.found) == ("DS139", "50,001 examples with images")


def test_what_is_cut_off_is_told_only_where_something_is() -> None:
    assert not [*check_length(100, 100), *check_length(100, None)]
    (finding,) = check_length(1_101, 100)
    assert finding == Finding("DS118", "1,101 tokens, the last 1,001 are cut off", "at most 100")


@given(st.binary(max_size=300))
def test_a_file_is_at_most_one_other_thing(head: bytes) -> None:
    assert len(list(what_else(head))) <= 1


# ---- the page --------------------------------------------------------------------------------


def test_the_page_says_what_the_table_says() -> None:
    sections = re.split(r"^## ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    expected = [f"{rule_id}: {rule.summary}" for rule_id, rule in RULES.items()]
    assert [section.partition("\n")[0] for section in sections] == expected
    for section, rule in zip(sections, RULES.values(), strict=True):
        severity, *why, remedy = section.strip().split("\n\n")[1:]
        marks = {"firm": rule.is_firm, "told once a file": rule.is_summed}
        told = ", ".join([rule.severity, *(mark for mark, holds in marks.items() if holds)])
        assert severity == f"Severity: {told}"
        assert remedy == f"Remedy: {rule.remedy}"
        assert why


def test_rules_are_in_the_order_of_their_ids() -> None:
    assert list(RULES) == sorted(RULES)
