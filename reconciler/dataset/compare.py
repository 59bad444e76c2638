"""Two versions of a dataset: which examples came, went, or were edited, by what they say.

The order of lines, spacing and the order of keys don't count. An edit is an example that went and
one that came which ask the same, or whose lines are much alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

from reconciler.dataset.checks.lines import parse_line
from reconciler.dataset.examine import Question
from reconciler.dataset.facts import DataDiff, Edit, Line
from reconciler.dataset.prints import Print, Prints, parts_of_both
from reconciler.dataset.read import read_dataset
from reconciler.dataset.report import problems
from reconciler.dataset.shapes import Method
from reconciler.dataset.spoken import turns_of
from reconciler.dataset.tokens import Counting, counter
from reconciler.errors import InvalidInput, Severity

ALIKE = 75.0
"""Likeness of two lines, in percent by Levenshtein's ratio, from which one is the other's edit."""

_MOST_COMPARED, _LONGEST_COMPARED, _MOST_WORK = 200, 20_000, 20_000_000_000
"""Lines of a side, bytes of a line, and letters of one side times letters of the other that are
compared letter by letter: half a second's work."""


def compare(
    old: Path, new: Path, method: Method, encoding: str | None, *, old_name: str = ""
) -> DataDiff:
    """What changed from one file to the other. Lines that hold no example are left out.

    Args:
        old, new: the two files.
        method: what their lines are examples of.
        encoding: tiktoken's name of the vocabulary to count by; None counts nothing.
        old_name: what the old file is called, where its path says nothing to people.

    Raises:
        InvalidInput: a file holds no example of the method.
        OSError: a file can't be read.
    """
    shown = (old_name or str(old), str(new))
    went, came, unchanged = _differing((old, new), shown, method)
    by_prompt = list(_same_prompts(went, came))
    rest_went, rest_came = _without(went, by_prompt, 0), _without(came, by_prompt, 1)
    alike = list(_alike(old, new, rest_went, rest_came))
    before, after = _sizes(old, went, encoding), _sizes(new, came, encoding)
    edits = [*((*pair, True) for pair in by_prompt), *((*pair, False) for pair in alike)]
    return DataDiff(
        added=tuple(after[one.line] for one in _without(rest_came, alike, 1)),
        removed=tuple(before[one.line] for one in _without(rest_went, alike, 0)),
        edited=tuple(
            Edit(before[gone.line], after[new_one.line], is_answer)
            for gone, new_one, is_answer in sorted(edits, key=lambda edit: edit[1].line)
        ),
        unchanged=unchanged,
    )


_Pair = tuple[Print, Print]


def _differing(
    files: tuple[Path, Path], shown: tuple[str, str], method: Method
) -> tuple[list[Print], list[Print], int]:
    """The examples of either side alone, in the order of lines, and the number on both."""
    went: list[Print] = []
    came: list[Print] = []
    unchanged = 0
    with ExitStack() as stack:
        sides = [stack.enter_context(closing(Prints())) for _ in range(2)]
        for path, name, prints in zip(files, shown, sides, strict=True):
            _fingerprint(path, name, method, prints)
        for earlier, later in parts_of_both(*sides):
            waiting = _by_example(earlier)
            for one in later:
                if same := waiting[one.example]:
                    same.pop()
                    unchanged += 1
                else:
                    came.append(one)
            went += [one for left in waiting.values() for one in left]
    return sorted(went), sorted(came), unchanged


def _fingerprint(path: Path, shown: str, method: Method, prints: Prints) -> None:
    reading = read_dataset(path, Question(method), prints=prints)
    if reading.bytes and not prints.count:
        found = problems(reading, shown, frozenset({"DS111"}))
        raise InvalidInput(tuple(one for one in found if one.severity is Severity.ERROR))


def _by_example(prints: Prints) -> defaultdict[int, list[Print]]:
    """Examples by what they say, the earliest of equal ones last."""
    groups: defaultdict[int, list[Print]] = defaultdict(list)
    for one in prints:
        groups[one.example].append(one)
    for same in groups.values():
        same.reverse()
    return groups


def _same_prompts(went: list[Print], came: list[Print]) -> Iterator[_Pair]:
    waiting: defaultdict[int, list[Print]] = defaultdict(list)
    for one in reversed(went):
        waiting[one.prompt].append(one)
    for one in came:
        if same := waiting[one.prompt]:
            yield same.pop(), one


def _without(side: list[Print], pairs: list[_Pair], index: int) -> list[Print]:
    taken = {pair[index] for pair in pairs}
    return [one for one in side if one not in taken]


def _alike(old: Path, new: Path, went: list[Print], came: list[Print]) -> Iterator[_Pair]:
    """Pairs of lines that are much alike; none where there are too many to compare."""
    if not (went and came) or max(len(went), len(came)) > _MOST_COMPARED:
        return
    from rapidfuzz import fuzz, process

    before, after = _texts(old, went), _texts(new, came)
    if sum(map(len, before.values())) * sum(map(len, after.values())) > _MOST_WORK:
        return
    for one, text in after.items():
        found = process.extractOne(text, before, scorer=fuzz.ratio, score_cutoff=ALIKE)
        if found:
            del before[found[2]]
            yield found[2], one


def _texts(path: Path, side: list[Print]) -> dict[Print, str]:
    """The lines that are short enough to be compared, in the file's order."""
    by_line = {one.line: one for one in side}
    return {
        by_line[number]: raw.rstrip(b"\r\n").decode("utf-8", "replace")
        for number, raw in _lines(path, by_line)
        if len(raw) <= _LONGEST_COMPARED
    }


def _sizes(path: Path, side: list[Print], encoding: str | None) -> dict[int, Line]:
    """Each of these lines with its tokens: only what changed is counted."""
    numbers = {one.line for one in side}
    if encoding is None or not numbers:
        return {number: Line(number, 0) for number in numbers}
    counting = Counting(counter(encoding))
    return {
        number: Line(number, counting.add(list(turns_of(parse_line(raw)[0] or {}))))
        for number, raw in _lines(path, numbers)
    }


def _lines(path: Path, numbers: Collection[int]) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as stream:
        for number, raw in enumerate(stream, start=1):
            if number in numbers:
                yield number, raw
