"""Composed values to documents: dispatch on kind, validate, and what only the catalog knows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from pydantic import ValidationError

from reconciler.catalog import BaseModel, Catalog
from reconciler.dataset.shapes import Method
from reconciler.errors import Problem, Severity
from reconciler.load.compose import Broken, Entry, Node, describe, entry_at, locate, plain, text_at
from reconciler.load.explain import explain
from reconciler.load.flaw import Flaw, Place, clip, did_you_mean
from reconciler.spec import API_VERSION, Document, FineTune, Project

PROJECT_FILE = "reconciler.yaml"
OTHER_ENDING = "reconciler.yml"

_KINDS: dict[str, type[Document]] = {"FineTune": FineTune, "Project": Project}
_DEFAULT_METHOD = "supervised"
_HEADER = ("apiVersion", "kind")


@dataclass(frozen=True)
class Draft:
    """One document as it was written, valid or not.

    Attributes:
        file: path relative to the project root, POSIX style.
        folder: the folder that its paths start from.
        root: its values with their places.
        document: the validated document; None while it has problems of its own.
        base: the base that it rests on, as it is written here or where its chain starts.
    """

    file: str
    folder: Path
    root: Node
    document: Document | None
    base: str | None = None

    def entry(self, *path: str | int) -> Entry:
        """The entry at this path, or the deepest above it that is written."""
        return locate(self.root, path)[0]

    def text(self, *path: str | int) -> str | None:
        """The text at exactly this path, whether the document is valid or not."""
        return text_at(self.root, *path)

    @property
    def method(self) -> str:
        """The method as it is written, or the default; empty where neither can be told."""
        entry = entry_at(self.root, "spec", "method")
        return _DEFAULT_METHOD if entry is None else self.text("spec", "method") or ""

    def at(self, *path: str | int) -> Place:
        """Where the value at this path stands, or the deepest above it."""
        return self.entry(*path).value_place(self.file)


def draft(file: str, folder: Path, root: Node) -> tuple[Draft, tuple[Problem, ...]]:
    """The draft of a composed document, with every problem that it has by itself."""
    model, problems = _dispatch(file, root)
    document: Document | None = None
    if model:
        try:
            document = model.model_validate(plain(root))
        except ValidationError as error:
            problems += _translate(error, file, root, model)
    return Draft(file, folder, root, None if problems else document), tuple(problems)


def _translate(
    error: ValidationError, file: str, root: Node, model: type[Document]
) -> list[Problem]:
    details = [
        e
        for e in error.errors(include_url=False, include_input=False)
        if e["loc"][:1] not in _HEADER_PATHS
    ]
    return [problem for e in details if (problem := explain(e, root, model, file)) is not None]


_HEADER_PATHS = tuple((name,) for name in _HEADER)  # the dispatch has its own words for them


def _dispatch(file: str, root: Node) -> tuple[type[Document] | None, list[Problem]]:
    if not isinstance(root.value, dict):
        is_told = isinstance(root.value, Broken)
        return None, [] if is_told else [_not_a_mapping(file, root)]
    version, kind = (text_at(root, name) for name in _HEADER)
    problems: list[Problem] = []
    if version != API_VERSION:
        problems += _header(file, root, "SPEC102", "apiVersion", (API_VERSION,))
    if kind not in _KINDS:
        problems += _header(file, root, "SPEC103", "kind", tuple(_KINDS))
    model = _KINDS.get(kind or "")
    if model and (flaw := _misplaced(file, model)):
        problems.append(flaw.at(locate(root, ("kind",))[0].value_place(file), "kind"))
    return model, problems


def _not_a_mapping(file: str, root: Node) -> Problem:
    expected = "a mapping with apiVersion, kind, metadata and spec"
    remedy = "Write a document, or move the file out of the spec folders."
    flaw = Flaw("SPEC101", f"the document is {describe(root)}", expected, remedy)
    return flaw.at(Place(file, root.line, root.column))


def _header(file: str, root: Node, rule: str, key: str, known: Sequence[str]) -> list[Problem]:
    entry, depth = locate(root, (key,))
    if isinstance(entry.node.value, Broken):
        return []
    found = f"found {describe(entry.node)}" if depth else "missing"
    expected = " or ".join(known)
    text = text_at(root, key) or ""
    remedy = did_you_mean(text, known, f"Write {key}: {known[0]}.")
    return [Flaw(rule, found, expected, remedy).at(entry.value_place(file), key)]


def _misplaced(file: str, model: type[Document]) -> Flaw | None:
    if file == PROJECT_FILE:
        remedy = "Move it into a file of the spec folders."
        other = Flaw("SPEC113", "a FineTune", "one Project document and nothing else", remedy)
        return None if model is Project else other
    remedy = f"Move it into {PROJECT_FILE} at the root."
    return Flaw("SPEC112", "a Project", "FineTune documents", remedy) if model is Project else None


def second_project(extra: Draft) -> Problem:
    """The problem of a further document in the Project's file."""
    expected = "one Project document and nothing else"
    remedy = "Remove it; a project per environment lives in a folder of its own."
    flaw = Flaw("SPEC113", "a second Project", expected, remedy)
    return flaw.at(Place(extra.file, extra.root.line, extra.root.column))


