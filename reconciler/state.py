"""The nouns that all stages share: what was loaded, what is desired, what was observed.

Frozen data, no behaviour beyond questions about itself. Times are Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.dataset.facts import DatasetFacts
from reconciler.errors import Problem
from reconciler.spec import FineTune, Project

# ---- loaded: disk, as it is ------------------------------------------------------------------


@dataclass(frozen=True)
class Revision:
    """Where the checkout stands: HEAD's commit, and whether the work tree differs from it.

    Outside a Git checkout ``commit`` is empty and ``is_dirty`` is False.
    """

    commit: str = ""
    is_dirty: bool = False


@dataclass(frozen=True)
class LoadedSpec:
    """One valid document, the place it stands at, and the facts of its data."""

    document: FineTune
    file: str
    line: int
    training: DatasetFacts
    validation: DatasetFacts | None = None


@dataclass(frozen=True)
class Loaded:
    """All that was read from disk, without a single problem left.

    Attributes:
        root: absolute path of the project root.
        owner: the Project's name, or the root folder's.
        project: the Project document, its defaults where there is none.
        specs: sorted by name.
        revision: Git's word on the checkout.
        warnings: problems that stop nothing.
    """

    root: str
    owner: str
    project: Project
    specs: tuple[LoadedSpec, ...]
    revision: Revision
    warnings: tuple[Problem, ...] = ()


# ---- desired: what Git says should exist -----------------------------------------------------


@dataclass(frozen=True)
class Training:
    """One training that should have happened, and the specs that use it.

    Two specs with the same run key share one. ``used_by`` holds names, sorted;
    ``hyperparameters`` holds what was written, "auto" included.
    """

    key: str
    used_by: tuple[str, ...]
    model: str
    method: str
    hyperparameters: Mapping[str, int | float | str]
    training: DatasetFacts
    validation: DatasetFacts | None
    suffix: str | None
    seed: int | None

    @property
    def name(self) -> str:
        """The name it goes by: the first of the specs that use it."""
        return self.used_by[0]

    @property
    def datasets(self) -> tuple[DatasetFacts, ...]:
        """Training file, then validation file if there is one."""
        return (self.training,) if self.validation is None else (self.training, self.validation)


@dataclass(frozen=True)
class Desired:
    """All trainings of a revision, by name; ``selected`` names the specs this pass may act on."""

    owner: str
    revision: Revision
    trainings: tuple[Training, ...]
    selected: frozenset[str]

    def is_selected(self, training: Training) -> bool:
        """Whether this pass may act on the training."""
        return not self.selected.isdisjoint(training.used_by)


# ---- observed: what the provider answered at one time ----------------------------------------


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
    JobStatus.QUEUED: frozenset({JobStatus.RUNNING, JobStatus.FAILED, JobStatus.CANCELLED}),
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
    def age_rank(self) -> tuple[int, str]:
        """Orders jobs by creation, the same way for every runner."""
        return (self.created_at, self.id)


@dataclass(frozen=True)
class Checkpoint:
    """A model that a job kept on its way: how it was after a step of the training."""

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


class ClosingKind(StrEnum):
    """How a claim ended."""

    CREATED = "created"  # a job answered for it
    REFUSED = "refused"  # the endpoint said no
    NOT_SENT = "not_sent"  # no connection was made
    ABANDONED = "abandoned"  # a person decided that nothing came of it


@dataclass(frozen=True)
class Claim:
    """The right to send one create: (endpoint, key, attempt) is claimed at most once."""

    endpoint: str
    key: str
    attempt: int
    nonce: str
    at: int
    owner: str
    name: str


@dataclass(frozen=True)
class Closing:
    """What became of a claim; written beside it. Of several the latest counts."""

    kind: ClosingKind
    at: int
    job_id: str = ""
    status: int = 0
    code: str = ""
    message: str = ""
    retry_after: float | None = None


@dataclass(frozen=True)
class Right:
    """A ledger record: a claim, and its closing if there is one. Without one it is in doubt."""

    claim: Claim
    closing: Closing | None = None


@dataclass(frozen=True)
class Acknowledgement:
    """A person's word that these jobs, which are one training made twice, are known to them."""

    jobs: tuple[str, ...]
    at: int


@dataclass(frozen=True)
class Observed:
    """All that a pass may know of the provider, taken at one time.

    Attributes:
        endpoint: where.
        taken_at: the server's clock, Unix seconds.
        jobs: those that bear a mark of ours or were named by the ledger, by creation.
        files: uploaded fine-tuning files that bear our owner.
        models: fine-tuned models that answer.
        shutdown: model -> the day the endpoint says it ends (``YYYY-MM-DD``).
        rights: the ledger's records for this endpoint.
        acknowledged: jobs that a person has seen as duplicates.
        latest_unmarked: when the newest job without any mark was created, 0 if none was seen: it
            may be one of ours, made through something that drops marks.
        is_complete: whether every job and file of the endpoint was looked at, so that absence is
            proved and creates are allowed.
    """

    endpoint: Endpoint
    taken_at: int
    jobs: tuple[Job, ...] = ()
    files: tuple[RemoteFile, ...] = ()
    models: frozenset[str] = frozenset()
    shutdown: Mapping[str, str] = field(default_factory=dict)
    rights: tuple[Right, ...] = ()
    acknowledged: frozenset[str] = frozenset()
    latest_unmarked: int = 0
    is_complete: bool = False


# ---- judged: one fact on a resource ----------------------------------------------------------


class Sync(StrEnum):
    """Whether the provider holds what Git says."""

    IN_SYNC = "InSync"
    OUT_OF_SYNC = "OutOfSync"
    DRIFTED = "Drifted"
    UNKNOWN = "Unknown"


class Health(StrEnum):
    """Whether the model can be used, will be, or needs somebody."""

    READY = "Ready"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    FAILED = "Failed"
    HELD = "Held"


@dataclass(frozen=True)
class Condition:
    """Where one training stands: two axes, a word for machines, a sentence for people."""

    sync: Sync
    health: Health
    reason: str
    message: str
    remedy: str = ""
