"""One simulation: a seed in, broken laws and what it cost out. The same seed gives the same trace.

First a time of trouble: runners look, act and die while line, ledger and provider misbehave, people
edit specs, and perhaps an operator settles what is held. Then nothing goes wrong any more, and
fresh processes make ten passes: by then everything is at rest.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from reconciler.dataset.cache import FactsCache
from reconciler.engine import Pass, Pruned
from reconciler.ledger import Ledger
from reconciler.plan import Reason
from reconciler.sandbox.faults import Faults, read_plan
from reconciler.state import Health
from tests.simulation.account import Account
from tests.simulation.checkout import Checkout
from tests.simulation.laws import Laws
from tests.simulation.operator import Operator
from tests.simulation.records import Trouble, folder_ledger, github_ledger
from tests.simulation.runner import PARTS, WHOLE, Life, Setting, guarded
from tests.simulation.scene import (
    START,
    Runner,
    Spec,
    draw_scene,
)
from tests.simulation.schedule import Process, Schedule, simulated_time
from tests.simulation.wire import Line

CALM_PASSES: Final = 10
CALM_PAUSE: Final = 700.0
DAY: Final = 100_000.0
MOST_PRUNES: Final = 30
RESTART: Final = 20.0
AT_REST: Final = frozenset({Health.READY, Health.FAILED, Health.HELD, Health.MISSING})
DECIDED: Final = frozenset(
    {Reason.READY, Reason.JOB_FAILED, Reason.CREATE_REFUSED, Reason.MODEL_DELETED}
)
"""Reasons that no time changes."""
MEMORY: Final = Path("/dev/shm")  # noqa: S108  # a folder in memory, where there is one


@dataclass(frozen=True)
class Run:
    """What came of a seed."""

    seed: int
    broken: tuple[str, ...]
    paid_twice: bool
    delivered_twice: bool
    creates: int
    requests: int
    trace: tuple[str, ...]


def simulate(seed: int, cache: FactsCache | None = None) -> Run:
    """Run the simulation of a seed, in a folder of its own that is gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
    try:
        return _Simulation(seed, folder, cache).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Simulation:
    """The parts of one simulation, each with a source of chance of its own."""

    def __init__(self, seed: int, folder: Path, cache: FactsCache | None) -> None:
        self.seed = seed
        self.folder = folder
        self.scene = draw_scene(self._chance("scene"))
        self.schedule = Schedule(self._chance("schedule"), START)
        owners = sorted({runner.owner for runner in self.scene.runners} | {"prod"})
        self.owners = owners
        self.checkouts = {
            owner: Checkout(folder / owner, owner, self.scene, cache) for owner in owners
        }
        self.lagging = Checkout(folder / "lagging", "prod", self.scene, cache)
        self.account = Account(
            folder / "account",
            self._chance("account"),
            lambda: self.schedule.now,
            Faults(read_plan(self.scene.faults), START),
        )
        self.pruning = self._chance("pruning")
        self.trouble = Trouble(self.schedule, self._chance("ledger"), self.scene.ledger_trouble)
        make = github_ledger if self.scene.is_on_github else folder_ledger
        ledgers = {owner: make(folder / f"{owner}-ledger", self.trouble) for owner in owners}
        self.ledgers = {owner: Ledger(reached) for owner, (reached, _) in ledgers.items()}
        self.laws = Laws(
            self.account,
            {owner: Ledger(true) for owner, (_, true) in ledgers.items()},
            per_pass=self.scene.per_pass,
            per_month=self.scene.per_month,
        )
        self.account.on_made = self.laws.made
        self.line = Line(self._chance("line"), self.scene.unreachable, self.scene.late)
        self.setting = self._setting(cache)
        self.ends = START + self.scene.trouble
        self.is_paid_twice = self.is_delivered_twice = False

    def _chance(self, of: str) -> Random:
        return Random(f"{self.seed}/{of}")  # noqa: S311  # the same seed, the same trace

    def _setting(self, cache: FactsCache | None) -> Setting:
        return Setting(
            schedule=self.schedule,
            account=self.account,
            laws=self.laws,
            line=self.line,
            chance=self._chance("nonces"),
            checkouts=self.checkouts,
            ledgers=self.ledgers,
            limits=PARTS if self.scene.has_parts else WHOLE,
            cache=cache,
            is_ledger_sound=not self.scene.ledger_trouble,
        )

    def run(self) -> Run:
        """Trouble, then calm."""
        state = random.getstate()
        random.seed(self.seed)  # the SDK and stamina draw their pauses from it
        try:
            with simulated_time(self.schedule):
                self._trouble()
                self._calm()
        finally:
            random.setstate(state)
            self.account.close()
        return Run(
            seed=self.seed,
            broken=tuple(dict.fromkeys(self.laws.broken)),
            paid_twice=self.is_paid_twice,
            delivered_twice=self.is_delivered_twice,
            creates=len([made for made in self.account.made.values() if made.key]),
            requests=self.account.requests,
            trace=tuple(self.schedule.trace),
        )

    # ---- trouble -------------------------------------------------------------------------------

    def _trouble(self) -> None:
        self._write(0, self.scene.specs)
        self.account.add_strangers(self.scene.strangers)
        for owner in self.owners if self.scene.prunes else ():
            self.account.add_left_behind(owner)
        edits = sorted(self.scene.edits, key=lambda edit: edit.at)
        for number, edit in enumerate(edits, 1):
            self.schedule.at(edit.at, partial(self._write, number, edit.specs))
        for runner in self.scene.runners:
            self._start(runner)
        if self.scene.has_operator:
            operator = Operator(self.setting, self._chance("operator"), self.ends)
            self.schedule.spawn(lambda: guarded(self.laws, operator.work))
        self.schedule.run(self.ends)

    def _write(self, number: int, specs: tuple[Spec, ...]) -> None:
        """A commit: everybody has it at once, but for a checkout that lags behind."""
        commit = f"{number:040x}"
        for checkout in self.checkouts.values():
            trainings = checkout.move(commit, specs, self.schedule.now)
            self.laws.needed = frozenset(training.key for training in trainings)
            for training in trainings:
                digests = tuple(facts.sha256 for facts in training.datasets)
                self.laws.digests[training.key] = digests
        late = self.schedule.now + (self.scene.lag if number else 0)
        self.schedule.at(late, lambda: self.lagging.move(commit, specs, self.schedule.now))

    def _start(self, runner: Runner) -> None:
        self.schedule.spawn(lambda: guarded(self.laws, lambda: self._lives(runner)))

    def _lives(self, runner: Runner) -> None:
        """Life after life, until the time of trouble is over."""
        while self.schedule.now < self.ends:
            process = Process(runner.name, runner.kill_chance)
            life = Life(self.setting, self.checkouts[runner.owner], process, runner.skew)
            self.schedule.live(process, partial(self._passes, life, runner))
            self.schedule.sleep(RESTART)

    def _passes(self, life: Life, runner: Runner) -> None:
        while self.schedule.now < self.ends:
            life.one_pass()
            if self.pruning.random() < runner.prunes:
                self._pruner(life, runner).prune(self.pruning.random() * self.scene.thinks)
            self.schedule.sleep(runner.pause)

    def _pruner(self, life: Life, runner: Runner) -> Life:
        """The same process, or the same in the checkout that lags behind."""
        if runner.owner != "prod" or not self.scene.lag:
            return life
        return Life(self.setting, self.lagging, life.process, runner.skew)

    # ---- calm ----------------------------------------------------------------------------------

    def _calm(self) -> None:
        self.account.behave()
        self.line.unreachable = self.line.late = self.trouble.share = 0.0
        self.schedule.run(self.ends + CALM_PAUSE)  # who is in the middle of a pass ends it
        self.schedule.spawn(lambda: guarded(self.laws, self._settle_down))
        self.schedule.run(float("inf"))

    def _settle_down(self) -> None:
        for number in range(CALM_PASSES):
            seen = [self._fresh_pass(owner)[0] for owner in self._shuffled()]
            if number:  # the first pass has seen all, and the second what the first began
                self.laws.one_live_job()
            self.schedule.sleep(CALM_PAUSE)
            if self._is_at_rest(seen):
                break
        self.is_paid_twice = self.laws.paid_twice()
        self.is_delivered_twice = self.laws.delivered_twice()
        if self.is_paid_twice:
            self.laws.breach("nothing is paid twice", f"seed {self.seed}")
        for owner in self.owners:
            self._check_rest(owner)
        for owner in self.owners if self.scene.prunes else ():
            self._check_prune(owner)

    def _is_at_rest(self, seen: list[Pass | None]) -> bool:
        """Whether nothing more will happen, so that the passes that are left may be left out."""
        resources = [r for each in seen if each for r in each.plan.resources]
        is_decided = all(r.condition.reason in DECIDED for r in resources)
        return is_decided and all(each and not each.plan.writes for each in seen)

    def _shuffled(self) -> list[str]:
        owners = list(self.owners)
        self.schedule.chance.shuffle(owners)
        return owners

    def _fresh_pass(self, owner: str) -> tuple[Pass | None, Life]:
        process = Process(f"calm-{owner}")
        life = Life(self.setting, self.checkouts[owner], process)
        seen: list[Pass | None] = []
        self.schedule.live(process, lambda: seen.append(life.one_pass()))
        return seen[0], life

    def _check_rest(self, owner: str) -> None:
        """Everything is decided, nobody writes any more, and every process sees the same."""
        first, life = self._fresh_pass(owner)
        second, _ = self._fresh_pass(owner)
        if first is None or second is None:
            self.laws.breach("ten passes lead to rest", "a pass ends with an error")
            return
        for resource in first.plan.resources:
            if resource.condition.health not in AT_REST and not self._is_truly_alive(
                resource.job_id
            ):
                self.laws.breach("ten passes lead to rest", str(resource.condition))
        if life.wire.writes or first.outcomes:
            self.laws.breach("at rest a pass writes nothing", str(first.outcomes))
        if first.plan.digest != second.plan.digest:
            self.laws.breach("order and restarts don't matter", owner)

    def _check_prune(self, owner: str) -> None:
        """A day later: whatever a prune deletes, everything stands as before, and it ends."""
        self.schedule.sleep(DAY)
        before, life = self._fresh_pass(owner)
        rounds = list(self._prunes(life)) if before else []
        after, _ = self._fresh_pass(owner)
        if before is None or after is None:
            self.laws.breach("a prune leaves all as it stands", "a pass ends with an error")
        elif before.plan.digest != after.plan.digest:
            self.laws.breach("a prune leaves all as it stands", f"{owner}, after {rounds}")

    def _prunes(self, life: Life) -> Iterator[int]:
        """Prune until nothing is left to be deleted, or it is refused; how much went each time."""
        done: list[Pruned | None] = []
        while len(done) < MOST_PRUNES:
            process = Process(f"prune-{life.owner}")
            pruner = Life(self.setting, life.checkout, process)
            self.schedule.live(process, lambda: done.append(pruner.prune()))  # noqa: B023
            if done[-1] is None or not done[-1].outcomes:
                return
            yield len(done[-1].outcomes)
        self.laws.breach("prunes come to an end", life.owner)

    def _is_truly_alive(self, job_id: str) -> bool:
        return any(job.made.id == job_id and job.is_alive for job in self.account.jobs())
