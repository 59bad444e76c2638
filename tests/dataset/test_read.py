"""Laws of reading a dataset file: any bytes, one pass, flat memory, the right line."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from collections import Counter
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.dataset.facts import DatasetFacts
from reconciler.dataset.read import LONGEST_LINE, MOST_PROBLEMS, Reading, read_dataset
from reconciler.errors import Severity

GOOD = json.dumps(
    {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
)
PAIR = json.dumps(
    {
        "input": {"messages": [{"role": "user", "content": "hi"}]},
        "preferred_output": [{"role": "assistant", "content": "hello"}],
        "non_preferred_output": [{"role": "assistant", "content": "what"}],
    }
)

on_disk = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture
    ],  # each example writes its file anew
)


def read(folder: Path, content: bytes | str, **options: Any) -> Reading:
    path = folder / "train.jsonl"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    terms = {"method": "supervised", "encoding": None, **options}
    return read_dataset(path, "data/train.jsonl", **terms)


def rules(reading: Reading) -> dict[str, int]:
    return Counter(problem.rule for problem in reading.problems)


# ---- facts -----------------------------------------------------------------------------------


def test_facts_are_those_of_the_bytes(tmp_path: Path) -> None:
    content = f"{GOOD}\n" * 12
    reading = read(tmp_path, content, encoding="o200k_base")
    digest = hashlib.sha256(content.encode()).hexdigest()
    # By hand: 3 an example, 3 a message, and four texts of one token each.
    facts = DatasetFacts("data/train.jsonl", digest, len(content), 12, 12 * 13, "o200k_base")
    assert reading == Reading(facts, (), 0)


def test_nothing_is_counted_without_an_encoding(tmp_path: Path) -> None:
    facts = read(tmp_path, f"{GOOD}\n" * 12).facts
    assert (facts.tokens, facts.encoding) == (0, "")


@pytest.mark.parametrize("end", ["", "\n"])
def test_the_last_line_may_end_as_it_likes(tmp_path: Path, end: str) -> None:
    reading = read(tmp_path, "\n".join([GOOD] * 10) + end)
    assert (reading.facts.examples, reading.problems) == (10, ())


def test_a_pair_is_read_as_one(tmp_path: Path) -> None:
    reading = read(tmp_path, f"{PAIR}\n" * 10, method="dpo", encoding="cl100k_base")
    assert (reading.facts.examples, reading.problems) == (10, ())
    assert reading.facts.tokens == 10 * (3 + 3 * 3 + 6)


def test_a_line_that_is_no_object_is_no_example(tmp_path: Path) -> None:
    reading = read(tmp_path, f"{GOOD}\n\n[]\n{{\n{GOOD}\n")
    assert reading.facts.examples == 2
    assert rules(reading) == {"DS111": 1, "DS114": 1, "DS102": 1, "DS101": 1}


def test_an_example_with_faults_is_counted_all_the_same(tmp_path: Path) -> None:
    lines = [GOOD] * 9 + ['{"messages": [{"role": "user", "content": "hi"}]}']
    reading = read(tmp_path, "\n".join(lines), encoding="o200k_base")
    assert (reading.facts.examples, rules(reading)) == (10, {"DS108": 1})
    assert reading.facts.tokens == 9 * 13 + 8


# ---- problems --------------------------------------------------------------------------------


def test_an_empty_file_is_a_problem(tmp_path: Path) -> None:
    assert rules(read(tmp_path, b"", is_training=False)) == {"DS112": 1}


def test_only_a_training_file_needs_ten_examples(tmp_path: Path) -> None:
    assert rules(read(tmp_path, GOOD)) == {"DS111": 1}
    assert rules(read(tmp_path, GOOD, is_training=False)) == {}


def test_a_byte_order_mark_costs_no_example(tmp_path: Path) -> None:
    reading = read(tmp_path, b"\xef\xbb\xbf" + f"{GOOD}\n".encode() * 10)
    assert (reading.facts.examples, rules(reading)) == (10, {"DS113": 1})
    assert reading.problems[0].line == 1


def test_what_is_cut_off_is_warned_of_where_tokens_and_limit_are_known(tmp_path: Path) -> None:
    content = f"{GOOD}\n" * 10
    long = read(tmp_path, content, encoding="o200k_base", example_limit=12)
    assert {problem.severity for problem in long.problems} == {Severity.WARNING}
    assert rules(long) == {"DS118": 10}
    assert not read(tmp_path, content, encoding="o200k_base", example_limit=13).problems
    assert not read(tmp_path, content, example_limit=12).problems


def test_at_most_a_hundred_problems_are_kept_and_the_rest_is_counted(tmp_path: Path) -> None:
    reading = read(tmp_path, "{\n" * 250)
    *kept, more = reading.problems
    assert (len(kept), reading.total_problems) == (MOST_PROBLEMS, 251)
    assert kept[0].rule == "DS111"
    assert [problem.line for problem in kept[1:]] == list(range(1, MOST_PROBLEMS))
    assert (more.rule, more.found, more.severity) == ("DS100", "151 more problem(s)", "error")


def test_no_number_of_warnings_hides_an_error(tmp_path: Path) -> None:
    options = {"encoding": "o200k_base", "example_limit": 1}
    reading = read(tmp_path, f"{GOOD}\n" * 200 + "{\n", **options)
    errors = [problem for problem in reading.problems if problem.severity is Severity.ERROR]
    assert [(problem.rule, problem.line) for problem in errors] == [("DS101", 201)]
    assert reading.problems[-1].severity is Severity.WARNING


def test_exactly_a_hundred_problems_are_all_shown(tmp_path: Path) -> None:
    reading = read(tmp_path, "{\n" * MOST_PROBLEMS, is_training=False)
    assert (len(reading.problems), reading.total_problems) == (MOST_PROBLEMS, MOST_PROBLEMS)


def test_a_missing_file_is_the_callers_to_explain(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_dataset(tmp_path / "none.jsonl", "none.jsonl", "supervised", None)


# ---- long lines and large files --------------------------------------------------------------


def test_a_huge_line_is_skipped_hashed_and_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    with path.open("wb") as file:
        file.truncate(8 * LONGEST_LINE)  # one line of NULs, sparse on the disk
        file.seek(0, os.SEEK_END)
        file.write(f"\n{GOOD}\n{{\n".encode())
    tracemalloc.start()
    reading = read_dataset(path, "train.jsonl", "supervised", None, is_training=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(one.rule, one.line) for one in reading.problems] == [("DS119", 1), ("DS101", 3)]
    assert reading.facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert reading.facts.examples == 1
    assert peak < 3 * LONGEST_LINE


def test_a_line_just_below_the_limit_is_read(tmp_path: Path) -> None:
    line = json.dumps({"messages": [{"role": "assistant", "content": "x"}]})
    padded = line + " " * (LONGEST_LINE - 1 - len(line))
    assert not read(tmp_path, f"{padded}\n{line}", is_training=False).problems
    assert rules(read(tmp_path, f"{padded} \n{line}", is_training=False)) == {"DS119": 1}


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks = []
    for lines in (1_000, 20_000):
        tracemalloc.start()
        read(tmp_path, b"")  # what the first reading allocates for good is not measured
        (tmp_path / "train.jsonl").write_bytes(b"{\n" * lines)
        read_dataset(tmp_path / "train.jsonl", "x", "supervised", None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 200_000


def test_a_file_that_grows_while_it_is_read_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text(f"{GOOD}\n" * 20_000)
    done = Event()

    def append() -> None:
        while not done.wait(0.001):
            with path.open("a") as file:
                file.write(f"{GOOD}\n")

    writer = Thread(target=append)
    writer.start()
    try:  # a busy machine may not let the writer write during the first one
        readings = [read_dataset(path, "train.jsonl", "supervised", None) for _ in range(5)]
    finally:
        done.set()
        writer.join()
    assert {"DS120": 1} in [rules(reading) for reading in readings]
    assert not read_dataset(path, "train.jsonl", "supervised", None).problems


# ---- laws ------------------------------------------------------------------------------------

FRAGMENTS = st.sampled_from(
    [GOOD.encode(), PAIR.encode(), b"\n", b"\r", b"\xef\xbb\xbf", b"\0", b"{", b"]", b'"', b"NaN"]
)
CONTENT = st.binary(max_size=300) | st.lists(FRAGMENTS | st.binary(max_size=5)).map(b"".join)


@on_disk
@given(content=CONTENT, method=st.sampled_from(["supervised", "dpo"]), counted=st.booleans())
def test_any_bytes_give_the_same_reading_twice(
    tmp_path: Path, content: bytes, method: str, counted: bool
) -> None:
    options = {"method": method, "encoding": "o200k_base" if counted else None, "example_limit": 9}
    reading = read(tmp_path, content, **options)
    assert reading == read(tmp_path, content, **options)
    assert reading.facts.sha256 == hashlib.sha256(content).hexdigest()
    assert reading.facts.bytes == len(content)
    assert reading.facts.examples <= content.count(b"\n") + 1


BAD = {"{": "DS101", "[]": "DS102", PAIR: "DS103", "": "DS114", '{"messages": []}': "DS104"}


@on_disk
@given(st.integers(10, 60), st.data())
def test_a_bad_line_is_found_where_it_is(tmp_path: Path, good: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, good))
    bad = data.draw(st.sampled_from(sorted(BAD)))
    lines = [GOOD] * good
    lines.insert(place, bad)
    reading = read(tmp_path, "".join(f"{line}\n" for line in lines))
    assert [(one.line, one.rule) for one in reading.problems] == [(place + 1, BAD[bad])]
    assert {one.file for one in reading.problems} == {"data/train.jsonl"}


def test_line_ends_that_a_checkout_may_change_are_told_once(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    line = (
        b'{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}'
    )
    path.write_bytes(line + b"\n" + (line + b"\r\n") * 11)
    reading = read_dataset(path, "data.jsonl", "supervised", None)
    assert [(p.rule, p.line, p.severity) for p in reading.problems] == [
        ("DS121", 2, Severity.WARNING)
    ]
    assert reading.facts.examples == 12
