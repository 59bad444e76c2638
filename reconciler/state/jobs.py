"""What a provider holds: jobs, files, and where it is. Times are Unix seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class JobStatus(StrEnum):
    """A job's status by OpenAI's names, and UNKNOWN for any name that we have never seen."""

    VALIDATING_FILES = "validating_files"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"

    @property
    def is_terminal(self) -> bool:
        """Whether it never changes again. An unknown status counts as alive."""
        return not TRANSITIONS[self]


_ENDS = frozenset({JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED})

TRANSITIONS: Mapping[JobStatus, frozenset[JobStatus]] = {
    JobStatus.VALIDATING_FILES: frozenset(
        {JobStatus.QUEUED, JobStatus.FAILED, JobStatus.CANCELLED}
    ),
    JobStatus.QUEUED: _ENDS - {JobStatus.SUCCEEDED} | {JobStatus.RUNNING, JobStatus.PAUSING},
    JobStatus.RUNNING: _ENDS | {JobStatus.PAUSING},
    JobStatus.PAUSING: frozenset({JobStatus.PAUSED}) | _ENDS,
    JobStatus.PAUSED: frozenset({JobStatus.QUEUED, JobStatus.RUNNING, JobStatus.CANCELLED}),
    JobStatus.SUCCEEDED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.CANCELLED: frozenset(),
    JobStatus.UNKNOWN: frozenset(JobStatus),
}
"""From a status to those that may follow it; none follow a terminal one."""

_NAMES = {
    **{status.value: status for status in JobStatus},
    "pending": JobStatus.QUEUED,  # Azure
    "notRunning": JobStatus.QUEUED,  # Azure
    "canceled": JobStatus.CANCELLED,  # Azure
    "canceling": JobStatus.RUNNING,  # Azure; alive until it is gone
}


def read_status(text: str) -> JobStatus:
    """The status behind a provider's word; never fails."""
    return _NAMES.get(text, JobStatus.UNKNOWN)


@dataclass(frozen=True)
class JobError:
    """Why a job failed, in the service's words."""

    code: str
    message: str
    param: str = ""


@dataclass(frozen=True)
class Job:
    """A fine-tuning job as the provider shows it, read leniently."""

    id: str
    status: JobStatus
    created_at: int
    model: str
    training_file: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    finished_at: int | None = None
    fine_tuned_model: str | None = None
    validation_file: str | None = None
    method: str = "supervised"
    hyperparameters: Mapping[str, int | float | str] = field(default_factory=dict)
    seed: int | None = None
    suffix: str | None = None
    trained_tokens: int | None = None
    error: JobError | None = None
    result_files: tuple[str, ...] = ()

    @property
    def ended_at(self) -> int:
        """When it ended; when it was made where that isn't told, or it lives."""
        return self.finished_at or self.created_at

    @property
    def age_rank(self) -> tuple[int, str]:
        """Orders jobs by creation, the same way for every runner."""
        return (self.created_at, self.id)


@dataclass(frozen=True)
class Checkpoint:
    """A model as it was at a step of its training; it can be used and trained further."""

    step: int
    model: str


@dataclass(frozen=True)
class RemoteFile:
    """An uploaded file. OpenAI keeps no digest of it: name and size are all there is."""

    id: str
    name: str
    bytes: int
    created_at: int
    is_usable: bool = True


@dataclass(frozen=True)
class Endpoint:
    """Where the provider is, by the names that identity and dates hang on.

    Attributes:
        id: what the ledger keys on: the base URL, or ``sandbox:<uuid>`` for an embedded one.
        base_url: where requests go.
        organization, project: sent with every request if not empty.
    """

    id: str
    base_url: str
    organization: str = ""
    project: str = ""

    @property
    def is_embedded(self) -> bool:
        """Whether it is our own sandbox inside this process: nothing there costs money."""
        return self.id.startswith("sandbox:")

    @property
    def label(self) -> str:
        """The endpoint as people are shown it, with what is sent along."""
        if self.is_embedded:
            return "embedded sandbox"
        extras = {"organization": self.organization, "project": self.project}
        return ", ".join([self.base_url, *(f"{k} {v}" for k, v in extras.items() if v)])
