"""Records as git refs of a GitHub repository, for runners that share no disk.

A ref is made if there is none of its name, atomically, and whoever comes second is told so: that is
all that a ledger needs. The ref ``refs/reconciler/<name>`` points to a commit without files, whose
message is the record, bound to its name::

    reconciler: <name>

    <the record's text>

    sha256: <digest of the text>

Commits never change, so messages are kept in the user's cache under their commit's id.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import httpx2

from reconciler.cache import read_entry, write_entry
from reconciler.errors import LedgerError, SettingsError
from reconciler.ledger.gitdata import TIMEOUT, GitData
from reconciler.ledger.records import Put
from reconciler.spec import REPOSITORY_PATTERN

SPACE = "refs/reconciler"
"""Neither branches nor tags: no rule, no workflow and no clone concerns itself with them."""
API = "https://api.github.com"
WORKERS = 8
"""Messages that are fetched at a time; GitHub asks for fewer than 100 requests at a time."""


@dataclass(frozen=True)
class GithubRecords:
    """A ref a record. See Records.

    Attributes:
        api: the repository.
        cache: folder for messages that were read; None for nowhere.
        workers: threads that read at a time; 1 for none but the caller's own.
    """

    api: GitData
    cache: Path | None = None
    workers: int = 1

    def put(self, name: str, text: str) -> Put:
        """See Records: only the ref counts, and it is asked for once."""
        commit = self.api.create_commit(_message(name, text))
        return self.api.create_ref(f"{SPACE}/{name}", commit)

    def get(self, name: str) -> str | None:
        """See Records."""
        commit = self.api.ref(f"{SPACE}/{name}")
        return None if commit is None else self._fetched(name, commit)

    def all(self, folder: str) -> Mapping[str, str]:
        """See Records: one list, then each message that isn't in the cache."""
        refs = self.api.refs(f"{SPACE}/{folder}")
        commits = {ref.removeprefix(f"{SPACE}/"): commit for ref, commit in refs.items()}
        texts = {name: self._kept(name, commit) for name, commit in commits.items()}
        missing = [name for name, text in texts.items() if text is None]
        texts |= self._each(lambda name: self._fetched(name, commits[name]), missing)
        return {name: text for name, text in texts.items() if text is not None}

    def _each(self, read: Callable[[str], str], names: Iterable[str]) -> Mapping[str, str]:
        """What is read for each name; the first error ends it."""
        if self.workers == 1:
            return {name: read(name) for name in names}
        names = list(names)
        with ExitStack() as stack:
            pool = ThreadPoolExecutor(self.workers)
            stack.callback(pool.shutdown, cancel_futures=True)
            return dict(zip(names, pool.map(read, names), strict=True))

    def _fetched(self, name: str, commit: str) -> str:
        message = self.api.message(commit)
        text = _text(name, message)
        if text is None:
            raise LedgerError(
                f"the ledger can't be used: {SPACE}/{name} of {self.api.repository} doesn't hold "
                "the record of that name; point it back to the commit that does"
            )
        if self.cache:
            write_entry(self.cache / commit, {"commit": commit, "message": message})
        return text

    def _kept(self, name: str, commit: str) -> str | None:
        """What the cache holds of a commit, None if that isn't the record of that name."""
        kept = read_entry(self.cache / commit, dict) if self.cache else None
        if kept is None or kept.get("commit") != commit:
            return None
        return _text(name, str(kept.get("message")))


def _message(name: str, text: str) -> str:
    return f"reconciler: {name}\n\n{text}\n\nsha256: {sha256(text.encode()).hexdigest()}"


def _text(name: str, message: str) -> str | None:
    """The record in a message, None if it isn't whole or not of that name."""
    _, _, rest = message.partition("\n\n")
    text, _, _ = rest.rpartition("\n\n")
    return text if message.strip() == _message(name, text) else None


def open_github(
    repository: str | None, environment: Mapping[str, str], cache: Path | None
) -> GithubRecords:
    """The records of a repository; whoever opens them closes ``api.client``.

    Args:
        repository: owner/name, or None for that of ``GITHUB_REPOSITORY``.
        environment: ``GITHUB_TOKEN`` or ``GH_TOKEN``; ``GITHUB_API_URL`` for another GitHub.
        cache: see GithubRecords.

    Raises:
        SettingsError: the token or the repository is missing.
    """
    chosen = repository or environment.get("GITHUB_REPOSITORY", "")
    if not re.fullmatch(REPOSITORY_PATTERN, chosen):
        raise SettingsError(
            f"spec.ledger is kind: github, and GITHUB_REPOSITORY is {chosen or 'not set'}; write "
            "spec.ledger.repository: owner/name into reconciler.yaml"
        )
    client = _client(environment.get("GITHUB_API_URL") or API, _token(environment))
    return GithubRecords(GitData(client, chosen), cache, WORKERS)


def _token(environment: Mapping[str, str]) -> str:
    token = (environment.get("GITHUB_TOKEN") or environment.get("GH_TOKEN") or "").strip()
    if not re.fullmatch(r"[!-~]+", token):
        raise SettingsError(
            "spec.ledger is kind: github, and it needs a token: set GITHUB_TOKEN, or GH_TOKEN, to "
            "one with the permission contents: write"
        )
    return token


def _client(url: str, token: str) -> httpx2.Client:
    if not re.fullmatch(r"https?://[^\s?#]+", url):
        raise SettingsError(f"GITHUB_API_URL is {url}; expected one such as {API}")
    headers = {
        "Accept": "application/vnd.github+json",
        "Authorization": f"Bearer {token}",
        "User-Agent": "reconciler",
        "X-GitHub-Api-Version": "2022-11-28",
    }
    return httpx2.Client(base_url=url, headers=headers, timeout=TIMEOUT)
