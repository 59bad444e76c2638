"""Provider and ledger in -> observed state, taken at one time.

Presence is proved cheaply: one scan filtered by owner shows all that is ours. Absence is proved
only by a complete scan of every job and file, which comes before a create and only then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.ledger import Ledger
from reconciler.ownership import is_our_file, read_mark
from reconciler.providers.protocol import Reader
from reconciler.state import (
    LAST,
    Checkpoint,
    ClosingKind,
    Desired,
    Endpoint,
    Job,
    JobStatus,
    Observed,
    Right,
)

LONGEST_LAG = 3600
"""Seconds after which a file that no list shows is gone."""


def observe(reader: Reader, ledger: Ledger, endpoint: Endpoint, desired: Desired) -> Observed:
    """What is ours at the endpoint: enough for a pass that creates nothing.

    Raises:
        ProviderError: a read failed, or a list may not be whole.
        LedgerError: the ledger can't be read.
    """
    book = ledger.read(endpoint.id)
    jobs = _by_id(reader.jobs(owner=desired.owner))
    jobs |= _by_id(_named(reader, _names(book.rights, desired), jobs))
    listed = reader.models({job.fine_tuned_model for job in jobs.values() if job.fine_tuned_model})
    files = tuple(reader.files())
    return Observed(
        endpoint=endpoint,
        taken_at=reader.now(),
        jobs=_by_age(jobs.values()),
        files=tuple(file for file in files if is_our_file(file, desired.owner)),
        missing_files=frozenset(_missing(jobs.values(), {file.id for file in files}, reader.now())),
        models=frozenset(_answering(reader, jobs.values(), listed, desired)),
        checkpoints=dict(_checkpoints(reader, jobs.values(), book.rights, desired)),
        shutdown={model: day for model, day in sorted(listed.items()) if day},
        rights=book.rights,
        acknowledged=book.acknowledged,
    )


def prove_absence(reader: Reader, observed: Observed, desired: Desired) -> Observed:
    """The same, after every job and file was looked at: what isn't there now may be created.

    It is taken at the time when the look began: what is judged by it was over before.

    Raises:
        ScanIncomplete: a list may not be whole; nothing may be created.
    """
    began = reader.now()
    keys = {training.key for training in desired.trainings}
    known = {job.id: job for job in observed.jobs}
    found: dict[str, Job] = {}
    elsewhere: set[str] = set()
    latest_unmarked = 0
    for job in reader.jobs():
        if job.id in known or _bears(job, keys, desired):
            found[job.id] = job
        if not _is_marked(job, desired):
            elsewhere.update(_made_with(job))
        if read_mark(job) is None:
            latest_unmarked = max(latest_unmarked, job.created_at)
    jobs = known | found
    new = (job for job in found.values() if job != known.get(job.id))
    models = observed.models | set(_answering(reader, new, observed.models, desired))
    return replace(
        observed,
        taken_at=began,
        jobs=_by_age(jobs.values()),
        files=tuple(file for file in reader.files() if is_our_file(file, desired.owner)),
        models=frozenset(models),
        latest_unmarked=latest_unmarked,
        used_elsewhere=frozenset(elsewhere),
        is_complete=True,
    )


def _bears(job: Job, keys: set[str], desired: Desired) -> bool:
    mark = read_mark(job)
    return mark is not None and (mark.owner == desired.owner or mark.key in keys)


def _is_marked(job: Job, desired: Desired) -> bool:
    mark = read_mark(job)
    return mark is not None and mark.owner == desired.owner


def _made_with(job: Job) -> Iterator[str]:
    """The files and the model that a job names."""
    yield from filter(None, (job.model, job.training_file, job.validation_file))


def _names(rights: Iterable[Right], desired: Desired) -> Iterator[str]:
    """The jobs that the ledger names, and those that Git does."""
    for right in rights:
        if right.closing and right.closing.kind is ClosingKind.CREATED:
            yield right.closing.job_id
    for training in desired.trainings:
        yield from (binding.job for binding in training.bindings)


def _named(reader: Reader, names: Iterable[str], known: Mapping[str, Job]) -> Iterator[Job]:
    """Those that the scan did not show: this endpoint may drop marks, or they never had one."""
    for name in dict.fromkeys(names):
        job = None if name in known else reader.job(name)
        if job:
            yield job


def _missing(jobs: Iterable[Job], listed: Collection[str], now: int) -> Iterator[str]:
    """The files of jobs that are not listed. A list may lag behind what was sent just now."""
    for job in jobs:
        if now - job.created_at > LONGEST_LAG:
            names = filter(None, (job.training_file, job.validation_file))
            yield from (name for name in names if name not in listed)


def _checkpoints(
    reader: Reader, jobs: Iterable[Job], rights: Iterable[Right], desired: Desired
) -> Iterator[tuple[str, tuple[Checkpoint, ...]]]:
    """The checkpoints of the jobs that a chain starts from at a step."""
    parents = (training.parent for training in desired.trainings)
    keys = {parent.key for parent in parents if parent and parent.checkpoint != LAST}
    for job in _made_for(keys, jobs, rights, desired):
        if job.status is JobStatus.SUCCEEDED:
            yield job.id, reader.checkpoints(job.id)


def _made_for(
    keys: Collection[str], jobs: Iterable[Job], rights: Iterable[Right], desired: Desired
) -> Iterator[Job]:
    """The jobs of these run keys: by their mark, by the ledger's word, or by Git's."""
    ours = (right for right in rights if right.claim.owner == desired.owner)
    named = {right.closing.job_id for right in ours if right.closing and right.claim.key in keys}
    named |= {b.job for t in desired.trainings for b in t.bindings if b.run_key in keys}
    for job in jobs:
        mark = read_mark(job)
        if job.id in named or (mark and mark.key in keys):
            yield job


def _answering(
    reader: Reader, jobs: Iterable[Job], listed: Collection[str], desired: Desired
) -> Iterator[str]:
    """The models of succeeded jobs that answer.

    The list may lag, so a missing one that somebody needs is asked for. Of all others the list is
    believed: each that was ever pruned would cost a request in every pass.
    """
    is_needed = _needed(desired)
    for job in jobs:
        model = job.fine_tuned_model if job.status is JobStatus.SUCCEEDED else None
        if model and (model in listed or (is_needed(job) and reader.model_answers(model))):
            yield model


def _needed(desired: Desired) -> Callable[[Job], bool]:
    """Whether a job may be what a spec, an adoption or a chain asks for; one unmarked may."""
    parents = {t.parent.key for t in desired.trainings if t.parent}
    keys = parents | {t.key for t in desired.trainings}
    bound = {binding.job for t in desired.trainings for binding in t.bindings}

    def is_needed(job: Job) -> bool:
        mark = read_mark(job)
        is_ours = mark is not None and mark.owner == desired.owner
        return not is_ours or job.id in bound or (mark is not None and mark.key in keys)

    return is_needed


def _by_id(jobs: Iterable[Job]) -> dict[str, Job]:
    return {job.id: job for job in jobs}


def _by_age(jobs: Iterable[Job]) -> tuple[Job, ...]:
    return tuple(sorted(jobs, key=lambda job: job.age_rank))
