"""The ledger's back-ends as a bad line leaves them: steps between all calls, answers that get lost.

``dir`` is the real folder behind a line of our own; ``github`` is the real client, with the fake of
GitHub's API at the other end of the line. Each comes with the truth: the same records, no line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random

import httpx2

from reconciler.errors import LedgerError
from reconciler.ledger import FolderRecords, Put, Records
from reconciler.ledger.gitdata import GitData
from reconciler.ledger.github import GithubRecords
from tests import github_fake
from tests.github_fake import REPOSITORY, TOKEN, Answer, Call, Carry, FakeGithub, FakeTransport
from tests.simulation.schedule import Schedule

LONGEST_TRANSIT = 300.0
"""Seconds for which a record may be under way."""


@dataclass
class Trouble:
    """What the lines to all ledgers do: the share of the calls that go wrong."""

    schedule: Schedule
    chance: Random
    share: float

    def strikes(self) -> bool:
        """Whether the next call goes wrong."""
        return self.chance.random() < self.share

    @property
    def transit(self) -> float:
        """When a call that is late arrives."""
        return self.schedule.now + self.chance.uniform(0, LONGEST_TRANSIT)


@dataclass(frozen=True)
class FolderLine:
    """A folder behind a line."""

    kept: FolderRecords
    trouble: Trouble

    def put(self, name: str, text: str) -> Put:
        """The put: done at once, later or never; answered or not."""
        schedule = self.trouble.schedule
        schedule.step(f"put {_short(name)}")
        answer = self._spoiled_put(name, text) if self.trouble.strikes() else None
        answer = answer or self.kept.put(name, text)
        schedule.step(f"put {_short(name)}: {answer.name}")
        return answer

    def _spoiled_put(self, name: str, text: str) -> Put:
        fate = self.trouble.chance.random()
        if fate < 1 / 3:
            self.kept.put(name, text)
        elif fate < 2 / 3:
            self.trouble.schedule.at(self.trouble.transit, lambda: self.kept.put(name, text))
        return Put.UNSURE

    def get(self, name: str) -> str | None:
        """The record, or an error."""
        self._ask(f"get {_short(name)}")
        return self.kept.get(name)

    def all(self, folder: str) -> Mapping[str, str]:
        """Every record, or an error."""
        self._ask("read the ledger")
        return self.kept.all(folder)

    def _ask(self, label: str) -> None:
        self.trouble.schedule.step(label)
        if self.trouble.strikes():
            raise LedgerError("the line broke")


def folder_ledger(folder: Path, trouble: Trouble) -> tuple[Records, Records]:
    """A folder: as the runners reach it, and as it is."""
    kept = FolderRecords(folder)
    return FolderLine(kept, trouble), kept


def github_ledger(folder: Path, trouble: Trouble) -> tuple[Records, Records]:
    """A repository's refs: as the runners reach them, and as they are. ``folder`` is a cache."""
    true = FakeGithub()
    line = FakeGithub(commits=true.commits, refs=true.refs, spoil=_Spoiler(trouble))
    return _client(line, folder), _client(true, None)


def _client(fake: FakeGithub, cache: Path | None) -> GithubRecords:
    client = httpx2.Client(
        base_url=fake.base_url,
        transport=FakeTransport(fake),
        headers={"authorization": f"Bearer {TOKEN}"},
    )
    return GithubRecords(GitData(client, REPOSITORY, attempts=1), cache)


@dataclass(frozen=True)
class _Spoiler:
    """What becomes of a request to GitHub on its way."""

    trouble: Trouble

    def __call__(self, call: Call, carry: Carry) -> Answer:
        schedule = self.trouble.schedule
        place = call.path.partition("/git/")[2][:16]
        schedule.step(f"{call.method} {place}")
        answer = self._spoiled(call, carry) if self.trouble.strikes() else carry(call)
        schedule.step(f"{call.method} {place}: {answer.status}")
        return answer

    def _spoiled(self, call: Call, carry: Carry) -> Answer:
        ways = (
            github_fake.lose_the_request,
            github_fake.lose_the_reply,
            github_fake.deliver_twice,
            github_fake.fail_before,
            github_fake.fail_after,
            github_fake.limit,
            self._late,
        )
        return self.trouble.chance.choice(ways)(call, carry)

    def _late(self, call: Call, carry: Carry) -> Answer:
        self.trouble.schedule.at(self.trouble.transit, lambda: carry(call))
        return github_fake.LOST


def _short(name: str) -> str:
    _, _, record = name.partition("/")
    return f"{record[:6]}…{record[-13:]}"
