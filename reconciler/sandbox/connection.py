"""Connections that an application can end without an answer, as a broken network does.

ASGI has no message for that: `EndableProtocol` puts the way to do it among the extensions of each
request's scope, and `end_connection` goes that way.
"""

import asyncio
from typing import Any, Final

from starlette.types import Receive, Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

_EXTENSION: Final = "reconciler.sandbox.end"


class EndableProtocol(H11Protocol):
    """HTTP/1.1 whose requests know how to end their connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection, and tell the application how to close it."""
        super().connection_made(transport)
        serve = self.app

        async def endable(scope: Any, receive: Any, send: Any) -> None:
            extensions = scope.setdefault("extensions", {})
            extensions[_EXTENSION] = transport.close  # what was sent before still goes out
            await serve(scope, receive, send)

        self.app = endable


async def end_connection(scope: Scope, receive: Receive) -> None:
    """Close the connection of a request after what has been sent, and wait until it is closed."""
    scope["extensions"][_EXTENSION]()
    await until_left(receive)


async def until_left(receive: Receive) -> None:
    """Wait until there is nobody on the other side."""
    while (await receive())["type"] != "http.disconnect":
        pass
