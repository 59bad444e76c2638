"""Checking a dataset beside a plain checker and the bare tokenizer, in one run: medians, ratios.

python benchmarks/datasets.py [SIZE ...] [--repeat N] [--data FOLDER] [--seed N]

A SIZE is 1000ex, 100MB and the like; without one: 1000ex and 100MB.

Each contender is a process of its own; they take turns, so that what else the machine does hits all
alike. CPU is that of a process and all its descendants. Memory is the proportional set size (PSS)
of all of them together, sampled every 50 ms, or less often where a sample is slow, so that sampling
takes at most 2 % of a core. It is known on Linux only. The files are in the page cache for all, and
tiktoken's vocabulary is on the disk for all; what ours keeps between runs is empty in each round.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import conversations

HERE = Path(__file__).parent
MODEL = "gpt-4.1-mini-2025-04-14"
OURS = [
    *(str(Path(sys.executable).parent / "reconcile"), "validate", "-o", "json"),
    *("--method", "supervised", "--model", MODEL),
]
"""How ours is called; the file's name follows."""

PLAIN, BARE = "plain checker", "bare tokenizer"
START, FIRST = "ours, ten examples", "ours"
EMPTY, AGAIN = "ours again, ten examples", "ours again, unchanged"
COMMANDS = {
    PLAIN: [sys.executable, str(HERE / "plain_checker.py")],
    BARE: [sys.executable, str(HERE / "bare_tokenizer.py")],
    START: OURS,
    FIRST: OURS,
    EMPTY: OURS,
    AGAIN: OURS,
}
TARGETS = {"wall": 0.75, "CPU": 2.0, "growth": 1.5}
"""The most that a ratio of ours may be, by its name; the others have none."""
MOST_MEMORY, MOST_AGAIN = 350, 20
"""The most MB that ours may take, and the most ms for an unchanged file beyond start-up."""

WORTH_COMPARING = 50_000_000
"""Bytes above which a larger file should hardly take more memory."""
EVERY = 0.05
"""Seconds between two samples of the memory."""


class Cost(NamedTuple):
    """What a run took: seconds, seconds, bytes; 0 bytes where nobody can know."""

    wall: float
    cpu: float
    memory: float

    def beyond(self, start: Cost) -> Cost:
        """What came on top of another run, in time; the memory is the same."""
        return Cost(self.wall - start.wall, self.cpu - start.cpu, self.memory)


Costs = dict[str, Cost]


class Measured(NamedTuple):
    """What came of one size."""

    size: str
    examples: int
    bytes: int
    costs: Costs


# ---- measuring a process -------------------------------------------------------------------------


def run(command: Sequence[str], folder: Path, environment: dict[str, str]) -> tuple[Cost, str]:
    """One run to its end; its cost, and what it printed."""
    before, start = processor_time(), time.perf_counter()
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True
    ) as process:
        peak = Peak(process.pid)
        printed, complaints = process.communicate()
    wall, cpu = time.perf_counter() - start, processor_time() - before
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n{printed}{complaints}")
    return Cost(wall, cpu, peak.end()), printed


def processor_time() -> float:
    """Of all processes that this one has waited for, and of those that they have."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Peak:
    """The most memory that a process and its descendants held together, seen from outside."""

    def __init__(self, process: int) -> None:
        self._process = process
        self._most = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> int:
        """Stop sampling; the most bytes that were seen."""
        self._ended.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            start = time.perf_counter()
            self._most = max(self._most, sum(map(share, family(self._process))))
            pause = max(EVERY, 50 * (time.perf_counter() - start))


def family(process: int) -> Iterator[int]:
    """A process and its descendants; nothing where the system doesn't tell them."""
    known = [process] if Path(f"/proc/self/task/{os.getpid()}/children").exists() else []
    for member in known:
        known += children(member)
        yield member


def children(process: int) -> list[int]:
    """The children of all its threads; none if it has gone."""
    try:
        tasks = Path(f"/proc/{process}/task").iterdir()
        told = [(task / "children").read_text("ascii") for task in tasks]
    except OSError:
        return []
    return [int(child) for text in told for child in text.split()]


def share(process: int) -> int:
    """The bytes that a process holds, those that it shares counted in part; 0 if it has gone."""
    try:
        rows = Path(f"/proc/{process}/smaps_rollup").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(row.split()[1]) * 1024 for row in rows if row.startswith("Pss:")), 0)


# ---- rounds --------------------------------------------------------------------------------------


def one_round(file: Path, few: Path, workshop: Path) -> Costs:
    """All contenders once; ours in a folder that has never seen this file."""
    with tempfile.TemporaryDirectory(dir=workshop) as name:
        folder = Path(name)
        for source in (file, few):
            (folder / source.name).hardlink_to(source)
        costs = {}
        for contender, command in COMMANDS.items():
            given = few if contender in (START, EMPTY) else file
            cost, printed = run([*command, given.name], folder, environment(folder, workshop))
            costs[contender] = timed_inside(cost, printed) if contender is BARE else cost
            if command is OURS and json.loads(printed)["problems"]:
                sys.exit(f"the data have findings: {printed}")
        return costs


