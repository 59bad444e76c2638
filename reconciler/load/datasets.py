"""From the paths that drafts name to the facts of their data: read once for each question."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Literal

from reconciler.catalog import DEFAULT_ENCODING, Catalog
from reconciler.dataset.breaches import Breach, FirstLines
from reconciler.dataset.cache import FactsCache
from reconciler.dataset.examine import Question
from reconciler.dataset.facts import DatasetFacts, Reading
from reconciler.dataset.prints import Prints, shared
from reconciler.dataset.read import read_dataset
from reconciler.dataset.report import problems
from reconciler.dataset.rules import RULES
from reconciler.dataset.shapes import METHODS
from reconciler.errors import DatasetChanged, Problem, Severity
from reconciler.load.documents import Draft
from reconciler.load.flaw import Flaw, clip, did_you_mean
from reconciler.load.paths import regular_file, unreachable
from reconciler.spec import FineTune, Lint

Role = Literal["training", "validation"]

Progress = Callable[[str, int, int], None]
"""Told the path of a dataset, its size, and how many more of its bytes were examined."""


@dataclass(frozen=True)
class _Asked:
    """A file, what is asked of it, and its fingerprints where they were taken on the way."""

    path: Path
    question: Question
    prints: Prints = field(compare=False)


_Read = tuple[_Asked, Reading]


@dataclass
class DatasetReader:
    """Reads the datasets of drafts, remembers the readings, and collects the problems.

    Drafts with problems of their own are looked at too, as far as their paths can be told.
    """

    root: Path
    catalog: Catalog
    count_tokens: bool
    cache: FactsCache | None
    progress: Progress
    problems: list[Problem] = field(default_factory=list)
    _readings: dict[_Asked, Reading] = field(default_factory=dict)

    def facts(self, draft: Draft) -> tuple[DatasetFacts | None, DatasetFacts | None]:
        """The facts of the training and the validation file, as far as they can be had."""
        lint = _lint(draft)
        self.problems += _misplaced_rules(draft, lint)
        with closing(Prints()) as trained, closing(Prints()) as held_out:
            training = self._read(draft, "training", trained)
            validation = self._read(draft, "validation", held_out)
            if training and validation:
                validation = self._compared(draft, training, validation)
        return self._told(training, lint), self._told(validation, lint)

    # ---- one file ------------------------------------------------------------------------------

    def _asked(self, draft: Draft, role: Role, prints: Prints) -> _Asked | None:
        at, name = _written(draft, role)
        text, method = draft.text(*at), METHODS.get(draft.method)
        if not text:
            return None
        path = regular_file(self.root, draft.folder, text)
        if isinstance(path, Flaw):
            self.problems.append(path.at(draft.at(*at), name))
            return None
        if method is None:
            return None
        row = self.catalog.base(draft.base or "")
        question = Question(
            method=method,
            encoding=(row.encoding if row else DEFAULT_ENCODING) if self.count_tokens else None,
            example_limit=row.example_tokens if row else None,
            takes_images=row.images if row else None,
            is_training=role == "training",
        )
        return _Asked(path, question, prints)

    def _read(self, draft: Draft, role: Role, prints: Prints) -> _Read | None:
        asked = self._asked(draft, role, prints)
        if asked is None:
            return None
        try:
            return asked, self._reading(asked)
        except OSError as error:
            at, name = _written(draft, role)
            self.problems.append(unreachable(asked.path, error).at(draft.at(*at), name))
            return None

    def _reading(self, asked: _Asked) -> Reading:
        if asked not in self._readings:
            read = self.cache.reading if self.cache else read_dataset
            shown, size = self._shown(asked), asked.path.stat().st_size
            self._readings[asked] = read(
                asked.path,
                asked.question,
                prints=asked.prints,
                progress=lambda count: self.progress(shown, size, count),
            )
        return self._readings[asked]

    def _shown(self, asked: _Asked) -> str:
        return asked.path.relative_to(self.root).as_posix()

    def _told(self, read: _Read | None, lint: Lint) -> DatasetFacts | None:
        """The file's facts under its name; its problems are told."""
        if read is None:
            return None
        asked, reading = read
        shown = self._shown(asked)
        found = problems(reading, shown, frozenset(lint.accept))
        if lint.level == "warning":
            found = tuple(replace(problem, severity=Severity.ERROR) for problem in found)
        self.problems += found
        return reading.facts(shown)

    # ---- two files -----------------------------------------------------------------------------

    def _compared(self, draft: Draft, training: _Read, validation: _Read) -> _Read:
        """The validation file, and what it has in common with the training file."""
        (trained, known), (held_out, reading) = training, validation
        if known.sha256 == reading.sha256:
            at, name = _written(draft, "validation")
            self.problems.append(_SAME.at(draft.at(*at), name))
            return validation
        find = partial(_leaked, training, validation)
        digests = (trained.question.method, known.sha256, reading.sha256)
        leaked = self.cache.breach("DS145", digests, find) if self.cache else find()
        if not leaked.total:
            return validation
        return held_out, replace(reading, breaches={**reading.breaches, "DS145": leaked})


def _leaked(training: _Read, validation: _Read) -> Breach:
    """The validation examples that ask what a training example asks.

    Raises:
        DatasetChanged: a file is not what it was a moment ago.
    """
    for asked, known in (training, validation):
        if not asked.prints.count:  # its Reading was known, or its fingerprints are gone
            question = replace(asked.question, encoding=None)
            again = read_dataset(asked.path, question, prints=asked.prints)
            if again.sha256 != known.sha256 or "DS120" in again.breaches:
                raise DatasetChanged(f"{asked.path} changed while it was read; run again")
    found = FirstLines("DS145", "the prompt of line {} of the training file")
    for line, other in shared(validation[0].prints, training[0].prints):
        found.add(line, other)
    return found.breach()


# ---- what the draft says ---------------------------------------------------------------------


def _written(draft: Draft, role: Role) -> tuple[tuple[str, ...], str]:
    """Where the path of this role is written, and its dotted name; the shorthand is training."""
    is_short = role == "training" and draft.text("spec", "dataset") is not None
    at = ("spec", "dataset") if is_short else ("spec", "dataset", role)
    return at, ".".join(at)


def _lint(draft: Draft) -> Lint:
    document = draft.document
    declared = document.spec.dataset if isinstance(document, FineTune) else None
    return declared.lint if declared else Lint()


def _misplaced_rules(draft: Draft, lint: Lint) -> Iterator[Problem]:
    """A problem at every accepted rule that isn't there, or that can't be accepted."""
    for index, rule in enumerate(lint.accept):
        place = ("spec", "dataset", "lint", "accept", index)
        known = RULES.get(rule)
        if known is None or known.is_firm:
            remedy = did_you_mean(rule, RULES, "See docs/dataset-rules.md for the rules.")
            flaw = _FIRM if known else replace(_UNKNOWN_RULE, remedy=remedy)
            yield replace(flaw, found=f"found {clip(rule)}").at(
                draft.at(*place), ".".join(map(str, place))
            )


_FIRM = Flaw(
    "SPEC116",
    "",
    "a rule whose finding leaves the data readable",
    "Remove it: what breaks this rule could not be checked at all.",
)
_UNKNOWN_RULE = Flaw("SPEC116", "", "the id of a rule for data", "")
_SAME = Flaw(
    "PATH206",
    "the bytes of the training file",
    "examples that are not trained on",
    "Hold some examples out into a file of their own, or remove validation.",
)
