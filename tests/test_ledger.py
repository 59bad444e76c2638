"""The ledger: a right is given once, records are whole or absent, damage is no permission.

The laws of every back-end, and those of a folder; what GitHub alone can do wrong is in
test_ledger_github.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import httpx2
import pytest

from reconciler.errors import LedgerError
from reconciler.ledger import FolderRecords, Ledger, Put, Records
from reconciler.ledger.gitdata import GitData
from reconciler.ledger.github import GithubRecords
from reconciler.state import Acknowledgement, Claim, Closing, ClosingKind, Right
from tests.github_fake import REPOSITORY, TOKEN, FakeGithub, FakeTransport

CLAIM = Claim("https://api.example/v1", "a" * 64, 1, "nonce", 100, "shop", "one")


@dataclass(frozen=True)
class Place:
    """Where records are: ``open`` gives what one runner has of it, ``damage`` spoils a claim."""

    open: Callable[[], Records]
    damage: Callable[[bytes], None]

    def ledger(self) -> Ledger:
        return Ledger(self.open())


def folder_place(root: Path) -> Place:
    def damage(content: bytes) -> None:
        next(root.glob("*/*/*.claim")).write_bytes(content)

    return Place(lambda: FolderRecords(root), damage)


def github_place(client: httpx2.Client, github: FakeGithub) -> Place:
    def damage(content: bytes) -> None:
        commit = next(sha for ref, sha in github.refs.items() if ref.endswith(".claim"))
        github.commits[commit]["message"] = content.decode("latin-1")

    return Place(lambda: GithubRecords(GitData(client, REPOSITORY, attempts=1)), damage)


@pytest.fixture(params=["folder", "github"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Each back-end: every law below holds for all of them."""
    if request.param == "folder":
        yield folder_place(tmp_path)
        return
    github = FakeGithub()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    transport = FakeTransport(github)
    with httpx2.Client(base_url=github.base_url, transport=transport, headers=headers) as client:
        yield github_place(client, github)


def test_a_claim_is_given_once(place: Place) -> None:
    ledger = place.ledger()
    assert ledger.claim(CLAIM)
    assert not ledger.claim(replace(CLAIM, nonce="another"))
    assert ledger.rights(CLAIM.endpoint) == (Right(CLAIM),)


def test_attempts_keys_and_endpoints_are_apart(place: Place) -> None:
    ledger = place.ledger()
    others = [replace(CLAIM, attempt=2), replace(CLAIM, key="b" * 64), replace(CLAIM, endpoint="x")]
    assert all(ledger.claim(claim) for claim in [CLAIM, *others])
    assert [right.claim for right in ledger.rights(CLAIM.endpoint)] == [CLAIM, *others[:2]]
    assert [right.claim for right in ledger.rights("x")] == [others[2]]


def test_the_last_closing_of_a_claim_counts(place: Place) -> None:
    ledger = place.ledger()
    ledger.claim(CLAIM)
    closings = [Closing(ClosingKind.CREATED, 1, job_id=f"ftjob-{n}") for n in range(12)]
    for closing in closings:
        ledger.close(CLAIM, closing)
        assert ledger.rights(CLAIM.endpoint) == (Right(CLAIM, closing),)


def test_a_refusal_survives_whole(place: Place) -> None:
    refusal = Closing(ClosingKind.REFUSED, 7, "", 429, "rate_limit", "slow down: 느리게", 1.5)
    place.ledger().claim(CLAIM)
    place.ledger().close(CLAIM, refusal)
    assert place.ledger().rights(CLAIM.endpoint) == (Right(CLAIM, refusal),)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": 1}', b"\xff"])
def test_a_damaged_record_stops_everything(place: Place, damage: bytes) -> None:
    ledger = place.ledger()
    ledger.claim(CLAIM)
    place.damage(damage)
    with pytest.raises(LedgerError, match="can't be used"):
        ledger.rights(CLAIM.endpoint)


