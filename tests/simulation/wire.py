"""The line between one process and the account: what httpx2 would raise where it breaks.

Each request has a moment before it leaves and one after it arrived: a kill may come at both. What
the sandbox's faults say of an answer (lost, cut, late) becomes what a client sees of it. Two things
are the line's own: no connection at all, and a request that arrives long after its client gave up.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

import httpx2

from reconciler.ownership import KEY
from reconciler.sandbox.answer import Answer, Ending
from tests.simulation.account import JOBS, Account
from tests.simulation.laws import Laws
from tests.simulation.look import Look
from tests.simulation.prune_laws import PruneLaws
from tests.simulation.schedule import Schedule

ROOT: Final = "/v1"
SHORT: Final = JOBS.removeprefix(ROOT)
LONGEST_TRANSIT: Final = 600.0
"""Seconds for which a request may be under way: with the lease of a claim less than its window."""


@dataclass
class Line:
    """How bad the line of all runners is, as shares of their requests."""

    chance: Random
    unreachable: float = 0.0
    late: float = 0.0


@dataclass
class SimulatedWire(httpx2.BaseTransport):
    """The transport of one process."""

    account: Account
    laws: Laws
    schedule: Schedule
    line: Line
    owner: str
    pruning: PruneLaws
    look: Look = field(default_factory=Look)
    writes: int = 0

    def begin_pass(self) -> None:
        """A new pass: what was seen before counts no more."""
        self.look = Look(pass_began=self.schedule.now)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request; what comes back, or the error of a broken line."""
        body = request.read()
        called = f"{request.method} {request.url.path.removeprefix(ROOT)}"
        self.schedule.step(called)
        if self._strikes(self.line.unreachable):
            raise httpx2.ConnectError("no route to host", request=request)
        if trace := request.extensions.get("trace"):
            trace("simulated.send_request_headers.started", {})
        self._watch(request, body)
        if called == f"POST {SHORT}" and self._strikes(self.line.late):
            self._deliver_late(request, body)
        answer = self._delivered(request, body)
        self.schedule.step(f"{called}: {answer.status} {answer.ending.name}")
        self._note(request, answer)
        return self._received(request, answer)

    def _watch(self, request: httpx2.Request, body: bytes) -> None:
        """The laws look at whatever changes something before it arrives anywhere."""
        if request.method == "GET":
            return
        self.writes += 1
        path = request.url.path
        if path == JOBS:
            self.laws.sent(self.owner, json.loads(body), self.look)
        elif path.startswith(JOBS) and path.endswith("/cancel"):
            self.laws.cancelling(self.owner, path.split("/")[-2], self.look)
        elif request.method == "DELETE":
            what, _, name = path.removeprefix(f"{ROOT}/").partition("/")
            self.pruning.deleting(what, name, self.look)

    def _strikes(self, share: float) -> bool:
        return self.line.chance.random() < share

    def _delivered(self, request: httpx2.Request, body: bytes) -> Answer:
        url = request.url
        headers = {name.lower(): value for name, value in request.headers.items()}
        return self.account.handle(
            request.method,
            url.raw_path.decode().partition("?")[0],
            url.query.decode(),
            headers,
            body,
        )

    def _deliver_late(self, request: httpx2.Request, body: bytes) -> None:
        """The client's patience ends first; what it sent arrives all the same."""
        patience = _patience(request)
        transit = self.line.chance.uniform(patience, LONGEST_TRANSIT)
        arrives = self.schedule.now + transit
        self.schedule.at(arrives, lambda: self._delivered(request, body))
        self.schedule.sleep(patience)
        raise httpx2.ReadTimeout("no answer in time", request=request)

    def _received(self, request: httpx2.Request, answer: Answer) -> httpx2.Response:
        patience = _patience(request)
        self.schedule.sleep(min(answer.delay, patience))
        if answer.delay >= patience:
            raise httpx2.ReadTimeout("no answer in time", request=request)
        if answer.ending is Ending.NONE:
            raise httpx2.RemoteProtocolError("the server disconnected", request=request)
        stream = _Body(answer.arriving(), answer.ending is Ending.CUT, request)
        return httpx2.Response(answer.status, headers=dict(answer.headers), stream=stream)

    def _note(self, request: httpx2.Request, answer: Answer) -> None:
        """What this process has learned: how far its scan came, and that it was turned away."""
        is_received = answer.delay < _patience(request) and answer.ending is Ending.WHOLE
        if request.url.path != JOBS or not is_received:
            return
        if request.method == "POST":
            is_end = b"training_not_available" in answer.content()
            self.look.was_stopped |= is_end or answer.status in (401, 429)
        elif not any(name.startswith("metadata") for name in request.url.params):
            self._note_page(request, _rows(answer))

    def _note_page(self, request: httpx2.Request, page: dict[str, Any]) -> None:
        if "after" not in request.url.params:
            self.look = replace(self.look, began=self.schedule.now, rows=[], marked=set())
        rows = page.get("data", [])
        ids = [row["id"] for row in rows]
        is_sound = bool(ids) or page.get("has_more") is False
        is_new = not set(ids) & set(self.look.rows)
        self.look.rows += ids
        self.look.marked |= {row["id"] for row in rows if KEY in (row["metadata"] or {})}
        self.look.is_whole = is_sound and is_new and page.get("has_more") is False


def _patience(request: httpx2.Request) -> float:
    seconds: float = request.extensions["timeout"]["read"]
    return seconds


def _rows(answer: Answer) -> dict[str, Any]:
    """A page of the list; an empty one where the answer is none."""
    try:
        page = json.loads(answer.content())
    except ValueError:
        return {}
    return page if isinstance(page, dict) else {}


@dataclass
class _Body(httpx2.SyncByteStream):
    """A body, which may end in its middle."""

    arriving: bytes
    is_cut: bool
    request: httpx2.Request

    def __iter__(self) -> Iterator[bytes]:
        yield self.arriving
        if self.is_cut:
            raise httpx2.RemoteProtocolError("the body was cut off", request=self.request)
