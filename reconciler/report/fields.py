"""The fields of a training as labelled rows, what changed among them marked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.cost import Estimate
from reconciler.diff import Difference, FieldChange
from reconciler.ownership import read_mark
from reconciler.plan import Create
from reconciler.report.plain import number, plain
from reconciler.report.words import FORCES, arithmetic, data, epochs, price, sides
from reconciler.state import LAST, Job, Training


@dataclass(frozen=True)
class Row:
    """A label, its value, and a note on it; ``path`` is the field that it shows, if it is one."""

    label: str
    value: str
    note: str = ""
    path: str = ""


def training_rows(training: Training, expected: Estimate | None = None) -> list[Row]:
    """What a training is made by, in the order of a spec. ``expected`` words an "auto" epoch."""
    written = {
        **training.hyperparameters,
        "n_epochs": epochs(training.hyperparameters.get("n_epochs"), expected),
    }
    return [
        Row("model", _source(training), path="model"),
        Row("method", training.method, path="method"),
        *(
            Row(role, data(facts), path=f"dataset.{role}")
            for role, facts in zip(("training", "validation"), training.datasets, strict=False)
        ),
        *(Row(n, plain(str(written[n])), path=f"hyperparameters.{n}") for n in sorted(written)),
        *([Row("suffix", plain(training.suffix), path="suffix")] if training.suffix else []),
        *([Row("seed", str(training.seed), path="seed")] if training.seed is not None else []),
    ]


def _source(training: Training) -> str:
    """The base; of a chain what it starts from, and the base behind that."""
    parent = training.parent
    if parent is None:
        return plain(training.model)
    step = "" if parent.checkpoint == LAST else f" at step {parent.checkpoint}"
    return f"from {plain(parent.name)}{step} ({plain(training.model)})"


def job_rows(job: Job) -> list[Row]:
    """Where a model came from: commit, attempt, times (UTC), and what was billed."""
    mark = read_mark(job)
    told = {
        "job status": job.status.replace("_", " "),
        "commit": mark.commit if mark else "",
        "attempt": str(mark.attempt) if mark else "",
        "created": _time(job.created_at),
        "ended": _time(job.finished_at) if job.finished_at else "",
        "billed": f"{number(job.trained_tokens)} tokens" if job.trained_tokens else "",
    }
    return [Row(label, plain(value)) for label, value in told.items() if value]


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def create_rows(create: Create, serves: str = "") -> list[Row]:
    """The rows of a create: fields, each change beside its field, the attempt, the cost.

    ``serves``: the last day of its model, for people; empty if none is known.
    """
    rows = training_rows(create.training, create.estimate)
    attempt = [Row("attempt", str(create.attempt))] if create.attempt > 1 else []
    cost = f"{price(create.estimate)} ({arithmetic(create.estimate)})"
    until = [Row("serves until", serves)] if serves else []
    return [*_with_changes(rows, create.difference), *attempt, *until, Row("cost", cost)]


def _with_changes(rows: list[Row], difference: Difference | None) -> Iterator[Row]:
    """Each changed field as ``before -> after`` in its place; those that have none come last."""
    changes = {change.field: change for change in difference.changes} if difference else {}
    for row in rows:
        yield from _changed(row, changes.get(row.path))
    shown = {row.path for row in rows}
    for field, change in changes.items():
        if field not in shown:
            yield Row(field.removeprefix("hyperparameters."), _arrow(change), FORCES, field)


def _changed(row: Row, change: FieldChange | None) -> Iterator[Row]:
    """A row with its change; a dataset's stands on a line of its own, as digests."""
    if change is None:
        yield row
    elif row.path.startswith("dataset."):
        yield row
        yield Row("", _arrow(change), FORCES, row.path)
        if change.note:
            yield Row("", change.note, path=row.path)
    else:
        yield Row(row.label, _arrow(change, row.value), FORCES, row.path)


def _arrow(change: FieldChange, after: str = "") -> str:
    """``before -> after``; ``after`` may say it in more words, as "auto (3 expected)" does."""
    before, told = sides(change)
    return f"{before} -> {after or told}"
