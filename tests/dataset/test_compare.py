"""Laws of comparing two files: each difference once, none by order or spelling, tokens add up."""

from __future__ import annotations

import random
from collections import Counter
from itertools import product
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from reconciler.dataset.compare import ALIKE, compare
from reconciler.dataset.examine import Question
from reconciler.dataset.facts import DataDiff, Line
from reconciler.dataset.read import read_dataset
from reconciler.dataset.shapes import Method
from tests.dataset.corpus.case import (
    assistant,
    chat,
    dumped,
    encoded,
    file_of,
    good,
    goods,
    pair,
    user,
)
from tests.dataset.strategies import CHATS, ON_DISK, Row
from tests.dataset.test_prints import TOOLS, spelled

# ---- examples to compare ---------------------------------------------------------------------

ASKED = ["Where is my order?", "Where is my other order?", "Can I return it?", "안녕하세요"]
SAID = ["It arrives on Friday.", "It arrives on Monday.", "Within two weeks.", "네"]

TALK = st.builds(
    lambda asked, said, more: chat(user(asked), assistant(said), **more),
    st.sampled_from(ASKED),
    st.sampled_from(SAID),
    st.sampled_from([{}, {}, {"tools": TOOLS}]),
)
PAIRS = st.builds(
    lambda asked, said, other: pair(assistant(said), assistant(other), user(asked)),
    st.sampled_from(ASKED),
    st.sampled_from(SAID),
    st.sampled_from(SAID),
)
SIDES = st.one_of(
    *(
        st.tuples(st.just(method), st.lists(rows, max_size=12), st.lists(rows, max_size=12))
        for method, rows in (("supervised", TALK), ("dpo", PAIRS))
    )
)


def written(folder: Path, name: str, rows: list[Row]) -> Path:
    path = folder / name
    path.write_bytes(file_of(rows))
    return path


def compared(
    folder: Path,
    old: list[Row],
    new: list[Row],
    method: Method = "supervised",
    encoding: str | None = None,
) -> DataDiff:
    return compare(written(folder, "old", old), written(folder, "new", new), method, encoding)


def asked_by(row: Row, method: Method) -> str:
    """What a naive reader takes for the prompt."""
    if method == "supervised":
        return dumped({**row, "messages": row["messages"][:-1]})
    return dumped(
        [row["input"], *sorted(dumped(row[f"{k}preferred_output"]) for k in ("", "non_"))]
    )


def lines(rows: list[Row], told: list[Line]) -> Counter[str]:
    return Counter(dumped(rows[line.number - 1]) for line in told)


# ---- the naive model -------------------------------------------------------------------------


@ON_DISK
@given(sides=SIDES)
def test_what_came_and_what_went_is_the_difference_of_the_multisets(
    tmp_path: Path, sides: tuple[Method, list[Row], list[Row]]
) -> None:
    method, old, new = sides
    diff = compared(tmp_path, old, new, method)
    before, after = Counter(map(dumped, old)), Counter(map(dumped, new))
    came = [*diff.added, *(edit.after for edit in diff.edited)]
    went = [*diff.removed, *(edit.before for edit in diff.edited)]
    assert (lines(new, came), lines(old, went)) == (after - before, before - after)
    assert diff.unchanged == (before & after).total()
    for told in (came, went):
        assert len({line.number for line in told}) == len(told)


@ON_DISK
@given(sides=SIDES)
def test_another_answer_to_the_same_is_an_edit_as_often_as_it_can_be(
    tmp_path: Path, sides: tuple[Method, list[Row], list[Row]]
) -> None:
    method, old, new = sides
    diff = compared(tmp_path, old, new, method)
    before, after = Counter(map(dumped, old)), Counter(map(dumped, new))
    prompts = {dumped(row): asked_by(row, method) for row in [*old, *new]}
    went = Counter(prompts[row] for row in (before - after).elements())
    came = Counter(prompts[row] for row in (after - before).elements())
    edits = [edit for edit in diff.edited if edit.is_answer]
    for edit in edits:
        one, other = old[edit.before.number - 1], new[edit.after.number - 1]
        assert prompts[dumped(one)] == prompts[dumped(other)]
    assert Counter(asked_by(new[e.after.number - 1], method) for e in edits) == (went & came)


@ON_DISK
@given(sides=SIDES)
def test_what_is_much_alike_is_an_edit_and_nothing_else_is(
    tmp_path: Path, sides: tuple[Method, list[Row], list[Row]]
) -> None:
    method, old, new = sides
    diff = compared(tmp_path, old, new, method)

    def likeness(gone: Line, come: Line) -> float:
        left, right = old[gone.number - 1], new[come.number - 1]
        return fuzz.ratio(encoded(left).decode(), encoded(right).decode())

    for edit in diff.edited:
        assert edit.is_answer or likeness(edit.before, edit.after) >= ALIKE
    for gone, come in product(diff.removed, diff.added):
        assert likeness(gone, come) < ALIKE


