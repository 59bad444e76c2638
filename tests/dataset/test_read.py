"""Laws of reading a dataset file: any bytes, one pass, flat memory, the right line."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dataset.examine import LONGEST_LINE, Block, Examiner, Question
from reconciler.dataset.facts import DatasetFacts, Reading
from reconciler.dataset.read import BLOCK, method_of, read_dataset
from reconciler.dataset.report import problems
from reconciler.dataset.shapes import Method
from tests.dataset.corpus.case import (
    Line,
    assistant,
    chat,
    encoded,
    file_of,
    good,
    goods,
    pair,
    user,
)
from tests.dataset.strategies import CONTENTS, ON_DISK

SUPERVISED = Question("supervised")
COUNTED = Question("supervised", "o200k_base")
VALIDATION = Question("supervised", is_training=False)
GREETING = file_of([chat(user("hi"), assistant("hello"))] * 12)
TWELVE = file_of(goods(12))


def read(folder: Path, content: bytes, question: Question = SUPERVISED, **options: Any) -> Reading:
    path = folder / "train.jsonl"
    path.write_bytes(content)
    return read_dataset(path, question, **options)


def told(reading: Reading) -> list[tuple[str, int]]:
    return [(problem.rule, problem.line) for problem in problems(reading, "train.jsonl")]


# ---- facts -----------------------------------------------------------------------------------


def test_facts_are_those_of_the_bytes(tmp_path: Path) -> None:
    facts = read(tmp_path, GREETING, COUNTED).facts("a.jsonl")
    digest = hashlib.sha256(GREETING).hexdigest()
    # By hand: 3 an example, 3 a message, and four texts of one token each.
    assert facts == DatasetFacts("a.jsonl", digest, len(GREETING), 12, 12 * 13, "o200k_base")


def test_nothing_is_counted_without_an_encoding(tmp_path: Path) -> None:
    reading = read(tmp_path, GREETING)
    assert (reading.stats.tokens, reading.encoding) == (0, "")


def test_tokens_that_the_base_cuts_off_are_not_trained_on(tmp_path: Path) -> None:
    reading = read(tmp_path, GREETING, Question("supervised", "o200k_base", example_limit=10))
    assert (reading.stats.tokens, reading.stats.cut, reading.stats.cut_examples) == (156, 36, 12)
    assert reading.facts("a.jsonl").tokens == 12 * 10


@pytest.mark.parametrize(("limit", "encoding"), [(13, "o200k_base"), (None, "o200k_base"), (1, "")])
def test_nothing_is_cut_off_where_it_fits_or_is_not_known(
    tmp_path: Path, limit: int | None, encoding: str
) -> None:
    reading = read(tmp_path, GREETING, Question("supervised", encoding or None, limit))
    assert "DS118" not in reading.breaches
    assert reading.stats.cut == 0


def test_the_figures_of_a_file_are_those_of_its_examples(tmp_path: Path) -> None:
    texts = ["hi", "hi hi", "hi hi hi hi hi"]
    content = file_of(chat(user(text), assistant("hello")) for text in texts)
    stats = read(tmp_path, content, COUNTED).stats
    assert stats.by_role == {"assistant": 15, "example": 9, "user": 20}
    assert (stats.tokens, stats.learned, stats.cut) == (44, 15, 0)
    assert stats.quantiles == {0: 13, 10: 13, 50: 14, 90: 17, 99: 17, 100: 17}
    assert stats.histogram == {16: 2, 32: 1}


def test_of_a_pair_all_is_counted_and_both_outputs_are_learned(tmp_path: Path) -> None:
    content = file_of([pair(assistant("hello"), assistant("hi"), user("hi"))] * 10)
    reading = read(tmp_path, content, Question("dpo", "cl100k_base"))
    assert reading.stats.tokens == 10 * (3 + 3 * 3 + 6)
    assert reading.stats.learned == 10 * (3 + 3 + 4)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r"])
def test_the_last_line_may_end_as_it_likes(tmp_path: Path, end: bytes) -> None:
    reading = read(tmp_path, TWELVE.removesuffix(b"\n") + end)
    assert (reading.examples, reading.breaches) == (12, {})


def test_examples_are_the_lines_that_hold_an_object_faulty_or_not(tmp_path: Path) -> None:
    lines: list[Line] = [good(1), "", "[]", "{", '{"messages": [], "messages": 7}', "{}", good(2)]
    reading = read(tmp_path, b"\xef\xbb\xbf" + file_of(lines))
    assert reading.examples == 4
    assert told(reading)[:2] == [("DS111", 0), ("DS113", 1)]


def test_a_missing_file_is_the_callers_to_explain(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_dataset(tmp_path / "none.jsonl", SUPERVISED)


# ---- any bytes -------------------------------------------------------------------------------


@ON_DISK
@given(content=CONTENTS, method=st.sampled_from(["supervised", "dpo"]), is_counted=st.booleans())
def test_any_bytes_give_the_same_reading_twice(
    tmp_path: Path, content: bytes, method: Method, is_counted: bool
) -> None:
    question = Question(method, "o200k_base" if is_counted else None, example_limit=9)
    reading = read(tmp_path, content, question)
    assert reading == read(tmp_path, content, question)
    assert reading.sha256 == hashlib.sha256(content).hexdigest()
    assert reading.bytes == len(content)
    assert reading.examples <= content.count(b"\n") + 1
    assert problems(reading, "train.jsonl") or reading.breaches == {}


BAD = {"{": "DS101", "[]": "DS102", '{"prompt": "a", "completion": "b"}': "DS154", "": "DS114"}
BAD['{"messages": []}'] = "DS104"


@ON_DISK
@given(before=st.integers(0, 40), after=st.integers(0, 40), bad=st.sampled_from(sorted(BAD)))
def test_a_bad_line_is_found_where_it_is(tmp_path: Path, before: int, after: int, bad: str) -> None:
    lines = [*goods(before), bad, *goods(after, first=100)]
    found = told(read(tmp_path, file_of(lines), VALIDATION))
    alone = before + after == 0 and BAD[bad] == "DS154"
    assert found == [("DS103" if alone else BAD[bad], before + 1)]


# ---- blocks ----------------------------------------------------------------------------------


def wide(line: bytes, size: int) -> bytes:
    """The line, made so long by white space."""
    return line + b" " * (size - len(line))


def faulty(number: int) -> bytes:
    """A good line, or one of many that are not."""
    lines = {1: b"{", 2: encoded(chat(user(weight=1), assistant(f"{number}"))), 4: b"\xff", 5: b""}
    return lines.get(number % 9, encoded(good(number)))


def lines_of(*sizes: int) -> bytes:
    return b"".join(wide(faulty(n), size) + b"\n" for n, size in enumerate(sizes, start=3))


ACROSS = {
    "lines that no block ends with": lines_of(*[700_001] * 5),
    "lines as long as a block": lines_of(*[BLOCK - 1] * 3),
    "lines a byte longer than a block": lines_of(*[BLOCK] * 3),
    "a line over many blocks": lines_of(100, 3 * BLOCK + 5, *[100] * 9, 2 * BLOCK, 90),
    "no line end at the end": lines_of(*[700_001] * 3, BLOCK + 1).removesuffix(b"\n"),
    "many lines that end with CR LF": lines_of(*[999] * 2_500).replace(b"\n", b"\r\n"),
    "CR and LF in two blocks": b"".join(wide(faulty(n), BLOCK - 1) + b"\r\n" for n in range(3)),
    "blank lines over the end of a block": (b" " * 998 + b"\n") * 1_060 + lines_of(100),
}


@pytest.mark.parametrize("content", ACROSS.values(), ids=ACROSS.keys())
def test_a_reading_does_not_depend_on_where_blocks_end(tmp_path: Path, content: bytes) -> None:
    counts: list[int] = []
    question = Question("supervised", "o200k_base", example_limit=20, is_training=False)
    reading = read(tmp_path, content, question, workers=1, progress=counts.append)
    repeated = {"DS144", "DS146"}  # found once all was examined
    found = {rule: told for rule, told in reading.breaches.items() if rule not in repeated}
    report = Examiner(question).examine(Block(1, content))
    assert found == dict(sorted(report.breaches.items()))
    assert reading.stats.by_role == dict(sorted(report.tally.by_role.items()))
    assert reading.sha256 == hashlib.sha256(content).hexdigest()
    assert sum(counts) == len(content)


def test_many_workers_read_what_one_reads(tmp_path: Path) -> None:
    content = b"".join(ACROSS.values())
    question = Question("supervised", "o200k_base", example_limit=20, takes_images=False)
    readings = [read(tmp_path, content, question, workers=workers) for workers in (1, 2)]
    assert readings[0] == readings[1]
    assert {"DS101", "DS107", "DS113", "DS114", "DS121", "DS144"} <= readings[0].breaches.keys()


def test_many_workers_judge_the_formats_of_the_whole_file(tmp_path: Path) -> None:
    content = b"".join(wide(encoded(good(n, "dpo")), 100_000) + b"\n" for n in range(50))
    one, two = (read(tmp_path, content, workers=workers) for workers in (1, 2))
    assert one == two
    assert told(one) == [("DS103", 1)]


# ---- long lines and large files --------------------------------------------------------------

LINE = encoded(chat(assistant("x")))


def test_a_huge_line_is_skipped_hashed_and_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    with path.open("wb") as file:
        file.write(TWELVE + b"[")
        file.truncate(5 * LONGEST_LINE)  # sparse on the disk
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + LINE + b"\n{\n")
    tracemalloc.start()
    reading = read_dataset(path, VALIDATION)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert told(reading) == [("DS119", 13), ("DS101", 15)]
    assert reading.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert peak < 3 * LONGEST_LINE


@pytest.mark.parametrize("end", [b"", b"\n{\n"])
@pytest.mark.parametrize(("size", "rules"), [(LONGEST_LINE - 1, []), (LONGEST_LINE, ["DS119"])])
def test_a_line_is_read_up_to_the_limit_to_the_byte(
    tmp_path: Path, size: int, rules: list[str], end: bytes
) -> None:
    found = told(read(tmp_path, b"[]\n" + wide(LINE, size) + end, VALIDATION))
    after = [("DS101", 3)] if b"{" in end else []
    assert found == [("DS102", 1), *((rule, 2) for rule in rules), *after]


@pytest.mark.parametrize("line", [b"{", encoded(good(1))])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, line: bytes) -> None:
    path, peaks = tmp_path / "train.jsonl", []
    read(tmp_path, TWELVE)  # what the first reading allocates for good is not measured
    for lines in (3 * BLOCK // 2_500, 7 * BLOCK // 2_500):
        path.write_bytes((wide(line, 2_499) + b"\n") * lines)
        tracemalloc.start()
        read_dataset(path, SUPERVISED, workers=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 500_000


# ---- a file that changes ---------------------------------------------------------------------


def _appended(path: Path) -> None:
    with path.open("ab") as file:
        file.write(TWELVE)


def _replaced(path: Path) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def _written_again(path: Path) -> None:
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(1, 1))


CHANGES: list[Callable[[Path], None]] = [
    _appended,
    _replaced,
    _written_again,
    Path.unlink,
    lambda path: os.truncate(path, 5),
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_while_it_is_read_says_so(
    tmp_path: Path, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "train.jsonl"
    reading = read(tmp_path, TWELVE, progress=lambda _: change(path), workers=1)
    assert told(reading) == [("DS120", 0)]


def test_a_file_that_stopped_changing_is_read_as_any_other(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    read(tmp_path, TWELVE, progress=lambda _: _replaced(path), workers=1)
    assert told(read_dataset(path, SUPERVISED)) == []


# ---- the method ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["supervised", "dpo"])
@pytest.mark.parametrize("before", [b"", b"\n\n", b"{\n[]\n", b'{"prompt": 1, "completion": 2}\n'])
def test_the_first_example_tells_the_method(tmp_path: Path, method: Method, before: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(before + file_of(goods(3, method)))
    assert method_of(path) == method


@ON_DISK
@given(content=st.binary(max_size=100))
def test_what_tells_no_method_is_supervised(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content + b"\n" * 100 + file_of(goods(3, "dpo")))
    assert method_of(path) == "supervised"
