"""Plans over many jobs: how long, how large, how many calls, and how all that grows.

python benchmarks/plans.py [--specs N ...] [--jobs N] [--files N] [--repeat N]

One sandbox, a process of its own, holds the jobs and files (see seeded_sandbox.py): for each N a
project whose N specs are all trained, the rest is other people's. `reconcile plan` runs against it
as a process, so that time, memory and calls are the client's alone:

    cold           nothing to do, and nothing known of the datasets: what a CI machine does first
    nothing to do  the same again: one list filtered by owner, and the models
    one to train   a spec more than there are jobs, so every job and file must be looked at

Each plan must say just that, or the benchmark stops.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import conversations

COMMAND = str(Path(sys.executable).parent / "reconcile")
SEEDER = str(Path(__file__).with_name("seeded_sandbox.py"))
PLAN = (COMMAND, "plan", "-o", "json", "--detailed-exitcode")
DATASETS, EXAMPLES = 4, "12ex"
ON_A_PAGE = 100
"""Specs in one file."""
SEEDS = 100_000
"""No two projects have a training in common, as long as none has more specs."""
NO_CHANGES, CHANGES = 0, 2
GOAL_SPECS = 1_000
SECONDS_FILTERED, SECONDS_SCANNED, MEGABYTES = 5, 60, 300
"""The goals for that many specs against 100,000 jobs: CPU, and memory in any case."""
MOST_GROWTH = 1.5
"""By how much a spec among many may cost more than one among few."""

PROJECT = """\
apiVersion: reconciler.dev/v1
kind: Project
metadata:
  name: project-{size}
"""
SPEC = """\
apiVersion: reconciler.dev/v1
kind: FineTune
metadata:
  name: {name}
spec:
  model: gpt-4.1-mini-2025-04-14
  dataset: ../data/{data}.jsonl
  hyperparameters: {{n_epochs: 3}}
  seed: {seed}
"""


class Cost(NamedTuple):
    """What a plan took: seconds, seconds, bytes, HTTP requests."""

    wall: float
    cpu: float
    memory: float
    calls: float


# ---- projects ------------------------------------------------------------------------------------


def make_project(workshop: Path, size: int) -> Path:
    """A project of so many specs, many to a file, over a few datasets."""
    root = workshop / f"project-{size}"
    for folder in ("specs", "data"):
        (root / folder).mkdir(parents=True)
    (root / "reconciler.yaml").write_text(PROJECT.format(size=size))
    for number in range(DATASETS):
        wanted = conversations.parse_size(EXAMPLES)
        conversations.write(root / "data" / f"{number}.jsonl", wanted, seed=number + 1)
    specs = [written(f"model-{number}", size * SEEDS + number) for number in range(size)]
    for first in range(0, size, ON_A_PAGE):
        page = "---\n".join(specs[first : first + ON_A_PAGE])
        (root / "specs" / f"{first:05}.yaml").write_text(page)
    return root


def written(name: str, seed: int) -> str:
    """A spec; its seed alone makes it another training."""
    return SPEC.format(name=name, data=seed % DATASETS, seed=seed)


# ---- the sandbox ---------------------------------------------------------------------------------


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A sandbox over a folder as a process; its base URL."""
    command = (COMMAND, "sandbox", "--port", "0", "--data", str(folder))
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        told = process.stderr.readline() if process.stderr else ""
        try:
            yield told.split()[2].rstrip(";")  # sandbox at URL; ...
        finally:
            process.terminate()


def calls(base_url: str) -> int:
    """How many requests have come to the sandbox."""
    connection = HTTPConnection(base_url.split("/")[2])
    connection.request("GET", "/_sandbox/calls")
    counted = json.load(connection.getresponse())["calls"]
    connection.close()
    return sum(operation["came"] for operation in counted.values())


# ---- measuring -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bench:
    """Where plans run: the folder of all projects, and the sandbox that they are made against."""

    workshop: Path
    base_url: str

    def add_spec(self, size: int) -> None:
        """Declare a training that nobody has, on the first spec's data."""
        specs = self.workshop / f"project-{size}" / "specs"
        (specs / "more.yaml").write_text(written("one-more", (size + 1) * SEEDS - DATASETS))

    def plan(self, size: int, *, to_train: int = 0) -> Cost:
        """One plan of a project, which must say how many there are to train and nothing else."""
        root, before = self.workshop / f"project-{size}", calls(self.base_url)
        told, start = self.workshop / "plan.json", time.perf_counter()
        with told.open("wb") as stdout:
            process = subprocess.Popen(PLAN, cwd=root, env=self._environment(size), stdout=stdout)
            _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        check(process.returncode, json.loads(told.read_text() or "{}"), size, to_train)
        peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return Cost(wall, usage.ru_utime + usage.ru_stime, peak, calls(self.base_url) - before)

    def _environment(self, size: int) -> dict[str, str]:
        cache = self.workshop / f"cache-{size}"
        kept = {"RECONCILER_CACHE": str(cache), "NO_PROXY": "127.0.0.1"}
        endpoint = {"OPENAI_BASE_URL": self.base_url, "OPENAI_API_KEY": "sandbox"}
        return {**os.environ, **vocabulary(self.workshop), **kept, **endpoint}


