"""Large files: sent in parts, sent as checked, and one file or none at the end."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
import stamina

from reconciler.errors import DatasetChanged, ProviderError, Refused, Unavailable
from reconciler.providers.openai import OpenAIProvider
from reconciler.providers.uploads import OPENAI_LIMITS, UploadLimits
from reconciler.sandbox import embedded
from reconciler.state import Endpoint, RemoteFile
from tests.e2e.conftest import lines_of
from tests.e2e.relay import Forward, Relay, Reply, Sent
from tests.providers.conftest import words

SMALL = UploadLimits(single=50_000, part=100_000, total=500_000, at_once=4)
NAME = "shop.0123456789abcdef.jsonl"
PARTS = 5


@dataclass
class Upload:
    """A file to be sent through the relay, and what was told on the way."""

    relay: Relay
    path: Path
    provider: OpenAIProvider
    sha256: str
    told: list[int] = field(default_factory=list)
    telling: threading.Lock = field(default_factory=threading.Lock)

    def send(self) -> RemoteFile:
        return self.provider.upload(self.path, NAME, self.sha256, self.tell)

    def tell(self, count: int) -> None:
        assert self.telling.acquire(blocking=False), "told by two threads at once"
        time.sleep(0.0001)
        self.told.append(count)
        self.telling.release()

    @property
    def calls(self) -> list[str]:
        """The requests that changed something, by the last word of their path."""
        return [s.path.rpartition("/")[2] for s in self.relay.sent if s.method == "POST"]

    def content(self, file_id: str) -> bytes:
        url = f"{self.relay.base_url}/files/{file_id}/content"
        return httpx2.get(url, headers={"authorization": "Bearer k"}).content

    def is_whole(self, file: RemoteFile) -> bool:
        """Whether this is the only file, usable, byte for byte, and each byte was told once."""
        return (
            [one.id for one in self.provider.files()] == [file.id]
            and file.is_usable
            and self.content(file.id) == self.path.read_bytes()
            and sum(self.told) == self.path.stat().st_size
        )


ATTEMPTS = 6
"""As many as some seconds of an outage would see."""


@pytest.fixture(autouse=True)
def _no_pauses() -> Iterator[None]:
    """Retries follow at once, by stamina's own switch."""
    with stamina.set_testing(True, attempts=ATTEMPTS):
        yield


@pytest.fixture
def upload(relay: Relay, tmp_path: Path) -> Iterator[Upload]:
    path = tmp_path / "chats.jsonl"
    path.write_text("".join(lines_of(3_700, "answer")), encoding="utf-8")
    assert (PARTS - 1) * SMALL.part < path.stat().st_size < PARTS * SMALL.part
    with sending(relay, SMALL) as provider:
        yield Upload(relay, path, provider, sha256(path.read_bytes()).hexdigest())
    assert [t.name for t in threading.enumerate() if t.name.startswith("upload")] == []


@contextmanager
def sending(relay: Relay, limits: UploadLimits) -> Iterator[OpenAIProvider]:
    provider = OpenAIProvider(Endpoint(relay.base_url, relay.base_url), "sk-any", limits)
    yield provider
    provider.close()


def once(is_meant: Callable[[Sent], bool], spoil: Callable[[Sent, Forward], Reply]) -> Any:
    """Spoil the first request that is meant, and pass all others on."""
    meant = iter([True])

    def pass_or_spoil(sent: Sent, forward: Forward) -> Reply:
        return (spoil if is_meant(sent) and next(meant, False) else Relay.spoil)(sent, forward)

    return pass_or_spoil


def to(word: str) -> Callable[[Sent], bool]:
    return lambda sent: sent.path.endswith(word)


def drop(sent: Sent, forward: Forward) -> Reply:
    forward(sent)
    return Reply(0, None)


def refusing(message: str, status: int = 400) -> Callable[[Sent, Forward], Reply]:
    body = json.dumps({"error": {"message": message}}).encode()
    return lambda _sent, _forward: Reply(status, body)


