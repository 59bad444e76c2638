"""GitHub's git data API, as far as a ledger needs it: commits that hold a text, and refs to them.

What an answer means is decided here, once: what surely did nothing and needs a person is a
LedgerError in words; what fails in passing is asked again, unless it is the creation of a ref.
Documented at docs.github.com/rest/git (version 2022-11-28, read 2026-11-25).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import stamina

from reconciler.errors import LedgerError, redact
from reconciler.ledger.records import Put

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""The tree without files, which every Git repository has: what is to be kept is in the message."""
TIMEOUT = httpx2.Timeout(30.0, connect=10.0)

_SHA = re.compile(r"[0-9a-f]{40}")
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)


class _Passing(LedgerError):
    """There was no usable answer: the next one may be."""


class _NotSent(_Passing):
    """No connection was made: nothing was done."""


@dataclass(frozen=True)
class GitData:
    """The calls on one repository.

    Attributes:
        client: knows the API's address and the token; follows no redirects.
        repository: owner/name.
        attempts: how often a call that is safe to repeat is made at the most.
    """

    client: httpx2.Client
    repository: str
    attempts: int = 3

    def create_commit(self, message: str) -> str:
        """Make a commit without files; its id. One that nothing points to does no harm."""
        wanted = {"message": message, "tree": EMPTY_TREE, "parents": []}
        made = self._answered("POST", self._url("/commits"), wanted, (201,))
        return self._sha(_object(made))

    def create_ref(self, ref: str, commit: str) -> Put:
        """Make a ref if there is none of that name. Sent once: an answer that is lost is UNSURE.

        Raises:
            LedgerError: surely nothing was made, and a person must act or wait.
        """
        try:
            response = self._sent("POST", self._url("/refs"), {"ref": ref, "sha": commit})
        except _NotSent:
            raise
        except _Passing:
            return Put.UNSURE
        self._check_allowed(response, "write")
        match response.status_code:
            case 201 if _target(_object(response)) == (ref, commit):
                return Put.STORED
            case 422 if "already exists" in _words(response):
                return Put.TAKEN
            case _:
                return Put.UNSURE

    def ref(self, ref: str) -> str | None:
        """The commit that a ref points to; None if GitHub says that there is no such ref."""
        url = self._url(f"/ref/{ref.removeprefix('refs/')}")
        response = self._answered("GET", url, None, (200, 404))
        if response.status_code == 404:
            return None
        name, commit = _target(_object(response))
        if name != ref or not commit:
            raise self._unreadable(f"it was asked for {ref} and shows {name or 'something else'}")
        return commit

    def refs(self, folder: str) -> Mapping[str, str]:
        """Every ref below a folder such as ``refs/a/b``, with its commit. Fails closed."""
        found: dict[str, str] = {}
        for row in self._rows(self._url(f"/matching-refs/{folder.removeprefix('refs/')}")):
            name, commit = _target(row)
            if not name.startswith(folder) or name in found:
                raise self._unreadable(f"its list of {folder} shows {name or 'something else'}")
            if name.startswith(f"{folder}/"):
                found[name] = commit
        if not all(found.values()):
            raise self._unreadable(f"its list of {folder} shows something else than commits")
        return found

    def message(self, commit: str) -> str:
        """The message of a commit."""
        response = self._answered("GET", self._url(f"/commits/{commit}"), None, (200, 404))
        if response.status_code == 404:
            raise self._unreadable(f"a ref points to commit {commit}, and that is gone")
        told = _object(response)
        message = told.get("message")
        if self._sha(told) != commit or not isinstance(message, str):
            raise self._unreadable(f"it was asked for commit {commit} and shows another")
        return message

    # ---- calls that may be repeated --------------------------------------------------------------

    def _rows(self, url: str) -> Iterator[object]:
        """The rows of a list and of all pages after it, if there are any."""
        while url:
            if not url.startswith(f"{self._base}/"):
                raise self._unreadable("its list leads elsewhere")
            response = self._answered("GET", url, None, (200,))
            rows = _json(response)
            if not isinstance(rows, list):
                raise self._unreadable("its list is none")
            yield from rows
            url = str(response.links.get("next", {}).get("url", ""))
            if url and not rows:
                raise self._unreadable("its list goes on, and shows nothing")

    def _answered(
        self, method: str, url: str, body: object, expected: tuple[int, ...]
    ) -> httpx2.Response:
        """An answer of an expected status that is JSON, asked for again if it fails in passing."""
        for attempt in stamina.retry_context(
            on=_Passing, attempts=self.attempts, timeout=None, wait_initial=0.5
        ):
            with attempt:
                response = self._sent(method, url, body)
                if response.status_code not in expected:
                    self._check_allowed(response, "read" if method == "GET" else "write")
                    raise self._unexpected(response)
                if _json(response) is None:
                    raise _Passing(f"{self._who} answered {response.status_code} without JSON")
                return response
        raise AssertionError  # pragma: no cover  # retry_context returns or raises

    # ---- one call --------------------------------------------------------------------------------

    def _sent(self, method: str, url: str, body: object) -> httpx2.Response:
        try:
            return self.client.request(method, url, json=body)
        except _NEVER_SENT as error:
            raise _NotSent(
                f"no connection to {self.client.base_url.host}: {_cause(error)}"
            ) from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise _Passing(f"{self._who} gave no answer: {_cause(error)}") from error

    def _check_allowed(self, response: httpx2.Response, action: str) -> None:
        """Raise what only a person or time can change: nothing was done."""
        words, status = _words(response), response.status_code
        if until := _limited(response, words):
            raise LedgerError(f"{self._who} takes no more requests {until}; run again then")
        match status:
            case 401:
                remedy = "set GITHUB_TOKEN, or GH_TOKEN, to one that is valid"
                raise LedgerError(f"{self._who} doesn't accept the token ({words}): {remedy}")
            case 403:
                raise LedgerError(f"{self._who} refuses ({words}): {_permission(action)}")
            case 404:
                raise LedgerError(
                    f"{self._who} shows this token no such repository: check "
                    f"spec.ledger.repository; {_permission(action)}; a workflow's own token "
                    "reaches its own repository only"
                )
            case 409 if "empty" in words:
                raise LedgerError(f"{self._who} is empty, and keeps no refs: push a first commit")
            case 301 | 302 | 307 | 308:
                remedy = "write its new name into spec.ledger.repository"
                raise LedgerError(f"{self._who} has moved: {remedy}")
            case _:
                pass

    def _unexpected(self, response: httpx2.Response) -> LedgerError:
        told = f"{self._who} answered {response.status_code}: {_words(response)}"
        is_passing = response.status_code >= 500 or response.status_code == 408
        return _Passing(told) if is_passing else LedgerError(told)

    def _unreadable(self, why: str) -> LedgerError:
        return LedgerError(f"the answer of {self._who} can't be used: {why}")

    def _sha(self, told: Mapping[str, Any]) -> str:
        sha = str(told.get("sha"))
        if not _SHA.fullmatch(sha):
            raise self._unreadable("it names no commit")
        return sha

    def _url(self, path: str) -> str:
        return f"{self._base}/repos/{self.repository}/git{path}"

    @property
    def _base(self) -> str:
        return str(self.client.base_url).rstrip("/")

    @property
    def _who(self) -> str:
        return f"{self.client.base_url.host} ({self.repository})"


