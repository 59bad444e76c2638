"""Specs and data that are being imported: judged in a folder of their own, then put in place.

The folder mirrors the project, so that the load stage says of a spec there what it would say of it
in its place. Nothing is put over anything: a file comes into place by a link, which fails where
there is one already.
"""

from __future__ import annotations

import filecmp
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from reconciler.dataset.rules import RULES
from reconciler.engine.passes import World
from reconciler.errors import InvalidInput, Problem, Severity, UsageError
from reconciler.load import load
from reconciler.load.compose import read_scalar
from reconciler.load.flaw import Flaw
from reconciler.load.paths import regular_file
from reconciler.ownership import read_mark
from reconciler.plan.recreation import Recreation, only_binding
from reconciler.providers.protocol import Reader
from reconciler.resolve import resolve
from reconciler.state import Loaded, LoadedSpec

DATA = "data"
"""The folder of the data, beside the specs."""
SCHEMA = "schemas/finetune.schema.json"
NOT_THERE, SUMMED_UP = "PATH204", "DS100"
"""The rules of a path that leads to nothing, and of problems that aren't told one by one."""


@dataclass(frozen=True)
class Staging:
    """The project at ``target``, and its mirror at ``root`` where files wait to come into it.

    ``folder``: the folder of the specs, relative to both.
    """

    root: Path
    target: Path
    folder: str

    @property
    def waiting(self) -> Path:
        """Where the specs wait."""
        return self.root / self.folder

    @property
    def place(self) -> Path:
        """Where they go."""
        return self.target / self.folder

    def shown(self, name: str) -> str:
        """A file of the folder as people are shown it: relative to the project."""
        return (self.place / name).relative_to(self.target).as_posix()


@contextmanager
def staging(target: Path, folder: Path) -> Iterator[Staging]:
    """A mirror for what shall come into a folder of the project ``target``; removed in the end."""
    with TemporaryDirectory(dir=target, prefix=".reconciler-") as made:
        stage = Staging(Path(made), target, folder.relative_to(target).as_posix())
        (stage.waiting / DATA).mkdir(parents=True)
        yield stage


def refuse(reasons: Iterable[str]) -> None:
    """Stop with a UsageError, all reasons at once, if there are any."""
    if told := list(dict.fromkeys(reasons)):
        raise UsageError("\n  ".join(["nothing was imported:", *told]))


def spec_file(draft: Recreation) -> str:
    """The file of a spec, in the folder of the specs."""
    return f"{draft.name}.yaml"


# ---- data ----------------------------------------------------------------------------------------


def with_data(draft: Recreation, stage: Staging, reader: Reader) -> Recreation:
    """The spec with the files of its job, if the service gives all of them out."""
    files = {"training": draft.job.training_file, "validation": draft.job.validation_file}
    paths = {
        "training": f"{DATA}/{draft.name}.train.jsonl",
        "validation": f"{DATA}/{draft.name}.valid.jsonl",
    }
    dataset = {role: paths[role] for role, file_id in files.items() if file_id is not None}
    for role, path in dataset.items():
        file_id = files[role]
        if not (file_id and reader.download(file_id, stage.waiting / path)):
            return only_binding(draft, f"the endpoint gives out no {role} file of it any more")
    return replace(draft, dataset=dataset)


# ---- judged by the load stage --------------------------------------------------------------------


def settled(
    drafts: list[Recreation], stage: Staging, world: World, owner: str
) -> tuple[list[Recreation], tuple[LoadedSpec, ...]]:
    """The specs, changed until the load stage has nothing against them, each bound to its job.

    Raises:
        UsageError: no change would make a spec valid.
    """
    while True:
        try:
            loaded = _loaded(drafts, stage, world)
        except InvalidInput as error:
            drafts = _all_corrected(drafts, error.problems, stage)
            continue
        keys = {name: t.key for t in resolve(loaded).trainings for name in t.used_by}
        bound = [_bound(draft, keys[draft.name], owner) for draft in drafts]
        if bound == drafts:
            return bound, loaded.specs
        drafts = bound


