"""The stage itself: from the project root to ``Loaded``, or to every problem at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from reconciler.catalog import load_catalog
from reconciler.dataset.cache import FactsCache
from reconciler.errors import InvalidInput, Problem, Severity
from reconciler.load.chains import chain_problems, with_bases
from reconciler.load.compose import compose, entry_at
from reconciler.load.datasets import DatasetReader, Progress
from reconciler.load.documents import (
    OTHER_ENDING,
    PROJECT_FILE,
    Draft,
    base_problems,
    draft,
    no_project,
    other_ending,
    repeated_names,
    second_project,
)
from reconciler.load.explain import slug
from reconciler.load.files import given_paths, read_file, spec_files
from reconciler.load.flaw import Flaw, Place, printable
from reconciler.load.paths import existing_folder, name_flaw
from reconciler.load.revision import read_revision
from reconciler.spec import API_VERSION, FineTune, Metadata, Project
from reconciler.state import Loaded, LoadedSpec, Revision

_DEFAULT_FOLDER = "specs"


def load(  # noqa: PLR0913  # the disk, and all that a caller may bring to it
    root: Path,
    folders: Sequence[Path] | None = None,
    *,
    count_tokens: bool,
    cache: FactsCache | None = None,
    progress: Progress = lambda _path, _size, _examined: None,
    may_be_empty: bool = False,
    revision: Callable[[], Revision] | None = None,
) -> Loaded:
    """Everything that a pass needs from disk.

    Args:
        root: the project root, see ``find_root``.
        folders: files or folders of the command line, instead of the Project's ``specs``.
        count_tokens: whether datasets are tokenised; else their facts have no tokens.
        cache: where facts of datasets are kept between runs; None reads every file anew.
        progress: told how far datasets were examined.
        may_be_empty: whether a project without a single spec is no problem.
        revision: the checkout's; without it Git is asked.

    Raises:
        InvalidInput: every problem of every file, sorted, the warnings among them.
        SettingsError: tokens shall be counted, and a vocabulary is not installed.
    """
    root = root.resolve()
    # Git is asked before the files are read. The engine asks again before it sends anything, so
    # that the two answers enclose the reading.
    checkout = revision() if revision else read_revision(root)
    stage = _Stage(root)
    project, places = stage.project(folders or ())
    reader = DatasetReader(root, load_catalog(), count_tokens, cache, progress)
    specs = stage.specs(stage.drafts(places), reader)
    found = tuple(sorted(set(stage.problems)))
    if any(problem.severity is Severity.ERROR for problem in found):
        raise InvalidInput(found)
    if not (specs or may_be_empty):
        raise InvalidInput((_nothing(root, places),))
    owner = project.metadata.name
    return Loaded(str(root), owner, project, specs, checkout, found, stage.has_project)


def load_project(root: Path) -> tuple[Project, bool]:
    """The Project alone, its defaults where there is none, and whether one is written.

    Raises:
        InvalidInput: ``reconciler.yaml`` has problems: nobody knows which endpoint is meant.
    """
    root = root.resolve()
    stage = _Stage(root)
    project = stage.project_alone()
    if any(problem.severity is Severity.ERROR for problem in stage.problems):
        raise InvalidInput(tuple(sorted(stage.problems)))
    return project or _default_project(root), project is not None


class _Stage:
    """The steps of the stage over one root; what is wrong is collected on the way."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.problems: list[Problem] = []
        self.has_project = False

    def project(self, given: Sequence[Path]) -> tuple[Project, list[Path]]:
        """The Project, defaults where there is none, and the places where specs are looked for."""
        drafts = self._project_drafts()
        written = _written(drafts)
        self.has_project = written is not None
        project = written or _default_project(self.root)
        if not given:
            return project, self._declared(drafts[0] if drafts else None)
        paths, problems = given_paths(self.root, given)
        self.problems += problems
        return project, paths

    def project_alone(self) -> Project | None:
        """The Project that is written, whatever its folders of specs are like."""
        return _written(self._project_drafts())

    def drafts(self, places: Sequence[Path]) -> list[Draft]:
        """Every FineTune document of every spec file, valid or not."""
        files, problems = spec_files(self.root, places)
        self.problems += problems
        found = [d for path in files for d in self._read(path) if d.text("kind") == "FineTune"]
        self.problems += chain_problems(found)
        return with_bases(found)

    def specs(self, drafts: Sequence[Draft], reader: DatasetReader) -> tuple[LoadedSpec, ...]:
        """The valid specs by name, after all that is looked at across documents and on disk."""
        self.problems += repeated_names(drafts)
        specs = []
        for item in drafts:
            self.problems += base_problems(item, reader.catalog)
            training, validation = reader.facts(item)
            document = item.document
            if isinstance(document, FineTune) and (training or not document.spec.dataset):
                specs.append(LoadedSpec(document, item.file, item.root.line, training, validation))
        self.problems += reader.problems
        return tuple(sorted(specs, key=lambda spec: spec.document.metadata.name))

    def _project_drafts(self) -> list[Draft]:
        path = self.root / PROJECT_FILE
        if (self.root / OTHER_ENDING).exists():
            self.problems.append(other_ending())
        if not path.exists() and not path.is_symlink():
            return []
        before = len(self.problems)
        drafts = list(self._read(path))
        projects = [d for d in drafts if d.text("kind") == "Project"]
        self.problems += [second_project(d) for d in projects[1:]]
        if not drafts and len(self.problems) == before:
            self.problems.append(no_project())
        return projects

    def _declared(self, project: Draft | None) -> list[Path]:
        """The Project's spec folders, taken from what is written: it may have problems."""
        listed = entry_at(project.root, "spec", "specs") if project else None
        if project is None or listed is None or not isinstance(listed.node.value, tuple):
            default = self.root / _DEFAULT_FOLDER
            return [default] if default.is_dir() else []
        paths = []
        for index in range(len(listed.node.value)):
            text = project.text("spec", "specs", index)
            path = existing_folder(self.root, self.root, text) if text else None
            if isinstance(path, Flaw):
                place = project.at("spec", "specs", index)
                self.problems.append(path.at(place, f"spec.specs.{index}"))
            elif path:
                paths.append(path)
        return paths

    def _read(self, path: Path) -> Iterator[Draft]:
        file = path.relative_to(self.root).as_posix()
        data = name_flaw(file) or read_file(self.root, path)
        if isinstance(data, Flaw):
            self.problems.append(data.at(Place(printable(file))))
            return
        documents, problems = compose(data, file)
        self.problems += problems
        for document in documents:
            item, problems = draft(file, path.parent, document)
            self.problems += problems
            yield item


def _written(drafts: Sequence[Draft]) -> Project | None:
    return next((d.document for d in drafts if isinstance(d.document, Project)), None)


def _default_project(root: Path) -> Project:
    owner = slug(root.name) or "project"
    return Project(apiVersion=API_VERSION, kind="Project", metadata=Metadata(name=owner))


def _nothing(root: Path, places: Sequence[Path]) -> Problem:
    """The problem of a project without a single FineTune."""
    shown = [printable(place.relative_to(root).as_posix()) for place in places]
    remedy = f"Write {_DEFAULT_FOLDER}/NAME.yaml, or name a file or folder of specs with -f."
    flaw = Flaw("SPEC114", "no FineTune document", "at least one", remedy)
    return flaw.at(Place(shown[0] if shown else _DEFAULT_FOLDER))
