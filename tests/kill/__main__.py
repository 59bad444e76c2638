"""Every kill point of every story: `make kill`, or `python -m tests.kill [WORD OF A STORY]`.

A line for each as it ends, and the number of points and failures in the last; 1 if any failed.
"""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from tests.kill.stories import STORIES, Story
from tests.kill.trial import Bench, Verdict, bench_for

AT_ONCE = 2


def main(word: str = "") -> int:
    begun = time.monotonic()
    told = [story for story in STORIES if word in story.name]
    with tempfile.TemporaryDirectory() as folder, _pool() as pool:
        verdicts = list(_verdicts(pool, told, Path(folder)))
    failures = [verdict for verdict in verdicts if verdict.wrong]
    for verdict in failures:
        _say(f"FAILED {verdict}")
    twins = sum(bool(verdict.twins) for verdict in verdicts)
    minutes = (time.monotonic() - begun) / 60
    _say(
        f"{len(verdicts)} kill points, {len(failures)} failures, {minutes:.0f} min; "
        f"two runners left a second copy of a file in {twins}"
    )
    return 1 if failures or not verdicts else 0


def _pool() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(AT_ONCE, multiprocessing.get_context("spawn"))


def _verdicts(pool: ProcessPoolExecutor, told: list[Story], folder: Path) -> Iterator[Verdict]:
    benches = list(pool.map(bench_for, told, _folders(folder)))
    trials = [pool.submit(Bench.trial, bench, point) for bench in benches for point in bench.points]
    for number, trial in enumerate(as_completed(trials), start=1):
        verdict = trial.result()
        _say(f"{number}/{len(trials)} {verdict}")
        yield verdict


def _folders(folder: Path) -> Iterator[Path]:
    for number in range(len(STORIES)):
        own = folder / str(number)
        own.mkdir()
        yield own


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
