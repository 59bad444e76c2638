"""Laws of examining: the short way says what the long way says, wherever a file is parted."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.dataset.checks.examples import check_example
from reconciler.dataset.checks.texts import check_texts, is_suspicious
from reconciler.dataset.examine import Block, Examiner, Question, Report
from reconciler.dataset.prints import digests, fingerprint, transcript
from reconciler.dataset.shapes import Method, plain_messages
from reconciler.dataset.spoken import turns_of
from reconciler.dataset.tokens import Counting, counter
from tests.dataset.strategies import (
    CHATS,
    CONTENTS,
    JSON,
    KEYS,
    PLAIN_MESSAGES,
    SPEAKERS,
    TEXTS,
    Row,
)


@st.composite
def plain_examples(draw: st.DrawFn) -> Row:
    """An example that takes the short way."""
    texts = TEXTS.filter(lambda text: text.strip() != "")
    speakers = [*draw(st.lists(SPEAKERS, max_size=4)), "assistant"]
    order = draw(st.permutations(speakers))
    return {"messages": [{"role": speaker, "content": draw(texts)} for speaker in order]}


PLAIN = plain_examples()
NEARLY_PLAIN = st.builds(
    lambda example, odd, more: {"messages": [*example["messages"], *odd], **more},
    PLAIN,
    st.lists(
        st.builds(
            lambda row, more: row | more, PLAIN_MESSAGES, st.dictionaries(KEYS, JSON, max_size=1)
        ),
        max_size=1,
    ),
    st.dictionaries(KEYS, JSON, max_size=1),
)
NUMBERS = st.text("0123456789 -+().@", max_size=20) | st.sampled_from(
    ["010-2345-6789", "+1 212 736 5000", "900101-1234568", "4242-4242-4242-4242", "ann@mail.org"]
)
METHODS: st.SearchStrategy[Method] = st.sampled_from(["supervised", "dpo"])


def examined(content: bytes, question: Question, first_line: int = 1) -> Report:
    return Examiner(question).examine(Block(first_line, content))


# ---- the short way and the long way ----------------------------------------------------------


@given(CHATS | NEARLY_PLAIN)
def test_the_short_way_is_open_only_where_no_shape_can_be_wrong(example: Row) -> None:
    if plain_messages(example):
        assert list(check_example(example, "supervised", takes_images=False)) == []


@given(PLAIN)
def test_the_short_way_fingerprints_as_the_long_way(example: Row) -> None:
    assert digests(*transcript(example["messages"])) == fingerprint(example, "supervised")


@given(st.lists(PLAIN, min_size=1, max_size=4))
def test_the_short_way_counts_as_the_long_way(examples: list[Row]) -> None:
    count = counter("o200k_base")
    short, long = Counting(count), Counting(count)
    for example in examples:
        assert short.add_plain(example["messages"]) == long.add(list(turns_of(example)))
    assert short.tally == long.tally


@settings(max_examples=300)
@given(st.lists(TEXTS | NUMBERS, max_size=4))
def test_what_one_text_makes_suspicious_no_other_text_hides(texts: list[str]) -> None:
    if any(map(is_suspicious, texts)):
        assert is_suspicious("\n".join(texts))
        said, _ = transcript([{"role": "user", "content": text} for text in texts])
        assert is_suspicious(said)


def the_long_way(example: Row) -> Row:
    """The same example with a null weight, which says nothing but is not plain."""
    first, *others = example["messages"]
    return {"messages": [{**first, "weight": None}, *others]}


@given(st.lists(CHATS, min_size=1, max_size=4))
def test_both_ways_report_the_same(examples: list[Row]) -> None:
    question = Question("supervised", "o200k_base", example_limit=20)
    reports = [
        examined(b"\n".join(json.dumps(row).encode() for row in rows), question)
        for rows in (examples, [the_long_way(row) if row["messages"] else row for row in examples])
    ]
    told = [(report.tally, report.breaches, report.formats, report.images) for report in reports]
    assert told[0] == told[1]


@given(PLAIN)
def test_no_text_is_checked_less_closely_on_the_short_way(example: Row) -> None:
    report = examined(json.dumps(example).encode(), Question("supervised"))
    found = [finding for breach in report.breaches.values() for _, finding in breach.places]
    assert sorted(map(repr, found)) == sorted(map(repr, check_texts(list(turns_of(example)))))


# ---- parts -----------------------------------------------------------------------------------


def parted(content: bytes, cuts: set[int]) -> list[Block]:
    """The content in blocks of whole lines, cut after these lines."""
    lines = content.split(b"\n")
    ends = [*sorted(cut for cut in cuts if 0 < cut < len(lines)), len(lines)]
    starts = [0, *ends[:-1]]
    return [
        Block(start + 1, b"\n".join(lines[start:end]) + (b"\n" if end < len(lines) else b""))
        for start, end in zip(starts, ends, strict=True)
    ]


@given(CONTENTS, st.sets(st.integers(1, 40)), METHODS)
def test_a_report_does_not_depend_on_where_the_file_is_parted(
    content: bytes, cuts: set[int], method: Method
) -> None:
    question = Question(method, "o200k_base", example_limit=9, takes_images=False)
    examiner, prints = Examiner(question), bytearray()
    merged = Report()
    for block in parted(content, cuts):
        report = examiner.examine(block)
        prints += report.prints
        merged.merge(report)
    whole = examiner.examine(Block(1, content))
    assert (merged.breaches, merged.tally, merged.formats) == (
        whole.breaches,
        whole.tally,
        whole.formats,
    )
    assert (prints, merged.bytes, merged.examples) == (whole.prints, whole.bytes, whole.examples)
    assert (merged.images, merged.with_images) == (whole.images, whole.with_images)


@given(CONTENTS, st.integers(1, 1_000_000))
def test_the_first_line_moves_only_the_numbers(content: bytes, first_line: int) -> None:
    def places(report: Report) -> list[tuple[int, Any]]:
        return [place for breach in report.breaches.values() for place in breach.places]

    at_start, later = (examined(content, Question("supervised"), n) for n in (1, first_line))
    assert [(line + first_line - 1, one) for line, one in places(at_start)] == places(later)
