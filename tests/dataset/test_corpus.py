"""Laws over the corpus: of each bad file all its findings and no other, of each good file none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.dataset.examine import Question
from reconciler.dataset.read import read_dataset
from reconciler.dataset.report import problems
from reconciler.dataset.rules import RULES
from tests.dataset.corpus import CLASSES, PARTS, VALID, Case, file_of, goods

ELSEWHERE = {"DS100", "DS120", "DS129", "DS139", "DS145"}
"""Rules that no one small file can break: other tests are on them."""

BAD = {
    f"{name} {number}": case
    for name, cases in CLASSES.items()
    for number, case in enumerate(cases, start=1)
}

MOVABLE = {name: case for name, case in {**BAD, **VALID}.items() if case.is_movable}


def findings(case: Case, folder: Path) -> list[tuple[str, int]]:
    """Every (rule, line) that reading the file says."""
    path = folder / "train.jsonl"
    path.write_bytes(case.content)
    question = Question(
        case.method,
        case.encoding,
        example_limit=case.example_limit,
        takes_images=case.takes_images,
        is_training=case.is_training,
    )
    reading = read_dataset(path, question)
    return sorted((problem.rule, problem.line) for problem in problems(reading, "train.jsonl"))


def moved(case: Case, by: int) -> Case:
    """The file with good lines before it, which the corpus has nowhere else."""
    before = file_of(goods(by, case.method, first=5_000))
    expected = tuple((rule, line + by) for rule, line in case.expected)
    return replace(case, content=before + case.content, expected=expected)


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_all_that_is_wrong_is_found_and_nothing_else(case: Case, tmp_path: Path) -> None:
    assert findings(case, tmp_path) == sorted(case.expected)


@pytest.mark.parametrize("case", VALID.values(), ids=VALID.keys())
def test_nothing_is_said_of_a_valid_file(case: Case, tmp_path: Path) -> None:
    assert findings(case, tmp_path) == []


@pytest.mark.parametrize("by", [9])
@pytest.mark.parametrize("case", MOVABLE.values(), ids=MOVABLE.keys())
def test_good_lines_before_change_only_the_numbers(case: Case, by: int, tmp_path: Path) -> None:
    later = moved(case, by)
    assert findings(later, tmp_path) == sorted(later.expected)


FAR = (
    "an example that is the same as an earlier one",
    "a prompt with different answers",
    "lines that end with CR LF",
    "many faults in one file",
    "personal data of many kinds",
)
"""What must still be found far down a file, where it is read in other pieces."""


@pytest.mark.parametrize("name", FAR)
def test_a_long_file_hides_nothing(name: str, tmp_path: Path) -> None:
    case = next(case for case in reversed(CLASSES[name]) if case.is_movable)
    later = moved(case, 10_000)
    assert findings(later, tmp_path) == sorted(later.expected)


# ---- the corpus itself -----------------------------------------------------------------------


def covered() -> Iterator[str]:
    for case in BAD.values():
        yield from (rule for rule, _ in case.expected)


def test_every_rule_is_broken_somewhere() -> None:
    assert set(covered()) == RULES.keys() - ELSEWHERE


def test_the_corpus_is_large_enough() -> None:
    assert len(CLASSES) >= 45
    assert len(VALID) >= 50


def test_no_class_hides_another() -> None:
    assert len(CLASSES) == sum(len(part) for part in PARTS)


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_has_a_few_cases(name: str) -> None:
    assert 3 <= len(CLASSES[name]) <= 5


@pytest.mark.parametrize("name", CLASSES)
def test_no_case_is_told_twice(name: str) -> None:
    cases = CLASSES[name]
    assert len({(case.content, case.method, case.is_training) for case in cases}) == len(cases)
