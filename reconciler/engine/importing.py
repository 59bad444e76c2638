"""Specs for jobs that exist: each such that a plan right after has nothing to do for it.

The jobs are found, their specs written into a staging folder, judged there by the load stage and by
a plan over the whole project, and only then put in place: all of them or none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from reconciler.catalog import load_catalog
from reconciler.dataset.shapes import METHODS
from reconciler.engine.passes import Request, Scene, World, planned
from reconciler.engine.staging import (
    NOT_THERE,
    Staging,
    in_the_way,
    put_in_place,
    refuse,
    settled,
    spec_file,
    spec_text,
    staging,
    with_data,
)
from reconciler.errors import UsageError
from reconciler.load import load
from reconciler.load.explain import slug
from reconciler.load.paths import existing_folder
from reconciler.ownership import read_mark
from reconciler.plan import Cancel, Plan
from reconciler.plan.recreation import Recreation, recreated
from reconciler.providers.protocol import Reader
from reconciler.resolve import resolve
from reconciler.spec import NAME_PATTERN
from reconciler.state import Desired, Job, JobStatus, Loaded, LoadedSpec, Right, Sync

LONGEST_NAME = 63
SHOWN = 10
"""Candidates that are listed where several jobs fit."""
_PAUSED = "it is paused, and every plan would say so: resume it first, or wait until it has ended"
UNFIT = {
    JobStatus.FAILED: "it failed, so there is no model to import",
    JobStatus.CANCELLED: "it was cancelled, so there is no model to import",
    JobStatus.PAUSING: _PAUSED,
    JobStatus.PAUSED: _PAUSED,
}
"""Why a job of such a status can't be imported, in words."""


@dataclass(frozen=True)
class Wanted:
    """What is to be imported.

    Attributes:
        jobs: ids of jobs, or names of models: whole, up to any of its colons, or a checkpoint's.
        name: what the one spec is to be called; None for a name that is found.
        is_dry: whether nothing is to be written.
    """

    jobs: tuple[str, ...]
    name: str | None = None
    is_dry: bool = False


@dataclass(frozen=True)
class Adopted:
    """A job and the spec that was written for it: its file, relative to the root, and its text."""

    recreation: Recreation
    file: str
    text: str


def adopt(
    request: Request, world: World, wanted: Wanted, tell: Callable[[str], None]
) -> tuple[Adopted, ...]:
    """Write the specs of jobs into the first spec folder, and the data they were trained on.

    Args:
        request: the project.
        world: the outside.
        wanted: which jobs.
        tell: told what is under way, and what a spec could not say.

    Raises:
        UsageError: one of the jobs can't be imported; nothing was written for any.
    """
    loaded = load(
        request.root,
        count_tokens=True,
        cache=world.cache,
        progress=world.examined,
        may_be_empty=True,
    )
    with world.connect(loaded.project) as connection:
        scene = Scene(request, loaded, resolve(loaded), connection, world.ledger(loaded))
        drafts = _drafts(scene, wanted)
        with staging(Path(loaded.root), _spec_folder(loaded)) as stage:
            drafts = [_fetched(draft, stage, connection.reader, tell) for draft in drafts]
            drafts, specs = settled(drafts, stage, world, loaded.owner)
            refuse(_against_place(drafts, specs, stage, scene))
            if not wanted.is_dry:
                for draft in drafts:
                    put_in_place(draft, stage)
            return tuple(_told(draft, stage, tell) for draft in drafts)


def _drafts(scene: Scene, wanted: Wanted) -> list[Recreation]:
    """The specs of all that is wanted, without data."""
    fitting = _fitting(scene.connection.reader, wanted.jobs)
    rights = scene.ledger.rights(scene.connection.endpoint.id)
    refuse(
        reason
        for name, jobs in fitting.items()
        for reason in (_against(jobs[0], scene, rights) if len(jobs) == 1 else _unclear(name, jobs))
    )
    jobs = {job.id: job for (job,) in fitting.values()}
    names = _names(list(jobs.values()), wanted.name, scene.loaded)
    catalog = load_catalog()
    return [recreated(job, name, catalog) for job, name in zip(jobs.values(), names, strict=True)]


def _fetched(
    draft: Recreation, stage: Staging, reader: Reader, tell: Callable[[str], None]
) -> Recreation:
    tell(f"{draft.name}: fetching the data of {draft.job.id}")
    return with_data(draft, stage, reader)


def _told(draft: Recreation, stage: Staging, tell: Callable[[str], None]) -> Adopted:
    """What was written, after a word about what could not be."""
    if draft.without_data:
        tell(f"{draft.name}: without dataset: {draft.without_data}; it can't be trained again")
    if draft.left_out:
        fields = ", ".join(draft.left_out)
        tell(f"{draft.name}: without {fields}: no spec can say what {draft.job.id} shows there")
    return Adopted(draft, stage.shown(spec_file(draft)), spec_text(draft, stage))


def _spec_folder(loaded: Loaded) -> Path:
    """The Project's first folder of specs; it need not be there yet."""
    root, folders = Path(loaded.root), loaded.project.spec.specs
    if not folders:
        raise UsageError("spec.specs of reconciler.yaml names no folder to write specs into")
    found = existing_folder(root, root, folders[0])
    if isinstance(found, Path):
        return found
    if found.rule != NOT_THERE:
        raise UsageError(f"specs can't be written into {folders[0]}: {found.found}")
    return root / folders[0]


# ---- which jobs ----------------------------------------------------------------------------------


