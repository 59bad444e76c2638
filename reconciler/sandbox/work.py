"""What is worked out for a job, once and off the request path: files checked, model trained.

A worker thread begins when the job is created; whoever needs the outcome earlier waits for it. It
is stored, and worked out again (to the same figures) if a crash came first.
"""

import csv
import io
import json
import random
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from reconciler.sandbox import examples, lifecycle, training
from reconciler.sandbox.bases import Base, base_named
from reconciler.sandbox.examples import Format, Json, Lesson
from reconciler.sandbox.lifecycle import Course
from reconciler.sandbox.records import FileRecord, JobRecord, OutcomeRecord
from reconciler.sandbox.store import Store
from reconciler.sandbox.training import Example, Settings, Step, Text

CountTokens = Callable[[str, str], int]

LEAST_EXAMPLES: Final = 10
SAMPLED_EXAMPLES: Final = 1_000
AUTO_MULTIPLIER: Final = 2.0
AUTO_BETA: Final = 0.1
_WORD: Final = re.compile(r"\w+|[^\w\s]")
_START: Final = "<start>"
_METHOD_OF: Final = {
    Format.CHAT: "supervised",
    Format.PREFERENCE: "dpo",
    Format.COMPLETIONS: "supervised",
}


class Stopped(Exception):
    """The server is closing; what was under way will be worked out again when it is needed."""


class FileProblem(Exception):
    """A file that a job can't use: the code and the message of the job's error."""

    def __init__(self, code: str, message: str, param: str) -> None:
        super().__init__(message)
        self.error: dict[str, str | None] = {"code": code, "message": message, "param": param}


@dataclass(frozen=True)
class Survey:
    """What one reading of a file found: its size in examples and tokens, and a sample."""

    n_examples: int
    tokens: int
    sample: tuple[Example, ...]


def course_of(job: JobRecord, outcome: OutcomeRecord | None) -> Course:
    """Return what a job's history depends on, as far as it is known."""
    trained = outcome.tokens * outcome.n_epochs if outcome and not outcome.error else None
    is_valid = None if outcome is None else not outcome.error
    stuck_in = lifecycle.Status(job.fate.stuck_in) if job.fate.stuck_in else None
    return Course(
        created_at=job.created_at,
        size=job.size,
        trained_tokens=trained,
        is_valid=is_valid,
        cancelled_at=job.cancelled_at,
        pauses=job.pauses,
        stuck_in=stuck_in,
    )


class Trainer:
    """Works jobs out in the background, each at most once at a time.

    With a `pool` that works at once, nothing goes on in the background.
    """

    def __init__(
        self, store: Store, count_tokens: CountTokens, pool: Executor | None = None
    ) -> None:
        self._store = store
        self._count = count_tokens
        self._pool = pool or ThreadPoolExecutor(max_workers=1, thread_name_prefix="training")
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._under_way: dict[str, Future[OutcomeRecord]] = {}

    def begin(self, job: JobRecord) -> "Future[OutcomeRecord]":
        """Start on a job in the background, unless it is under way."""
        with self._lock:
            future = self._under_way.get(job.id)
            if future is None:
                future = self._under_way[job.id] = self._pool.submit(self._work, job)
            return future

    def outcome(self, job: JobRecord, patience: float) -> OutcomeRecord | None:
        """Return what a job comes to, waiting some seconds if need be; None if that's too short."""
        known = self._store.outcome(job.id)
        if known is not None:
            return known
        future = self.begin(job)
        wait([future], patience)
        return future.result() if future.done() else None

    def close(self) -> None:
        """Stop at the next step, and wait for that."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _work(self, job: JobRecord) -> OutcomeRecord:
        try:
            outcome, steps = self._measure(job)
            results = None
            if outcome.error is None:
                results = self._write_results(job, outcome, steps)
            self._store.save_outcome(job, outcome, json.dumps(steps, allow_nan=False), results)
            return outcome
        finally:
            with self._lock:
                self._under_way.pop(job.id, None)

    def _measure(self, job: JobRecord) -> tuple[OutcomeRecord, list[list[float | None]]]:
        if job.fate.error is not None:
            return OutcomeRecord(asdict(job.fate.error), 0, {}, 0), []
        try:
            trained_on, held_out = self._read_files(job)
        except FileProblem as problem:
            return OutcomeRecord(problem.error, 0, {}, 0), []
        settings = resolve(job, trained_on.n_examples)
        steps = [
            _row(number, step)
            for number, step in enumerate(self._steps(trained_on.sample, held_out, settings), 1)
        ]
        return OutcomeRecord(None, trained_on.tokens, _shown(settings), len(steps)), steps

    def _read_files(self, job: JobRecord) -> tuple[Survey, Sequence[Example]]:
        surveyor = _Surveyor(job, base_named(job.base), self._count, self._closing)
        trained_on = surveyor.read(self._store.path_of(job.training_file), "training_file")
        if trained_on.n_examples < LEAST_EXAMPLES:
            raise FileProblem("invalid_n_examples", _too_few(trained_on), "training_file")
        if job.validation_file is None:
            return trained_on, ()
        path = self._store.path_of(job.validation_file)
        return trained_on, surveyor.read(path, "validation_file").sample

    def _steps(
        self, sample: Sequence[Example], held_out: Sequence[Example], settings: Settings
    ) -> Iterator[Step]:
        for step in training.train(sample, held_out, settings):
            if self._closing.is_set():
                raise Stopped
            yield step

    def _write_results(
        self, job: JobRecord, outcome: OutcomeRecord, steps: Sequence[Sequence[float | None]]
    ) -> FileRecord:
        content = results_csv(steps)
        path = self._store.path_of(job.result_file)
        partial = path.with_name(f".{path.name}.{threading.get_ident()}")
        partial.write_bytes(content)
        partial.replace(path)
        finished = lifecycle.history(course_of(job, outcome))[-1].since
        return FileRecord(
            job.result_file, finished, "fine-tune-results", "step_metrics.csv", len(content)
        )


class _Surveyor:
    """Reads a job's files once."""

    def __init__(
        self, job: JobRecord, base: Base, count: CountTokens, closing: threading.Event
    ) -> None:
        self._job = job
        self._base = base
        self._count = count
        self._closing = closing
        self._roles: dict[str, int] = {}

    def read(self, path: Path, param: str) -> Survey:
        """Check and count every example of a file, and draw the sample to learn from."""
        chance = random.Random(self._job.seed)  # noqa: S311 - the same seed, the same sample
        sample: list[Example] = []
        number = tokens = 0
        for number, example, lessons in self._examples(path, param):
            tokens += min(
                examples.count_example(example, lessons, self._tokens_of), self._base.example_tokens
            )
            place = number - 1 if number <= SAMPLED_EXAMPLES else chance.randrange(number)
            if place < SAMPLED_EXAMPLES:
                sample[place : place + 1] = [to_learn(lessons)]
        return Survey(number, tokens, tuple(sample))

    def _examples(self, path: Path, param: str) -> Iterator[tuple[int, Json, tuple[Lesson, ...]]]:
        for line in examples.read_lines(path):
            if self._closing.is_set():
                raise Stopped
            example = examples.parse(line.raw) or {}
            self._check_format(example, path.name, param)
            try:
                yield line.number, example, examples.lessons_of(example, line.number)
            except examples.ExampleError as error:
                raise _invalid(f"{error}", param) from error

    def _check_format(self, example: Json, file_id: str, param: str) -> None:
        found = examples.format_of(example)
        if found is None:
            return
        method = _METHOD_OF[found]
        if method != self._job.method:
            raise _invalid(
                f"Input file {file_id} is in the {found} format, but the specified fine-tuning job "
                f"is not using '{method}' as the training method "
                f"(provided method={self._job.method}). ",
                param,
            )
        if (found is Format.COMPLETIONS) == self._base.is_chat:
            raise _invalid(
                f"Input file {file_id} is in the {found} format, which model "
                f"{self._base.name} can't be trained with.",
                param,
            )

    def _tokens_of(self, text: str) -> int:
        """Count a text; each message has a role, which is counted once."""
        if text not in examples.ROLES:
            return self._count(self._base.encoding, text)
        if text not in self._roles:
            self._roles[text] = self._count(self._base.encoding, text)
        return self._roles[text]


