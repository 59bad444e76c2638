"""Fixtures: the real SDK, through the relay, against the real sandbox."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from reconciler.providers.openai import OpenAIProvider
from reconciler.providers.protocol import JobRequest
from reconciler.sandbox import embedded
from reconciler.state import Endpoint
from tests.e2e.conftest import lines_of
from tests.e2e.relay import Relay, Reply, Spoil, relay_to


def words(_encoding: str, text: str) -> int:
    """Tokens as words: what a token is doesn't matter here."""
    return len(text.split())


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    """A relay in front of a fast sandbox."""
    with (
        embedded(tmp_path / "sandbox", 200.0, words) as sandbox,
        relay_to(sandbox.base_url) as relay,
    ):
        yield relay


@pytest.fixture
def provider(relay: Relay) -> Iterator[OpenAIProvider]:
    """The provider behind the relay."""
    provider = OpenAIProvider(Endpoint(relay.base_url, relay.base_url), "sk-any")
    yield provider
    provider.close()


def nothing(_count: int) -> None:
    pass


def dataset(folder: Path, word: str = "answer") -> tuple[Path, str]:
    path = folder / f"{word}.jsonl"
    path.write_text("".join(lines_of(12, word)), encoding="utf-8")
    return path, sha256(path.read_bytes()).hexdigest()


def uploaded(provider: OpenAIProvider, folder: Path) -> str:
    path, digest = dataset(folder)
    return provider.upload(path, f"shop.{digest[:16]}.jsonl", digest, nothing).id


def request(training_file: str, **metadata: str) -> JobRequest:
    return JobRequest(
        model="gpt-4o-mini-2024-07-18",
        method="supervised",
        hyperparameters={"n_epochs": 1},
        training_file=training_file,
        validation_file=None,
        suffix=None,
        seed=None,
        metadata=metadata,
        nonce="n",
    )


def answering(status: int, body: Any, **headers: str) -> Spoil:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda _sent, _forward: Reply(status, raw, headers)


@contextmanager
def listening(answer: bytes) -> Iterator[str]:
    """A server that gives one connection these bytes as its answer, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        thread.join()