def vocabulary(workshop: Path) -> dict[str, str]:
    """Where the tokenizer's vocabulary is kept once it is unpacked: seeding does that."""
    return {"TIKTOKEN_CACHE_DIR": str(workshop / "vocabulary")}


def check(code: int, plan: dict[str, dict[str, int]], size: int, to_train: int) -> None:
    """Stop unless a plan says what the seeded jobs must lead to."""
    summary = plan.get("summary", {})
    said = [summary.get(name) for name in ("ready", "creates", "uploads", "cancels", "waits")]
    if code != (CHANGES if to_train else NO_CHANGES) or said != [size, to_train, 0, 0, 0]:
        raise SystemExit(f"plans.py: a plan of {size} specs ended with {code}: {summary}")


@dataclass(frozen=True)
class Measured:
    """What plans took by the number of specs, and what a scan took for ``goal`` of them."""

    goal: int
    cold: dict[int, Cost]
    warm: dict[int, Cost]
    scanned: Cost


def measure(bench: Bench, sizes: Sequence[int], repeat: int) -> Measured:
    """All plans; those with nothing to do take turns, and the least of their figures count."""
    cold = {size: bench.plan(size) for size in sizes}
    rounds = [{size: bench.plan(size) for size in sizes} for _ in range(repeat)]
    warm = {size: least([costs[size] for costs in rounds]) for size in sizes}
    goal = GOAL_SPECS if GOAL_SPECS in sizes else sizes[-1]
    bench.add_spec(goal)
    return Measured(goal, cold, warm, bench.plan(goal, to_train=1))


def least(costs: Sequence[Cost]) -> Cost:
    """Of each figure: what else the machine does can only add to it."""
    return Cost(*map(min, zip(*costs, strict=True)))


# ---- words ---------------------------------------------------------------------------------------


def row(name: str, cost: Cost) -> str:
    """One line of the table."""
    memory = f"{cost.memory / 1e6:10.1f} MB"
    return f"  {name:30}{cost.wall:8.2f} s{cost.cpu:8.2f} s{memory}{cost.calls:8,.0f} calls\n"


def report(measured: Measured) -> Iterator[str]:
    """The table, then the figures that have goals, then the growth."""
    for size, cost in measured.cold.items():
        yield row(f"{size:,} specs, cold", cost)
    for size, cost in measured.warm.items():
        yield row(f"{size:,} specs, nothing to do", cost)
    yield row(f"{measured.goal:,} specs, one to train", measured.scanned)
    yield "\n"
    yield goals("nothing to do", measured.warm[measured.goal], SECONDS_FILTERED)
    yield goals("one to train", measured.scanned, SECONDS_SCANNED)
    yield from growth({size: cost.cpu for size, cost in measured.warm.items()})


def goals(name: str, cost: Cost, seconds: int) -> str:
    """Figures beside their goals."""
    memory = f"{cost.memory / 1e6:.0f} MB (goal {MEGABYTES})"
    return f"  {name:14} CPU {cost.cpu:.2f} s (goal {seconds}), memory {memory}\n"


def growth(cpu: dict[int, float]) -> Iterator[str]:
    """What a further spec costs from each size to the next, and how that grows."""
    sizes = sorted(cpu)
    first = 0.0
    for few, many in pairwise(sizes):
        each = (cpu[many] - cpu[few]) / (many - few)
        first = first or each
        grown = f"{each / first:.2f} x (target {MOST_GROWTH})" if first > 0 else "not to be told"
        yield f"  each spec from {few:,} to {many:,}: {1000 * each:.2f} ms of CPU, {grown}\n"


def main() -> None:
    """Fill the sandbox, measure, print."""
    parser = argparse.ArgumentParser(description="Measure plans over many jobs.")
    parser.add_argument("--specs", type=int, nargs="+", default=[100, 1_000, 10_000], metavar="N")
    parser.add_argument("--jobs", type=int, default=100_000, metavar="N")
    parser.add_argument("--files", type=int, default=10_000, metavar="N")
    parser.add_argument("--repeat", type=int, default=3, metavar="N")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        workshop, begun = Path(folder), time.perf_counter()
        roots = [make_project(workshop, size) for size in given.specs]
        amount = ("--jobs", str(given.jobs), "--files", str(given.files))
        projects = [word for root in roots for word in ("--project", str(root))]
        seeding = (sys.executable, SEEDER, str(workshop / "sandbox"), *amount, *projects)
        subprocess.run(seeding, check=True, env={**os.environ, **vocabulary(workshop)})
        seconds = time.perf_counter() - begun
        sys.stdout.write(f"{given.jobs:,} jobs, {given.files:,} files, made in {seconds:.0f} s\n\n")
        with serving(workshop / "sandbox") as base_url:
            measured = measure(Bench(workshop, base_url), given.specs, given.repeat)
        sys.stdout.write("".join(report(measured)))


if __name__ == "__main__":
    main()
