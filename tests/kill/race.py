"""Two `reconcile apply` started together at an endpoint that fails: `make race`.

python -m tests.kill.race [ROUNDS] [FIRST SEED]

A round has a project and a sandbox of its own. Its seed draws what goes wrong. The runners look at
the endpoint before either writes, where the faults let both come so far; which of them comes
first is the machine's chance. Then the faults end and the window passes: each spec has one job.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tests.kill.endpoint import Endpoint, fresh_endpoint
from tests.kill.judge import held_by, too_many, unfinished
from tests.kill.pool import in_processes, say
from tests.kill.proxy import Proxy, proxy_to
from tests.kill.runners import Ground, complaint, ended
from tests.kill.stories import AFTER_THE_WINDOW, CHECK, INSTALLED, PAIR

ROUNDS, RUNNERS, UNDISTURBED = 50, 2, 3
ANYWHERE: tuple[dict[str, Any], ...] = (
    {"what": "lose_request"},
    {"what": "lose_reply"},
    {"what": "error_before", "status": 503},
    {"what": "error_after", "status": 500},
    {"what": "rate_limit", "retry_after": 1},
    {"what": "refuse", "status": 408},
    {"what": "refuse", "status": 409},
    {"what": "truncate"},
    {"what": "garble"},
    {"what": "delay", "seconds": 0.5},
)
IN_LISTS: tuple[dict[str, Any], ...] = (
    {"what": "stale", "seconds": 60},
    {"what": "empty_page"},
    {"what": "loop_cursor"},
    {"what": "ignore_cursor"},
    {"what": "ignore_filter"},
)
CHANCE, CHANCE_IN_LISTS = 0.035, 0.01
"""Of each fault: at least one strikes 30 % of the calls (1 - 0.965^10), and 33 % of the lists."""


@dataclass(frozen=True)
class Round:
    """What a round came to.

    Attributes:
        strikes: faults that struck; two may strike one call.
        calls, creates: what came to the endpoint while the two ran.
        codes: how the two ended.
        wrong: in words; nothing if all was as it should be.
    """

    seed: int
    strikes: int
    calls: int
    creates: int
    codes: tuple[int, ...]
    wrong: tuple[str, ...]
    seconds: float

    def __str__(self) -> str:
        told = "; ".join(self.wrong) or "ok"
        return (
            f"seed {self.seed}: {self.strikes} faults in {self.calls} calls, {self.creates} of "
            f"them creates, ended with {self.codes}: {told} ({self.seconds:.1f} s)"
        )


def fault_plan(seed: int) -> dict[str, Any]:
    """What goes wrong in the round of a seed."""
    anywhere = [{**fault, "on": "*", "chance": CHANCE} for fault in ANYWHERE]
    in_lists = [{**fault, "on": "*", "chance": CHANCE_IN_LISTS} for fault in IN_LISTS]
    return {"seed": seed, "faults": [*anywhere, *in_lists]}


def run_round(folder: Path, seed: int) -> Round:
    """Two runners at once while calls go wrong, then what time and calm make of it."""
    begun = time.monotonic()
    with _arena(folder) as (ground, endpoint, proxy):
        proxy.gather(RUNNERS)
        endpoint.break_down(fault_plan(seed))
        runners = [ground.start(*INSTALLED) for _ in range(RUNNERS)]
        codes = tuple(ended(runner).code for runner in runners)
        proxy.disperse()
        strikes, calls = endpoint.recover(), endpoint.calls()
        wrong = [*too_many(held_by(endpoint), PAIR.specs), *_calm(ground, endpoint)]
    return Round(
        seed=seed,
        strikes=strikes,
        calls=sum(counted["came"] for counted in calls.values()),
        creates=calls.get("create_job", {}).get("came", 0),
        codes=codes,
        wrong=tuple(wrong),
        seconds=time.monotonic() - begun,
    )


def _calm(ground: Ground, endpoint: Endpoint) -> Iterator[str]:
    """Let time pass between undisturbed runs: what is wrong then."""
    for _ in range(UNDISTURBED - 1):
        endpoint.advance(AFTER_THE_WINDOW)
        ended(ground.start(*INSTALLED))
    for command in (INSTALLED, CHECK):
        endpoint.advance(AFTER_THE_WINDOW)
        yield from complaint(ground, *command)
    held = held_by(endpoint)
    yield from too_many(held, PAIR.specs)
    yield from unfinished(held, PAIR.specs)


@contextmanager
def _arena(folder: Path) -> Iterator[tuple[Ground, Endpoint, Proxy]]:
    """A copy of the project, a fresh sandbox, and a proxy between the two."""
    with tempfile.TemporaryDirectory(dir=folder) as own:
        root = Path(own, "project")
        shutil.copytree(folder / "project", root)
        with (
            fresh_endpoint(Path(own, "sandbox")) as endpoint,
            proxy_to(endpoint.base_url) as proxy,
        ):
            yield Ground(root, proxy.base_url, folder / "cache"), endpoint, proxy


def main(rounds: int = ROUNDS, first: int = 1) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        PAIR.write(folder / "project")
        seeds = range(first, first + rounds)
        done = list(in_processes(partial(run_round, folder), seeds))
    failures = [each for each in done if each.wrong]
    for each in failures:
        say(f"FAILED {each}")
    calls, strikes = sum(each.calls for each in done), sum(each.strikes for each in done)
    creates = sum(each.creates for each in done)
    say(
        f"{len(done)} races, {len(failures)} failures; {strikes} faults in {calls} calls, "
        f"{creates} creates among them"
    )
    return 1 if failures or not creates else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
