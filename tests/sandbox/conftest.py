"""A real server on a loopback socket, the real SDK, and a wall clock that tests move by hand."""

import copy
import io
import random
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from openai import OpenAI
from openai.types import FileObject
from openai.types.fine_tuning import FineTuningJob

from reconciler.sandbox.app import create_app
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.connection import EndableProtocol
from reconciler.sandbox.limits import OPENAI_LIMITS, Limits
from reconciler.sandbox.state import CountTokens, Sandbox
from reconciler.sandbox.store import Store
from tests.sandbox import document
from tests.sandbox.world import (
    BY_NAME,
    CHAT,
    CHATS,
    CREATE,
    DPO,
    HELD,
    JOB,
    PAIRS,
    RIGHT,
    UPLOAD,
    Call,
    Wall,
    World,
    count_words,
    to_jsonl,
)

Json = dict[str, Any]
BASE = "gpt-4.1-mini-2025-04-14"
LONG = 10_000.0


@dataclass(frozen=True)
class Server:
    """A running sandbox, from outside and from inside."""

    base_url: str
    wall: Wall
    sandbox: Sandbox


@dataclass(frozen=True)
class Control:
    """The control API of a running sandbox."""

    root: str

    def break_with(self, *faults: Json, seed: int = 0) -> None:
        """Put a plan of these faults in force."""
        assert self.ask("POST", "faults", {"seed": seed, "faults": faults}).status_code == 200

    def ask(self, method: str, what: str, body: object = None) -> httpx2.Response:
        return httpx2.request(method, f"{self.root}/_sandbox/{what}", json=body)

    def calls(self, operation: str) -> tuple[int, int]:
        """How many calls of an operation came, and how many were carried out."""
        counted = self.ask("GET", "calls").json()["calls"].get(operation)
        return (counted["came"], counted["carried_out"]) if counted else (0, 0)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self._ready.set()


Stopping = list[tuple[uvicorn.Server, threading.Thread, Sandbox]]


@pytest.fixture(scope="session")
def stopping() -> Iterator[Stopping]:
    """Servers told to stop; nobody waits the tenth of a second that takes, until the end."""
    told: Stopping = []
    yield told
    for _, thread, sandbox in told:
        thread.join(10)
        sandbox.close()


@pytest.fixture
def start(tmp_path: Path, stopping: Stopping) -> Iterator[Callable[..., Server]]:
    """Start servers over folders of this test; all are told to stop at its end."""
    running: Stopping = []

    def run(
        folder: str = "data",
        wall: Wall | None = None,
        speed: float = 1.0,
        key: str | None = None,
        limits: Limits = OPENAI_LIMITS,
        count: CountTokens = count_words,
    ) -> Server:
        wall = wall or Wall()
        store = Store(tmp_path / folder, random.Random(7))  # noqa: S311 - names, the same at each run
        app = create_app(store, Clock(wall, speed), count, key, limits)
        ready = threading.Event()
        config = uvicorn.Config(
            app,
            http=EndableProtocol,
            port=0,
            lifespan="off",
            log_config=None,
            ws="none",
            date_header=False,
        )
        server = _Server(config, ready)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        assert ready.wait(10)
        port = server.servers[0].sockets[0].getsockname()[1]
        running.append((server, thread, app.state.sandbox))
        return Server(f"http://127.0.0.1:{port}/v1", wall, app.state.sandbox)

    yield run
    for server, _, _ in running:
        server.should_exit = True
    while len(stopping) > 20:
        _, thread, sandbox = stopping.pop(0)
        thread.join(10)
        sandbox.close()
    stopping.extend(running)


@pytest.fixture
def connect() -> Iterator[Callable[[str], OpenAI]]:
    """Give SDK clients that never retry, closed at the end."""
    clients: list[OpenAI] = []

    def open_client(base_url: str, key: str = "sk-test") -> OpenAI:
        client = OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=20)
        clients.append(client)
        return client

    yield open_client
    for client in clients:
        client.close()


@pytest.fixture
def server(start: Callable[..., Server]) -> Server:
    return start()


@pytest.fixture
def control(server: Server) -> Control:
    return Control(server.base_url.removesuffix("/v1"))


@pytest.fixture
def wall(server: Server) -> Wall:
    return server.wall


@pytest.fixture
def client(server: Server, connect: Callable[[str], OpenAI]) -> OpenAI:
    return connect(server.base_url)


