"""Many seeds over several processes: resumable, with a summary that adds up."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

import stamina.instrumentation

import reconciler
from reconciler.dataset.cache import FactsCache, open_cache
from tests.simulation.simulate import simulate

CHUNK: Final = 20
"""Seeds that one process takes at a time."""


@dataclass
class Tally:
    """What came of some seeds.

    Attributes:
        seeds, creates, requests: how many.
        seconds: of work, all processes together.
        paid_twice: seeds in which two requests for one training were both trained.
        delivered_twice: seeds in which one request made two jobs that were both trained.
        broken: seed -> the laws that were broken.
    """

    seeds: int = 0
    creates: int = 0
    requests: int = 0
    seconds: float = 0.0
    paid_twice: list[int] = field(default_factory=list)
    delivered_twice: list[int] = field(default_factory=list)
    broken: dict[str, list[str]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Take another's figures in."""
        self.seeds += other.seeds
        self.creates += other.creates
        self.requests += other.requests
        self.seconds += other.seconds
        self.paid_twice += other.paid_twice
        self.delivered_twice += other.delivered_twice
        self.broken |= other.broken


def run_chunk(first: int, count: int = CHUNK) -> Tally:
    """Simulate some seeds in this process."""
    tally, began = Tally(), time.perf_counter()
    for seed in range(first, first + count):
        run = simulate(seed, _cache())
        tally.seeds += 1
        tally.creates += run.creates
        tally.requests += run.requests
        tally.paid_twice += [seed] * run.paid_twice
        tally.delivered_twice += [seed] * run.delivered_twice
        if run.broken:
            tally.broken[str(seed)] = list(run.broken)
    tally.seconds = time.perf_counter() - began
    return tally


@dataclass(frozen=True)
class Record:
    """A file of finished chunks, of one state of the sources: a line each."""

    path: Path

    def read(self) -> dict[int, Tally]:
        """First seed -> its chunk's tally."""
        lines = self.path.read_text("utf-8").splitlines() if self.path.is_file() else []
        kept = [json.loads(line) for line in lines if line.endswith("}}")]  # a kill may tear one
        return {line["first"]: Tally(**line["tally"]) for line in kept}

    def add(self, first: int, tally: Tally) -> None:
        """Write a finished chunk down."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps({"first": first, "tally": asdict(tally)}))


def run_many(firsts: Iterator[int], size: int, record: Record, processes: int) -> Iterator[Tally]:
    """Simulate the chunks that no record has; each as it is finished."""
    done = record.read()
    fresh = (first for first in firsts if first not in done)
    with ProcessPoolExecutor(processes) as pool:
        pending: dict[Future[Tally], int] = {}
        while True:
            for first in islice(fresh, 2 * processes - len(pending)):
                pending[pool.submit(run_chunk, first, size)] = first
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                tally = future.result()
                record.add(pending.pop(future), tally)
                yield tally


def sources_digest() -> str:
    """A digest of the product's and the simulator's sources: results of others don't count."""
    folders = [Path(reconciler.__file__).parent, Path(__file__).parent]
    digest = sha256()
    for path in sorted(
        p for folder in folders for p in folder.rglob("*.*") if p.suffix in (".py", ".toml")
    ):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


_caches: dict[int, FactsCache | None] = {}


def _cache() -> FactsCache | None:
    """Facts of the few small datasets, kept for as long as this process lives."""
    if os.getpid() not in _caches:
        stamina.instrumentation.set_on_retry_hooks([])  # its log lines are nobody's
        folder = tempfile.mkdtemp(prefix="simulation-cache-")
        _caches[os.getpid()] = open_cache({"RECONCILER_CACHE": folder})
    return _caches[os.getpid()]
