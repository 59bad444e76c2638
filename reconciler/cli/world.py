"""The environment as the engine's World: key, endpoint, ledger, clock and chance."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.engine import World
from reconciler.errors import SettingsError
from reconciler.ledger import DirLedger
from reconciler.load import read_revision
from reconciler.providers.protocol import Connection
from reconciler.spec import Project, ProviderPin
from reconciler.state import Endpoint, Loaded

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.apply import Progress
    from reconciler.cli.options import Scope

OPENAI = "https://api.openai.com/v1"
PRIVATE = ".reconciler"
"""Folder of the project that holds sandbox state and, by default, the ledger; never committed."""


@contextmanager
def open_world(scope: Scope, progress: Progress) -> Iterator[World]:
    """The World of a command; its connection is opened once, at first use, and closed here."""
    with ExitStack() as stack:
        opened: list[Connection] = []

        def connect(project: Project) -> AbstractContextManager[Connection]:
            if not opened:
                opened.append(stack.enter_context(_connected(scope, project)))
            return nullcontext(opened[0])

        yield World(
            connect=connect,
            ledger=_ledger,
            revision=lambda: read_revision(scope.root),
            nonce=lambda: secrets.token_hex(16),
            sleep=time.sleep,
            progress=progress,
        )


def resolve_endpoint(pin: ProviderPin, environment: Mapping[str, str]) -> Endpoint:
    """The endpoint that environment and Project agree on.

    Raises:
        SettingsError: they contradict each other: a wrong key must not retrain everything.
    """
    url = _agreed("base_url", pin.base_url, "OPENAI_BASE_URL", environment) or OPENAI
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


def private_folder(root: Path) -> Path:
    """``.reconciler`` under the root, made with a .gitignore of its own if it is missing."""
    folder = root / PRIVATE
    folder.mkdir(mode=0o700, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return folder


def token_counter() -> Callable[[str, str], int]:
    """How the sandbox counts tokens: (encoding, text) -> number, by tiktoken itself."""
    from reconciler.dataset.tokens import counter

    return lambda encoding, text: counter(encoding)(text)


def _ledger(loaded: Loaded) -> DirLedger:
    root = Path(loaded.root)
    path = loaded.project.spec.ledger.path
    if Path(path).parts[0] == PRIVATE:
        private_folder(root)
    return DirLedger(root / path)


def _connected(scope: Scope, project: Project) -> AbstractContextManager[Connection]:
    if scope.sandbox:
        return _embedded(scope)
    return _remote(resolve_endpoint(project.spec.provider, os.environ))


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
    key = os.environ.get("OPENAI_API_KEY", "")
    if not key:
        raise SettingsError(
            f"OPENAI_API_KEY is not set, and {endpoint.base_url} needs a key; set it in the "
            "environment, or try --sandbox, which needs none"
        )
    with _provider(endpoint, key) as connection:
        yield connection


@contextmanager
def _provider(endpoint: Endpoint, key: str) -> Iterator[Connection]:
    from reconciler.providers.openai import OpenAIProvider

    provider = OpenAIProvider(endpoint, key)
    try:
        yield Connection(endpoint, provider, provider)
    finally:
        provider.close()
