"""The right to create: (endpoint, run key, attempt) can be claimed at most once, by anybody.

The ledger holds rights, never the truth: what exists is what the provider shows. Losing it costs
the guarantee against a second payment while a reply is lost, nothing else. Records are only added.

    Ledger      claims, closings, acknowledgements as records; whose claim stands (this module)
    records     what a back-end must do: put a record if there is none, read, list
    lifetime    which ledger is in force, and whether it outlives its machine
    folder      a folder that all runners share              github    git refs of a repository

Names of the records, the same in every back-end::

    <digest of the endpoint>/<run key>/0001.claim         who may send attempt 1, and since when
                                       0001.closing       what became of it
                                       0001.closing1      what was learned later; the latest counts
    <digest of the endpoint>/unfrozen/<digest>.duplicate  jobs made twice that a person has seen
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TypeVar

from pydantic import TypeAdapter

from reconciler.errors import LedgerError
from reconciler.ledger.folder import FolderRecords
from reconciler.ledger.records import Put, Records
from reconciler.state import Acknowledgement, Claim, Closing, Right

__all__ = ["Book", "FolderRecords", "Ledger", "Put", "Records"]

_Record = TypeVar("_Record")
_CLAIM = TypeAdapter(Claim)
_CLOSING = TypeAdapter(Closing)
_ACKNOWLEDGEMENT = TypeAdapter(Acknowledgement)
_CLAIMS, _CLOSINGS, _SEEN = ".claim", ".closing", ".duplicate"


@dataclass(frozen=True)
class Book:
    """All that the ledger says about one endpoint.

    Attributes:
        rights: claims by key and attempt, each with its latest closing.
        acknowledged: jobs that a person has seen as duplicates.
    """

    rights: tuple[Right, ...]
    acknowledged: frozenset[str]


@dataclass(frozen=True)
class Ledger:
    """Rights to create, over the records of one back-end."""

    records: Records

    def claim(self, claim: Claim) -> bool:
        """Put the claim if there is none for its endpoint, key and attempt; whether it stands.

        Raises:
            LedgerError: nobody can tell whose claim stands: nothing may be sent.
        """
        return self._is_put(_claim_name(claim), _text(claim))

    def close(self, claim: Claim, closing: Closing) -> None:
        """Write what became of a claim; of several closings the latest counts.

        Raises:
            LedgerError: it may not have been written.
        """
        name = _claim_name(claim).removesuffix(_CLAIMS) + _CLOSINGS
        number = 0
        while not self._is_put(f"{name}{number or ''}", _text(closing)):
            number += 1

    def acknowledge(self, endpoint: str, acknowledgement: Acknowledgement) -> None:
        """Write that a person has seen these duplicates. Raises LedgerError like ``close``."""
        digest = sha256(" ".join(acknowledgement.jobs).encode()).hexdigest()[:16]
        name = f"{_folder(endpoint)}/unfrozen/{digest}{_SEEN}"
        self._is_put(name, _text(acknowledgement))

    def read(self, endpoint: str) -> Book:
        """All that is written about an endpoint, read once.

        Raises:
            LedgerError: a record can't be read: doubt is no permission.
        """
        return _book(self.records.all(_folder(endpoint)))

    def rights(self, endpoint: str) -> tuple[Right, ...]:
        """The rights alone; see ``read``."""
        return self.read(endpoint).rights

    def _is_put(self, name: str, text: str) -> bool:
        """Whether the record of that name is this text, which carries a nonce, a time or an id.

        Only a back-end's plain yes needs no second look. A no may answer a request that was
        delivered twice, and silence may follow one that was carried out: both are read back.
        """
        if self.records.put(name, text) is Put.STORED:
            return True
        standing = self.records.get(name)
        if standing is None:
            message = f"the ledger can't be used: nobody knows whether {name} was written"
            raise LedgerError(message)
        return standing == text


def _folder(endpoint: str) -> str:
    return sha256(endpoint.encode()).hexdigest()[:16]


def _claim_name(claim: Claim) -> str:
    return f"{_folder(claim.endpoint)}/{claim.key}/{claim.attempt:04}{_CLAIMS}"


def _text(record: Claim | Closing | Acknowledgement) -> str:
    return json.dumps(asdict(record), sort_keys=True)


def _book(records: Mapping[str, str]) -> Book:
    seen = (name for name in records if name.endswith(_SEEN))
    acknowledged = (_read(_ACKNOWLEDGEMENT, records, name).jobs for name in seen)
    return Book(tuple(_rights(records)), frozenset(job for jobs in acknowledged for job in jobs))


def _rights(records: Mapping[str, str]) -> Iterator[Right]:
    for name in sorted(name for name in records if name.endswith(_CLAIMS)):
        claim = _read(_CLAIM, records, name)
        yield Right(claim, _latest_closing(records, name.removesuffix(_CLAIMS) + _CLOSINGS))


def _latest_closing(records: Mapping[str, str], name: str) -> Closing | None:
    """Closings are numbered without a gap; the last one counts."""
    latest, number = "", 0
    while (numbered := f"{name}{number or ''}") in records:
        latest, number = numbered, number + 1
    return _read(_CLOSING, records, latest) if latest else None


def _read(kind: TypeAdapter[_Record], records: Mapping[str, str], name: str) -> _Record:
    """A record as what it should be: doubt is no permission."""
    try:
        return kind.validate_json(records[name])
    except ValueError as error:
        message = (
            f"the ledger can't be used: its record {name} is damaged; restore it from a backup, or "
            "look at the endpoint's jobs before you remove it"
        )
        raise LedgerError(message) from error
