"""A ledger's back-end as a bad line leaves it: steps between all calls, answers that get lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from reconciler.errors import LedgerError
from reconciler.ledger import Put, Records
from tests.simulation.schedule import Schedule


@dataclass
class BadLine:
    """Records behind a line that breaks.

    Attributes:
        kept: the back-end itself.
        schedule: where time goes by, and kills come from.
        chance: of what the line does.
        trouble: share of the calls that go wrong.
    """

    kept: Records
    schedule: Schedule
    chance: Random
    trouble: float

    def put(self, name: str, text: str) -> Put:
        """The put, done or not, answered or not."""
        self.schedule.step(f"put {_short(name)}")
        if not self._breaks():
            answer = self.kept.put(name, text)
        elif self.chance.random() < 0.5:
            self.kept.put(name, text)
            answer = Put.UNSURE
        else:
            answer = Put.UNSURE
        self.schedule.step(f"put {_short(name)}: {answer.name}")
        return answer

    def get(self, name: str) -> str | None:
        """The record, or an error."""
        self.schedule.step(f"get {_short(name)}")
        if self._breaks():
            raise LedgerError("the line broke")
        return self.kept.get(name)

    def all(self, folder: str) -> Mapping[str, str]:
        """Every record, or an error."""
        self.schedule.step("read the ledger")
        if self._breaks():
            raise LedgerError("the line broke")
        return self.kept.all(folder)

    def _breaks(self) -> bool:
        return self.chance.random() < self.trouble


def _short(name: str) -> str:
    folder, _, record = name.partition("/")
    return f"{record[:6]}…{record[-13:]}" if folder else record
