"""A work tree, and what Git would tell of it: plain data, nobody asks Git."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.dataset.cache import FactsCache
from reconciler.load import load
from reconciler.resolve import resolve
from reconciler.state import History, Loaded, Revision, Training
from tests.simulation.scene import Scene, Spec, write_project


@dataclass
class Checkout:
    """The checkout of an owner; one that lags behind gets the same commits later.

    Attributes:
        root: its folder.
        owner: of its Project.
        scene: for the rest of the Project.
        cache: facts of datasets.
        commits: what HEAD contains, oldest first.
        needed: from when on which run keys are needed, oldest first.
    """

    root: Path
    owner: str
    scene: Scene
    cache: FactsCache | None
    commits: list[str] = field(default_factory=list)
    needed: list[tuple[float, frozenset[str]]] = field(default_factory=list)

    def move(self, commit: str, specs: tuple[Spec, ...], moment: float) -> tuple[Training, ...]:
        """Another commit is checked out; the trainings that it asks for."""
        write_project(self.root, self.owner, self.scene, specs)
        self.commits.append(commit)
        loaded = load(self.root, count_tokens=True, cache=self.cache, revision=self.revision)
        trainings = resolve(loaded).trainings
        self.needed.append((moment, frozenset(training.key for training in trainings)))
        return trainings

    def revision(self) -> Revision:
        """HEAD, always clean."""
        return Revision(self.commits[-1])

    def history(self, _loaded: Loaded, commits: frozenset[str], names: frozenset[str]) -> History:
        """Which of these commits HEAD contains; and of the specs that are gone all say the same."""
        return History(commits & set(self.commits), dict.fromkeys(names, self.scene.on_remove))

    def needed_since(self, moment: float) -> frozenset[str]:
        """The keys that were needed at a moment, and at every one since."""
        times = [time for time, _ in self.needed[1:]]
        current = sum(time <= moment for time in times)
        return frozenset.intersection(*(keys for _, keys in self.needed[current:]))