def _fitting(reader: Reader, wanted: Iterable[str]) -> Mapping[str, list[Job]]:
    """Each name with the jobs that it fits; one scan finds the jobs of all models."""
    fitting: dict[str, list[Job]] = {name: [] for name in wanted}
    for name, jobs in fitting.items():
        job = None if ":" in name else reader.job(name)
        jobs += [job] if job else []
    models = [name for name, jobs in fitting.items() if not jobs]
    for job in reader.jobs() if models else ():
        for name in models:
            if f"{job.fine_tuned_model or ''}:".startswith(f"{_whole_model(name)}:"):
                fitting[name].append(job)
    return fitting


def _whole_model(name: str) -> str:
    """The model that a checkpoint was made on the way to."""
    return re.sub(r":ckpt-step-\d+$", "", name)


def _unclear(name: str, jobs: Sequence[Job]) -> Iterator[str]:
    if not jobs:
        yield f"{name}: the endpoint shows no job of this id, and none that made such a model"
        return
    lines = [f"{name}: {len(jobs):,} jobs fit; name one by its id:"]
    lines += [f"{job.id}  {job.status}  {_moment(job)}  {job.fine_tuned_model}" for job in jobs]
    more = [f"and {len(jobs) - SHOWN:,} older ones"] if len(jobs) > SHOWN else []
    yield "\n    ".join([*lines[: 1 + SHOWN], *more])


def _moment(job: Job) -> str:
    return datetime.fromtimestamp(job.created_at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


# ---- what stands against it ----------------------------------------------------------------------


def _against(job: Job, scene: Scene, rights: Iterable[Right]) -> Iterator[str]:
    """What the job itself tells."""
    if job.method not in METHODS:
        yield f"{job.id}: a spec can't ask for its method, {job.method}"
    if job.status in UNFIT:
        yield f"{job.id}: {UNFIT[job.status]}"
    for name in _specs_of(job, scene, rights):
        yield f"{job.id}: the spec {name} has it already"


def _specs_of(job: Job, scene: Scene, rights: Iterable[Right]) -> Iterator[str]:
    """The specs that use a job: by Git's word, by its mark, or by the ledger's."""
    owner, mark = scene.loaded.owner, read_mark(job)
    keys = {mark.key} if mark and mark.owner == owner else set()
    keys |= {
        right.claim.key
        for right in rights
        if right.claim.owner == owner and right.closing and right.closing.job_id == job.id
    }
    for training in scene.desired.trainings:
        if training.key in keys or job.id in {binding.job for binding in training.bindings}:
            yield training.name


def _against_place(
    drafts: Sequence[Recreation], specs: Iterable[LoadedSpec], stage: Staging, scene: Scene
) -> list[str]:
    """What stands against the specs where they are to go: files, other specs, the next plan."""
    joined = replace(scene.loaded, specs=(*scene.loaded.specs, *specs))
    desired = resolve(joined, targets=[draft.name for draft in drafts])
    reasons = [reason for draft in drafts for reason in in_the_way(draft, stage)]
    reasons += [reason for draft in drafts for reason in _same_training(draft, desired)]
    if reasons:
        return reasons
    _, plan = planned(replace(scene, loaded=joined, desired=desired))
    return [reason for draft in drafts for reason in _against_plan(draft, plan)]


def _same_training(draft: Recreation, desired: Desired) -> Iterator[str]:
    """A spec has one job: a second one that is the same training would be put in its place."""
    training = next(t for t in desired.trainings if draft.name in t.used_by)
    for other in training.used_by:
        if other != draft.name:
            yield (
                f"{draft.job.id}: the spec {other} asks for the same training; to use this job "
                f"there, write spec.adopt: {{job: {draft.job.id}, run_key: {training.key}}}"
            )


def _against_plan(draft: Recreation, plan: Plan) -> Iterator[str]:
    """What would be left to do, or to say, after the spec was written."""
    resource = next(r for r in plan.resources if draft.name in r.used_by)
    if resource.condition.sync is not Sync.IN_SYNC:
        yield f"{draft.job.id}: no plan would be empty: {resource.condition.message}"
    elif resource.job_id != draft.job.id:
        yield f"{draft.job.id}: {resource.job_id} is the same training, and comes first"
    for action in plan.actions:
        if isinstance(action, Cancel) and draft.name in action.used_by:
            yield f"{draft.job.id}: {action.job_id} runs and is the same training: cancel one"


# ---- what it is called ---------------------------------------------------------------------------


def _names(jobs: Sequence[Job], asked: str | None, loaded: Loaded) -> list[str]:
    """A name for each, that no spec has."""
    taken = {spec.document.metadata.name for spec in loaded.specs}
    if asked is not None:
        return [_checked(asked, jobs, taken)]
    names = []
    for job in jobs:
        names.append(_free(_own_name(job), taken))
        taken.add(names[-1])
    return names


def _checked(name: str, jobs: Sequence[Job], taken: Collection[str]) -> str:
    if len(jobs) > 1:
        raise UsageError("--name is for one job, and there are several: leave it out")
    if not re.fullmatch(NAME_PATTERN, name):
        meant = slug(name) or "another"
        raise UsageError(f"--name {name} is no name of a spec (a-z, 0-9 and -): write {meant}")
    if name in taken:
        raise UsageError(f"a spec is named {name} already: choose another --name")
    return name


def _own_name(job: Job) -> str:
    """What it was called before: by its mark, by its suffix, else by the end of its id."""
    mark = read_mark(job)
    names = (mark.name if mark else "", job.suffix or "", job.id[-8:], "job")
    return next(filter(None, map(slug, names)))


def _free(name: str, taken: Collection[str]) -> str:
    numbered = (f"{name[: LONGEST_NAME - len(end)]}{end}" for end in _ends())
    return next(each for each in numbered if each not in taken)


def _ends() -> Iterator[str]:
    yield ""
    yield from (f"-{number}" for number in count(2))
