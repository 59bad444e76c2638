"""The ledger: a right is given once, records are whole or absent, damage is no permission."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from reconciler.errors import LedgerError
from reconciler.ledger import FolderRecords, Ledger, Put
from reconciler.state import Acknowledgement, Claim, Closing, ClosingKind, Right

CLAIM = Claim("https://api.example/v1", "a" * 64, 1, "nonce", 100, "shop", "one")


def test_a_claim_is_given_once(tmp_path: Path) -> None:
    ledger = Ledger(FolderRecords(tmp_path))
    assert ledger.claim(CLAIM)
    assert not ledger.claim(replace(CLAIM, nonce="another"))
    assert ledger.rights(CLAIM.endpoint) == (Right(CLAIM),)


def test_attempts_keys_and_endpoints_are_apart(tmp_path: Path) -> None:
    ledger = Ledger(FolderRecords(tmp_path))
    others = [replace(CLAIM, attempt=2), replace(CLAIM, key="b" * 64), replace(CLAIM, endpoint="x")]
    assert all(ledger.claim(claim) for claim in [CLAIM, *others])
    assert [right.claim for right in ledger.rights(CLAIM.endpoint)] == [CLAIM, *others[:2]]
    assert [right.claim for right in ledger.rights("x")] == [others[2]]


def test_the_last_closing_of_a_claim_counts(tmp_path: Path) -> None:
    ledger = Ledger(FolderRecords(tmp_path))
    ledger.claim(CLAIM)
    closings = [Closing(ClosingKind.CREATED, 1, job_id=f"ftjob-{n}") for n in range(12)]
    for closing in closings:
        ledger.close(CLAIM, closing)
        assert ledger.rights(CLAIM.endpoint) == (Right(CLAIM, closing),)


def test_a_refusal_survives_whole(tmp_path: Path) -> None:
    refusal = Closing(ClosingKind.REFUSED, 7, "", 429, "rate_limit", "slow down: 느리게", 1.5)
    Ledger(FolderRecords(tmp_path)).claim(CLAIM)
    Ledger(FolderRecords(tmp_path)).close(CLAIM, refusal)
    assert Ledger(FolderRecords(tmp_path)).rights(CLAIM.endpoint) == (Right(CLAIM, refusal),)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"key": 1}', b"\xff"])
def test_a_damaged_record_stops_everything(tmp_path: Path, damage: bytes) -> None:
    ledger = Ledger(FolderRecords(tmp_path))
    ledger.claim(CLAIM)
    next(tmp_path.glob("*/*/*.claim")).write_bytes(damage)
    with pytest.raises(LedgerError, match="can't be used"):
        ledger.rights(CLAIM.endpoint)


def test_a_place_that_cannot_be_written_stops_everything(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(LedgerError):
        Ledger(FolderRecords(blocked)).claim(CLAIM)


def test_no_ledger_means_no_rights_yet(tmp_path: Path) -> None:
    assert Ledger(FolderRecords(tmp_path / "none")).rights("x") == ()


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


def test_what_a_person_has_seen_is_kept(tmp_path: Path) -> None:
    ledger = Ledger(FolderRecords(tmp_path))
    ledger.claim(CLAIM)
    ledger.acknowledge(CLAIM.endpoint, Acknowledgement(("ftjob-a", "ftjob-b"), 7))
    ledger.acknowledge(CLAIM.endpoint, Acknowledgement(("ftjob-a", "ftjob-b"), 8))
    book = ledger.read(CLAIM.endpoint)
    assert book.acknowledged == {"ftjob-a", "ftjob-b"}
    assert book.rights == (Right(CLAIM),)


@dataclass
class Lossy:
    """A back-end whose answers are lost: what was asked is done, or not, by ``is_done``."""

    kept: FolderRecords
    is_done: bool

    def put(self, name: str, text: str) -> Put:
        if self.is_done:
            self.kept.put(name, text)
        return Put.UNSURE

    def get(self, name: str) -> str | None:
        return self.kept.get(name)

    def all(self, folder: str) -> Mapping[str, str]:
        return self.kept.all(folder)


def test_a_put_without_an_answer_is_read_back_and_its_nonce_compared(tmp_path: Path) -> None:
    lossy = Ledger(Lossy(FolderRecords(tmp_path), is_done=True))
    assert lossy.claim(CLAIM)
    assert not lossy.claim(replace(CLAIM, nonce="another"))


def test_a_put_that_nobody_can_vouch_for_is_no_right(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="nobody knows"):
        Ledger(Lossy(FolderRecords(tmp_path), is_done=False)).claim(CLAIM)