Upload = Callable[..., FileObject]
Train = Callable[..., FineTuningJob]


@pytest.fixture
def upload(client: OpenAI) -> Upload:
    """Upload examples (or raw bytes) as a file for training."""

    def send(examples: Sequence[Json] | bytes, name: str = "train.jsonl") -> FileObject:
        content = examples if isinstance(examples, bytes) else to_jsonl(examples)
        return client.files.create(file=(name, io.BytesIO(content)), purpose="fine-tune")

    return send


@pytest.fixture
def train(client: OpenAI, wall: Wall, upload: Upload) -> Train:
    """Create a job on examples, let simulated time pass, and return it as it ended."""

    def run(examples: Sequence[Json] | bytes, **asked: Any) -> FineTuningJob:
        file = upload(examples)
        fields: dict[str, Any] = {"model": BASE, "seed": 7} | asked
        job = client.fine_tuning.jobs.create(training_file=file.id, **fields)
        wall.advance(LONG)
        return client.fine_tuning.jobs.retrieve(job.id)

    return run


COLOURS = tuple(
    re.findall(
        r"\w+",
        "red green blue black white grey brown pink orange purple yellow gold silver cyan olive",
    )
)


@pytest.fixture
def chats() -> list[Json]:
    """Fifteen short chats."""
    return [
        {
            "messages": [
                {"role": "system", "content": "Answer briefly."},
                {"role": "user", "content": f"Which ticket is {colour}?"},
                {"role": "assistant", "content": f"Ticket {number} is the {colour} one."},
            ]
        }
        for number, colour in enumerate(COLOURS)
    ]


@pytest.fixture
def preferences() -> list[Json]:
    """Twelve pairs: polite answers preferred to curt ones."""
    return [
        {
            "input": {"messages": [{"role": "user", "content": f"Is the {colour} door open?"}]},
            "preferred_output": [
                {"role": "assistant", "content": f"Yes, gladly: the {colour} door is open."}
            ],
            "non_preferred_output": [
                {"role": "assistant", "content": f"Look at {colour} yourself"}
            ],
        }
        for colour in COLOURS[:12]
    ]


@pytest.fixture(scope="session")
def conforms() -> Callable[[str, object], None]:
    """Check an answer against a schema of OpenAI's document, and the SDK's type of it."""
    return document.check


@pytest.fixture
def settled(server: Server) -> Callable[[], None]:
    """Wait (in real time) until nothing is being worked out."""

    def wait() -> None:
        deadline = time.monotonic() + 20
        while server.sandbox.store.unsettled_jobs():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    return wait


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], World]:
    """Open worlds that hold the same: an upload, and jobs done, failed, held, running, queued."""
    root = tmp_path_factory.mktemp("worlds")
    with World(root / "first", Wall()) as world:
        for content in (CHATS, PAIRS, to_jsonl([CHAT] * 3)):
            world.make(Call(UPLOAD, form={"purpose": "fine-tune"}, content=content))
        for file, wait, more in (
            (0, 1_000, {"metadata": {"k": "v"}}),
            (1, 1_000, {"method": DPO}),
            (2, 1_000, {}),
            (0, 25, {"suffix": "held"}),
            (0, 7, {"suffix": "running"}),
            (0, 5, {"suffix": "queued"}),
        ):
            world.make(Call(CREATE, file=file, body={"model": "gpt-4o-mini", **more}))
            world.wall.advance(wait)
            world.make(Call(BY_NAME["GET /fine_tuning/jobs"]))
            if more.get("suffix") == "held":
                world.make(Call(BY_NAME[f"POST {JOB}/pause"], about=HELD))
        for name in ("POST /uploads", "POST /uploads/{upload_id}/parts"):
            world.make(Call(BY_NAME[name], **RIGHT[name]))
        world.make(Call(BY_NAME["GET /models"]))
        met, now = world.met, world.wall.now
    copies = iter(range(1_000_000))

    def open_copy() -> World:
        folder = root / str(next(copies))
        shutil.copytree(root / "first", folder)
        wall = Wall()
        wall.now = now
        copied = World(folder, wall)
        copied.met = copy.deepcopy(met)
        return copied

    return open_copy


@pytest.fixture(scope="module")
def one_world(furnished: Callable[[], World]) -> Iterator[World]:
    with furnished() as world:
        yield world
