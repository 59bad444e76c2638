"""What the ledger holds: claims, how they ended, what a person has acknowledged."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ClosingKind(StrEnum):
    """How a claim ended."""

    CREATED = "created"  # a job answered for it
    REFUSED = "refused"  # the endpoint said no
    NOT_SENT = "not_sent"  # no connection was made
    ABANDONED = "abandoned"  # a person decided that nothing came of it


@dataclass(frozen=True)
class Claim:
    """The right to send one create: (endpoint, key, attempt) is claimed at most once."""

    endpoint: str
    key: str
    attempt: int
    nonce: str
    at: int
    owner: str
    name: str


@dataclass(frozen=True)
class Closing:
    """What became of a claim; written beside it. Of several the latest counts."""

    kind: ClosingKind
    at: int
    job_id: str = ""
    status: int = 0
    code: str = ""
    message: str = ""
    retry_after: float | None = None


@dataclass(frozen=True)
class Right:
    """A ledger record: a claim, and its closing if there is one. Without one it is in doubt."""

    claim: Claim
    closing: Closing | None = None


@dataclass(frozen=True)
class Acknowledgement:
    """A person's word that these jobs, which are one training made twice, are known to them."""

    jobs: tuple[str, ...]
    at: int