def edited(change: Callable[[Any], None]) -> Callable[[Sent, Forward], Reply]:
    def edit(sent: Sent, forward: Forward) -> Reply:
        answer = json.loads(forward(sent).body or b"")
        change(answer)
        return Reply(200, json.dumps(answer).encode())

    return edit


def test_a_large_file_arrives_in_parts_as_it_was_checked(upload: Upload) -> None:
    assert upload.is_whole(upload.send())
    assert sorted(upload.calls) == ["complete", *["parts"] * PARTS, "uploads"]
    begun, completed = (next(filter(to(w), upload.relay.sent)) for w in ("/uploads", "complete"))
    content = upload.path.read_bytes()
    assert begun.json == {
        "bytes": len(content),
        "filename": NAME,
        "mime_type": "text/jsonl",
        "purpose": "fine-tune",
    }
    assert completed.json["md5"] == md5(content, usedforsecurity=False).hexdigest()


def test_no_part_is_larger_than_the_limit_and_four_are_under_way(upload: Upload) -> None:
    together = threading.Barrier(SMALL.at_once)
    under_way: list[int] = [0, 0]

    def meet(sent: Sent, forward: Forward) -> Reply:
        if not to("parts")(sent):
            return forward(sent)
        under_way[0] += 1
        under_way[1] = max(under_way)
        if len(list(filter(to("parts"), upload.relay.sent))) <= SMALL.at_once:
            together.wait(10)
        reply = forward(sent)
        under_way[0] -= 1
        return reply

    upload.relay.spoil = meet
    assert upload.is_whole(upload.send())
    assert under_way[1] == SMALL.at_once
    parts = list(filter(to("parts"), upload.relay.sent))
    assert all(len(part.body) < SMALL.part + 1_000 for part in parts)


@pytest.mark.parametrize(("single", "call"), [(0, "files"), (-1, "uploads")])
def test_parts_are_for_files_above_the_limit(upload: Upload, single: int, call: str) -> None:
    size = upload.path.stat().st_size
    with sending(upload.relay, UploadLimits(single=size + single, part=size)) as provider:
        upload.provider = provider
        assert upload.is_whole(upload.send())
    assert upload.calls[0] == call


def test_the_limits_are_the_documented_ones() -> None:
    limits = OPENAI_LIMITS
    assert (limits.single, limits.part, limits.total) == (512_000_000, 1 << 26, 1 << 33)


def test_a_file_too_large_for_the_service_is_not_sent(upload: Upload) -> None:
    with upload.path.open("ab") as file:
        file.write(b" " * SMALL.total)
    with pytest.raises(ProviderError, match="takes files of at most 500,000; nothing was sent"):
        upload.send()
    assert upload.relay.sent == []


def test_a_file_that_changed_before_is_not_sent(upload: Upload) -> None:
    with upload.path.open("r+b") as file:
        file.write(b"[")
    with pytest.raises(DatasetChanged, match=r"chats\.jsonl changed after it was checked"):
        upload.send()
    assert upload.relay.sent == []


@pytest.mark.parametrize("how", ["other bytes", "fewer bytes"])
def test_a_file_that_changes_on_the_way_is_never_completed(upload: Upload, how: str) -> None:
    def change(sent: Sent, forward: Forward) -> Reply:
        with upload.path.open("r+b") as file:
            if how == "fewer bytes":
                file.truncate(250_000)
            file.seek(240_000)
            file.write(b"[")
        return forward(sent)

    upload.relay.spoil = once(to("uploads"), change)
    with pytest.raises(DatasetChanged):
        upload.send()
    assert "complete" not in upload.calls
    assert "cancel" in upload.calls
    assert list(upload.provider.files()) == []