def _loaded(drafts: Iterable[Recreation], stage: Staging, world: World) -> Loaded:
    for draft in drafts:
        text = spec_text(draft, stage)
        (stage.waiting / spec_file(draft)).write_text(text, encoding="utf-8")
    return load(
        stage.root,
        [stage.waiting],
        count_tokens=True,
        cache=world.cache,
        progress=world.examined,
    )


def _all_corrected(
    drafts: Iterable[Recreation], problems: Collection[Problem], stage: Staging
) -> list[Recreation]:
    stops = [(draft, _stops(draft, problems, stage)) for draft in drafts]
    refuse(
        f"{draft.job.id}: no spec can be written for it: {stop}"
        for draft, found in stops
        for stop in found
        if not draft.dataset
    )
    return [_corrected(draft, found) for draft, found in stops]


def _bound(draft: Recreation, key: str, owner: str) -> Recreation:
    """The spec with spec.adopt, unless the mark of its job says the same."""
    mark = read_mark(draft.job)
    is_marked = mark is not None and (mark.owner, mark.key) == (owner, key)
    return replace(draft, run_key="" if is_marked and draft.dataset else key)


def _corrected(draft: Recreation, stops: Iterable[Problem]) -> Recreation:
    """The spec without what would stop a pass.

    A rule that its data breaks is accepted if it may be: the job took these very bytes. Else the
    data is left out.
    """
    told = [problem for problem in stops if problem.rule != SUMMED_UP]
    rules = {problem.rule for problem in told}
    if all(rule in RULES and not RULES[rule].is_firm for rule in rules):
        return replace(draft, accept=tuple(sorted({*draft.accept, *rules})))
    why = f"its data would stop every pass ({told[0].rule}: {told[0].found})"
    return only_binding(draft, why)


def _stops(draft: Recreation, problems: Iterable[Problem], stage: Staging) -> list[Problem]:
    own = {stage.shown(name) for name in (spec_file(draft), *draft.dataset.values())}
    return [p for p in problems if p.severity is Severity.ERROR and p.file in own]


# ---- written -------------------------------------------------------------------------------------


class _Dumper(yaml.SafeDumper):
    """Writes text so that our own loader, which reads YAML 1.2, reads it as that text."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    is_plain = isinstance(read_scalar(text), str) and text.isprintable()
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _represent_text)


def spec_text(draft: Recreation, stage: Staging) -> str:
    """A spec as YAML, with the comment by which editors find its schema."""
    schema = Path(os.path.relpath(stage.target / SCHEMA, stage.place)).as_posix()
    body = yaml.dump(
        draft.document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000
    )
    return f"# yaml-language-server: $schema={schema}\n{body}"


def in_the_way(draft: Recreation, stage: Staging) -> Iterator[str]:
    """Why the files of a spec can't come into their place: something else is there."""
    if os.path.lexists(stage.place / spec_file(draft)):
        yield f"{stage.shown(spec_file(draft))} exists: choose another name with --name"
    for path in draft.dataset.values():
        there = regular_file(stage.target, stage.place, path)
        if isinstance(there, Flaw):
            if there.rule != NOT_THERE:
                yield f"{stage.shown(path)}: {there.found}"
        elif not filecmp.cmp(there, stage.waiting / path, shallow=False):
            yield f"{stage.shown(path)} exists and holds something else: use --name, or remove it"


def put_in_place(draft: Recreation, stage: Staging) -> None:
    """Data first, the spec last: a spec that is there is whole.

    Raises:
        OSError: the disk doesn't take it, or something came into the way meanwhile.
    """
    for path in draft.dataset.values():
        place = stage.place / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            place.hardlink_to(stage.waiting / path)
    stage.place.mkdir(parents=True, exist_ok=True)
    (stage.place / spec_file(draft)).hardlink_to(stage.waiting / spec_file(draft))
