"""The same answers over a socket and without one, with a plan that never strikes and with none."""

import json
import random
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from reconciler.sandbox.answer import Ending
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.exchange import Exchange
from reconciler.sandbox.faults import FAULTS, Faults, read_plan
from reconciler.sandbox.state import Sandbox
from reconciler.sandbox.store import Store
from reconciler.sandbox.work import Trainer
from tests.sandbox.conftest import BASE, LONG, Control, Server
from tests.sandbox.test_fault_plans import REQUIRED
from tests.sandbox.world import Wall, count_words, to_jsonl

Json = dict[str, Any]
Said = tuple[int, dict[str, str], bytes]
Send = Callable[[str, str, dict[str, str], bytes], Said]
KEY = {"authorization": "Bearer k"}
JOBS = "/v1/fine_tuning/jobs"
COMPARED = ("content-type", "date", "x-request-id", "openai-version")


class AtOnce(Executor):
    """Works when it is asked, in the thread that asks."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


def open_exchange(folder: Path, wall: Wall, *faults: Json) -> Exchange:
    """A sandbox without a server or a thread, with the names that the fixture's servers give."""
    store = Store(folder, random.Random(7))  # noqa: S311 - names, the same at each run
    clock = Clock(wall)
    store.start(clock)
    sandbox = Sandbox(store, clock, count_words, Trainer(store, count_words, AtOnce()))
    return Exchange(sandbox, Faults(read_plan({"faults": faults}), sandbox.now()))


def form(file_field: str, content: bytes, **fields: str) -> bytes:
    head = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--b\r\nContent-Disposition: form-data; name="{file_field}"; filename="a.jsonl"\r\n'
    return head.encode() + b"\r\n" + content + b"\r\n--b--\r\n"


@dataclass
class Conversation:
    """Some of everything that can be asked, and what was said."""

    send: Send
    wall: Wall
    heard: list[Said] = field(default_factory=list)

    def ask(self, method: str, path: str, body: Json | bytes = b"", key: Json = KEY) -> Any:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "multipart/form-data; boundary=b" if content[:3] == b"--b" else "application/json"
        status, headers, said = self.send(method, path, {**key, "content-type": kind}, content)
        self.heard.append((status, {name: headers[name] for name in COMPARED}, said))
        return json.loads(said) if headers["content-type"] == "application/json" else None

    def hold(self, chats: bytes) -> list[Said]:
        file = self.send_files(chats)
        asked = {"model": BASE, "training_file": file, "metadata": {"a": "b c&d"}}
        job = self.ask("POST", JOBS, asked)["id"]
        self.ask("POST", JOBS, b"{")
        self.wall.advance(LONG)
        model = self.ask("GET", f"{JOBS}/{job}")["fine_tuned_model"]
        self.ask("GET", f"{JOBS}?limit=5&metadata%5Ba%5D=b+c%26d&metadata%5Ba%5D=b+c%26d")
        for path in (f"{JOBS}/{job}/events?limit=3", f"{JOBS}/{job}/checkpoints", "/v1/models"):
            self.ask("GET", path)
        for stream in (False, True):
            messages = [{"role": "user", "content": "Which ticket is red?"}]
            said = {"model": model, "messages": messages, "stream": stream}
            self.ask("POST", "/v1/chat/completions", said)
        for path in ("", f"/{file}", f"/{file}/content", "/a%20b"):
            self.ask("GET", f"/v1/files{path}")
        self.ask("POST", f"{JOBS}/{job}/cancel")
        for method, path in (("PUT", JOBS), ("GET", "/nowhere"), ("DELETE", f"/v1/models/{model}")):
            self.ask(method, path)
        self.ask("GET", JOBS, key={})
        return self.heard

    def send_files(self, chats: bytes) -> str:
        begun = {"filename": "b", "bytes": len(chats), "mime_type": "x", "purpose": "fine-tune"}
        upload = self.ask("POST", "/v1/uploads", begun)["id"]
        part = self.ask("POST", f"/v1/uploads/{upload}/parts", form("data", chats))["id"]
        self.ask("POST", "/v1/uploads/none/parts", form("data", chats))
        self.ask("POST", f"/v1/uploads/{upload}/complete", {"part_ids": [part]})
        self.ask("POST", "/v1/files", b"no form")
        self.ask("POST", "/v1/files", form("file", b"", purpose="fine-tune"))
        return str(self.ask("POST", "/v1/files", form("file", chats, purpose="fine-tune"))["id"])


def over(server: Server, client: httpx2.Client) -> Send:
    root = server.base_url.removesuffix("/v1")

    def send(method: str, path: str, headers: dict[str, str], body: bytes) -> Said:
        answer = client.request(method, root + path, headers=headers, content=body)
        assert int(answer.headers["content-length"]) == len(answer.content)
        return answer.status_code, dict(answer.headers), answer.content

    return send


def within(exchange: Exchange) -> Send:
    def send(method: str, path: str, headers: dict[str, str], body: bytes) -> Said:
        path, _, query = path.partition("?")
        answer = exchange.handle(method, path, query, headers, body)
        assert (answer.ending, answer.delay) == (Ending.WHOLE, 0)
        assert answer.arriving() == answer.content()
        return answer.status, dict(answer.headers), answer.content()

    return send


def test_answers_are_the_same_with_and_without_a_socket_and_a_plan_that_never_strikes(
    start: Callable[..., Server], tmp_path: Path, chats: list[Json]
) -> None:
    content = to_jsonl(chats)
    plain, planned = start("plain"), start("planned")
    never = [{"what": what, "chance": 0, **REQUIRED.get(what, {})} for what in FAULTS]
    Control(planned.base_url.removesuffix("/v1")).break_with(*never)
    wall = Wall()
    alone = Conversation(within(open_exchange(tmp_path / "alone", wall, *never)), wall)
    alone.hold(content)
    with httpx2.Client() as client:
        for server in (plain, planned):
            talk = Conversation(over(server, client), server.wall)
            assert talk.hold(content) == alone.heard
    assert {status for status, _, _ in alone.heard} == {200, 400, 401, 404, 405}


def test_without_a_socket_nothing_goes_on_in_the_background(
    tmp_path: Path, chats: list[Json]
) -> None:
    threads = set(threading.enumerate())
    wall = Wall()
    Conversation(within(open_exchange(tmp_path / "alone", wall)), wall).hold(to_jsonl(chats))
    assert set(threading.enumerate()) <= threads


@pytest.mark.parametrize(
    ("fault", "ending", "delay"),
    [
        ({"what": "lose_request"}, Ending.NONE, 0),
        ({"what": "lose_reply"}, Ending.NONE, 0),
        ({"what": "truncate"}, Ending.CUT, 0),
        ({"what": "delay", "seconds": 600}, Ending.WHOLE, 600),
    ],
)
def test_an_answer_says_how_it_is_to_be_sent_and_waits_for_nothing(
    tmp_path: Path, fault: Json, ending: Ending, delay: float
) -> None:
    exchange = open_exchange(tmp_path / "alone", Wall(), fault)
    answer = exchange.handle("GET", "/v1/models", "", KEY, b"")
    whole = open_exchange(tmp_path / "other", Wall()).handle("GET", "/v1/models", "", KEY, b"")
    assert (answer.ending, answer.delay) == (ending, delay)
    n_bytes = {Ending.NONE: 0, Ending.CUT: len(whole.content()) // 2}
    assert answer.arriving() == whole.content()[: n_bytes.get(ending)]
