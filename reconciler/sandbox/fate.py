"""What is to become of a job or a file whatever is in it: decided, and stored, when it is made.

Pure data. The defaults are the ordinary course of things; only a fault plan asks for another.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class JobError:
    """Why a job fails, as its `error` says it."""

    code: str
    message: str
    param: str | None


@dataclass(frozen=True)
class JobFate:
    """The lot of one job; times are simulated seconds.

    Attributes:
        stuck_in: The status that the job never leaves.
        error: Why the job fails when its files are checked.
        cancelled_in: From its creation until it is cancelled, unless it has ended by then.
        deleted_in: From its creation until it is gone.
        model_deleted_in: From its success until its model is gone.
    """

    stuck_in: str | None = None
    error: JobError | None = None
    cancelled_in: float | None = None
    deleted_in: float | None = None
    model_deleted_in: float | None = None

    @property
    def is_acted_on(self) -> bool:
        """Whether something will be done to the job from outside."""
        acts = (self.cancelled_in, self.deleted_in, self.model_deleted_in)
        return any(seconds is not None for seconds in acts)


@dataclass(frozen=True)
class FileFate:
    """The lot of one file: the status that it keeps, and the details shown with that."""

    status: str = "processed"
    details: str | None = None


ORDINARY_JOB: Final = JobFate()
ORDINARY_FILE: Final = FileFate()
