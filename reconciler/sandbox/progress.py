"""A job as the API shows it at a moment: the object, its events, its checkpoints.

Real objects differ from OpenAI's document, and the sandbox follows them: a healthy job's `error` is
`{}`, `hyperparameters` is null for dpo, and three fields are not in the document
(`user_provided_suffix`, `usage_metrics`, `shared_with_openai`).
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from reconciler.sandbox.bases import ORGANIZATION_ID
from reconciler.sandbox.lifecycle import (
    Course,
    Phase,
    Status,
    history,
    is_terminal,
    status_at,
    trained_at,
)
from reconciler.sandbox.records import JobRecord, OutcomeRecord
from reconciler.sandbox.work import COLUMNS, course_of

Json = dict[str, object]
Steps = Sequence[Sequence[float | None]]

SHOWN_STEPS: Final = 100
KEPT_CHECKPOINTS: Final = 3


@dataclass(frozen=True)
class Progress:
    """A job at a moment; the outcome is None as long as nobody needs it."""

    job: JobRecord
    outcome: OutcomeRecord | None
    now: float

    @cached_property
    def status(self) -> Status:
        """The status at that moment."""
        return status_at(self._course, self.now)

    @cached_property
    def phases(self) -> tuple[Phase, ...]:
        """Every phase, those to come included."""
        return history(self._course)

    @cached_property
    def _course(self) -> Course:
        return course_of(self.job, self.outcome)

    def since(self, status: Status) -> float | None:
        """Return when the job entered, or will enter, a status; None if it never does."""
        return next((phase.since for phase in self.phases if phase.status is status), None)

    @property
    def steps_an_epoch(self) -> int:
        """Batches in one epoch."""
        if self.outcome is None or self.outcome.error:
            return 1
        return self.outcome.total_steps // self.outcome.n_epochs

    def step_time(self, step: int) -> float:
        """Return when a step is done: they divide the running time evenly."""
        total = self.outcome.total_steps if self.outcome else 1
        return trained_at(self._course, step / total)

    @property
    def trained_at(self) -> float:
        """When the training is done, as things are: never, while the job is paused."""
        return trained_at(self._course, 1)


def job_object(progress: Progress) -> Json:
    """Return the `fine_tuning.job` object."""
    job, outcome, status = progress.job, progress.outcome, progress.status
    has_succeeded = status is Status.SUCCEEDED
    tokens = outcome.tokens * outcome.n_epochs if outcome and has_succeeded else None
    return {
        "object": "fine_tuning.job",
        "id": job.id,
        "model": job.model,
        "created_at": int(job.created_at),
        "finished_at": int(progress.phases[-1].since) if is_terminal(status) else None,
        "fine_tuned_model": job.model_name if has_succeeded else None,
        "organization_id": ORGANIZATION_ID,
        "result_files": [job.result_file] if has_succeeded else [],
        "status": status.value,
        "validation_file": job.validation_file,
        "training_file": job.training_file,
        "trained_tokens": tokens,
        "error": outcome.error if outcome and status is Status.FAILED else {},
        "user_provided_suffix": job.suffix,
        "seed": job.seed,
        "estimated_finish": (int(progress.phases[-1].since) if status is Status.RUNNING else None),
        "integrations": job.integrations,
        "metadata": job.metadata,
        "usage_metrics": None,
        "shared_with_openai": False,
        **_method(progress),
    }


def _method(progress: Progress) -> Json:
    job, outcome = progress.job, progress.outcome
    shown: dict[str, float | str] = dict(job.hyperparameters)
    if outcome and not outcome.error and progress.status in (Status.RUNNING, Status.SUCCEEDED):
        shown |= outcome.hyperparameters
    return {
        "method": {"type": job.method, job.method: {"hyperparameters": shown}},
        "hyperparameters": shown if job.method == "supervised" else None,
    }


def event_objects(progress: Progress, steps: Steps) -> list[Json]:
    """Return the events that have happened, newest first."""
    told = [*_events(progress, steps), *_pauses(progress)]
    events = sorted(
        (event for event in told if event.moment <= progress.now), key=lambda event: event.moment
    )
    if progress.job.cancelled_at is not None:
        events = [event for event in events if event.moment <= progress.job.cancelled_at]
        events.append(_Event(progress.job.cancelled_at, "The job has been cancelled"))
    return [
        _event_object(event, _name(progress.job.id, "ftevent-", number))
        for number, event in reversed(list(enumerate(events)))
    ]


@dataclass(frozen=True)
class _Event:
    moment: float
    message: str
    level: str = "info"
    type: str = "message"
    data: Json | None = None


def _event_object(event: _Event, identity: str) -> Json:
    return {
        "object": "fine_tuning.job.event",
        "id": identity,
        "created_at": int(event.moment),
        "level": event.level,
        "message": event.message,
        "type": event.type,
        "data": event.data or {},
    }


def _events(progress: Progress, steps: Steps) -> Iterator[_Event]:
    job, outcome = progress.job, progress.outcome
    yield _Event(job.created_at, f"Created fine-tuning job: {job.id}")
    checked = f"Validating training file: {job.training_file}"
    if job.validation_file is not None:
        checked += f" and validation file: {job.validation_file}"
    yield _Event(job.created_at, checked)
    if outcome is None:
        return
    moment = course_of(job, outcome).checked_at
    if outcome.error:
        data: Json = {"error_code": outcome.error["code"], "error_param": outcome.error["param"]}
        yield _Event(moment, str(outcome.error["message"]), "error", data=data)
        return
    yield _Event(moment, "Files validated, moving job to queued state")
    started = progress.since(Status.RUNNING)
    if started is not None:
        yield _Event(started, "Fine-tuning job started")
        yield from _running(progress, steps)


def _pauses(progress: Progress) -> Iterator[_Event]:
    for pause in progress.job.pauses:
        yield _Event(pause.paused_at, "Fine-tuning job paused")
        if pause.resumed_at is not None:
            yield _Event(pause.resumed_at, "Fine-tuning job resumed")


def _running(progress: Progress, steps: Steps) -> Iterator[_Event]:
    for row in shown_steps(steps, progress.steps_an_epoch):
        number = int(row[0] or 0)
        message = f"Step {number}/{len(steps)}: training loss={row[1]:.2f}"
        if row[3] is not None:
            message += f", validation loss={row[3]:.2f}"
        data: Json = {**measured(row), "total_steps": len(steps)}
        yield _Event(progress.step_time(number), message, type="metrics", data=data)
    ended = progress.step_time(len(steps))
    for row in _kept(progress, steps):
        yield _Event(ended, f"Checkpoint created at step {row[0]}")
    yield _Event(ended, "New fine-tuned model created")
    yield _Event(ended, "The job has successfully completed")


def shown_steps(steps: Steps, an_epoch: int) -> list[Sequence[float | None]]:
    """Return the steps that become events: all, or of many an even choice and the epochs' ends."""
    stride = max(1, -(-len(steps) // SHOWN_STEPS))
    return [
        row
        for number, row in enumerate(steps, 1)
        if number == 1 or number % stride == 0 or number % an_epoch == 0
    ]


def measured(row: Sequence[float | None]) -> Json:
    """Return a step's measurements by name, those that were taken."""
    return {name: value for name, value in zip(COLUMNS, row, strict=True) if value is not None}


def _kept(progress: Progress, steps: Steps) -> Steps:
    an_epoch = progress.steps_an_epoch
    return steps[an_epoch - 1 :: an_epoch][-KEPT_CHECKPOINTS:]


def checkpoint_name(model_name: str, step: float | None) -> str:
    """Return the model name of a checkpoint."""
    return f"{model_name}:ckpt-step-{step}"


def checkpoint_names(progress: Progress) -> list[str]:
    """Return the models of the kept checkpoints of a job that has succeeded, newest first."""
    total = progress.outcome.total_steps if progress.outcome else 0
    ends = range(progress.steps_an_epoch, total + 1, progress.steps_an_epoch)
    return [
        checkpoint_name(progress.job.model_name, step)
        for step in reversed(ends[-KEPT_CHECKPOINTS:])
    ]


def checkpoint_objects(progress: Progress, steps: Steps) -> list[Json]:
    """Return the kept checkpoints, newest first; they are usable once the job has succeeded."""
    if progress.status is not Status.SUCCEEDED:
        return []
    return [
        {
            "object": "fine_tuning.job.checkpoint",
            "id": _name(progress.job.id, "ftckpt_", int(row[0] or 0)),
            "created_at": int(progress.step_time(int(row[0] or 0))),
            "fine_tuned_model_checkpoint": checkpoint_name(progress.job.model_name, row[0]),
            "fine_tuning_job_id": progress.job.id,
            "metrics": measured(row),
            "step_number": row[0],
        }
        for row in reversed(_kept(progress, steps))
    ]


def _name(job_id: str, prefix: str, number: int) -> str:
    """Return the same identifier at each asking: nothing of an event is stored."""
    return prefix + hashlib.sha256(f"{job_id}/{prefix}{number}".encode()).hexdigest()[:24]
