"""The sandbox as a server: of its own until a signal ends it, or embedded in a thread."""

import asyncio
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn
from starlette.applications import Starlette

from reconciler.sandbox.app import create_app
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.connection import EndableProtocol
from reconciler.sandbox.faults import FaultPlan
from reconciler.sandbox.state import CountTokens
from reconciler.sandbox.store import Store

GRACE: Final = 1.0
"""Seconds in which requests under way may end, once the server is told to."""


@dataclass(frozen=True)
class Embedded:
    """A sandbox running in this process.

    Attributes:
        base_url: What a client is given, with `/v1`.
        id: The identity of the sandbox's state; another folder has another.
    """

    base_url: str
    id: str


def serve(  # noqa: PLR0913 - what the command's options say, one for one
    host: str,
    port: int,
    data_dir: Path,
    speed: float,
    count_tokens: CountTokens,
    key: str | None = None,
    on_ready: Callable[[str], None] | None = None,
    plan: FaultPlan | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then return.

    Args:
        host: A loopback address; any other is refused, for the sandbox guards nothing of worth.
        port: 0 chooses a free one.
        data_dir: Folder of the sandbox's state; made if it is missing.
        speed: Simulated seconds in a second.
        count_tokens: (name of an encoding, text) -> number of tokens.
        key: The one API key to accept; without it any key will do.
        on_ready: Called with the base URL once requests are answered.
        plan: The faults to begin with; none, if it isn't given.
    """
    _require_loopback(host)
    with _running(
        host, port, _App(data_dir, Clock(speed=speed), count_tokens, key, plan)
    ) as running:
        running.server.announce = lambda: on_ready(running.base_url) if on_ready else None
        running.server.run(sockets=[running.listener])


@contextmanager
def embedded(
    data_dir: Path, speed: float, count_tokens: CountTokens, plan: FaultPlan | None = None
) -> Iterator[Embedded]:
    """Run a sandbox in a daemon thread on a free port of 127.0.0.1, and stop it at the end."""
    app = _App(data_dir, Clock(speed=speed), count_tokens, None, plan)
    with _running("127.0.0.1", 0, app) as running:
        is_ready = threading.Event()
        running.server.announce = is_ready.set
        thread = threading.Thread(
            target=running.server.run,
            kwargs={"sockets": [running.listener]},
            name="sandbox",
            daemon=True,
        )
        thread.start()
        try:
            if not is_ready.wait(timeout=30):
                raise RuntimeError("the embedded sandbox did not start within 30 s")
            yield Embedded(running.base_url, running.sandbox_id)
        finally:
            running.server.end()
            thread.join(timeout=10)


def _require_loopback(host: str) -> None:
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(f"the sandbox serves loopback addresses only, not {host!r}")


class _Server(uvicorn.Server):
    """Says when it answers, and returns after a signal instead of sending it on."""

    announce: Callable[[], object] = staticmethod(lambda: None)
    _ending: asyncio.Event
    _loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ending, self._loop = asyncio.Event(), asyncio.get_running_loop()
        self.announce()

    async def main_loop(self) -> None:
        """Wait to be told to end; uvicorn looks ten times a second whether it was."""
        if not self.should_exit:
            await self._ending.wait()

    def end(self) -> None:
        """Let the server end, from another thread or a signal."""
        self.should_exit = True
        if self._loop:
            self._loop.call_soon_threadsafe(self._ending.set)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        self.end()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is idle at once, and give the rest a second; uvicorn waits in any case."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # what was idle is gone after one turn of the loop
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await self._wait_tasks_to_complete()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        ends = (signal.SIGINT, signal.SIGTERM)
        before = {end: signal.signal(end, self.handle_exit) for end in ends}
        try:
            yield
        finally:
            for end, handler in before.items():
                signal.signal(end, handler)


@dataclass(frozen=True)
class _App:
    data_dir: Path
    clock: Clock
    count_tokens: CountTokens
    key: str | None
    plan: FaultPlan | None

    def create(self) -> Starlette:
        store = Store(self.data_dir)
        return create_app(store, self.clock, self.count_tokens, self.key, plan=self.plan)


@dataclass(frozen=True)
class _Running:
    server: _Server
    listener: socket.socket
    base_url: str
    sandbox_id: str


@contextmanager
def _running(host: str, port: int, app: _App) -> Iterator[_Running]:
    """Open the socket and the store, and close both in the end."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=128) as listener:
        # Inherited by its connections: an answer's last piece must not wait for a client that
        # tells only after 40 ms that it got the first. asyncio sees to it for other sockets alone.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        starlette = app.create()
        sandbox = starlette.state.sandbox
        config = uvicorn.Config(
            starlette,
            http=EndableProtocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            date_header=False,
            server_header=False,
        )
        shown = f"[{host}]" if ":" in host else host
        base_url = f"http://{shown}:{listener.getsockname()[1]}/v1"
        try:
            yield _Running(_Server(config), listener, base_url, sandbox.store.id)
        finally:
            sandbox.close()
