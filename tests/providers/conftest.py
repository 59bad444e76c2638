"""Fixtures: the real SDK, through the relay, against the real sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.providers.openai import OpenAIProvider
from reconciler.sandbox import embedded
from reconciler.state import Endpoint
from tests.e2e.relay import Relay, relay_to


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
