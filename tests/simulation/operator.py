"""A person who looks into the dashboard before deciding: settles doubts, retries what has ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Final

from reconciler.engine import settle, unfreeze
from reconciler.errors import ReconcileError
from reconciler.plan import Reason, Resource
from tests.simulation.laws import ENDPOINT
from tests.simulation.runner import Life, Setting
from tests.simulation.schedule import Process

PAUSE: Final = 400.0
WORTH_A_RETRY: Final = frozenset(
    {
        Reason.JOB_FAILED,
        Reason.CREATE_REFUSED,
        Reason.MODEL_DELETED,
        Reason.JOB_CANCELLED,
        Reason.TRAINING_ENDED,
    }
)


@dataclass
class Operator:
    """One person, now and then at the keyboard."""

    setting: Setting
    chance: Random
    ends: float

    def work(self) -> None:
        """Look at how things stand, and end what is held, until the time of trouble is over."""
        schedule = self.setting.schedule
        while schedule.now < self.ends:
            process = Process("operator")
            life = Life(self.setting, self.setting.checkouts["prod"], process)
            schedule.live(process, partial(self._look, life))
            schedule.sleep(self.chance.uniform(0.2, 2) * PAUSE)

    def _look(self, life: Life) -> None:
        seen = life.one_pass()
        if seen and seen.plan.duplicates and self.chance.random() < 0.7:
            self._tried(life, lambda: f"unfrozen: {len(unfreeze(life.asked, life.world))}")
        for resource in seen.plan.resources if seen else ():
            if self.chance.random() < 0.7:
                self._decide(life, resource)

    def _decide(self, life: Life, resource: Resource) -> None:
        reason = resource.condition.reason
        if reason in (Reason.IN_DOUBT, Reason.JOB_MISSING):
            self._settle(life, resource)
        elif reason in WORTH_A_RETRY:
            self.setting.laws.retried.add(resource.key)
            life.one_pass(frozenset({resource.name}))

    def _settle(self, life: Life, resource: Resource) -> None:
        """By the truth: the job that came of the latest attempt, if there is one."""
        rights = self.setting.laws.ledgers["prod"].rights(ENDPOINT)
        latest = [right.claim.nonce for right in rights if right.claim.key == resource.key]
        there = {job.made.claim: job.made.id for job in self.setting.account.jobs()}
        adopt = there.get(latest[-1]) if latest else None
        self._tried(life, lambda: settle(life.asked, life.world, resource.name, adopt))

    def _tried(self, life: Life, act: Callable[[], str]) -> None:
        life.wire.begin_pass()
        try:
            said = act()
        except ReconcileError as error:
            said = f"error: {error}"
        self.setting.schedule.note(said)
