"""What `reconcile prune` deletes, and what it keeps and why. Pure; the engine looks twice.

    a model whose job bears our mark        its data, once uploaded
    ------------------------------------    ------------------------------------------------------
    a spec needs its key: never             a spec needs it, by name: never
    superseded by a model that answers,     a job that lives, keeps its model or is needed: never
      and beyond the newest `keep`
    orphan, if on_remove says prune, or     a job without our mark names it: never
      the spec is named                     younger than a day: not yet
    otherwise it stays                      otherwise: failed, if only failures used it; or unused

A model stays whatever its reason if Git adopts its job, if a spec names it as its base, if a job
was trained on it that lives, has its model, or isn't ours, and if HEAD doesn't contain the commit
that it was made from: a checkout that lags behind must not delete what was just made. When nothing
is deleted at all: ``guards``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

from reconciler.errors import UsageError
from reconciler.ownership import Mark, file_name, read_mark
from reconciler.plan.generations import lived_names
from reconciler.plan.guards import guard_doubts, guard_share
from reconciler.plan.model import Delete, Plan
from reconciler.plan.reasons import Reason
from reconciler.state import Desired, History, Job, JobStatus, Observed, RemoteFile

REASONS = (Reason.SUPERSEDED, Reason.ORPHAN, Reason.UNUSED_FILE, Reason.FAILED)
"""All reasons to delete something."""
OLD_ENOUGH = 86_400
"""Seconds after which a file that nothing uses is not just on its way to a job."""


@dataclass(frozen=True)
class Asked:
    """What a run may delete.

    Attributes:
        names: specs whose objects alone it is about, and may go whatever they said; empty for all.
        only: the reasons it goes by.
        keep: earlier models of a spec that stay.
        per_run: objects that it deletes at most.
        max_share: share of all specs that ever had a model beyond which none can be gone.
    """

    names: frozenset[str] = frozenset()
    only: frozenset[Reason] = frozenset(REASONS)
    keep: int = 1
    per_run: int = 20
    max_share: float = 0.5


@dataclass(frozen=True)
class Kept:
    """Objects that stay for one reason: which of ``what``, how many, and of which specs."""

    what: str
    count: int
    names: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Pruning:
    """What a run would do.

    Attributes:
        plan: its deletes: models first, a model before the one that it was trained on.
        kept: what nothing needs, or no spec, and stays all the same.
        more: objects that this run would delete as well, were it not for its limit.
    """

    plan: Plan
    kept: tuple[Kept, ...] = ()
    more: int = 0


@dataclass(frozen=True)
class _Judged:
    """A model that no spec needs, and what is to become of it; ``stays`` is why it isn't deleted.

    ``told``: whether people are told that it stays.
    """

    job: Job
    mark: Mark
    delete: Delete
    stays: str = ""

    @property
    def model(self) -> str:
        return self.delete.id


CHECKPOINT = ":ckpt-step-"
NOT_REPLACED = "nothing has taken their place yet"
FOR_A_REVERT = "so that a revert costs nothing (spec.prune.keep)"
RETAINED = "lifecycle.on_remove said retain, or Git doesn't tell; name them to delete them"
NOT_IN_HEAD = "HEAD doesn't contain the commit that they were made from, as far as Git tells"
TRAINED_ON = "a spec, another model or a job rests on them"
SHARED = "jobs that bear no mark of this owner use them"
TOO_YOUNG = "uploaded in the last 24 hours"


@dataclass(frozen=True)
class _Scene:
    """Everything that is known, with what is asked of it often to hand."""

    desired: Desired
    observed: Observed
    history: History
    asked: Asked

    @cached_property
    def lived(self) -> Mapping[str, str]:
        """Each name of a spec, former ones included -> its run key."""
        return lived_names(self.desired, self.observed.jobs)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.lived)

    @cached_property
    def keys(self) -> frozenset[str]:
        """Run keys that a spec needs: its own, and its parent's."""
        parents = {t.parent.key for t in self.desired.trainings if t.parent}
        return frozenset(parents | {t.key for t in self.desired.trainings})

    @cached_property
    def bound(self) -> frozenset[str]:
        """Jobs that Git adopts, or the ledger names for a key that is needed."""
        adopted = {b.job for t in self.desired.trainings for b in t.bindings}
        rights = self.observed.rights
        named = {r.closing.job_id for r in rights if r.closing and r.claim.key in self.keys}
        return frozenset(adopted | named)

    @cached_property
    def ours(self) -> tuple[tuple[Job, Mark], ...]:
        """The jobs that bear our mark, oldest first."""
        marks = ((job, read_mark(job)) for job in self.observed.jobs)
        ours = [(job, mark) for job, mark in marks if mark and mark.owner == self.desired.owner]
        return tuple(sorted(ours, key=lambda each: each[0].age_rank))

    @cached_property
    def replaced(self) -> frozenset[str]:
        """Run keys with a model that answers, by our mark's, the ledger's or Git's word."""
        told = {job: t.key for t in self.desired.trainings for job in t.adopted}
        for right in self.observed.rights:
            if right.closing and right.closing.job_id:
                told.setdefault(right.closing.job_id, right.claim.key)
        made = {job.id: mark.key for job, mark in self.ours} | told
        there = (job.id for job in self.observed.jobs if self.answers(job))
        return frozenset(made.get(job, "") for job in there)

    def is_needed(self, job: Job, mark: Mark) -> bool:
        return mark.key in self.keys or job.id in self.bound

    def answers(self, job: Job) -> bool:
        return job.fine_tuned_model in self.observed.models