def test_no_ledger_means_no_rights_yet(place: Place) -> None:
    assert place.ledger().rights("x") == ()


def test_of_many_at_once_one_wins(place: Place) -> None:
    claims = [replace(CLAIM, nonce=str(number)) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda claim: place.ledger().claim(claim), claims))
    assert won.count(True) == 1
    assert place.ledger().rights(CLAIM.endpoint) == (Right(claims[won.index(True)]),)


def test_what_a_person_has_seen_is_kept(place: Place) -> None:
    ledger = place.ledger()
    ledger.claim(CLAIM)
    ledger.acknowledge(CLAIM.endpoint, Acknowledgement(("ftjob-a", "ftjob-b"), 7))
    ledger.acknowledge(CLAIM.endpoint, Acknowledgement(("ftjob-a", "ftjob-b"), 8))
    book = ledger.read(CLAIM.endpoint)
    assert book.acknowledged == {"ftjob-a", "ftjob-b"}
    assert book.rights == (Right(CLAIM),)


@dataclass
class Lossy:
    """A back-end whose answers are lost: what was asked is done, or not, by ``is_done``."""

    kept: Records
    is_done: bool

    def put(self, name: str, text: str) -> Put:
        if self.is_done:
            self.kept.put(name, text)
        return Put.UNSURE

    def get(self, name: str) -> str | None:
        return self.kept.get(name)

    def all(self, folder: str) -> Mapping[str, str]:
        return self.kept.all(folder)


def test_a_put_without_an_answer_is_read_back_and_its_nonce_compared(place: Place) -> None:
    lossy = Ledger(Lossy(place.open(), is_done=True))
    assert lossy.claim(CLAIM)
    assert not lossy.claim(replace(CLAIM, nonce="another"))


def test_a_put_that_nobody_can_vouch_for_is_no_right(place: Place) -> None:
    with pytest.raises(LedgerError, match="nobody knows"):
        Ledger(Lossy(place.open(), is_done=False)).claim(CLAIM)


# ---- a folder ------------------------------------------------------------------------------------


def test_a_place_that_cannot_be_written_stops_everything(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(LedgerError):
        Ledger(FolderRecords(blocked)).claim(CLAIM)


def test_no_folder_means_no_rights_yet(tmp_path: Path) -> None:
    assert Ledger(FolderRecords(tmp_path / "none")).rights("x") == ()


def test_every_folder_that_is_made_for_records_is_private(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        Ledger(FolderRecords(tmp_path / "deep/ledger")).claim(CLAIM)
    finally:
        os.umask(before)
    made = [tmp_path / "deep", *(path for path in tmp_path.glob("deep/**/*") if path.is_dir())]
    assert len(made) == 4
    assert {path.stat().st_mode & 0o077 for path in made} == {0}


def test_records_are_private(tmp_path: Path) -> None:
    Ledger(FolderRecords(tmp_path / "ledger")).claim(CLAIM)
    record = next((tmp_path / "ledger").glob("*/*/*.claim"))
    assert record.stat().st_mode & 0o077 == 0
    assert record.parent.stat().st_mode & 0o077 == 0


RACER = """\
import sys, time
from pathlib import Path
from reconciler.ledger import FolderRecords, Ledger
from reconciler.state import Claim
root, start, nonce = sys.argv[1:]
claim = Claim("https://api.example/v1", "a" * 64, 1, nonce, 100, "shop", "one")
while time.time() < float(start):
    pass
sys.exit(0 if Ledger(FolderRecords(Path(root))).claim(claim) else 1)
"""


def test_of_many_processes_one_wins(tmp_path: Path) -> None:
    start = str(time.time() + 1.5)
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(tmp_path), start, str(number)])
        for number in range(6)
    ]
    codes = [racer.wait(30) for racer in racers]
    assert sorted(codes) == [0, 1, 1, 1, 1, 1]
    (right,) = Ledger(FolderRecords(tmp_path)).rights(CLAIM.endpoint)
    assert right.claim.nonce == str(codes.index(0))
