"""What the store keeps of files, jobs and outcomes: frozen data, and which page is asked for."""

from dataclasses import dataclass

from reconciler.sandbox.fate import ORDINARY_FILE, ORDINARY_JOB, FileFate, JobFate
from reconciler.sandbox.lifecycle import Pause


@dataclass(frozen=True)
class FileRecord:
    """A file as the API lists it; its bytes are at `Store.path_of(id)`.

    Attributes:
        created_at: Simulated seconds, as all times.
        lifespan: Seconds after that in which the file is there; None if it stays.
    """

    id: str
    created_at: float
    purpose: str
    filename: str
    bytes: int
    lifespan: int | None = None
    fate: FileFate = ORDINARY_FILE


@dataclass(frozen=True)
class JobRecord:
    """What was asked for when a job was created, and the names given to it then."""

    id: str
    created_at: float
    model: str
    base: str
    model_name: str
    training_file: str
    validation_file: str | None
    size: int
    method: str
    hyperparameters: dict[str, float | str]
    suffix: str | None
    seed: int
    metadata: dict[str, str] | None
    integrations: list[object]
    result_file: str
    cancelled_at: float | None = None
    pauses: tuple[Pause, ...] = ()
    fate: JobFate = ORDINARY_JOB


@dataclass(frozen=True)
class OutcomeRecord:
    """What became of a job's files and training.

    Attributes:
        error: `code`, `message` and `param` of what is wrong with the files; None if nothing is.
        tokens: Tokens in the training file, one epoch.
        hyperparameters: The requested ones with each "auto" resolved.
        total_steps: Steps of all epochs.
    """

    error: dict[str, str | None] | None
    tokens: int
    hyperparameters: dict[str, float]
    total_steps: int

    @property
    def n_epochs(self) -> int:
        """Epochs trained."""
        return int(self.hyperparameters["n_epochs"])


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for."""

    after: str | None
    limit: int
    is_ascending: bool = False