def other_ending() -> Problem:
    """The problem of a Project's file that nothing would read: its budget would be ignored."""
    remedy = f"Rename it to {PROJECT_FILE}."
    return Flaw("SPEC112", f"found {OTHER_ENDING}", PROJECT_FILE, remedy).at(Place(OTHER_ENDING))


def no_project() -> Problem:
    """The problem of a Project's file without any document."""
    remedy = "Write the Project there, or remove the file."
    return Flaw("SPEC113", "no document", "one Project document", remedy).at(Place(PROJECT_FILE))


# ---- what a document alone can't tell --------------------------------------------------------


def repeated_names(drafts: Sequence[Draft]) -> Iterator[Problem]:
    """A problem at every name that an earlier document has."""
    first: dict[str, Place] = {}
    for item in drafts:
        name = item.text("metadata", "name")
        if name is None:
            continue
        place = item.at("metadata", "name")
        if name not in first:
            first[name] = place
            continue
        found = f'"{clip(name)}" again; it names the document at {_short(first[name])} already'
        remedy = "Choose another name; a rename trains nothing."
        yield Flaw("SPEC108", found, "a name used once", remedy).at(place, "metadata.name")


def _short(place: Place) -> str:
    return f"{place.file}:{place.line}"


def base_problems(item: Draft, catalog: Catalog) -> Iterator[Problem]:
    """What the catalog has against the base model, or the method it is trained by."""
    if item.base and (row := catalog.base(item.base)):
        yield from _method_problems(item, row)
    model = item.text("spec", "model")
    if not model:  # a chain: what its base is like is told where that stands
        return
    if snapshot := catalog.snapshot_of(model):
        yield _alias(model, snapshot).at(item.at("spec", "model"), "spec.model")
    elif meant := _meant(model, catalog):
        yield _typo(model, meant).at(item.at("spec", "model"), "spec.model")


def _method_problems(item: Draft, row: BaseModel) -> Iterator[Problem]:
    # Any other word than a method's is a problem of its own.
    if item.method in get_args(Method) and item.method not in row.methods:
        taken = " or ".join(row.methods)
        writable = [method for method in row.methods if method in get_args(Method)]
        way = f"Write method: {writable[0]}, or choose" if writable else "Choose"
        remedy = f"{way} another base."
        flaw = Flaw("SPEC110", f"found {item.method}", f"{taken}, which {row.id} takes", remedy)
        yield flaw.at(item.at("spec", "method"), "spec.method")


def _alias(model: str, snapshot: str) -> Flaw:
    found = f'found "{model}", an alias that may be re-pointed'
    return Flaw("SPEC109", found, "a snapshot", f"Write model: {snapshot}.")


def _typo(model: str, meant: str) -> Flaw:
    found = f'found "{clip(model)}", which the catalog does not know'
    remedy = f'Did you mean "{meant}"? Else ignore this: an endpoint may have bases of its own.'
    return Flaw("SPEC111", found, "a base that the endpoint has", remedy, Severity.WARNING)


def _meant(model: str, catalog: Catalog) -> str | None:
    """The snapshot whose name, or alias, is a slip of the finger away; None for a known base."""
    if catalog.base(model) or model.startswith("ft:"):
        return None
    from rapidfuzz.distance import OSA  # only for bases that the catalog doesn't know

    slips = min(2, len(model) // 8)  # short names differ by one character and mean another model
    for row in catalog.models:
        for name in (row.id, *row.aliases):
            if OSA.distance(model.lower(), name, score_cutoff=slips) <= slips:
                return row.id
    return None
