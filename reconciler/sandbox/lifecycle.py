"""The states of a fine-tuning job, as a function of its birth and the clock.

    validating_files -> queued -> running -> succeeded
            |              |         |
            +-> failed     |         |        the file can't be trained on
            |              +---------+-> pausing -> paused -> back to where it was paused
            +--------------+---------+-> cancelled            (so do pausing and paused)

Pure: nothing here knows a clock, a store or chance; a job's history follows from its `Course`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Status(StrEnum):
    """The statuses of OpenAI's document, and two that the service has beside them: paused jobs'."""

    VALIDATING_FILES = "validating_files"
    QUEUED = "queued"
    RUNNING = "running"
    PAUSING = "pausing"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: Final[Mapping[Status, frozenset[Status]]] = MappingProxyType(
    {
        Status.VALIDATING_FILES: frozenset({Status.QUEUED, Status.FAILED, Status.CANCELLED}),
        Status.QUEUED: frozenset({Status.RUNNING, Status.PAUSING, Status.CANCELLED}),
        Status.RUNNING: frozenset({Status.SUCCEEDED, Status.PAUSING, Status.CANCELLED}),
        Status.PAUSING: frozenset({Status.PAUSED, Status.CANCELLED}),
        Status.PAUSED: frozenset({Status.QUEUED, Status.RUNNING, Status.CANCELLED}),
        Status.SUCCEEDED: frozenset(),
        Status.FAILED: frozenset(),
        Status.CANCELLED: frozenset(),
    }
)


def is_terminal(status: Status) -> bool:
    """Tell whether a job in this status never changes again."""
    return not TRANSITIONS[status]


def can_become(status: Status, following: Status) -> bool:
    """Tell whether the table lets a job go from one status to the other."""
    return following in TRANSITIONS[status]


VALIDATING_SECONDS: Final = 4.0
VALIDATED_BYTES_A_SECOND: Final = 1_000_000
QUEUED_SECONDS: Final = 6.0
RUNNING_SECONDS: Final = 30.0
PAUSING_SECONDS: Final = 5.0
TRAINED_TOKENS_A_SECOND: Final = 20_000


def validating_seconds(size: int) -> float:
    """Return how long files of so many bytes are checked."""
    return VALIDATING_SECONDS + size / VALIDATED_BYTES_A_SECOND


def running_seconds(trained_tokens: int) -> float:
    """Return how long a training over so many tokens (all epochs) takes."""
    return RUNNING_SECONDS + trained_tokens / TRAINED_TOKENS_A_SECOND


AN_AGE: Final = 3e9
"""Seconds, about a century: how long a phase takes in which a job is stuck."""


@dataclass(frozen=True)
class Pause:
    """A time in which a job is held back: from when it was asked for until somebody resumed it."""

    asked_at: float
    resumed_at: float | None = None

    @property
    def paused_at(self) -> float:
        """The moment from which the job is paused, and may be resumed."""
        return self.asked_at + PAUSING_SECONDS

    def delay(self, moment: float) -> float:
        """Return when happens what was due at a moment: never, while nobody has resumed the job."""
        if moment <= self.asked_at:
            return moment
        return math.inf if self.resumed_at is None else moment + self.resumed_at - self.asked_at


@dataclass(frozen=True)
class Course:
    """All that a job's history depends on.

    Attributes:
        created_at: Simulated seconds.
        size: Bytes of the training and validation files.
        trained_tokens: Tokens of all epochs; None until the files are checked, or if they fail.
        is_valid: Whether the files can be trained on; None while that isn't known.
        cancelled_at: When the job was cancelled, if it was.
        pauses: Each asked for while the job was queued or running, one after the other.
        stuck_in: The status whose phase doesn't end, if there is one; a job paused in it and
            resumed is as stuck as before.
    """

    created_at: float
    size: int
    trained_tokens: int | None = None
    is_valid: bool | None = None
    cancelled_at: float | None = None
    pauses: tuple[Pause, ...] = ()
    stuck_in: Status | None = None

    @property
    def checked_at(self) -> float:
        """The moment from which it must be known whether the files are valid."""
        seconds = validating_seconds(self.size) + self.held_in(Status.VALIDATING_FILES)
        return self.created_at + seconds

    def held_in(self, status: Status) -> float:
        """Return the seconds by which the phase of a status is drawn out."""
        return AN_AGE if status is self.stuck_in else 0.0


@dataclass(frozen=True)
class Phase:
    """A status and the moment the job enters it."""

    status: Status
    since: float


def history(course: Course) -> tuple[Phase, ...]:
    """Return every phase of a job in order, those to come included."""
    phases = (Phase(Status.VALIDATING_FILES, course.created_at), *_after_check(course))
    for pause in course.pauses:
        phases = _held(phases, pause)
    if course.cancelled_at is None:
        return phases
    passed = tuple(phase for phase in phases if phase.since <= course.cancelled_at)
    return (*passed, Phase(Status.CANCELLED, course.cancelled_at))


def _after_check(course: Course) -> tuple[Phase, ...]:
    if course.is_valid is None:
        return ()
    if not course.is_valid:
        return (Phase(Status.FAILED, course.checked_at),)
    started, ended = _training(course)
    return (
        Phase(Status.QUEUED, course.checked_at),
        Phase(Status.RUNNING, started),
        Phase(Status.SUCCEEDED, ended),
    )


def _training(course: Course) -> tuple[float, float]:
    """Return when a job would start and end if nobody ever paused it."""
    started = course.checked_at + QUEUED_SECONDS + course.held_in(Status.QUEUED)
    trained = running_seconds(course.trained_tokens or 0)
    return started, started + trained + course.held_in(Status.RUNNING)


def _held(phases: tuple[Phase, ...], pause: Pause) -> tuple[Phase, ...]:
    """Return the phases with a pause among them, and after it those which it delays."""
    before = tuple(phase for phase in phases if phase.since <= pause.asked_at)
    held = (Phase(Status.PAUSING, pause.asked_at), Phase(Status.PAUSED, pause.paused_at))
    if pause.resumed_at is None:
        return (*before, *held)
    later = (Phase(phase.status, pause.delay(phase.since)) for phase in phases[len(before) :])
    return (*before, *held, Phase(before[-1].status, pause.resumed_at), *later)


def trained_at(course: Course, share: float) -> float:
    """Return when a share (0 to 1) of the training is done: pauses count for nothing."""
    started, ended = _training(course)
    moment = ended if share >= 1 else started + (ended - started) * share
    for pause in course.pauses:
        moment = pause.delay(moment)
    return moment


def status_at(course: Course, moment: float) -> Status:
    """Return the status a job has at a moment of simulated time."""
    entered = [phase.status for phase in history(course) if phase.since <= moment]
    return entered[-1] if entered else Status.VALIDATING_FILES
