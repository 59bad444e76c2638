"""What people see: the result on stdout, everything else on stderr.

On a terminal long work is drawn as progress bars; elsewhere it is told in sparse lines.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from reconciler.apply import Outcome
    from reconciler.plan import Plan, Upload
    from reconciler.providers.protocol import Event
    from reconciler.state import Job

MARKER_COLOURS = {"+": "green", "-": "yellow", "!": "red", "^": "cyan", "=": None}
LARGE_UPLOAD = 1_000_000
"""Bytes from which an upload has a bar of its own."""
LARGE_DATASET = 20_000_000
"""Bytes from which the check of a dataset has a bar: below it takes about a second."""
LARGE_QUIETLY = 100_000_000
"""Bytes from which such work is told where there is no terminal."""
SPARSE_STEP = 0.25
"""Off a terminal long work is told each time this much more of it is done."""


def has_terminal() -> bool:
    """Whether somebody can be asked: a terminal to read from and to show on, and no CI."""
    return sys.stdin.isatty() and sys.stderr.isatty() and not os.environ.get("CI")


def result(text: str) -> None:
    """Write a command's result to stdout."""
    typer.echo(text.rstrip("\n"))


def tell(text: str) -> None:
    """Write a line about what is going on to stderr."""
    typer.echo(text, err=True)


def warn(text: str) -> None:
    """Write what somebody should know before money is spent to stderr."""
    tell(f"warning: {text}")


def coloured(text: str) -> str:
    """A report, its lines coloured by marker where stdout is a terminal; NO_COLOR is obeyed."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return "\n".join(map(_coloured_line, text.split("\n")))


def _coloured_line(line: str) -> str:
    marker = line.lstrip()[:1]
    colour = MARKER_COLOURS.get(marker)
    return typer.style(line, fg=colour) if colour else line


def ask(plan: Plan, *, with_later: bool = False) -> bool:
    """Ask on the terminal whether the plan that was just shown shall be applied."""
    return confirm(question(plan, with_later=with_later))


def question(plan: Plan, *, with_later: bool) -> str:
    """What a yes is asked for, and what it will cost.

    ``with_later``: whether it is also for the trainings that come once their parent is there.
    """
    from reconciler.cost import dollars, total_usd

    estimates = [c.estimate for c in (*plan.creates, *(plan.later if with_later else ()))]
    is_free = plan.endpoint.is_embedded or not estimates
    is_unpriced = any(estimate.usd is None for estimate in estimates)
    price = "a price that nobody knows" if is_unpriced else f"about {dollars(total_usd(estimates))}"
    return "Apply this plan?" if is_free else f"Apply this plan for {price}?"


def confirm(question: str) -> bool:
    """Ask a question on the terminal; anything but a yes is a no."""
    return typer.confirm(f"\n{question}", default=False, err=True)


# ---- long work -----------------------------------------------------------------------------------


class Screen:
    """Shows uploads and trainings under way: as bars on a terminal, as sparse lines elsewhere.

    Bars are drawn from the first long work on, so that a question before it stays readable; from
    then on lines go above them.
    """

    def __init__(self, *, has_bars: bool) -> None:
        self._has_bars = has_bars
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, str] = {}
        self._trained: dict[str, tuple[int, int, str]] = {}
        self._done: dict[str, int] = {}

    def sent(self, upload: Upload, count: int) -> None:
        """Some bytes of an upload have left."""
        if upload.bytes >= LARGE_UPLOAD:
            names = ", ".join(upload.used_by)
            self._advanced(upload.file_name, f"upload {names}", upload.bytes, count)

    def examined(self, path: str, size: int, count: int) -> None:
        """Some bytes of a dataset were checked."""
        if size >= LARGE_DATASET:
            self._advanced(path, f"check {path}", size, count)

    def told(self, outcome: Outcome) -> None:
        """One line an outcome, as it happens."""
        from reconciler.apply import Result
        from reconciler.report.plain import listed

        marks = {Result.DONE: "done", Result.FAILED: "FAILED", Result.SKIPPED: "skipped"}
        names = listed(outcome.action.used_by)
        mark = marks.get(outcome.result, "IN DOUBT")
        self._line(f"{outcome.action.kind} {names}: {mark}: {outcome.message}")

    def trained(self, job: Job, events: tuple[Event, ...]) -> None:
        """A job was looked at; ``events`` are new."""
        step, total, loss = self._steps(job, events)
        if self._has_bars:
            task = self._task(job.id, _name(job), total or 1)
            done = (total or 1) if job.status.is_terminal else step
            note = f"{_words(job.status)}  {loss}"
            self._drawn().update(task, completed=done, total=total or 1, note=note)
        else:
            self._tell_sparsely(job, step, total, loss)

    def close(self) -> None:
        """Stop drawing; what was drawn stays."""
        if self._bars:
            self._bars.stop()

    def _advanced(self, key: str, name: str, size: int, count: int) -> None:
        """A part of something large is done: its bar moves, or each quarter is told."""
        if self._has_bars:
            self._drawn().advance(self._task(key, name, size), count)
            return
        before = self._done.get(key, 0)
        self._done[key] = before + count
        quarter = int(self._done[key] / size / SPARSE_STEP)
        if size >= LARGE_QUIETLY and quarter > int(before / size / SPARSE_STEP):
            self._line(f"{name}: {min(quarter * SPARSE_STEP, 1):.0%}")

    def _steps(self, job: Job, events: tuple[Event, ...]) -> tuple[int, int, str]:
        measured = [event.data for event in events if event.type == "metrics"]
        if measured:
            last = measured[-1]
            step, total = _whole(last.get("step")), _whole(last.get("total_steps"))
            self._trained[job.id] = (step, total, _loss(measured))
        return self._trained.get(job.id, (0, 0, ""))

    def _tell_sparsely(self, job: Job, step: int, total: int, loss: str) -> None:
        quarter = int(step / total / SPARSE_STEP) if total else 0
        now = f"{job.status} {quarter}"
        if self._told.get(job.id) != now:
            self._told[job.id] = now
            steps = f", step {step}/{total}, {loss}" if total else ""
            self._line(f"{_name(job)}: {_words(job.status)}{steps}")

    def _line(self, text: str) -> None:
        if self._bars:
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            tell(text)

    def _task(self, key: str, name: str, total: int) -> TaskID:
        if key not in self._tasks:
            self._tasks[key] = self._drawn().add_task(name, total=total, note="")
        return self._tasks[key]

    def _drawn(self) -> Progress:
        if self._bars is None:
            self._bars = _bars()
            self._bars.start()
        return self._bars


@contextmanager
def screen() -> Iterator[Screen]:
    """A Screen: bars where stderr is a terminal, lines elsewhere."""
    screen = Screen(has_bars=sys.stderr.isatty())
    try:
        yield screen
    finally:
        screen.close()


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}", markup=False),
        console=Console(stderr=True),
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _name(job: Job) -> str:
    from reconciler.ownership import read_mark

    mark = read_mark(job)
    return mark.name if mark and mark.name else job.id


def _loss(measured: list[Mapping[str, object]]) -> str:
    """The mean loss of the new steps: that of a single one jumps about."""
    losses = [data.get("train_loss") for data in measured]
    told = [loss for loss in losses if isinstance(loss, int | float)]
    return f"loss {sum(told) / len(told):.3f}" if told else ""


def _words(status: str) -> str:
    return status.replace("_", " ")


def _whole(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