def make_pruning(
    seen: Plan, desired: Desired, observed: Observed, history: History, asked: Asked
) -> Pruning:
    """What may be deleted now, of what was asked for.

    Args:
        seen: the plan of a pass over the same.
        desired: what the specs need.
        observed: what the endpoint holds; every job and file was looked at.
        history: what Git tells of the commits and the specs of our jobs (see ``questions``).
        asked: what the run may delete.

    Raises:
        UsageError: a name is asked for that no job of ours bears.
        Guarded: nothing may be deleted at all.
    """
    scene = _Scene(desired, observed, history, asked)
    _check_names(scene)
    guard_doubts(seen, observed)
    if not asked.names:
        guard_share(seen, observed, scene.names, scene.keys, asked.max_share)
    models = _with_bases_kept(list(_judged(scene)), scene)
    doomed = [each for each in models if not each.stays]
    chosen = doomed[: asked.per_run]
    files = list(_files(scene, {each.model for each in chosen}))
    deletes = [each.delete for each in chosen] + [
        file for file in files if isinstance(file, Delete)
    ]
    actions = tuple(deletes[: asked.per_run])
    return Pruning(
        plan=replace(seen, actions=actions, resources=(), orphans=(), later=()),
        kept=(*_kept_models(models), *_kept_files(files)),
        more=len(doomed) - len(chosen) + len(deletes) - len(actions),
    )


def questions(desired: Desired, observed: Observed) -> tuple[frozenset[str], frozenset[str]]:
    """What has to be asked of Git: commits of our jobs, and names that no spec has any more."""
    scene = _Scene(desired, observed, History(), Asked())
    unneeded = [mark for job, mark in scene.ours if not scene.is_needed(job, mark)]
    commits = frozenset(mark.commit for mark in unneeded if mark.commit)
    return commits, frozenset(mark.name for mark in unneeded) - scene.names


def agreed(first: Pruning, second: Pruning) -> Pruning:
    """The second look's, but for what the first didn't say: that nobody has agreed to."""
    told = {(action.what, action.id, action.reason) for action in first.plan.deletes}
    actions = [a for a in second.plan.deletes if (a.what, a.id, a.reason) in told]
    return replace(second, plan=replace(second.plan, actions=tuple(actions)))


