"""From the paths that drafts name to the facts of their data; each file is read once a pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from reconciler.catalog import DEFAULT_ENCODING, Catalog
from reconciler.dataset.checks import Method
from reconciler.dataset.facts import DatasetFacts
from reconciler.dataset.read import Reading, read_dataset
from reconciler.errors import Problem
from reconciler.load.documents import Draft
from reconciler.load.flaw import Flaw
from reconciler.load.paths import regular_file, unreachable

Role = Literal["training", "validation"]

_METHODS: dict[str, Method] = {name: name for name in get_args(Method)}


@dataclass(frozen=True)
class _Asked:
    """All that a reading depends on, so that no file is read twice for the same answer."""

    path: Path
    method: Method
    encoding: str | None
    is_training: bool
    example_limit: int | None


@dataclass
class DatasetReader:
    """Reads the datasets of drafts, remembers the readings, and collects the problems.

    Drafts with problems of their own are looked at too, as far as their paths can be told.
    """

    root: Path
    catalog: Catalog
    count_tokens: bool
    problems: list[Problem] = field(default_factory=list)
    _readings: dict[_Asked, Reading] = field(default_factory=dict)

    def facts(self, draft: Draft) -> tuple[DatasetFacts | None, DatasetFacts | None]:
        """The facts of the training and the validation file, as far as they can be had."""
        training = self._read(draft, "training")
        validation = self._read(draft, "validation")
        if training and validation and training.sha256 == validation.sha256:
            at, name = _written(draft, "validation")
            self.problems.append(_SAME.at(draft.at(*at), name))
        return training, validation

    def _read(self, draft: Draft, role: Role) -> DatasetFacts | None:
        at, name = _written(draft, role)
        text = draft.text(*at)
        if not text:
            return None
        path = regular_file(self.root, draft.folder, text)
        if isinstance(path, Flaw):
            self.problems.append(path.at(draft.at(*at), name))
            return None
        try:
            return self._facts(draft, path, role)
        except OSError as error:
            self.problems.append(unreachable(path, error).at(draft.at(*at), name))
            return None

    def _facts(self, draft: Draft, path: Path, role: Role) -> DatasetFacts | None:
        method = _METHODS.get(draft.method)
        if method is None:
            return None
        row = self.catalog.base(draft.text("spec", "model") or "")
        encoding = row.encoding if row else DEFAULT_ENCODING
        limit = row.example_tokens if row else None
        counted = encoding if self.count_tokens else None
        return self._reading(_Asked(path, method, counted, role == "training", limit)).facts

    def _reading(self, asked: _Asked) -> Reading:
        if asked not in self._readings:
            self._readings[asked] = read_dataset(
                asked.path,
                asked.path.relative_to(self.root).as_posix(),
                asked.method,
                asked.encoding,
                is_training=asked.is_training,
                example_limit=asked.example_limit,
            )
            self.problems += self._readings[asked].problems
        return self._readings[asked]


def _written(draft: Draft, role: Role) -> tuple[tuple[str, ...], str]:
    """Where the path of this role is written, and its dotted name; the shorthand is training."""
    is_short = role == "training" and draft.text("spec", "dataset") is not None
    at = ("spec", "dataset") if is_short else ("spec", "dataset", role)
    return at, ".".join(at)


_SAME = Flaw(
    "PATH206",
    "the bytes of the training file",
    "examples that are not trained on",
    "Hold some examples out into a file of their own, or remove validation.",
)
