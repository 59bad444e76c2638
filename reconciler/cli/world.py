"""The environment as the engine's World: key, endpoint, ledger, clock and chance."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from reconciler.cli.ledgers import Ledgers, private_folder
from reconciler.cli.turns import one_at_a_time
from reconciler.dataset.cache import open_cache
from reconciler.engine import World
from reconciler.errors import SettingsError
from reconciler.load import read_history, read_revision
from reconciler.providers.protocol import Connection
from reconciler.spec import Project, ProviderPin
from reconciler.state import Endpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.cli.options import Scope
    from reconciler.cli.terminal import Screen

OPENAI = "https://api.openai.com/v1"
EMBEDDED = Endpoint("sandbox:", "")
"""The embedded sandbox before it runs: it has neither a name nor an address yet."""


@contextmanager
def open_world(
    scope: Scope, screen: Screen, *, warn: Callable[[str], None] | None = None
) -> Iterator[World]:
    """The World of a command; its connections are opened at first use, and closed here.

    Args:
        scope: where the command works.
        screen: shows long work.
        warn: given by commands that may spend: told what their user should know beforehand.
    """
    ledgers = Ledgers(is_sandbox=scope.sandbox, warn=warn)
    with _Connector(scope) as connector, ledgers:
        yield World(
            connect=connector.connect,
            ledger=ledgers.open,
            revision=lambda: read_revision(scope.root),
            nonce=lambda: secrets.token_hex(16),
            sleep=time.sleep,
            progress=screen.sent,
            history=lambda loaded, commits, names: read_history(
                scope.root, loaded.project.spec.specs, commits, names
            ),
            examined=screen.examined,
            cache=open_cache(os.environ),
            turn=lambda: one_at_a_time(lambda: private_folder(scope.root) / "uploading.lock"),
        )


class _Connector(ExitStack):
    """Keeps one connection open; another endpoint in the Project closes it and opens that one."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self._scope = scope
        self._opened: tuple[Endpoint | None, Connection] | None = None

    def connect(self, project: Project) -> AbstractContextManager[Connection]:
        """The connection to the Project's endpoint, for the caller to use and not to close."""
        wanted = (
            None if self._scope.sandbox else resolve_endpoint(project.spec.provider, os.environ)
        )
        if self._opened is None or self._opened[0] != wanted:
            self.close()
            opening = _embedded(self._scope) if wanted is None else _remote(wanted)
            self._opened = (wanted, self.enter_context(opening))
        return nullcontext(self._opened[1])


def resolve_endpoint(pin: ProviderPin, environment: Mapping[str, str]) -> Endpoint:
    """The endpoint that environment and Project agree on.

    Raises:
        SettingsError: they contradict each other: a wrong key must not retrain everything.
    """
    url = _agreed("base_url", pin.base_url, "OPENAI_BASE_URL", environment) or OPENAI
    if not re.fullmatch(r"https?://([\w.-]+|\[[0-9A-Fa-f:]+\])(:\d+)?(/[^\s?#]*)?", url):
        raise SettingsError(f"{url} is no base URL; expected one such as {OPENAI}")
    return Endpoint(
        id=url,
        base_url=url,
        organization=_agreed("organization", pin.organization, "OPENAI_ORG_ID", environment),
        project=_agreed("project", pin.project, "OPENAI_PROJECT_ID", environment),
    )


def _agreed(field: str, pinned: str | None, variable: str, environment: Mapping[str, str]) -> str:
    pinned, given = (pinned or "").rstrip("/"), environment.get(variable, "").rstrip("/")
    if pinned and given and pinned != given:
        raise SettingsError(
            f"reconciler.yaml pins spec.provider.{field} to {pinned} and {variable} is {given}; "
            "unset the variable, or change the pin in a commit"
        )
    return pinned or given


def token_counter() -> Callable[[str, str], int]:
    """How the sandbox counts tokens: (encoding, text) -> number, by tiktoken itself."""
    from reconciler.dataset.tokens import counter

    return lambda encoding, text: counter(encoding)(text)


@contextmanager
def _embedded(scope: Scope) -> Iterator[Connection]:
    from reconciler.sandbox import embedded

    data = private_folder(scope.root) / "sandbox"
    with embedded(data, scope.speed, token_counter()) as sandbox:
        endpoint = Endpoint(id=f"sandbox:{sandbox.id}", base_url=sandbox.base_url)
        with _provider(endpoint, "sandbox") as connection:
            yield connection


@contextmanager
def _remote(endpoint: Endpoint) -> Iterator[Connection]:
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not re.fullmatch(r"[!-~]*", key):
        raise SettingsError("OPENAI_API_KEY holds characters that no key has: set it again")
    if not key:
        raise SettingsError(
            f"OPENAI_API_KEY is not set, and {endpoint.base_url} needs a key; set it in the "
            "environment, or try --sandbox, which needs none"
        )
    with _provider(endpoint, key) as connection:
        yield connection


@contextmanager
def _provider(endpoint: Endpoint, key: str) -> Iterator[Connection]:
    from stamina.instrumentation import set_on_retry_hooks

    from reconciler.providers.openai import OpenAIProvider

    set_on_retry_hooks([])  # its log lines, "stamina.retry_scheduled", say nothing to people
    provider = OpenAIProvider(endpoint, key)
    try:
        yield Connection(endpoint, provider, provider, provider)
    finally:
        provider.close()
