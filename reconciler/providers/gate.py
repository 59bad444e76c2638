"""The last look before a create leaves: after the connection was made, before its first byte.

Finding the address, connecting and the handshakes may take long, and a machine may be suspended
meanwhile. The transport tells each of its steps to a "trace" that a request carries: there the
clock is read once more, and it is noted whether anything has left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import httpx2

FIRST_BYTE = "send_request_headers.started"
"""How the transport's name for the step ends in which a request's first byte is written."""


class TooLate(httpx2.RequestError):
    """A request was held back at the last moment; one of the transport's errors to the SDK."""


@dataclass
class Passage:
    """One request on its way: until when it may leave, and whether any of it has left."""

    now: Callable[[], int]
    send_by: int | None
    has_left: bool = False

    def trace(self, step: str, _details: Mapping[str, object]) -> None:
        """Told each step of the transport. Raises TooLate instead of letting a late one pass."""
        if step.endswith(FIRST_BYTE):
            if self.send_by is not None and self.now() > self.send_by:
                raise TooLate("too long after its claim")
            self.has_left = True


class Gate:
    """Puts a Passage on the requests of a client, as its hook, while one is open."""

    def __init__(self) -> None:
        self._passage: Passage | None = None

    @contextmanager
    def watch(self, passage: Passage) -> Iterator[Passage]:
        """Let requests take this passage until the block ends."""
        self._passage = passage
        try:
            yield passage
        finally:
            self._passage = None

    def __call__(self, request: httpx2.Request) -> None:
        """The client is about to hand this request to its transport."""
        if self._passage:
            request.extensions = {**request.extensions, "trace": self._passage.trace}