@pytest.mark.parametrize(
    ("call", "spoil"),
    [
        ("uploads", drop),
        ("parts", drop),
        ("parts", refusing("slow down", 429)),
        ("complete", drop),
        ("complete", refusing("busy", 503)),
    ],
    ids=["begin lost", "part lost", "part busy", "completion lost", "completion failed"],
)
def test_what_fails_in_passing_is_sent_again(
    upload: Upload, call: str, spoil: Callable[[Sent, Forward], Reply]
) -> None:
    upload.relay.spoil = once(to(call), spoil)
    assert upload.is_whole(upload.send())
    assert len(upload.calls) == 1 + PARTS + 1 + 1


def test_a_file_whose_completion_was_never_answered_is_found_by_the_next_look(
    upload: Upload,
) -> None:
    upload.relay.spoil = lambda sent, forward: (drop if to("complete")(sent) else Relay.spoil)(
        sent, forward
    )
    with pytest.raises(Unavailable):
        upload.send()
    assert [file.name for file in upload.provider.files()] == [NAME]


@pytest.mark.parametrize("call", ["parts", "complete"])
def test_a_refusal_ends_the_upload_and_cancels_it(upload: Upload, call: str) -> None:
    upload.relay.spoil = once(to(call), refusing("not this one"))
    with pytest.raises(Refused, match="not this one"):
        upload.send()
    assert "cancel" in upload.calls
    assert len(upload.calls) < 1 + PARTS + 1 + 1 + 1
    assert list(upload.provider.files()) == []


EXPIRIES: dict[str, tuple[str, Callable[[Sent, Forward], Reply]]] = {
    "a part": ("parts", refusing("Upload upload_1 is not pending: its status is 'expired'.")),
    "the completion": ("complete", refusing("Upload has Expired.", 404)),
    "the status": (
        "complete",
        lambda _sent, _forward: Reply(200, b'{"id": "upload_1", "status": "expired"}'),
    ),
}


@pytest.mark.parametrize(("call", "expire"), EXPIRIES.values(), ids=EXPIRIES.keys())
def test_an_upload_that_expired_is_begun_again(
    upload: Upload, call: str, expire: Callable[[Sent, Forward], Reply]
) -> None:
    upload.relay.spoil = once(to(call), expire)
    assert upload.is_whole(upload.send())
    assert upload.calls.count("uploads") == 2


def test_an_upload_that_always_expires_is_given_up(upload: Upload, tmp_path: Path) -> None:
    with embedded(tmp_path / "hasty", 1_000_000.0, words) as sandbox:
        provider = OpenAIProvider(Endpoint("hasty", sandbox.base_url), "sk-any", SMALL)
        with pytest.raises(ProviderError, match=r"begun 2 times.* an hour"):
            provider.upload(upload.path, NAME, upload.sha256, upload.tell)
        assert list(provider.files()) == []
        provider.close()


@pytest.mark.parametrize("call", ["files", "complete"])
def test_a_file_that_the_service_could_not_use_is_told_and_not_used(
    upload: Upload, call: str
) -> None:
    def fail(answer: Any) -> None:
        file = answer.get("file", answer)
        file |= {"status": "error", "status_details": "line 7 holds no messages"}

    upload.relay.spoil = once(to(call), edited(fail))
    limits = OPENAI_LIMITS if call == "files" else SMALL
    with sending(upload.relay, limits) as provider:
        upload.provider = provider
        with pytest.raises(ProviderError, match=r"could not use file .*: line 7 holds no messages"):
            upload.send()
    assert upload.calls[-1] == call


def test_an_interrupt_cancels_the_upload_and_leaves_no_thread(upload: Upload) -> None:
    def interrupt(sent: Sent, forward: Forward) -> Reply:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        return forward(sent)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        upload.relay.spoil = once(to("parts"), interrupt)
        with pytest.raises(KeyboardInterrupt):
            upload.send()
    finally:
        signal.signal(signal.SIGINT, before)
    assert "cancel" in upload.calls
    assert list(upload.provider.files()) == []
