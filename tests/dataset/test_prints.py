"""Laws of fingerprints: equal by what is said, however it is written; any number, flat memory."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dataset.checks.lines import parse_line
from reconciler.dataset.prints import (
    Print,
    Prints,
    fingerprint,
    pack,
    parts_of_both,
    repeats,
    shared,
)
from reconciler.dataset.shapes import Method
from tests.dataset.corpus.case import assistant, chat, good, message, pair, user
from tests.dataset.strategies import CHATS, JSON, SHAPED, Row

METHODS: st.SearchStrategy[Method] = st.sampled_from(["supervised", "dpo"])


# ---- one example -----------------------------------------------------------------------------


def shuffled(value: Any, chance: random.Random) -> Any:
    """The same JSON with the keys of each object in another order."""
    if isinstance(value, list):
        return [shuffled(item, chance) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    chance.shuffle(keys)
    return {key: shuffled(value[key], chance) for key in keys}


def printed(raw: str, method: Method) -> tuple[int, int] | None:
    example, _ = parse_line(raw.encode())
    assert example is not None
    return fingerprint(example, method)


def spelled(example: Row, chance: random.Random) -> str:
    """The same example, written in another way."""
    separators = chance.choice([(",", ":"), (", ", ": "), (" ,\t", " :\r")])
    is_escaped = chance.random() < 0.5
    return json.dumps(shuffled(example, chance), ensure_ascii=is_escaped, separators=separators)


@given(CHATS | SHAPED, METHODS, st.randoms(use_true_random=False))
def test_how_an_example_is_written_does_not_count(
    example: Row, method: Method, chance: random.Random
) -> None:
    raw = json.dumps(example)
    assert printed(raw, method) == printed(spelled(example, chance), method)


WORDS = st.sampled_from(["a", "b", "ab", "", "user", "\n", "\\u001e", '"', "네"])
TALK = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "user", "assistant"]), "content": WORDS},
        optional={"name": WORDS, "weight": st.sampled_from([0, 1, None])},
    ),
    max_size=4,
)
SAID = st.fixed_dictionaries(
    {"messages": TALK},
    optional={
        "tools": st.sampled_from([[], [{"a": 1}], [{"a": "1"}], None]),
        "parallel_tool_calls": st.booleans(),
    },
)


@given(SAID, SAID)
def test_examples_are_equal_exactly_if_they_say_the_same(one: Row, other: Row) -> None:
    prints = [fingerprint(example, "supervised") for example in (one, other)]
    assert (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)) == (
        (prints[0] or (0,))[0] == (prints[1] or (1,))[0]
    )


CONTROLS = [chr(code) for code in (*range(32), 127, 133)]


def test_no_character_in_a_text_makes_two_examples_one() -> None:
    two = fingerprint(chat(user("a"), user("b"), assistant("c")), "supervised")
    for after_text, after_role in product(CONTROLS, repeat=2):
        held = user(f"a{after_text}user{after_role}b")
        assert fingerprint(chat(held, assistant("c")), "supervised") != two


TOOLS: list[Row] = [{"type": "function", "function": {"name": "track"}}]

SAME_PROMPT: list[tuple[Row, Row, Method]] = [
    (chat(user("a"), assistant("b")), chat(user("a"), assistant("c")), "supervised"),
    (chat(user("a"), assistant("b")), chat(user("a"), assistant("b", weight=0)), "supervised"),
    (
        chat(user("a"), assistant("b"), user("c"), assistant("d")),
        chat(user("a"), assistant("b"), user("c"), assistant("e")),
        "supervised",
    ),
    (
        chat(user("a"), assistant("b"), tools=TOOLS),
        chat(user("a"), assistant("c"), tools=TOOLS),
        "supervised",
    ),
    (
        chat(message("system", "s"), assistant("a")),
        chat(message("system", "s"), assistant("b")),
        "supervised",
    ),
    (pair(assistant("a"), assistant("b")), pair(assistant("b"), assistant("a")), "dpo"),
]
OTHER_PROMPT: list[tuple[Row, Row, Method]] = [
    (chat(user("a"), assistant("b")), chat(user("c"), assistant("b")), "supervised"),
    (chat(user("a"), assistant("b")), chat(user("a"), assistant("b"), tools=TOOLS), "supervised"),
    (chat(user("a"), assistant("b")), chat(user("a", name="ann"), assistant("b")), "supervised"),
    (
        chat(user("a"), assistant("b"), user("c"), assistant("d")),
        chat(user("a"), assistant("x"), user("c"), assistant("d")),
        "supervised",
    ),
    (chat(assistant("a")), chat(assistant("b")), "supervised"),
    (pair(assistant("a"), assistant("b")), pair(assistant("a"), assistant("c")), "dpo"),
    (pair(assistant("a"), assistant("b")), pair(assistant("a"), assistant("b"), user("?")), "dpo"),
]


@pytest.mark.parametrize(("one", "other", "method"), SAME_PROMPT)
def test_another_answer_to_the_same_is_the_same_prompt(
    one: Row, other: Row, method: Method
) -> None:
    (left, right) = (fingerprint(example, method) for example in (one, other))
    assert left
    assert right
    assert (left[0] != right[0], left[1]) == (True, right[1])


@pytest.mark.parametrize(("one", "other", "method"), OTHER_PROMPT)
def test_what_stands_before_the_last_answer_is_the_prompt(
    one: Row, other: Row, method: Method
) -> None:
    (left, right) = (fingerprint(example, method) for example in (one, other))
    assert left
    assert right
    assert left[1] != right[1]


@given(SHAPED | st.dictionaries(st.sampled_from(["messages", "input"]), JSON), METHODS)
def test_any_shape_has_a_fingerprint(example: Row, method: Method) -> None:
    assert fingerprint(example, method)


@pytest.mark.parametrize("method", ["supervised", "dpo"])
def test_what_nests_too_deeply_has_none_and_is_no_crash(method: Method) -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = [deep]
    example = chat(user(deep)) if method == "supervised" else pair(assistant(deep), assistant("b"))
    assert fingerprint(example, method) is None
    assert fingerprint(good(1, method), method)


# ---- many ------------------------------------------------------------------------------------


@contextmanager
def kept(records: Iterable[Print]) -> Iterator[Prints]:
    with closing(Prints()) as prints:
        prints.add(b"".join(pack(*one) for one in records))
        yield prints


def naive_repeats(records: list[Print]) -> Iterator[tuple[bool, int, int]]:
    for number, one in enumerate(records):
        before = records[:number]
        same = next((other.line for other in before if other.example == one.example), None)
        asked = next((other.line for other in before if other.prompt == one.prompt), None)
        if same is not None:
            yield True, one.line, same
        elif asked is not None:
            yield False, one.line, asked


def record(line: int, example: int) -> Print:
    """Examples 0 to 2 ask the same, and so on; as in files, equal examples ask the same."""
    return Print(line, example, example // 3, example)


RECORDS = st.lists(st.integers(0, 20), max_size=40).map(
    lambda examples: [record(line, example) for line, example in enumerate(examples, start=1)]
)


@given(RECORDS)
def test_repeats_are_those_that_anyone_finds_by_looking(records: list[Print]) -> None:
    with kept(records) as prints:
        assert sorted(repeats(prints)) == sorted(naive_repeats(records))


@given(RECORDS, RECORDS)
def test_shared_prompts_are_those_that_anyone_finds_by_looking(
    held_out: list[Print], trained: list[Print]
) -> None:
    expected = [
        (one.line, min(known))
        for one in held_out
        if (known := [other.line for other in trained if other.prompt == one.prompt])
    ]
    with kept(held_out) as left, kept(trained) as right:
        assert sorted(shared(left, right)) == sorted(expected)


def many(number: int, different: int, seed: int = 1) -> list[Print]:
    chance = random.Random(seed)  # noqa: S311  # reproducible, not secret
    return [record(line, chance.randrange(different)) for line in range(1, number + 1)]


def test_repeats_in_several_parts_are_those_of_the_whole() -> None:
    records = many(101_000, 80_000)
    examples: dict[int, int] = {}
    prompts: dict[int, int] = {}
    expected = []
    for one in records:
        known = one.example in examples, one.prompt in prompts
        same = examples.setdefault(one.example, one.line)
        asked = prompts.setdefault(one.prompt, one.line)
        if any(known):
            expected.append((known[0], one.line, same if known[0] else asked))
    with kept(records) as prints:
        assert sorted(repeats(prints)) == sorted(expected)


def test_parts_of_two_files_hold_all_and_equal_prompts_together() -> None:
    small, large = many(500, 50), many(101_000, 30_000, seed=2)
    with kept(small) as left, kept(large) as right:
        parts = [(list(one), list(other)) for one, other in parts_of_both(left, right)]
    assert len(parts) > 1
    assert sorted(one for part, _ in parts for one in part) == small
    assert sorted(one for _, part in parts for one in part) == large
    prompts = [{one.prompt for part in both for one in part} for both in parts]
    assert sum(map(len, prompts)) == len(set().union(*prompts))


def test_fingerprints_are_kept_in_order_and_can_be_read_again() -> None:
    records = many(2_500, 100)
    with kept(records) as prints:
        assert [list(prints), list(prints), prints.count] == [records, records, len(records)]


def peak_of(number: int) -> int:
    """The most memory that looking for repeats takes, beside that for few different examples."""
    packed = b"".join(pack(*record(1, example)) for example in range(1_000))
    with closing(Prints()) as prints:
        tracemalloc.start()
        for _ in range(number // 1_000):
            prints.add(packed)
        assert not any(is_same for is_same, _, _ in repeats(prints))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    return peak


def test_memory_does_not_grow_with_the_number_of_examples() -> None:
    assert peak_of(200_000) < 5_000_000  # they themselves are 5.6 MB