def _check_names(scene: _Scene) -> None:
    known = {mark.name for _, mark in scene.ours}
    if unknown := sorted(scene.asked.names - known):
        there = ", ".join(sorted(known)) or "none at all"
        raise UsageError(f"no job of ours was made for {', '.join(unknown)}; there are: {there}")


# ---- models --------------------------------------------------------------------------------------


def _judged(scene: _Scene) -> Iterator[_Judged]:
    """Every model that no spec needs, newest first: so none goes before what was trained on it."""
    ranks: dict[str, Iterator[int]] = {}
    needed = {job.fine_tuned_model for job, mark in scene.ours if scene.is_needed(job, mark)}
    for job, mark in reversed(scene.ours):
        is_there = job.status is JobStatus.SUCCEEDED and scene.answers(job)
        if is_there and job.fine_tuned_model not in needed:
            needed.add(job.fine_tuned_model)  # each once
            rank = next(ranks.setdefault(scene.lived.get(mark.name, mark.name), count()))
            yield _judge(job, mark, rank, scene)


def _judge(job: Job, mark: Mark, rank: int, scene: _Scene) -> _Judged:
    is_superseded = mark.name in scene.names
    reason = Reason.SUPERSEDED if is_superseded else Reason.ORPHAN
    message = _superseded(mark) if is_superseded else _orphaned(mark, scene)
    model = job.fine_tuned_model or ""
    delete = Delete("model", model, mark.key, (mark.name,), reason, message)
    return _Judged(job, mark, delete, _stays(delete, mark, rank, scene))


def _stays(delete: Delete, mark: Mark, rank: int, scene: _Scene) -> str:
    asked = scene.asked
    if delete.reason is Reason.SUPERSEDED:
        if scene.lived[mark.name] not in scene.replaced:
            return NOT_REPLACED
        if rank < asked.keep:
            return FOR_A_REVERT
    is_willing = mark.name in asked.names or scene.history.on_remove.get(mark.name) == "prune"
    if delete.reason is Reason.ORPHAN and not is_willing:
        return RETAINED
    if delete.reason not in asked.only or (asked.names and mark.name not in asked.names):
        return _NOT_ASKED
    return "" if mark.commit in scene.history.ancestors else NOT_IN_HEAD


_NOT_ASKED = "not asked for"


def _superseded(mark: Mark) -> str:
    return f"{mark.name} has moved on from {mark.key[:12]}"


def _orphaned(mark: Mark, scene: _Scene) -> str:
    if mark.name in scene.asked.names:
        return "no spec has its name any more, and it was named"
    return "no spec has its name any more, and its lifecycle.on_remove said prune"


def _with_bases_kept(models: list[_Judged], scene: _Scene) -> list[_Judged]:
    """The same, but that a model stays while something that stays was trained on it."""
    doomed = {each.model for each in models if not each.stays}
    while bases := set(_bases(doomed, scene)):
        doomed -= bases
    return [
        replace(each, stays=TRAINED_ON) if not each.stays and each.model not in doomed else each
        for each in models
    ]


def _bases(doomed: Collection[str], scene: _Scene) -> Iterator[str]:
    """Those of these models that a job was trained on which isn't one of theirs itself."""
    jobs = (job for job in scene.observed.jobs if _keeps(job, doomed, scene))
    named = (training.model for training in scene.desired.trainings)
    made = {job.fine_tuned_model for job in scene.observed.jobs}
    for name in {*(job.model for job in jobs), *named, *scene.observed.used_elsewhere}:
        yield from (model for model in doomed if _may_rest_on(name, model, made))


def _may_rest_on(name: str, model: str, made: Collection[str | None]) -> bool:
    """Whether a base is a model, or may be a checkpoint of it.

    A checkpoint is MODEL:ckpt-step-NUMBER, or has an id of its own in place of its model's: then it
    may be one of any model with the same base, organisation and suffix.
    """
    whole, is_checkpoint, _ = name.partition(CHECKPOINT)
    if whole == model:
        return True
    is_named_alone = bool(is_checkpoint) and whole not in made
    return is_named_alone and whole.rpartition(":")[0] == model.rpartition(":")[0]


