"""A sandbox in this process, and calls of OpenAI's document made to it, each answer judged."""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from starlette.testclient import TestClient

from reconciler.sandbox.app import create_app
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.lifecycle import TRANSITIONS, Status
from reconciler.sandbox.store import Store
from tests.sandbox.document import OPERATIONS, Operation, check, objects_of

Json = dict[str, Any]
NOBODY: Final = "none-such"
REFUSALS: Final = (400, 403, 404)


def to_jsonl(examples: Sequence[Json]) -> bytes:
    return "".join(json.dumps(example, ensure_ascii=False) + "\n" for example in examples).encode()


CHAT: Final[Json] = {
    "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b c"}]
}
CHATS: Final = to_jsonl([CHAT] * 10)
PAIRS: Final = to_jsonl(
    [
        {
            "input": {"messages": [{"role": "user", "content": "a"}]},
            "preferred_output": [{"role": "assistant", "content": "yes"}],
            "non_preferred_output": [{"role": "assistant", "content": "no"}],
        }
    ]
    * 10
)
DPO: Final = {"type": "dpo", "dpo": {"hyperparameters": {"n_epochs": 1}}}


class Wall:
    """Seconds since 1970 that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


def count_words(encoding: str, text: str) -> int:
    """A tokenizer of our own: the words, one more each under the larger vocabulary."""
    return len(text.split()) * (2 if encoding == "o200k_base" else 1)


@dataclass(frozen=True)
class Call:
    """A call to be made; whole numbers in it stand for whatever has been met by then."""

    operation: Operation
    about: int = 0
    query: Mapping[str, str] = field(default_factory=dict)
    after: int | None = None
    body: Json | None = None
    form: Json | None = None
    content: bytes = b""
    parts: tuple[int, ...] = ()
    file: int | None = None
    wait: float = 0


class World:
    """A sandbox in this process, and the names it has shown so far."""

    def __init__(self, folder: Path, wall: Wall) -> None:
        self.wall = wall
        self.app = create_app(
            Store(folder, random.Random(7)),  # noqa: S311 - names, the same at each run
            Clock(wall),
            count_words,
        )
        self.http = TestClient(self.app, headers={"authorization": "Bearer k"})
        self.met: dict[str, list[str]] = {}
        self.statuses: dict[str, Status] = {}

    def __enter__(self) -> "World":
        self.http.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.http.__exit__()
        self.app.state.sandbox.close()

    def make(self, call: Call) -> Any:
        """Make a call, and compare what comes back with the document."""
        self.wall.advance(call.wait)
        operation = call.operation
        query = dict(call.query)
        if call.after is not None:
            query["after"] = self.name(_row_of(operation), call.after)
        options: Json = {"params": query}
        if call.body is not None:
            options["json"] = call.body | self.named(call)
        if call.form is not None:
            named = "data" if operation.path.endswith("/parts") else "file"
            options |= {"data": call.form, "files": {named: ("a.jsonl", call.content)}}
        answer = self.http.request(operation.method, self.address(operation, call.about), **options)
        return self.judge(operation, answer)

    def named(self, call: Call) -> Json:
        """Return the fields of a body that name what has been met."""
        named: Json = {}
        if call.parts:
            named["part_ids"] = [self.name("upload.part", part) for part in call.parts]
        if call.file is not None:
            named["training_file"] = self.name("file", call.file)
        return named

    def judge(self, operation: Operation, answer: Any) -> Any:
        """Check an answer and remember what it shows; return a refusal's error, or the answer."""
        assert answer.headers["x-request-id"]
        if answer.status_code != 200:
            assert answer.status_code in REFUSALS, answer.text
            return self.refusal(answer)
        if operation.answer is None:
            return answer.content
        shown = answer.json()
        operation.check(shown)
        for one in objects_of(shown):
            self.remember(one)
        return shown

    def refusal(self, answer: Any) -> Json:
        check("ErrorResponse", answer.json())
        error: Json = answer.json()["error"]
        assert error["type"] == "invalid_request_error"
        assert error["message"]
        return {"refused": answer.status_code} | error

    def remember(self, shown: Json) -> None:
        """Meet an object; of a job, see that it came here by ways that the states allow."""
        if "id" not in shown:
            return
        names = self.met.setdefault(shown["object"], [])
        if shown["id"] not in names:
            names.append(shown["id"])
        if shown["object"] == "fine_tuning.job":
            status = Status(shown["status"])
            assert status in _reached_from(self.statuses.get(shown["id"], status))
            self.statuses[shown["id"]] = status

    def name(self, kind: str, number: int) -> str:
        """Return one of the names met, or one that nobody has."""
        names = [*self.met.get(kind, ()), NOBODY]
        return str(names[number % len(names)])

    def address(self, operation: Operation, number: int) -> str:
        name = self.name(_subject_of(operation), number)
        return "/v1" + re.sub(r"\{.*?\}", lambda _: name, operation.path)


def _reached_from(status: Status) -> set[Status]:
    reached = {status}
    while more := {after for one in reached for after in TRANSITIONS[one]} - reached:
        reached |= more
    return reached


def _subject_of(operation: Operation) -> str:
    resource = operation.path.split("/")[1]
    return "fine_tuning.job" if resource == "fine_tuning" else resource.removesuffix("s")


def _row_of(operation: Operation) -> str:
    rows = {"events": "fine_tuning.job.event", "checkpoints": "fine_tuning.job.checkpoint"}
    return rows.get(operation.path.rpartition("/")[2], _subject_of(operation))


BY_NAME: Final = {f"{one.method} {one.path}": one for one in OPERATIONS}
UPLOAD = BY_NAME["POST /files"]
DONE, BY_PREFERENCE, HELD, RUNNING = 0, 1, 3, 4
"""Places of jobs in a furnished world."""
CREATE = BY_NAME["POST /fine_tuning/jobs"]
JOB = "/fine_tuning/jobs/{fine_tuning_job_id}"


def upload_body(purpose: str, size: int, end: Json | None) -> Json:
    body = {"filename": "a.jsonl", "purpose": purpose, "bytes": size, "mime_type": "text/jsonl"}
    return body if end is None else body | {"expires_after": end}


RIGHT: Final[Mapping[str, Json]] = {
    "POST /files": {"form": {"purpose": "evals"}, "content": CHATS},
    "POST /uploads": {"body": upload_body("fine-tune", len(CHATS), None)},
    "POST /uploads/{upload_id}/parts": {"form": {}, "content": CHATS},
    "POST /uploads/{upload_id}/complete": {"body": {"part_ids": []}, "parts": (0,)},
    "POST /fine_tuning/jobs": {"body": {"model": "gpt-4o"}, "file": 0},
    f"POST {JOB}/pause": {"about": RUNNING},
    f"POST {JOB}/resume": {"about": HELD},
    f"POST {JOB}/cancel": {"about": HELD},
    "DELETE /models/{model}": {"about": -3},
}
"""What a call needs beside its address; jobs by their places in the world."""
