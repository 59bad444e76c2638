"""One running sandbox: its store, its clock, its trainer, and the questions all resources ask."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from reconciler.sandbox.bases import Base, find_base
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.errors import unknown_job, unknown_model
from reconciler.sandbox.lifecycle import Status
from reconciler.sandbox.limits import OPENAI_LIMITS, Limits
from reconciler.sandbox.progress import Progress, checkpoint_names
from reconciler.sandbox.records import JobRecord
from reconciler.sandbox.store import Store
from reconciler.sandbox.work import Trainer, course_of

CountTokens = Callable[[str, str], int]


@dataclass(frozen=True)
class TunedModel:
    """A fine-tuned model or a checkpoint: its name, and the progress of the job that made it."""

    name: str
    progress: Progress


@dataclass(frozen=True)
class Sandbox:
    """What a request is answered from."""

    store: Store
    clock: Clock
    count_tokens: CountTokens
    trainer: Trainer
    limits: Limits = OPENAI_LIMITS

    def now(self) -> float:
        """Return the simulated time."""
        return self.store.simulated_time(self.clock.wall())

    def close(self) -> None:
        """Stop training and close the store."""
        self.trainer.close()
        self.store.close()

    def job(self, job_id: str) -> JobRecord:
        """Return a job, or refuse with its 404."""
        job = self.store.job(job_id)
        if job is None:
            raise unknown_job(job_id)
        return job

    def progress(self, job: JobRecord, now: float) -> Progress:
        """Return a job at a moment, waiting for its outcome if that is needed by then.

        One that takes too long to be worked out is shown as still being checked.
        """
        return next(self._each_progress([job], now))

    def progress_of(self, jobs: Iterable[JobRecord], now: float) -> list[Progress]:
        """Return several jobs at a moment; the answer waits no longer for all than for one."""
        return list(self._each_progress(jobs, now))

    def _each_progress(self, jobs: Iterable[JobRecord], now: float) -> Iterator[Progress]:
        deadline = time.monotonic() + self.limits.patience
        return (self._progress(job, now, deadline) for job in jobs)

    def _progress(self, job: JobRecord, now: float, deadline: float) -> Progress:
        seen_until = now if job.cancelled_at is None else min(now, job.cancelled_at)
        if seen_until < course_of(job, None).checked_at:
            return Progress(job, None, now)
        patience = max(0.0, deadline - time.monotonic())
        return Progress(job, self.trainer.outcome(job, patience), now)

    def settle(self, now: float) -> None:
        """Wait for the outcome of every job that must have been checked by now."""
        self.progress_of(self.store.unsettled_jobs(), now)

    def tuned_models(self, now: float) -> Iterator[TunedModel]:
        """Yield the fine-tuned models and checkpoints that exist, newest job first."""
        deleted = self.store.deleted_models()
        for progress in self._each_progress(self.store.all_jobs(), now):
            for model in _models_of(progress):
                if model.name not in deleted:
                    yield model

    def tuned_model(self, name: str, now: float) -> TunedModel:
        """Return one fine-tuned model or checkpoint, or refuse with its 404."""
        job = self.store.job_of_model(name.partition(":ckpt-step-")[0])
        if job is not None and name not in self.store.deleted_models():
            for model in _models_of(self.progress(job, now)):
                if model.name == name:
                    return model
        raise unknown_model(name)

    def model(self, name: str, now: float) -> Base | TunedModel:
        """Return a base (by snapshot or alias) or a fine-tuned model, or refuse with its 404."""
        return find_base(name) or self.tuned_model(name, now)


def _models_of(progress: Progress) -> list[TunedModel]:
    if progress.status is not Status.SUCCEEDED:
        return []
    names = [progress.job.model_name, *checkpoint_names(progress)]
    return [TunedModel(name, progress) for name in names]
