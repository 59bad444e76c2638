"""What the stages know of an endpoint: a Reader that changes nothing, a Writer, and a Probe.

Errors are those of ``reconciler.errors``: a read raises ``Unavailable`` or, where a list can't be
trusted to be whole, ``ScanIncomplete``; a write raises ``Refused`` (a definite no), ``NotSent`` (a
definite nothing) or ``ReplyLost`` (nobody knows).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from reconciler.state import Checkpoint, Endpoint, Job, RemoteFile


@dataclass(frozen=True)
class JobRequest:
    """All that a create sends; ``nonce`` goes along as an Idempotency-Key.

    ``send_by``: the server's time after which it may not leave any more; None for any time.
    """

    model: str
    method: str
    hyperparameters: Mapping[str, int | float | str]
    training_file: str
    validation_file: str | None
    suffix: str | None
    seed: int | None
    metadata: Mapping[str, str]
    nonce: str
    send_by: int | None = None

    def body(self) -> dict[str, object]:
        """The request body: the API's names, nothing that was not declared."""
        hyperparameters = dict(self.hyperparameters)
        settings = {"hyperparameters": hyperparameters} if hyperparameters else {}
        optional = {
            "validation_file": self.validation_file,
            "suffix": self.suffix,
            "seed": self.seed,
        }
        return {
            "model": self.model,
            "training_file": self.training_file,
            "method": {"type": self.method, self.method: settings},
            "metadata": dict(self.metadata),
            **{name: value for name, value in optional.items() if value is not None},
        }


@dataclass(frozen=True)
class Event:
    """One line of a job's story; ``data`` holds step, losses and accuracies of a metrics event."""

    id: str
    created_at: int
    level: str
    message: str
    type: str = "message"
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What a model said: text, and the tool calls it asked for as ``name(arguments)``."""

    text: str
    calls: tuple[str, ...] = ()


class Reader(Protocol):
    """Looks; changes nothing."""

    def now(self) -> int:
        """The server's clock as of its latest answer, Unix seconds."""

    def jobs(self, owner: str | None = None) -> Iterator[Job]:
        """Every job, newest first; with ``owner`` those alone that bear its mark."""

    def job(self, job_id: str) -> Job | None:
        """One job; None if there is none of that id."""

    def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """The models that a job has kept on its way, oldest first."""

    def files(self) -> Iterator[RemoteFile]:
        """Every uploaded fine-tuning file."""

    def download(self, file_id: str, path: Path) -> bool:
        """Put the content of an uploaded file at a path, whole, in place of what is there.

        False, and nothing is changed, if the endpoint has it no more or doesn't give it out.

        Raises:
            OSError: the disk doesn't take it.
        """

    def models(self, tuned: Collection[str] = ()) -> Mapping[str, str]:
        """Listed models: name -> the day it ends (``YYYY-MM-DD``), or empty.

        Of fine-tuned models those alone that are asked for, or whose end was announced.
        """

    def model_answers(self, model: str) -> bool:
        """Whether a model exists, listed or not; true unless the service itself says no."""

    def events(self, job_id: str, after: str | None = None) -> tuple[Event, ...]:
        """The events of a job, oldest first; with ``after`` those alone that follow that one."""

    def chat(self, model: str, text: str) -> Answer:
        """A model's answer to one user message."""


class Writer(Protocol):
    """Changes the endpoint."""

    def upload(
        self, path: Path, name: str, sha256: str, progress: Callable[[int], None]
    ) -> RemoteFile:
        """Send a file, of any size that the service takes, and wait until it is usable.

        One of this name and size that is there by now, of whomever, is taken instead.

        Args:
            path, name: the file on disk, and what the service is to call it.
            sha256: the digest it had when it was checked.
            progress: told bytes as they leave, each byte once, however often it is sent. Parts of
                a large file leave at the same time: the calls then come from other threads than
                the caller's, but one after another, and none after this returns.

        Raises:
            DatasetChanged: the bytes on disk no longer have that digest; nothing was stored.
        """

    def create(self, request: JobRequest) -> Job:
        """Send one create, exactly once, without retries."""

    def cancel(self, job_id: str) -> Job:
        """Cancel a live job."""

    def pause(self, job_id: str) -> Job:
        """Hold a live job back; one that is held already is answered as it is."""

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on; one that goes on already is answered as it is."""

    def delete_model(self, model: str) -> None:
        """Delete a fine-tuned model for ever; one that isn't there counts as deleted."""

    def delete_file(self, file_id: str) -> None:
        """Delete an uploaded file for ever; one that isn't there counts as deleted."""


class Probe(Protocol):
    """Finds out what the endpoint can do, and changes nothing there. None: it can't be told.

    Raises ``SettingsError`` for a key that isn't taken, and ``Unavailable`` where nobody answers.
    """

    def honours_filter(self) -> bool | None:
        """Whether the list of jobs can be filtered by metadata; None while there are no jobs."""

    def takes_parts(self) -> bool | None:
        """Whether files can be sent in parts."""

    def shows_checkpoints(self) -> bool | None:
        """Whether the checkpoints of a job are shown; None while there are no jobs."""

    def lists_files(self) -> bool | None:
        """Whether uploaded files are listed."""

    def clock_offset(self) -> float | None:
        """Seconds by which the server's clock is ahead of ours; None until one was told."""


@dataclass(frozen=True)
class Connection:
    """An endpoint that can be talked to: where it is, and the ways of talking."""

    endpoint: Endpoint
    reader: Reader
    writer: Writer
    probe: Probe
