"""Runs a plan: one outcome an action, in the plan's order. It decides nothing.

A create is claimed in the ledger, sent once, and what came of it is written beside the claim. An
answer that says neither yes nor no is left in doubt: a later pass looks before anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import assert_never

from reconciler.errors import (
    DatasetChanged,
    LedgerError,
    NotSent,
    ProviderError,
    Refused,
    ReplyLost,
    ScanIncomplete,
)
from reconciler.ledger import Ledger
from reconciler.ownership import metadata_for, read_mark
from reconciler.plan import Action, Cancel, Create, Delete, Plan, Upload, Wait
from reconciler.plan.claims import TRAINING_NOT_AVAILABLE
from reconciler.providers.protocol import JobRequest, Writer
from reconciler.state import Claim, Closing, ClosingKind, Job, Revision

Progress = Callable[[Upload, int], None]

SEND_WITHIN = 60
"""Seconds after a claim in which its create may leave; the doubt window is never that short."""
STOPS: Mapping[int, str] = {
    401: "the endpoint doesn't accept the key",
    403: "the endpoint doesn't let this key train",
    429: "the endpoint asked to slow down",
}
"""Refusals, by their status, that the next create would meet as well."""
DIRTY = "-dirty"
"""Follows the commit in a mark where the work tree held more than it, as in ``git describe``."""


class Result(StrEnum):
    """What became of an action."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"  # sent, and nobody knows what came of it


@dataclass(frozen=True)
class Outcome:
    """One action, what became of it, and the sentence for people."""

    action: Action
    result: Result
    message: str
    job_id: str = ""


@dataclass(frozen=True)
class Effects:
    """The world that apply may touch, each part passed in.

    Attributes:
        root: folder that upload paths are relative to.
        writer, ledger: the provider and the rights to create.
        now: the server's clock, Unix seconds.
        nonce: a fresh unguessable text a claim.
        revision: the checkout, looked at anew.
        progress: told the bytes of an upload as they leave.
        turn: entered for each upload: one runner at a time, as far as anybody can tell.
    """

    root: Path
    writer: Writer
    ledger: Ledger
    now: Callable[[], int]
    nonce: Callable[[], str]
    revision: Callable[[], Revision]
    progress: Progress
    turn: Callable[[], AbstractContextManager[None]] = nullcontext


def apply(plan: Plan, effects: Effects) -> Iterator[Outcome]:
    """Run the plan; yields each outcome as soon as it is known.

    Raises:
        ScanIncomplete: the plan would create something whose absence nobody proved, or delete
            something that a job which nobody saw may need.
    """
    if (plan.creates or plan.deletes) and not plan.is_proved:
        raise ScanIncomplete(
            "not all jobs of the endpoint were looked at; nothing may be created or deleted"
        )
    run = _Run(plan, effects, files={}, broken=set())
    for action in plan.actions:
        yield run.do(action)


