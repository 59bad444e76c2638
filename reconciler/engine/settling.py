"""What a person decides: a doubt is settled, a freeze is lifted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

from reconciler.catalog import load_catalog
from reconciler.engine.passes import Pass, Request, World, find, look
from reconciler.errors import UsageError
from reconciler.ownership import is_same_file, read_mark
from reconciler.plan import Duplicate, Reason
from reconciler.plan.adoption import contradictions
from reconciler.plan.case import CLOCK_SKEW
from reconciler.providers.protocol import Reader
from reconciler.state import (
    Acknowledgement,
    Claim,
    Closing,
    ClosingKind,
    Job,
    JobStatus,
    RemoteFile,
    Right,
    Training,
)

# ---- a freeze ------------------------------------------------------------------------------------


def unfreeze(request: Request, world: World) -> tuple[Duplicate, ...]:
    """Write down that a person knows of every training that was made twice: creates go on.

    Returns:
        What was acknowledged: exactly the jobs that were seen; another one freezes again.

    Raises:
        UsageError: nothing is frozen.
    """
    seen = look(request, world)
    if not seen.plan.duplicates:
        raise UsageError("nothing is frozen: no training was made twice that nobody knows of")
    with world.connect(seen.loaded.project) as connection:
        ledger, now = world.ledger(seen.loaded), connection.reader.now()
        for duplicate in seen.plan.duplicates:
            known = Acknowledgement(tuple(sorted(duplicate.jobs)), now)
            ledger.acknowledge(connection.endpoint.id, known)
    return seen.plan.duplicates


# ---- a doubt -------------------------------------------------------------------------------------


def settle(request: Request, world: World, name: str, adopt: str | None) -> str:
    """End an attempt in doubt by a person's word: a job is bound to it, or it is abandoned.

    Returns:
        The sentence that says what was written.

    Raises:
        UsageError: nothing is in doubt, or the job can't be the one that was sent.
    """
    seen = look(request, world)
    training, resource = find(seen, name)
    if resource.condition.reason not in (Reason.IN_DOUBT, Reason.JOB_MISSING):
        raise UsageError(f"nothing about {name} is in doubt: {resource.condition.message}")
    with world.connect(seen.loaded.project) as connection:
        ledger, reader = world.ledger(seen.loaded), connection.reader
        rights = ledger.rights(connection.endpoint.id)
        right = _latest(rights, training.key)
        _check_open(right, resource.condition.reason, seen.plan.owner)
        if adopt:
            _check_adopted(Adoption(seen, training, right.claim, rights), reader, adopt)
            closing = Closing(ClosingKind.CREATED, reader.now(), job_id=adopt)
        else:
            closing = _abandoned(seen, right, reader.now())
        ledger.close(right.claim, closing)
    if adopt:
        return f"{name}: attempt {right.claim.attempt} is {adopt}"
    return f"{name}: attempt {right.claim.attempt} is abandoned; the next pass may send another"


def _latest(rights: Collection[Right], key: str) -> Right:
    return max((r for r in rights if r.claim.key == key), key=lambda right: right.claim.attempt)


def _check_open(right: Right, reason: str, owner: str) -> None:
    """What was written since the person looked goes before what they said of it."""
    number, kind = right.claim.attempt, right.closing.kind if right.closing else None
    if right.claim.owner != owner:
        raise UsageError(f"attempt {number} was claimed by {right.claim.owner}: settle it there")
    if kind is not (ClosingKind.CREATED if reason == Reason.JOB_MISSING else None):
        raise UsageError(f"attempt {number} was written down as {kind} meanwhile: look again")


def _abandoned(seen: Pass, right: Right, now: int) -> Closing:
    left = right.claim.at + seen.loaded.project.spec.doubt_window - now
    if right.closing is None and left > 0:
        raise UsageError(f"too early: a runner may still be sending it; try again in {left} s")
    return Closing(ClosingKind.ABANDONED, now)


@dataclass(frozen=True)
class Adoption:
    """What a job is to stand for: a training, and the attempt in doubt among all rights."""

    seen: Pass
    training: Training
    claim: Claim
    rights: tuple[Right, ...]


def _check_adopted(adoption: Adoption, reader: Reader, job_id: str) -> None:
    """A job can stand for a training only if all that it shows of itself is the same."""
    job = reader.job(job_id)
    if job is None:
        raise UsageError(f"the endpoint knows no job {job_id}")
    files = {file.id: file for file in reader.files()}
    reasons = [*_elsewhere(adoption, job), *_contradictions(adoption, job, files)]
    if reasons:
        raise UsageError(f"{job_id} can't be adopted: {'; '.join(reasons)}")


def _elsewhere(adoption: Adoption, job: Job) -> Iterator[str]:
    """Why a job belongs to something else than the attempt."""
    if job.created_at < adoption.claim.at - CLOCK_SKEW:
        yield "it was created before the attempt was claimed"
    for claim, closing in ((right.claim, right.closing) for right in adoption.rights):
        is_named = closing and closing.job_id == job.id
        if is_named and (claim.key, claim.attempt) != (adoption.claim.key, adoption.claim.attempt):
            yield f"it is attempt {claim.attempt} of {claim.name}"


def _contradictions(adoption: Adoption, job: Job, files: Mapping[str, RemoteFile]) -> Iterator[str]:
    seen, training, mark = adoption.seen, adoption.training, read_mark(job)
    if mark and (mark.key, mark.owner) != (training.key, seen.plan.owner):
        yield f"it bears the mark of {mark.owner}/{mark.name}"
    if job.status in (JobStatus.FAILED, JobStatus.CANCELLED):
        yield f"it is {job.status}"
    ids = (job.training_file, job.validation_file)
    for file_id, facts in zip_longest(filter(None, ids), training.datasets):
        file = files.get(file_id or "")
        if not (file and facts and is_same_file(file, seen.plan.owner, facts)):
            yield f"its file {file_id} is not {facts.path if facts else 'asked for'}"
    yield from (told for _, told in contradictions(training, job, load_catalog()))
