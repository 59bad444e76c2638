"""A relay in front of the sandbox: records each request, and can spoil a reply as networks do."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
JOBS = "/v1/fine_tuning/jobs"


@dataclass(frozen=True)
class Reply:
    """What the relay answers; None for the body means that the connection is dropped."""

    status: int
    body: bytes | None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """One request as it arrived."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Forward = Callable[[Sent], Reply]
Spoil = Callable[[Sent, Forward], Reply]


def passing(sent: Sent, forward: Forward) -> Reply:
    return forward(sent)


def is_create(sent: Sent) -> bool:
    return (sent.method, sent.path) == ("POST", JOBS)


@dataclass
class Relay:
    """A running relay: where it is, what came, and what to do to replies."""

    base_url: str = ""
    sent: list[Sent] = field(default_factory=list)
    spoil: Spoil = passing

    @property
    def creates(self) -> list[Sent]:
        return [sent for sent in self.sent if is_create(sent)]


@contextmanager
def relay_to(upstream: str) -> Iterator[Relay]:
    """Run a relay in front of a server until the block ends."""
    relay = Relay()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(relay, urlsplit(upstream).netloc))
    server.daemon_threads = True
    relay.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield relay
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(relay: Relay, upstream: str) -> type[BaseHTTPRequestHandler]:
    def forward(sent: Sent) -> Reply:
        connection = http.client.HTTPConnection(upstream, timeout=30)
        try:
            connection.request(sent.method, sent.path, sent.body, sent.headers)
            answer = connection.getresponse()
            headers = {k: v for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP}
            return Reply(answer.status, answer.read(), headers)
        finally:
            connection.close()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # an answer is sent in two writes

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP_BY_HOP}
            sent = Sent(self.command, self.path, self.rfile.read(length), headers)
            relay.sent.append(sent)
            self.answer(relay.spoil(sent, forward))

        def answer(self, reply: Reply) -> None:
            if reply.body is None:
                self.close_connection = True
                return
            self.send_response_only(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        do_GET = handle_any  # noqa: N815  # the names that http.server calls
        do_POST = handle_any  # noqa: N815
        do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    return Handler
