"""When a runner is killed: at which of its requests, and how far that one has come."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Moment(StrEnum):
    """How far a request has come. The first two are before an event in the runner itself."""

    BEFORE_WRITE = "before write to ledger"
    BEFORE_CONNECT = "before connect"
    AFTER_HEADERS = "after headers"  # the endpoint has read them, and does nothing
    AFTER_BODY = "after body"  # all was sent; the last of it never arrives
    AFTER_COMMIT = "after commit"  # it is carried out; no byte of the reply arrives
    IN_REPLY = "in mid-reply"
    AFTER_REPLY = "after reply"


AT_PROXY = (
    Moment.AFTER_HEADERS,
    Moment.AFTER_BODY,
    Moment.AFTER_COMMIT,
    Moment.IN_REPLY,
    Moment.AFTER_REPLY,
)


@dataclass(frozen=True)
class Seen:
    """A request as the proxy saw it: enough to name it."""

    method: str
    path: str
    has_body: bool

    def __str__(self) -> str:
        named = re.sub(r"\b((upload|file|ftjob)[_-]|ft:)[^/]+", "ID", self.path.partition("?")[0])
        return f"{self.method} {named}"


@dataclass(frozen=True)
class Point:
    """A moment of a runner's n-th request (or write to its ledger), counted from 1."""

    number: int
    moment: Moment
    of: str = ""

    def __str__(self) -> str:
        return f"{self.moment} {self.number} {self.of}".rstrip()


def points_of(requests: list[Seen], ledger_writes: int) -> list[Point]:
    """Every point at which a runner with these requests can be killed."""
    at_writes = [Point(n, Moment.BEFORE_WRITE) for n in range(1, ledger_writes + 1)]
    at_requests = [
        Point(number, moment, str(seen))
        for number, seen in enumerate(requests, start=1)
        for moment in (Moment.BEFORE_CONNECT, *AT_PROXY)
        if seen.has_body or moment is not Moment.AFTER_BODY
    ]
    return at_requests + at_writes