def _keeps(job: Job, doomed: Collection[str], scene: _Scene) -> bool:
    """Whether what a job was made with is to stay, for it lives, stays or is needed itself."""
    if not job.status.is_terminal:
        return True
    mark = read_mark(job)
    is_needed = mark is not None and scene.is_needed(job, mark)
    return is_needed or (scene.answers(job) and job.fine_tuned_model not in doomed)


# ---- files ---------------------------------------------------------------------------------------


def _files(scene: _Scene, doomed: Collection[str]) -> Iterator[Delete | tuple[RemoteFile, str]]:
    """Each file that no spec and no job of ours needs, by age: its delete, or why it stays."""
    owner = scene.desired.owner
    wanted = {file_name(owner, f) for t in scene.desired.trainings for f in t.datasets}
    used = set(_in_use(scene, doomed))
    users = _users(scene)
    for file in sorted(scene.observed.files, key=lambda file: (file.created_at, file.id)):
        if file.name in wanted or file.id in used:
            continue
        if file.id in scene.observed.used_elsewhere:
            yield file, SHARED
        elif scene.observed.taken_at - file.created_at < OLD_ENOUGH:
            yield file, TOO_YOUNG
        elif delete := _file(file, users.get(file.id, []), scene.asked):
            yield delete


def _in_use(scene: _Scene, doomed: Collection[str]) -> Iterator[str]:
    for job in scene.observed.jobs:
        if _keeps(job, doomed, scene):
            yield from _data(job)


def _users(scene: _Scene) -> Mapping[str, list[tuple[Job, Mark]]]:
    users: dict[str, list[tuple[Job, Mark]]] = {}
    for job, mark in scene.ours:
        for file_id in _data(job):
            users.setdefault(file_id, []).append((job, mark))
    return users


def _data(job: Job) -> Iterable[str]:
    return filter(None, (job.training_file, job.validation_file))


def _file(file: RemoteFile, users: list[tuple[Job, Mark]], asked: Asked) -> Delete | None:
    names = tuple(sorted({mark.name for _, mark in users}))
    is_failed = bool(users) and all(_came_to_nothing(job) for job, _ in users)
    reason = Reason.FAILED if is_failed else Reason.UNUSED_FILE
    if reason not in asked.only or (asked.names and asked.names.isdisjoint(names)):
        return None
    key = users[-1][1].key if users else ""
    return Delete("file", file.id, key, names, reason, _why_unused(len(users), is_failed))


def _came_to_nothing(job: Job) -> bool:
    return job.status in (JobStatus.FAILED, JobStatus.CANCELLED)


def _why_unused(users: int, is_failed: bool) -> str:
    if is_failed:
        return "only jobs that failed or were cancelled used it"
    return (
        "no spec needs it, and no model that stays was made with it" if users else "no job uses it"
    )


# ---- what stays ----------------------------------------------------------------------------------


def _kept_models(models: Iterable[_Judged]) -> Iterator[Kept]:
    by_why: dict[str, list[str]] = {}
    for each in models:
        if each.stays and each.stays != _NOT_ASKED:
            by_why.setdefault(each.stays, []).append(each.mark.name)
    for why in (NOT_REPLACED, FOR_A_REVERT, RETAINED, NOT_IN_HEAD, TRAINED_ON):
        if names := by_why.get(why):
            yield Kept("model", len(names), tuple(sorted(set(names))), why)


def _kept_files(files: Iterable[Delete | tuple[RemoteFile, str]]) -> Iterator[Kept]:
    whys = [file[1] for file in files if isinstance(file, tuple)]
    for why in (SHARED, TOO_YOUNG):
        if why in whys:
            yield Kept("file", whys.count(why), (), why)
