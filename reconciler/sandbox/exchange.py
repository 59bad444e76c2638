"""A request answered: the key, the route, the handler, and the faults around it.

    handle(method, path, query, headers, body)        a whole request at once, in this thread
    find -> receive -> write ..., end -> answer       the same in steps, as a server streams it

Nothing here knows a socket, sleeps or starts a thread: an `Answer` says what is to be sent, how
late, and where the connection ends; whoever holds the connection does that.
"""

import hmac
import logging
import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qsl, unquote

from reconciler.sandbox import errors, fates, routes, strike
from reconciler.sandbox.answer import Answer, refused, told
from reconciler.sandbox.call import Call
from reconciler.sandbox.clock import http_date
from reconciler.sandbox.delivery import Delivery
from reconciler.sandbox.errors import ApiError
from reconciler.sandbox.faults import Faults, Operation, kinds
from reconciler.sandbox.incoming import Reception
from reconciler.sandbox.routes import Found
from reconciler.sandbox.state import Sandbox

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True)
class Counted:
    """How many calls of an operation came, and how many were carried out and not refused."""

    came: int
    carried_out: int


class Exchange:
    """What stands between a connection and the handlers.

    Args:
        sandbox: What requests are answered from.
        faults: What strikes; another may be put in its place at any time.
        key: The one API key to accept; without it any key will do.
    """

    def __init__(self, sandbox: Sandbox, faults: Faults, key: str | None = None) -> None:
        self.sandbox = sandbox
        self.faults = faults
        self._key = key
        self._lock = threading.Lock()
        self._came = Counter[Operation]()
        self._carried_out = Counter[Operation]()

    def handle(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """Answer a whole request.

        Args:
            method: Its verb.
            path: Its address as it is sent, without the query.
            query: What comes after "?", as it is sent.
            headers: Names in lower case.
            body: All of it.
        """
        try:
            found = self.find(method, unquote(path), headers)
        except ApiError as refusal:
            return self.refuse(refusal)
        with closing(self.receive(found, headers)) as reception:
            reception.write(body)
            reception.end()
            return self.answer(found, query, reception)

    def find(self, method: str, path: str, headers: Mapping[str, str]) -> Found:
        """Return the route of a request with a good key; `path` is without escapes."""
        self._check_key(headers.get("authorization", ""))
        return routes.find(method, path)

    def receive(self, found: Found, headers: Mapping[str, str]) -> Reception:
        """Return where the body of a request goes; the caller closes it."""
        content_type = headers.get("content-type", "")
        return Reception(lambda: found.route.open(self.sandbox, found.path, content_type))

    def answer(self, found: Found, query: str, reception: Reception) -> Answer:
        """Answer a request whose body has come in, with the faults that strike it."""
        now = self.sandbox.now()
        operation, content = found.route.operation, reception.content
        strikes = self.faults.draw(operation, now)
        self._count(self._came, operation)
        queried = dict(parse_qsl(query, keep_blank_values=True))
        delivery = Delivery(
            found.route,
            Call(self.sandbox, now, found.path, queried, content.body, content.form),
            strikes,
            reception.refusal,
            on_done=lambda: self._count(self._carried_out, operation),
        )
        answer = self._delivered(delivery)
        for fault in strikes:
            if isinstance(fault, kinds.Spoiling):
                answer = strike.spoiled(fault, answer)
        skews = (fault.seconds for fault in strikes if isinstance(fault, kinds.ClockSkew))
        return self._marked(answer, sum(skews))

    def refuse(self, error: ApiError) -> Answer:
        """Answer a request that comes to no handler; no fault strikes it."""
        return self._marked(refused(error))

    def counted(self) -> dict[Operation, Counted]:
        """Return the calls since the start, of each operation that was called."""
        with self._lock:
            return {
                operation: Counted(came, self._carried_out[operation])
                for operation, came in sorted(self._came.items())
            }

    def _check_key(self, authorization: str) -> None:
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise errors.missing_key()
        if self._key is not None and not hmac.compare_digest(
            key.strip().encode(), self._key.encode()
        ):
            raise errors.wrong_key(key.strip())

    def _delivered(self, delivery: Delivery) -> Answer:
        if any(isinstance(fault, kinds.LoseRequest) for fault in delivery.strikes):
            return Answer(0)
        try:
            fates.come_true(self.sandbox, delivery.call.now)
            return told(delivery.reply())
        except ApiError as refusal:
            return refused(refusal)
        except Exception:  # noqa: BLE001 - a defect is a 500 in the envelope too
            _log.exception("%s failed", delivery.route.operation)
            return refused(errors.server_error())

    def _marked(self, answer: Answer, skew: float = 0.0) -> Answer:
        headers = {
            **answer.headers,
            "date": http_date(self.sandbox.now() + skew),
            "x-request-id": self.sandbox.store.new_name("req_", 32),
            "openai-version": "2020-10-01",
        }
        return replace(answer, headers=headers)

    def _count(self, counter: Counter[Operation], operation: Operation) -> None:
        with self._lock:
            counter[operation] += 1
