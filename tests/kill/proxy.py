"""A proxy of bytes in front of the sandbox, which kills a runner when its request has come so far.

Each connection carries one request, so that a runner connects anew for each. What a killed runner's
request had not yet delivered is lost: the endpoint sees a connection that ends.
"""

from __future__ import annotations

import re
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from socketserver import StreamRequestHandler, ThreadingTCPServer
from subprocess import Popen
from threading import Barrier, BrokenBarrierError, Lock, Thread
from urllib.parse import urlsplit

from tests.kill.moments import Moment, Point, Seen

LONGEST_DEATH, LONGEST_WAIT = 20.0, 4.0
LAST_LOOK = "GET /v1/files"
"""What a pass asks for last before it writes."""


class Killed(Exception):
    """The runner of this request is dead; nothing more of it is passed on."""


@dataclass
class Proxy:
    """A running proxy, the runners behind it by their API key, and whom it kills when."""

    upstream: tuple[str, int]
    base_url: str = ""
    runners: dict[str, Popen[str]] = field(default_factory=dict)
    point: Point | None = None
    meeting: Barrier | None = None
    seen: list[Seen] = field(default_factory=list)
    killed_in: Seen | None = None
    _numbers: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    @property
    def port(self) -> int:
        return urlsplit(self.base_url).port or 0

    def number(self, key: str, seen: Seen) -> int:
        """Which of its runner's requests this is."""
        with self._lock:
            self.seen.append(seen)
            self._numbers[key] += 1
            return self._numbers[key]

    def gather(self, runners: int) -> None:
        """Let so many runners meet before they write: none then has seen what another does."""
        self.meeting = Barrier(runners, action=self._met) if runners > 1 else None

    def _met(self) -> None:
        self.meeting = None

    def disperse(self) -> None:
        """Let nobody wait any longer."""
        meeting, self.meeting = self.meeting, None
        if meeting:
            meeting.abort()

    def line_up(self, seen: Seen) -> None:
        """Hold a runner's last look until the others come to theirs, or seem not to come."""
        meeting = self.meeting
        if meeting and str(seen) == LAST_LOOK:
            with suppress(BrokenBarrierError):
                meeting.wait(LONGEST_WAIT)

    def reached(self, key: str, number: int, seen: Seen, moment: Moment) -> None:
        """Kill the runner if this is the point; of several runners the first to reach it."""
        with self._lock:
            wanted = self.point
            is_it = wanted and (wanted.number, wanted.moment) == (number, moment)
            if not is_it or self.killed_in:
                return
            self.killed_in = seen
        self.runners[key].kill()
        self.runners[key].wait(LONGEST_DEATH)
        self.disperse()
        raise Killed


@contextmanager
def proxy_to(base_url: str) -> Iterator[Proxy]:
    """Run a proxy in front of a server until the block ends."""
    target = urlsplit(base_url)
    proxy = Proxy((target.hostname or "", target.port or 0))

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            with suppress(Killed, ConnectionError):  # a runner that is dead hears nothing
                _Passage(proxy, self).run()

    server = _Server(("127.0.0.1", 0), Handler)
    proxy.base_url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 50


class _Passage:
    """One request on its way there and its reply on its way back."""

    def __init__(self, proxy: Proxy, handler: StreamRequestHandler) -> None:
        self._proxy = proxy
        self._from_runner = handler.rfile
        self._to_runner = handler.wfile

    def run(self) -> None:
        head = b"".join(iter(self._from_runner.readline, b"\r\n")) + b"\r\n"
        if head == b"\r\n":  # connected, and said nothing
            return
        self._read(head)
        self._proxy.line_up(self._seen)
        with socket.create_connection(self._proxy.upstream, timeout=60) as upstream:
            self._pass_on(head, upstream)
            reply = b"".join(iter(lambda: upstream.recv(65536), b""))
        self._answer(reply)

    def _read(self, head: bytes) -> None:
        method, path, _ = head.decode("latin-1").split(" ", 2)
        self._length = int(_header(head, "content-length") or 0)
        self._key = _header(head, "authorization").removeprefix("Bearer ")
        self._seen = Seen(method, path, self._length > 0)
        self._number = self._proxy.number(self._key, self._seen)

    def _pass_on(self, head: bytes, upstream: socket.socket) -> None:
        """Send the request on, but for the end of what it is killed in."""
        closing = (
            re.sub(rb"(?im)^connection: .*\r\n", b"", head)[:-2] + b"Connection: close\r\n\r\n"
        )
        if self._length:
            upstream.sendall(closing)
            self._reached(Moment.AFTER_HEADERS)
            body = self._from_runner.read(self._length)
            if len(body) < self._length:  # killed in another of its requests
                raise Killed
            upstream.sendall(body[:-1])
            self._reached(Moment.AFTER_BODY)
            upstream.sendall(body[-1:])
        else:  # its headers are all of it: the last byte is what the endpoint waits for
            upstream.sendall(closing[:-1])
            self._reached(Moment.AFTER_HEADERS)
            upstream.sendall(closing[-1:])

    def _answer(self, reply: bytes) -> None:
        half = len(reply) // 2
        self._reached(Moment.AFTER_COMMIT)
        self._to_runner.write(reply[:half])
        self._reached(Moment.IN_REPLY)
        self._to_runner.write(reply[half:])
        self._reached(Moment.AFTER_REPLY)

    def _reached(self, moment: Moment) -> None:
        self._proxy.reached(self._key, self._number, self._seen, moment)


def _header(head: bytes, name: str) -> str:
    found = re.search(rf"(?im)^{name}: *(.*?)\r$", head.decode("latin-1"))
    return found[1] if found else ""
