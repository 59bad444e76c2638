"""Laws of counting: OpenAI's numbers, and no text kills a run."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.dataset.examine import Question
from reconciler.dataset.prints import Prints
from reconciler.dataset.read import read_dataset
from reconciler.dataset.report import problems
from reconciler.dataset.spoken import turns_of
from reconciler.dataset.tokens import (
    Count,
    Counting,
    Tally,
    _count_piece,
    counter,
    stats_of,
)
from reconciler.errors import SettingsError
from tests.dataset.corpus.case import assistant, chat, dumped, file_of, user
from tests.dataset.strategies import SHAPED, Row

ENCODINGS = ("cl100k_base", "o200k_base")


def bare(encoding: str) -> tiktoken.Encoding:
    """tiktoken itself, which would fetch a vocabulary that we have not loaded before."""
    counter(encoding)
    return tiktoken.get_encoding(encoding)


# Published counts: OpenAI's cookbook, "How to count tokens with tiktoken"; the Korean line was
# counted by tiktoken 0.14.0 itself.
KNOWN = {
    "": (0, 0),
    "hello world": (2, 2),
    "antidisestablishmentarianism": (6, 6),
    "2 + 2 = 4": (7, 7),
    "お誕生日おめでとう": (9, 8),
    "뭐 하는 거야": (7, 5),
}


@pytest.mark.parametrize("text", KNOWN)
def test_counts_are_the_known_ones(text: str) -> None:
    assert tuple(counter(encoding)(text) for encoding in ENCODINGS) == KNOWN[text]


def test_an_unknown_encoding_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="'gpt2'; there are: cl100k_base, o200k_base"):
        counter("gpt2")


# ---- any text --------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(), st.sampled_from(ENCODINGS))
def test_any_text_counts_as_tiktoken_counts_it(text: str, encoding: str) -> None:
    expected = bare(encoding).encode(text, disallowed_special=())
    assert counter(encoding)(text) == len(expected)


def test_special_tokens_are_ordinary_text() -> None:
    count = counter("o200k_base")
    assert count("<|endoftext|>") == 7
    assert count("a<|fim_suffix|>b") > 3


def test_surrogates_are_counted() -> None:
    count = counter("o200k_base")
    assert count("\ud800") == count("\ufffd")
    assert count("\ud83d\ude00") == count("😀")


SPACE = " \u3000"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("space", SPACE)
def test_a_million_spaces_are_counted_to_within_the_cuts(encoding: str, space: str) -> None:
    count, cuts = counter(encoding), 1_000_000 // 65_536
    inside = count("start" + space * 1_000_000 + "end")
    # What tiktoken can still count in one go, scaled up.
    expected = bare(encoding).encode(space * 62_500)
    assert abs(inside - 16 * len(expected)) <= 2 * (cuts + 17)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_long_text_without_such_a_run_is_exact(encoding: str) -> None:
    text = ("The parcel is late.\n\n" + " " * 50 + "소포가 늦어요. ") * 3_000 + " " * 65_536 + "x"
    assert counter(encoding)(text) == len(bare(encoding).encode(text))


def test_the_bytes_bound_what_tiktoken_panics_at(capfd: pytest.CaptureFixture[str]) -> None:
    encode = bare("o200k_base").encode_ordinary
    assert _count_piece(" " * 1_000_000, encode) == 1_000_000
    assert "panicked" in capfd.readouterr().err  # it was a real one


def test_an_interrupt_is_no_panic() -> None:
    def interrupted(_: str) -> list[int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _count_piece("x", interrupted)


# ---- examples --------------------------------------------------------------------------------


def letters(text: str) -> int:
    """A count that can be checked by eye."""
    return len(text)


EXAMPLES: dict[str, tuple[Any, int]] = {
    "nothing": ({}, 3),
    "a message": ({"messages": [{"role": "user", "content": "abc"}]}, 3 + 3 + 4 + 3),
    "a name": ({"messages": [{"role": "user", "name": "ab"}]}, 3 + 3 + 4 + 2 + 1),
    "a weight": ({"messages": [{"role": "user", "weight": 1, "content": None}]}, 3 + 3 + 4),
    "parts": (
        {
            "messages": [
                {
                    "content": [
                        {"type": "text", "text": "abcd"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                        {"type": "refusal", "refusal": "no"},
                    ]
                }
            ]
        },
        3 + 3 + 4 + 2,
    ),
    "calls": (
        {
            "messages": [
                {
                    "tool_calls": [
                        {
                            "id": "x",
                            "type": "function",
                            "function": {"name": "f", "arguments": "{}"},
                        }
                    ]
                },
                {"function_call": {"name": "old", "arguments": "{}"}},
            ]
        },
        3 + (3 + 1 + 2) + (3 + 3 + 2),
    ),
    "tools": ({"messages": [], "tools": [{"é": 1}], "functions": [2]}, 3 + 9 + 3),
    "a pair": (
        {
            "input": {"messages": [{"content": "abc"}], "tools": [1]},
            "preferred_output": [{"content": "ab"}],
            "non_preferred_output": [{"content": "a"}],
        },
        3 + (3 + 3) + (3 + 2) + (3 + 1) + 3,
    ),
    "odd shapes": (
        {"messages": [1, {"content": [2], "tool_calls": [3, {"function": 4}]}], "input": 5},
        3 + 3 + 3,
    ),
}


def example_tokens(example: Row, count: Count) -> int:
    return Counting(count).add(list(turns_of(example)))


@pytest.mark.parametrize(("example", "expected"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_counts_by_the_rule(example: Row, expected: int) -> None:
    assert example_tokens(example, letters) == expected


def test_the_cookbooks_conversation_counts_as_the_service_counted_it() -> None:
    # OpenAI's cookbook, "How to count tokens with tiktoken": 129 and 124 prompt tokens in the
    # service's own answers.
    system = "You are a helpful, pattern-following assistant that translates corporate jargon"
    bandwidth = "Let's circle back when we have more bandwidth to touch base on opportunities"
    pivot = "This late pivot means we don't have time to boil the ocean for the client deliverable."
    busy = "Let's talk later when we're less busy about how to do better."
    asks, says = "example_user", "example_assistant"
    messages = [
        {"role": "system", "content": f"{system} into plain English."},
        {
            "role": "system",
            "name": asks,
            "content": "New synergies will help drive top-line growth.",
        },
        {
            "role": "system",
            "name": says,
            "content": "Things working well together will increase revenue.",
        },
        {"role": "system", "name": asks, "content": f"{bandwidth} for increased leverage."},
        {"role": "system", "name": says, "content": busy},
        {"role": "user", "content": pivot},
    ]
    counts = [example_tokens({"messages": messages}, counter(one)) for one in ENCODINGS]
    assert counts == [129, 124]


def test_a_deeply_nested_example_is_no_crash() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert example_tokens({"messages": deep, "tools": deep}, letters) == 3 + 3


@given(SHAPED)
def test_any_shape_has_a_count(example: Row) -> None:
    assert example_tokens(example, letters) >= 3


ROLES_LEARNED = [
    (chat(user("ab"), assistant("abc")), {"user": 9, "assistant": 15, "example": 3}, 15),
    (chat(user("ab"), assistant("abc", weight=0)), {"user": 9, "assistant": 15, "example": 3}, 0),
    (chat(user("ab"), assistant("abc"), tools=[1]), {"user": 9, "assistant": 15, "tools": 3}, 15),
    (chat({"role": "human", "content": "ab"}, 7), {"unknown": 13, "example": 3}, 0),
    (
        {"input": {"messages": [user("ab")]}, "preferred_output": [assistant("abc")]},
        {"user": 9, "assistant": 15},
        15,
    ),
]


@pytest.mark.parametrize(("example", "by_role", "learned"), ROLES_LEARNED)
def test_tokens_are_told_by_who_speaks_and_by_what_is_learned(
    example: Row, by_role: dict[str, int], learned: int
) -> None:
    counting = Counting(letters)
    counting.add(list(turns_of(example)))
    assert counting.tally.by_role == {"example": 3, **by_role}
    assert counting.tally.learned == learned


# ---- statistics ------------------------------------------------------------------------------

LENGTHS = st.lists(st.integers(1, 70), max_size=60)


def tally(lengths: list[int]) -> Tally:
    return Tally(lengths=Counter(lengths))


@given(LENGTHS, st.none() | st.integers(1, 70))
def test_figures_are_those_of_the_list_of_lengths(lengths: list[int], limit: int | None) -> None:
    stats = stats_of(tally(lengths), limit, 0, 0)
    over = [length - limit for length in lengths if limit is not None and length > limit]
    assert (stats.tokens, stats.cut, stats.cut_examples) == (sum(lengths), sum(over), len(over))
    ranked = sorted(lengths)
    for percent, length in stats.quantiles.items():
        rank = max(1, -(-percent * len(ranked) // 100))
        assert length == ranked[rank - 1]
    for bound, examples in stats.histogram.items():
        assert examples == sum(bound // 2 < length <= bound for length in lengths)
    assert sum(stats.histogram.values()) == len(lengths)


@given(LENGTHS, LENGTHS)
def test_a_tally_of_parts_is_that_of_the_whole(one: list[int], other: list[int]) -> None:
    merged = tally(one)
    merged.merge(tally(other))
    assert merged == tally(one + other)


# ---- texts that nobody writes ----------------------------------------------------------------

MEGABYTE = 1_000_000
CUTS = MEGABYTE // 65_536 + 1
REPEATED = {
    "spaces": (" " * MEGABYTE, 7_813, CUTS),
    "line ends": ("\n" * MEGABYTE, 62_500, CUTS),
    "spaces in a word": ("a" + " " * MEGABYTE + "b", 7_815, CUTS),
    "a letter": ("a" * MEGABYTE, 125_000, 0),
    "a sign": ("=" * MEGABYTE, 15_625, 0),
    "a Korean syllable": ("가" * (MEGABYTE // 3), 333_333, 0),
    "a number": ("7" * MEGABYTE, 333_334, 0),
}
"""A megabyte of each, its tokens as tiktoken 0.14.0 counts them, and how far we may be off: more
than 400,000 white-space characters tiktoken can't count at once, so that their number is reckoned.
"""


def test_a_megabyte_of_one_character_is_counted_and_no_crash(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    rows = [chat(user(name), assistant(text)) for name, (text, _, _) in REPEATED.items()]
    path.write_bytes(file_of(map(dumped, rows)))
    question = Question("supervised", "o200k_base", is_training=False)
    with closing(Prints()) as prints:
        reading = read_dataset(path, question, prints=prints, workers=1)
        counts = [one.tokens for one in prints]
    count = counter("o200k_base")
    for tokens, (name, (_, expected, off)) in zip(counts, REPEATED.items(), strict=True):
        frame = 3 + (3 + 1 + count(name)) + (3 + 1)
        assert abs(tokens - frame - expected) <= 2 * off, name
    found = [(problem.rule, problem.line) for problem in problems(reading, "train.jsonl")]
    assert found == [("DS141", 1), ("DS141", 2)]