def test_the_end_of_the_last_line_is_no_likeness(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    asked, other = user("Where is my order?"), user("Where is my other order?")
    old_line = encoded(chat(asked, assistant("Within two weeks.")))
    new_line = encoded(chat(other, assistant("네"), tools=TOOLS))
    diffs = []
    for end in (b"", b"\n"):
        old.write_bytes(old_line + end)
        new.write_bytes(new_line + end)
        diffs.append(compare(old, new, "supervised", None))
    assert diffs[0] == diffs[1]


@ON_DISK
@given(sides=SIDES)
def test_each_list_is_in_the_order_of_its_file(
    tmp_path: Path, sides: tuple[Method, list[Row], list[Row]]
) -> None:
    method, old, new = sides
    diff = compared(tmp_path, old, new, method)
    assert list(diff.added) == sorted(diff.added)
    assert list(diff.removed) == sorted(diff.removed)
    after = [edit.after for edit in diff.edited]
    assert after == sorted(after)


# ---- no difference ---------------------------------------------------------------------------


@ON_DISK
@given(
    rows=st.lists(TALK | CHATS, max_size=12),
    chance=st.randoms(use_true_random=False),
)
def test_order_and_spelling_are_no_difference(
    tmp_path: Path, rows: list[Row], chance: random.Random
) -> None:
    old = written(tmp_path, "old", rows)
    others = [spelled(row, chance) for row in rows]
    chance.shuffle(others)
    new = tmp_path / "new"
    new.write_text("\n".join(others), "utf-8", newline="")
    diff = compare(old, new, "supervised", "o200k_base")
    assert diff == DataDiff((), (), (), len(rows))
    assert diff.tokens == 0


def test_lines_that_hold_no_example_are_left_out(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_bytes(b"{\n\n" + file_of(goods(3)))
    new.write_bytes(file_of(goods(3)) + b"[]\n" + encoded(good(1, "dpo")))
    assert compare(old, new, "supervised", "o200k_base") == DataDiff((), (), (), 3)


def test_an_empty_file_has_lost_all(tmp_path: Path) -> None:
    diff = compared(tmp_path, [good(n) for n in range(5)], [])
    assert [line.number for line in diff.removed] == [1, 2, 3, 4, 5]
    assert (diff.added, diff.edited, diff.unchanged) == ((), (), 0)


def test_of_equal_lines_the_later_ones_came_or_went(tmp_path: Path) -> None:
    row, other = good(1), chat(user("?"), assistant("!"))
    assert compared(tmp_path, [row], [other, row, row]).added == (Line(1, 0), Line(3, 0))
    assert compared(tmp_path, [row, row, other], [row]).removed == (Line(2, 0), Line(3, 0))


def test_too_many_lines_are_not_compared_letter_by_letter(tmp_path: Path) -> None:
    def rows(word: str, number: int) -> list[Row]:
        return [chat(user(f"{word} {n}: " + "the same " * 20), assistant()) for n in range(number)]

    few = compared(tmp_path, rows("Case", 200), rows("Part", 200))
    many = compared(tmp_path, rows("Case", 201), rows("Part", 201))
    assert (len(few.edited), len(few.added), len(few.removed)) == (200, 0, 0)
    assert (len(many.edited), len(many.added), len(many.removed)) == (0, 201, 201)


# ---- tokens ----------------------------------------------------------------------------------


def total(path: Path, method: Method) -> int:
    return read_dataset(path, Question(method, "o200k_base")).stats.tokens


@ON_DISK
@given(sides=SIDES | st.tuples(st.just("supervised"), st.lists(CHATS), st.lists(CHATS)))
def test_the_tokens_of_a_difference_are_the_difference_of_the_tokens(
    tmp_path: Path, sides: tuple[Method, list[Row], list[Row]]
) -> None:
    method, *rows = sides
    old, new = (
        written(tmp_path, name, side) for name, side in zip(("old", "new"), rows, strict=True)
    )
    diff = compare(old, new, method, "o200k_base")
    assert diff.tokens == total(new, method) - total(old, method)


def test_examples_that_are_equal_have_equal_tokens(tmp_path: Path) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "get_weather", "description": "Looks it up.", "parameters": parameters}
    spellings = [function, dict(sorted(function.items(), reverse=True))]
    tools = [[{"type": "function", "function": spelling}] for spelling in spellings]
    old, new = (
        written(tmp_path, f"{number}", [chat(user(), assistant(), tools=declared)])
        for number, declared in enumerate(tools)
    )
    assert compare(old, new, "supervised", "o200k_base").unchanged == 1
    assert total(old, "supervised") == total(new, "supervised")


def test_only_what_differs_is_counted_and_nothing_without_an_encoding(tmp_path: Path) -> None:
    old, new = [good(1)], [good(1), chat(user("How?"), assistant("So."))]
    assert compared(tmp_path, old, new).added == (Line(2, 0),)
    assert compared(tmp_path, old, new, encoding="o200k_base").added == (Line(2, 3 + 6 + 6),)