def _invalid(message: str, param: str) -> FileProblem:
    kind = param.removesuffix("_file")
    return FileProblem(
        f"invalid_{param}",
        f"The job failed due to an invalid {kind} file. Invalid file format. {message}",
        param,
    )


def _too_few(survey: Survey) -> str:
    return (
        f"Training file has {survey.n_examples} example(s), "
        f"but must have at least {LEAST_EXAMPLES} examples"
    )


def to_learn(lessons: Sequence[Lesson]) -> Example:
    """Return the words of one line's lessons."""
    rejected = lessons[0].rejected
    return Example(
        tuple(_text(lesson.context, lesson.answer) for lesson in lessons),
        None if rejected is None else _text(lessons[0].context, rejected),
    )


def _text(context: Sequence[Json], answer: Json) -> Text:
    words = _WORD.findall(examples.text_of(answer))[: training.WORDS_AN_ANSWER]
    prompt = [_START, _START, *_WORD.findall(examples.text_of(context[-1]) if context else "")]
    return Text((*prompt[-2:], *words, training.END))


def auto_epochs(n_examples: int) -> int:
    """Return the epochs of "auto": 3, more for few examples, fewer for very many."""
    if n_examples * 3 < 100:
        return max(3, min(25, 100 // n_examples))
    return 3 if n_examples * 3 <= 25_000 else max(1, 25_000 // n_examples)


def resolve(job: JobRecord, n_examples: int) -> Settings:
    """Return a job's hyperparameters with each "auto" replaced.

    Epochs are OpenAI's documented rule; a batch is 0.2 % of the examples, as its page once said;
    the rest is the sandbox's own choice.
    """
    asked = {key: value for key, value in job.hyperparameters.items() if not isinstance(value, str)}
    return Settings(
        n_epochs=int(asked.get("n_epochs", auto_epochs(n_examples))),
        batch_size=int(asked.get("batch_size", min(256, max(1, n_examples // 500)))),
        learning_rate_multiplier=asked.get("learning_rate_multiplier", AUTO_MULTIPLIER),
        seed=job.seed,
        beta=asked.get("beta", AUTO_BETA) if job.method == "dpo" else None,
    )


def _shown(settings: Settings) -> dict[str, float]:
    shown: dict[str, float] = {
        "n_epochs": settings.n_epochs,
        "batch_size": settings.batch_size,
        "learning_rate_multiplier": settings.learning_rate_multiplier,
    }
    return shown if settings.beta is None else shown | {"beta": settings.beta}


COLUMNS: Final = (
    "step",
    "train_loss",
    "train_mean_token_accuracy",
    "valid_loss",
    "valid_mean_token_accuracy",
)


def _row(number: int, step: Step) -> list[float | None]:
    measured = step.validation
    return [
        number,
        round(step.training.loss, 5),
        round(step.training.accuracy, 5),
        None if measured is None else round(measured.loss, 5),
        None if measured is None else round(measured.accuracy, 5),
    ]


def results_csv(steps: Sequence[Sequence[float | None]]) -> bytes:
    """Return a job's file of results: a row a step, empty where nothing was evaluated."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(steps)
    return text.getvalue().encode()