def environment(folder: Path, workshop: Path) -> dict[str, str]:
    """One in which nothing is kept but in the folder, and the vocabulary comes from one place."""
    kept = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    return {**os.environ, **kept, "TIKTOKEN_CACHE_DIR": str(workshop / "vocabulary")}


def timed_inside(cost: Cost, printed: str) -> Cost:
    """The cost with the times that the process took itself, of the part that counts."""
    timed = json.loads(printed)
    return Cost(timed["wall"], timed["cpu"], cost.memory)


def medians(rounds: list[Costs]) -> Costs:
    """Of each contender's figures."""
    return {
        contender: Cost(*map(statistics.median, zip(*(r[contender] for r in rounds), strict=True)))
        for contender in COMMANDS
    }


def measure(size: str, given: argparse.Namespace, few: Path, workshop: Path) -> Measured:
    """Make the data, run the rounds, and take the data away again."""
    file = workshop / f"{size}.jsonl"
    wanted = conversations.parse_size(size)
    examples, written = conversations.write(file, wanted, data=given.data, seed=given.seed)
    rounds = []
    for number in range(given.repeat):
        sys.stderr.write(f"{size}: round {number + 1} of {given.repeat}\n")
        rounds.append(one_round(file, few, workshop))
    file.unlink()
    return Measured(size, examples, written, medians(rounds))


# ---- words ---------------------------------------------------------------------------------------


def ratio(name: str, ours: float, theirs: float, of: str) -> str:
    """``wall 0.62 x of the plain checker (target 0.75)``; what is not known has no ratio."""
    told = f"{ours / theirs:.2f} x" if ours > 0 and theirs > 0 else "not measured, as share"
    target = f" (target {TARGETS[name]})" if name in TARGETS else ""
    return f"  {name:8}{told} of {of}{target}\n"


def row(name: str, cost: Cost) -> str:
    """One line of the table."""
    memory = f"{cost.memory / 1e6:10.1f} MB" if cost.memory else "   Linux only"
    return f"  {name:24}{cost.wall:10.3f} s{cost.cpu:10.3f} s{memory}\n"


def report(measured: Measured, earlier: Measured | None) -> str:
    """The ratios, then what they are made of."""
    costs = measured.costs
    beyond = costs[FIRST].beyond(costs[START])
    table = [row(name, costs[name]) for name in COMMANDS]
    head = f"{measured.examples:,} examples, {measured.bytes / 1e6:,.1f} MB\n"
    named = f"\n  {'':24}{'wall':>12}{'CPU':>12}{'memory':>13}\n"
    last = row("ours, beyond start-up", beyond)
    return "".join((head, *ratios(measured, earlier), named, *table, last, "\n"))


def ratios(measured: Measured, earlier: Measured | None) -> Iterator[str]:
    """Ours beside the others, beside itself, and beside the size before."""
    ours, plain, bare, again, empty = (
        measured.costs[name] for name in (FIRST, PLAIN, BARE, AGAIN, EMPTY)
    )
    yield ratio("wall", ours.wall, plain.wall, "the plain checker")
    yield ratio("CPU", ours.cpu, bare.cpu, "the bare tokenizer")
    yield ratio("memory", ours.memory, plain.memory, "the plain checker")
    if ours.memory:
        yield f"  {'memory':8}{ours.memory / 1e6:.0f} MB (target {MOST_MEMORY})\n"
    if earlier and earlier.bytes > WORTH_COMPARING:
        before = earlier.costs[FIRST].memory
        yield ratio("growth", ours.memory, before, f"its own memory at {earlier.size}")
    beyond = 1000 * (again.wall - empty.wall)
    yield f"  {'again':8}{beyond:.1f} ms beyond start-up (target {MOST_AGAIN})\n"


def main() -> None:
    """Measure each size, print each as soon as it is known."""
    parser = argparse.ArgumentParser(description="Measure how fast datasets are checked.")
    parser.add_argument("sizes", nargs="*", default=["1000ex", "100MB"], metavar="SIZE")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    parser.add_argument("--data", type=Path, help="a folder of real chat JSONL to mix in")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        workshop = Path(name)
        few = workshop / "few.jsonl"
        conversations.write(few, conversations.parse_size("10ex"), seed=given.seed + 1)
        run([*OURS, few.name], workshop, environment(workshop, workshop))  # unpacks the vocabulary
        cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
        sys.stdout.write(f"medians of {given.repeat} interleaved rounds on {cores} cores\n\n")
        done: list[Measured] = []
        for size in given.sizes:
            done.append(measure(size, given, few, workshop))
            sys.stdout.write(report(done[-1], done[-2] if done[1:] else None))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
