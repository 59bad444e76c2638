"""What was loaded from disk, and what of it is desired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from reconciler.dataset.facts import DatasetFacts
from reconciler.errors import Problem
from reconciler.spec import FineTune, Lifecycle, Project

# ---- loaded: disk, as it is ------------------------------------------------------------------


@dataclass(frozen=True)
class Revision:
    """Where the checkout stands: HEAD's commit, and whether the work tree differs from it.

    Outside a Git checkout ``commit`` is empty and ``is_dirty`` is False.
    """

    commit: str = ""
    is_dirty: bool = False


@dataclass(frozen=True)
class LoadedSpec:
    """One valid document, the place it stands at, and the facts of its data.

    ``training`` is None where a spec only binds a job that exists.
    """

    document: FineTune
    file: str
    line: int
    training: DatasetFacts | None
    validation: DatasetFacts | None = None


@dataclass(frozen=True)
class Loaded:
    """All that was read from disk, without a single problem left.

    Attributes:
        root: absolute path of the project root.
        owner: the Project's name, or the root folder's.
        project: the Project document, its defaults where there is none.
        specs: sorted by name.
        revision: Git's word on the checkout.
        warnings: problems that stop nothing.
        has_project: whether there is a Project document, so that the owner was named on purpose.
    """

    root: str
    owner: str
    project: Project
    specs: tuple[LoadedSpec, ...]
    revision: Revision
    warnings: tuple[Problem, ...] = ()
    has_project: bool = False


# ---- desired: what Git says should exist -----------------------------------------------------


LAST: Final = "last"
"""The selector of a finished model, as against one of its checkpoints."""


@dataclass(frozen=True)
class Parent:
    """What a chained training starts from: another training's model, or its checkpoint at a step.

    ``name`` is for people; ``key`` and ``checkpoint`` are what the child's run key contains.
    """

    name: str
    key: str
    checkpoint: int | Literal["last"] = LAST


@dataclass(frozen=True)
class Binding:
    """Git's word that a job is the training of a run key (``spec.adopt``)."""

    job: str
    run_key: str


@dataclass(frozen=True)
class Training:
    """One training that should have happened, and the specs that use it.

    Attributes:
        key: the run key. Specs with the same one share a training.
        used_by: the names of these specs, sorted.
        model: the base; of a chained training the one that its chain starts from.
        hyperparameters: what was written, "auto" included.
        training: None where no data is declared: it can be bound to a job, and never be made.
        parent: what a chained training starts from instead of the base.
        bindings: the jobs that its specs adopt, also those of other run keys.
        lifecycle: what all its specs allow, the most cautious word of each.
        is_suspended: whether every spec that uses it is suspended.
        labels: the keys of the labels that all its specs carry, sorted.
    """

    key: str
    used_by: tuple[str, ...]
    model: str
    method: str
    hyperparameters: Mapping[str, int | float | str]
    training: DatasetFacts | None
    validation: DatasetFacts | None
    suffix: str | None
    seed: int | None
    parent: Parent | None = None
    bindings: tuple[Binding, ...] = ()
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    is_suspended: bool = False
    labels: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name it goes by: the first of the specs that use it."""
        return self.used_by[0]

    @property
    def datasets(self) -> tuple[DatasetFacts, ...]:
        """Training file, then validation file, as far as there are any."""
        return tuple(facts for facts in (self.training, self.validation) if facts)

    @property
    def adopted(self) -> tuple[str, ...]:
        """The jobs that Git says are this very training."""
        return tuple(sorted({b.job for b in self.bindings if b.run_key == self.key}))


@dataclass(frozen=True)
class Desired:
    """All trainings of a revision, by name; ``selected`` names the specs this pass may act on."""

    owner: str
    revision: Revision
    trainings: tuple[Training, ...]
    selected: frozenset[str]

    def is_selected(self, training: Training) -> bool:
        """Whether this pass may act on the training."""
        return not self.selected.isdisjoint(training.used_by)
