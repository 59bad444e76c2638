"""From what was found in a file to the problems that people read: the first hundred of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from reconciler.dataset.breaches import Breach
from reconciler.dataset.facts import Reading
from reconciler.dataset.rules import RULES, Finding
from reconciler.errors import Problem, Severity

SHOWN = 100
"""Problems shown of a file; the rest are counted."""

_OF_EACH = 10
"""Of these, the first of each rule come before any other rule's eleventh."""


def problems(
    reading: Reading, shown_as: str, accept: frozenset[str] = frozenset()
) -> tuple[Problem, ...]:
    """What is wrong with a file, in the order of its lines; whole-file problems come first.

    Where there are more than 100, errors go before warnings and each rule shows its first ten, so
    that no flood hides anything; a last DS100 says how many more there are.

    Args:
        reading: the file as it was read.
        shown_as: its name: relative to the project root, POSIX style.
        accept: rules whose breaches the spec accepts; firm ones are told all the same.
    """
    breaches = {
        rule: breach
        for rule, breach in reading.breaches.items()
        if rule not in accept or RULES[rule].is_firm
    }
    found = {rule: list(_told(rule, breach, shown_as)) for rule, breach in breaches.items()}
    shown = sorted(_chosen(found.values()))
    hidden = {rule: _total(rule, breach) - len(found[rule]) for rule, breach in breaches.items()}
    for rule, told in found.items():
        hidden[rule] += len([problem for problem in told if problem not in shown])
    if more := {rule: number for rule, number in hidden.items() if number}:
        shown.append(_more(shown_as, more))
    return tuple(shown)


def _told(rule: str, breach: Breach, file: str) -> Iterator[Problem]:
    if RULES[rule].is_summed:
        line, first = breach.places[0]
        yield replace(first, found=_sum(breach, first)).at(file, line)
        return
    for line, finding in breach.places:
        yield finding.at(file, line)


def _sum(breach: Breach, first: Finding) -> str:
    amount = f"{breach.total:,} {first.found}" if first.amount else first.found
    return f"{amount} on {breach.lines:,} line(s), first here"


def _total(rule: str, breach: Breach) -> int:
    return 1 if RULES[rule].is_summed else breach.total


def _chosen(found: Iterable[list[Problem]]) -> list[Problem]:
    """At most a hundred: the first of each rule, then the rest; in both errors go first."""
    first = chain.from_iterable(told[:_OF_EACH] for told in found)
    rest = chain.from_iterable(told[_OF_EACH:] for told in found)
    ranked = [*sorted(first, key=_rank), *sorted(rest, key=_rank)]
    return ranked[:SHOWN]


def _rank(problem: Problem) -> tuple[bool, bool, Problem]:
    return problem.line > 0, problem.severity is Severity.WARNING, problem


def _more(file: str, hidden: Mapping[str, int]) -> Problem:
    """The last problem: what isn't shown, by rule; a warning if all of it is."""
    numbers = ", ".join(f"{rule} {number:,}" for rule, number in sorted(hidden.items()))
    severities = {RULES[rule].severity for rule in hidden}
    severity = Severity.ERROR if Severity.ERROR in severities else Severity.WARNING
    total = sum(hidden.values())
    found = f"{total:,} more problem(s): {numbers}"
    return Problem(file, 0, 0, "DS100", "", found, "", RULES["DS100"].remedy, severity, total)