@dataclass
class _Run:
    """One run's memory: ids of fresh uploads, files that could not be sent, a stop for creates."""

    plan: Plan
    effects: Effects
    files: dict[str, str]
    broken: set[str]
    stop: str = ""

    def do(self, action: Action) -> Outcome:
        match action:
            case Upload():
                return self._upload(action)
            case Create():
                return self._create(action)
            case Cancel():
                return self._cancel(action)
            case Delete():
                return self._delete(action)
            case Wait():
                return Outcome(action, Result.DONE, "under way", action.job_id)
            case _:
                assert_never(action)

    def _upload(self, action: Upload) -> Outcome:
        path = self.effects.root / action.path
        progress = partial(self.effects.progress, action)
        try:
            with self.effects.turn():
                file = self.effects.writer.upload(path, action.file_name, action.sha256, progress)
        except (ProviderError, DatasetChanged, OSError) as error:
            self.broken.add(action.file_name)
            return Outcome(action, Result.FAILED, str(error))
        self.files[action.file_name] = file.id
        return Outcome(action, Result.DONE, file.id)

    def _cancel(self, action: Cancel) -> Outcome:
        try:
            job = self.effects.writer.cancel(action.job_id)
        except ProviderError as error:
            return Outcome(action, Result.FAILED, str(error), action.job_id)
        return Outcome(action, Result.DONE, f"{job.id} {job.status}", job.id)

    def _delete(self, action: Delete) -> Outcome:
        if self.stop:
            return Outcome(action, Result.SKIPPED, self.stop)
        writer = self.effects.writer
        try:
            match action.what:
                case "model":
                    writer.delete_model(action.id)
                case "file":
                    writer.delete_file(action.id)
                case _:
                    assert_never(action.what)
        except ProviderError as error:
            # What a model was made with goes after it, and never without it.
            self.stop = "what was to go before it could not be deleted"
            return Outcome(action, Result.FAILED, str(error))
        return Outcome(action, Result.DONE, f"{action.id} deleted")

    def _create(self, action: Create) -> Outcome:
        if self.stop:
            return Outcome(action, Result.SKIPPED, self.stop)
        if self.broken.intersection(action.files):
            return Outcome(action, Result.SKIPPED, "its data could not be uploaded")
        if self.effects.revision() != self.plan.revision:
            self.stop = "the checkout changed after the plan was made: plan again"
            return Outcome(action, Result.FAILED, self.stop)
        claim = self._claim(action)
        try:
            is_ours = self.effects.ledger.claim(claim)
        except LedgerError as error:
            self.stop = "the ledger can't be written"
            return Outcome(action, Result.FAILED, f"not created: {error}")
        if not is_ours:
            return Outcome(action, Result.SKIPPED, "another runner has the right to create it")
        return self._send(action, claim)

    def _claim(self, action: Create) -> Claim:
        return Claim(
            endpoint=self.plan.endpoint.id,
            key=action.key,
            attempt=action.attempt,
            nonce=self.effects.nonce(),
            at=self.effects.now(),
            owner=self.plan.owner,
            name=action.training.name,
        )

    def _send(self, action: Create, claim: Claim) -> Outcome:
        if abs(self.effects.now() - claim.at) > SEND_WITHIN:  # asleep between claim and send
            self.stop = "this run was held up, and all may have changed: plan again"
            return self._not_sent(action, claim, "not sent: too long after its claim")
        try:
            job = _ours(self.effects.writer.create(self._request(action, claim)), claim)
        except Refused as refusal:
            return self._refused(action, claim, refusal)
        except NotSent as error:
            self.stop = "the endpoint can't be reached"
            return self._not_sent(action, claim, f"nothing was sent: {error}")
        except ReplyLost as error:
            self.stop = "the endpoint didn't answer the create before it"
            return Outcome(action, Result.UNKNOWN, _in_doubt(error))
        closing = Closing(ClosingKind.CREATED, self.effects.now(), job_id=job.id)
        outcome = Outcome(action, Result.DONE, _created(job, claim), job.id)
        return self._closed(claim, closing, outcome)

    def _request(self, action: Create, claim: Claim) -> JobRequest:
        training = action.training
        named = zip(action.files, action.file_ids, strict=True)
        ids = [file_id or self.files[name] for name, file_id in named]
        revision = self.plan.revision
        commit = revision.commit + (DIRTY if revision.commit and revision.is_dirty else "")
        return JobRequest(
            model=action.base,
            method=training.method,
            hyperparameters=training.hyperparameters,
            training_file=ids[0],
            validation_file=ids[1] if len(ids) > 1 else None,
            suffix=training.suffix,
            seed=training.seed,
            metadata=metadata_for(training, claim, commit, action.estimate.trained_tokens),
            nonce=claim.nonce,
            send_by=claim.at + SEND_WITHIN,
        )

    def _not_sent(self, action: Create, claim: Claim, message: str) -> Outcome:
        closing = Closing(ClosingKind.NOT_SENT, self.effects.now())
        return self._closed(claim, closing, Outcome(action, Result.FAILED, message))

    def _refused(self, action: Create, claim: Claim, refusal: Refused) -> Outcome:
        closing = Closing(
            ClosingKind.REFUSED,
            self.effects.now(),
            status=refusal.status,
            code=refusal.code,
            message=refusal.message,
            retry_after=refusal.retry_after,
        )
        self.stop = _stop_after(refusal)
        return self._closed(claim, closing, Outcome(action, Result.FAILED, str(refusal)))

    def _closed(self, claim: Claim, closing: Closing, outcome: Outcome) -> Outcome:
        """The outcome, once it is written beside the claim; if that fails nothing more is sent."""
        try:
            self.effects.ledger.close(claim, closing)
        except LedgerError as error:
            self.stop = "the ledger can't be written"
            message = f"{outcome.message}. Keep this, for it could not be recorded: {error}"
            return replace(outcome, result=Result.FAILED, message=message)
        return outcome


def _stop_after(refusal: Refused) -> str:
    """Why no create may follow a refusal; empty where it is about this training alone.

    What is said of who asks holds for the next create as well, which would only be held for it.
    """
    if refusal.code == TRAINING_NOT_AVAILABLE:
        return "this endpoint takes no new trainings"
    return STOPS.get(refusal.status, "")


def _ours(job: Job, claim: Claim) -> Job:
    """The job that a create was answered with. Raises ReplyLost if another claim made it."""
    mark = read_mark(job)
    if mark and mark.claim != claim.nonce:
        raise ReplyLost(f"the answer was {job.id}, which another claim made")
    return job


def _created(job: Job, claim: Claim) -> str:
    if read_mark(job):
        return f"{job.id} created"
    return (
        f"{job.id} created; this endpoint keeps no marks, so its identity rests on the ledger: "
        "keep it, and share it between all runners"
    )


def _in_doubt(error: ReplyLost) -> str:
    said = str(error).rstrip(".")
    return (
        f"{said}. The job may exist or not, so nothing is sent again. Run reconcile once more: if "
        "the job exists it is adopted, else the pass says when and how the doubt can be settled"
    )
