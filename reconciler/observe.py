"""Provider and ledger in -> observed state, taken at one time.

Presence is proved cheaply: one scan filtered by owner shows all that is ours. Absence is proved
only by a complete scan of every job and file, which comes before a create and only then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from reconciler.ledger import Ledger
from reconciler.ownership import is_our_file, read_mark
from reconciler.providers.protocol import Reader
from reconciler.state import ClosingKind, Desired, Endpoint, Job, JobStatus, Observed, Right


def observe(reader: Reader, ledger: Ledger, endpoint: Endpoint, desired: Desired) -> Observed:
    """What is ours at the endpoint: enough for a pass that creates nothing.

    Raises:
        ProviderError: a read failed, or a list may not be whole.
        LedgerError: the ledger can't be read.
    """
    book = ledger.read(endpoint.id)
    jobs = _by_id(reader.jobs(owner=desired.owner))
    jobs |= _by_id(_named(reader, book.rights, jobs))
    listed = reader.models()
    return Observed(
        endpoint=endpoint,
        taken_at=reader.now(),
        jobs=_by_age(jobs.values()),
        models=frozenset(_answering(reader, jobs.values(), listed)),
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
    latest_unmarked = 0
    for job in reader.jobs():
        if job.id in known or _bears(job, keys, desired):
            found[job.id] = job
        if read_mark(job) is None:
            latest_unmarked = max(latest_unmarked, job.created_at)
    jobs = known | found
    models = observed.models | set(_answering(reader, found.values(), {}))
    return replace(
        observed,
        taken_at=began,
        jobs=_by_age(jobs.values()),
        files=tuple(file for file in reader.files() if is_our_file(file, desired.owner)),
        models=frozenset(models),
        latest_unmarked=latest_unmarked,
        is_complete=True,
    )


def _bears(job: Job, keys: set[str], desired: Desired) -> bool:
    mark = read_mark(job)
    return mark is not None and (mark.owner == desired.owner or mark.key in keys)


def _named(reader: Reader, rights: Iterable[Right], known: Mapping[str, Job]) -> Iterator[Job]:
    """The jobs that the ledger names and the scan did not show: this endpoint may drop marks."""
    for right in rights:
        closing = right.closing
        if closing and closing.kind is ClosingKind.CREATED and closing.job_id not in known:
            job = reader.job(closing.job_id)
            if job:
                yield job


def _answering(reader: Reader, jobs: Iterable[Job], listed: Mapping[str, str]) -> Iterator[str]:
    """The models of succeeded jobs that answer; the list may lag, so a missing one is asked for."""
    for job in jobs:
        model = job.fine_tuned_model if job.status is JobStatus.SUCCEEDED else None
        if model and (model in listed or reader.model_answers(model)):
            yield model


def _by_id(jobs: Iterable[Job]) -> dict[str, Job]:
    return {job.id: job for job in jobs}


def _by_age(jobs: Iterable[Job]) -> tuple[Job, ...]:
    return tuple(sorted(jobs, key=lambda job: job.age_rank))