def _permission(action: str) -> str:
    return (
        f"give the token the permission contents: {action}, in a workflow by "
        f"permissions: {{contents: {action}}}"
    )


def _limited(response: httpx2.Response, words: str) -> str:
    """Until when no request is taken, in words; empty if it isn't that."""
    headers = response.headers
    is_spent = headers.get("x-ratelimit-remaining") == "0"
    wait, reset = headers.get("retry-after", ""), headers.get("x-ratelimit-reset", "")
    if response.status_code not in (403, 429) or not (
        is_spent or wait or response.status_code == 429 or "rate limit" in words
    ):
        return ""
    if wait.isdecimal():
        return f"for {int(wait)} s"
    if is_spent and reset.isdecimal():
        return f"until {datetime.fromtimestamp(int(reset), UTC):%H:%M} UTC"
    return "for some minutes"


def _target(row: object) -> tuple[str, str]:
    """A ref's name and the commit it points to; empty for what isn't there or is no commit."""
    told = row if isinstance(row, dict) else {}
    target = told.get("object")
    target = target if isinstance(target, dict) else {}
    commit = str(target.get("sha")) if target.get("type") == "commit" else ""
    return str(told.get("ref", "")), commit if _SHA.fullmatch(commit) else ""


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _object(response: httpx2.Response) -> Mapping[str, Any]:
    told = _json(response)
    return told if isinstance(told, dict) else {}


def _words(response: httpx2.Response) -> str:
    """GitHub's own words for what it refuses."""
    return redact(str(_object(response).get("message", "no words")))[:200]


def _cause(error: Exception) -> str:
    return redact(str(error)) or type(error).__name__
