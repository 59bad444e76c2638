"""Simulated time in one thread: every runner is a greenlet, every step may be its last.

A discrete-event loop. Who wakes earliest goes on; a step ends with a latency that chance draws, so
chance decides how runners interleave. The same chance gives the same order of everything.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Final
from unittest.mock import patch

from greenlet import getcurrent, greenlet

LONGEST_LATENCY: Final = 2.0


class Killed(BaseException):
    """A SIGKILL: no code of the runner does anything after it."""


@dataclass
class Process:
    """One life of a runner: between its start and its end or its kill."""

    name: str
    kill_chance: float = 0.0
    is_dead: bool = False


@dataclass
class Schedule:
    """The clock of the world, and who goes on when.

    Attributes:
        chance: the only source of chance.
        now: simulated Unix seconds.
        trace: one line a step: the same seed gives the same lines.
    """

    chance: Random
    now: float
    trace: list[str] = field(default_factory=list)
    after_step: Callable[[], None] = lambda: None
    _queue: list[tuple[float, int, Callable[[], object]]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _hub: greenlet | None = None
    _process: Process | None = None

    def at(self, moment: float, action: Callable[[], object]) -> None:
        """Do something at a moment, outside of any runner."""
        heapq.heappush(self._queue, (moment, next(self._order), action))

    def spawn(self, body: Callable[[], None]) -> None:
        """Start a runner now."""
        self.at(self.now, greenlet(body).switch)

    def run(self, until: float) -> None:
        """Let everything happen up to a moment."""
        self._hub = getcurrent()
        while self._queue and self._queue[0][0] <= until:
            moment, _, action = heapq.heappop(self._queue)
            self.now = max(self.now, moment)
            action()
            self._process = None
            self.after_step()
        self.now = max(self.now, until)

    # ---- inside a runner ---------------------------------------------------------------------

    def live(self, process: Process, body: Callable[[], None]) -> bool:
        """Run a process in this runner; whether it came to its end without being killed."""
        self._process = process
        try:
            body()
        except Killed:
            self.note("killed")
            return False
        finally:
            self._process = None
        return True

    def step(self, label: str) -> None:
        """A moment at which others may go on, and at which the process may die."""
        process = self._process
        if process is None or process.is_dead:
            raise Killed
        self.note(label)
        if self.chance.random() < process.kill_chance:
            process.is_dead = True
            raise Killed
        self.sleep(self.chance.random() ** 4 * LONGEST_LATENCY)

    def sleep(self, seconds: float) -> None:
        """Let time go by for this runner."""
        process = self._process
        if process is not None and process.is_dead:
            raise Killed
        current = getcurrent()
        self.at(self.now + seconds, current.switch)
        assert self._hub is not None
        self._hub.switch()
        self._process = process

    def note(self, text: str) -> None:
        """Write a line of the trace."""
        name = self._process.name if self._process else "-"
        self.trace.append(f"{self.now:.3f} {name}: {text}")

    @property
    def is_in_runner(self) -> bool:
        """Whether a runner's code is running."""
        return self._process is not None


@contextmanager
def simulated_time(schedule: Schedule) -> Iterator[None]:
    """Give the SDK and stamina, which ask the standard library, the schedule's time."""
    real_sleep = time.sleep

    def sleep(seconds: float) -> None:
        if schedule.is_in_runner:
            schedule.sleep(seconds)
        else:
            real_sleep(seconds)

    with (
        patch.object(time, "sleep", sleep),
        patch.object(time, "monotonic", lambda: schedule.now),
        patch.object(time, "time", lambda: schedule.now),
    ):
        yield
