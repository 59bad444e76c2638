"""``python -m tests.simulation``: as many seeds as asked for, or one with its trace."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from itertools import count, takewhile
from pathlib import Path
from typing import Annotated

import typer

from tests.simulation.many import CHUNK, Record, Tally, run_many, sources_digest
from tests.simulation.simulate import simulate

EVERY = 30.0
"""Seconds between two lines of progress."""


def main(
    seeds: Annotated[int, typer.Option(help="At least so many.")] = 20_000,
    seconds: Annotated[float, typer.Option(help="Go on with more seeds for so long.")] = 0.0,
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
    processes: int = 2,
    chunk: Annotated[int, typer.Option(help="Seeds that one process takes at a time.")] = CHUNK,
    until_broken: Annotated[
        str | None, typer.Option(metavar="LAW", help="Stop once this law was broken; '' for any.")
    ] = None,
    state: Annotated[Path, typer.Option(help="Folder of what is finished.")] = Path(".simulation"),
    trace: Annotated[int | None, typer.Option(help="Show the trace of one seed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The tally as JSON.")] = False,
) -> None:
    """Simulate; exit with 1 if a law was broken."""
    if trace is not None:
        raise SystemExit(_show(trace))
    record = Record(state / f"{sources_digest()}-{chunk}.jsonl")
    total, began = Tally(), time.monotonic()
    for tally in record.read().values():
        total.add(tally)
    if total.seeds:
        _tell(f"{total.seeds:,} seeds were simulated before; going on")
    last = first + seeds

    def wanted(start: int) -> bool:
        return start < last or time.monotonic() - began < seconds

    told = began
    firsts = takewhile(wanted, count(first, chunk))
    for tally in run_many(firsts, chunk, record, processes):
        total.add(tally)
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            _tell(f"{total.seeds:,} seeds, {len(total.broken)} broken, {told - began:.0f} s")
        if until_broken is not None and _is_broken(tally, until_broken):
            break
    _report(total, as_json)
    raise SystemExit(1 if total.broken else 0)


def _is_broken(tally: Tally, law: str) -> bool:
    return any(text.startswith(law) for laws in tally.broken.values() for text in laws)


def _show(seed: int) -> int:
    run = simulate(seed)
    print("\n".join([*run.trace, *(f"BROKEN {law}" for law in run.broken)]))  # noqa: T201
    return 1 if run.broken else 0


def _report(total: Tally, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(total)))  # noqa: T201
        return
    each = total.seconds / total.seeds
    print(  # noqa: T201
        f"{total.seeds:,} seeds ({each:.2f} s of work each), {total.creates:,} jobs, "
        f"{total.requests:,} requests: "
        f"{len(total.broken)} with a broken law, {len(total.paid_twice)} paid twice; one request "
        f"delivered twice was trained twice in {len(total.delivered_twice)}"
    )
    for seed, laws in sorted(total.broken.items(), key=lambda item: int(item[0]))[:20]:
        print(f"seed {seed}: {'; '.join(laws)}")  # noqa: T201


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
