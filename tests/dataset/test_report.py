"""Laws of what is shown of a file's breaches: nothing is lost, and no flood hides anything."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dataset.breaches import KEPT, Breaches
from reconciler.dataset.facts import Reading, Stats
from reconciler.dataset.report import SHOWN, problems
from reconciler.dataset.rules import RULES, Finding
from reconciler.errors import Problem, Severity

OF_EACH = 10
PLAIN = [rule for rule, text in RULES.items() if not text.is_summed and rule != "DS100"]
SUMMED = [rule for rule, text in RULES.items() if text.is_summed]
FIRM = [rule for rule, text in RULES.items() if text.is_firm]

Found = Mapping[str, list[int]]
"""Rule -> the lines on which it is broken."""


def reading(found: Found, amount: int = 0) -> Reading:
    breaches = Breaches()
    for rule, lines in found.items():
        for line in sorted(lines):
            breaches.add(line, [Finding(rule, "found", amount=amount)])
    return Reading("0" * 64, 1, 1, "", Stats(), breaches)


def shown(found: Found, *accept: str) -> tuple[Problem, ...]:
    return problems(reading(found), "data/train.jsonl", frozenset(accept))


def hidden(more: Problem) -> dict[str, int]:
    """What a DS100 says: rule -> how many are not shown."""
    numbers = re.findall(r"(DS\d+) ([\d,]+)", more.found)
    return {rule: int(number.replace(",", "")) for rule, number in numbers}


LINES = st.lists(st.integers(0, 400), min_size=1, max_size=250)
FOUND = st.dictionaries(st.sampled_from(PLAIN), LINES, max_size=6)
FEW = st.dictionaries(st.sampled_from(PLAIN), st.lists(st.integers(0, 9), max_size=9), max_size=9)


# ---- nothing is lost -------------------------------------------------------------------------


@given(FOUND)
def test_what_is_shown_and_what_is_said_to_be_hidden_is_all(found: Found) -> None:
    told = shown(found)
    counts = Counter(problem.rule for problem in told if problem.rule != "DS100")
    if told and told[-1].rule == "DS100":
        counts.update(hidden(told[-1]))
    assert counts == {rule: len(lines) for rule, lines in found.items()}


@given(FEW)
def test_up_to_a_hundred_are_all_shown_in_the_order_of_their_lines(found: Found) -> None:
    told = shown(found)
    expected = sorted((line, rule) for rule, lines in found.items() for line in lines)
    assert [(problem.line, problem.rule) for problem in told] == expected
    assert {problem.file for problem in told} <= {"data/train.jsonl"}


@given(FOUND)
def test_what_is_shown_is_in_order_and_a_count_of_the_rest_comes_last(found: Found) -> None:
    told = list(shown(found))
    if told and told[-1].rule == "DS100":
        told.pop()
    assert len(told) <= SHOWN
    assert told == sorted(told)
    assert "DS100" not in {problem.rule for problem in told}


def test_exactly_a_hundred_need_no_count() -> None:
    assert len(shown({"DS101": list(range(SHOWN))})) == SHOWN
    *_, more = shown({"DS101": list(range(SHOWN + 1))})
    assert (more.rule, more.found) == ("DS100", "1 more problem(s): DS101 1")


def test_the_count_says_which_rules_and_how_many_of_each() -> None:
    *_, more = shown({"DS114": list(range(1, 2_001)), "DS101": list(range(1, 1_501))})
    assert more.found == "3,400 more problem(s): DS101 1,450, DS114 1,950"


# ---- no flood hides anything -----------------------------------------------------------------


@given(FOUND)
def test_each_rule_shows_its_first_ten(found: Found) -> None:
    told = shown(found)
    for rule, lines in found.items():
        places = [problem.line for problem in told if problem.rule == rule]
        assert places[:OF_EACH] == sorted(lines)[:OF_EACH]


@given(st.lists(st.sampled_from(PLAIN), min_size=11, max_size=20, unique=True))
def test_where_not_even_these_fit_errors_go_before_warnings(rules: list[str]) -> None:
    told = shown({rule: list(range(1, 12)) for rule in rules})[:-1]
    errors = sum(RULES[rule].severity is Severity.ERROR for rule in rules)
    found = sum(problem.severity is Severity.ERROR for problem in told)
    assert len(told) == SHOWN
    assert found >= min(SHOWN, OF_EACH * errors)


@given(FOUND)
def test_the_rest_is_filled_with_errors_first(found: Found) -> None:
    told = shown(found)
    counts = Counter(problem.rule for problem in told)
    rest = {rule: len(lines) > max(OF_EACH, counts[rule]) for rule, lines in found.items()}
    if any(rest[rule] and RULES[rule].severity is Severity.ERROR for rule in found):
        warned = [rule for rule in found if RULES[rule].severity is Severity.WARNING]
        lines = {rule: sum(line == 0 for line in found[rule]) for rule in warned}
        assert all(counts[rule] <= max(OF_EACH, lines[rule]) for rule in warned)


@pytest.mark.parametrize(("rule", "severity"), [("DS101", "error"), ("DS118", "warning")])
def test_the_count_is_a_warning_if_all_that_it_counts_is(rule: str, severity: str) -> None:
    *_, more = shown({rule: list(range(1, 500)), "DS142": [1]})
    assert (more.rule, str(more.severity)) == ("DS100", severity)


# ---- sums ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", SUMMED)
def test_a_summed_rule_is_told_once_with_its_number_at_its_first_line(rule: str) -> None:
    (told,) = problems(reading({rule: [7, 9, 9] + [20] * 2_000}, amount=2), "a.jsonl")
    assert (told.line, told.found) == (7, "4,006 found on 3 line(s), first here")


def test_lines_are_counted_where_there_is_no_amount() -> None:
    (told,) = shown({"DS121": list(range(3, 1_503))})
    assert (told.line, told.found) == (3, "found on 1,500 line(s), first here")


# ---- accepting -------------------------------------------------------------------------------


@given(FOUND, st.sets(st.sampled_from(PLAIN + SUMMED)))
def test_an_accepted_rule_is_not_told_unless_it_is_firm(found: Found, accept: set[str]) -> None:
    rest = {rule: lines for rule, lines in found.items() if rule not in accept or rule in FIRM}
    assert shown(found, *accept) == shown(rest)


def test_no_rule_that_hides_others_can_be_accepted() -> None:
    found = {rule: [0] for rule in FIRM if rule != "DS100"}
    assert [problem.rule for problem in shown(found, *RULES)] == list(found)
    *_, more = shown({"DS101": list(range(500))}, "DS100")
    assert more.rule == "DS100"


def test_the_words_are_those_of_the_rule() -> None:
    for rule, text in RULES.items():
        if rule != "DS100":
            (told,) = shown({rule: [1]})
            assert (told.remedy, told.severity) == (text.remedy, text.severity)


# ---- what is kept ----------------------------------------------------------------------------


@given(st.lists(st.lists(st.integers(0, 3), max_size=120), max_size=4))
def test_the_first_hundred_places_of_a_rule_are_kept_and_all_are_counted(
    parts: list[list[int]],
) -> None:
    """Parts hold lines 10 by 10, as blocks of a file do."""
    merged, whole = Breaches(), Breaches()
    for number, part in enumerate(parts):
        lines = [10 * number + line for line in sorted(part)]
        later = Breaches()
        for line in lines:
            later.add(line, [Finding("DS101", "found")])
            whole.add(line, [Finding("DS101", "found")])
        merged.merge(later)
    assert merged == whole
    for breach in merged.values():
        assert len(breach.places) == min(KEPT, breach.total)
