"""Trials in two processes at a time, each told as it ends."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

AT_ONCE = 2
Given = TypeVar("Given")
Result = TypeVar("Result")


def in_processes(try_one: Callable[[Given], Result], given: Iterable[Given]) -> Iterator[Result]:
    """The results in the order in which they come; a line is said for each."""
    with ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn")) as pool:
        trials = [pool.submit(try_one, each) for each in given]
        for number, trial in enumerate(as_completed(trials), start=1):
            result = trial.result()
            say(f"{number}/{len(trials)} {result}")
            yield result


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
