"""GitHub's git data API, small and honest, by its documentation (docs.github.com/rest/git).

``FakeGithub.answer`` is pure HTTP meaning, synchronous and without a clock; ``FakeTransport`` puts
it behind an httpx2 client in the same process, ``served`` behind a socket.

What is not documented and was read elsewhere: a missing object is refused as "Object does not
exist" (octokit.js#562); matching-refs shows all at once today (go-github#1567), so pages are off
unless a test asks for them; other refs than branches and tags are taken (DND-IT/action-lock).
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import httpx2

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"  # `git hash-object -t tree /dev/null`
TOKEN = "ghs_0123456789abcdef"  # noqa: S105  # a made-up one
REPOSITORY = "acme/shop"


class Answer(NamedTuple):
    """A reply; a status of 0 means that none comes."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


LOST = Answer(0, {}, b"")


class Call(NamedTuple):
    """A request as it arrives; the path is without query."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_ref_put(self) -> bool:
        return self.method == "POST" and self.path.endswith("/git/refs")


Carry = Callable[[Call], Answer]
Spoil = Callable[[Call, Carry], Answer]


def passing(call: Call, carry: Carry) -> Answer:
    return carry(call)


def told(status: int, body: Any, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/json", **named}, json.dumps(body).encode())


def refused(status: int, message: str, **headers: str) -> Answer:
    return told(status, {"message": message, "status": str(status)}, **headers)


@dataclass
class FakeGithub:
    """One repository.

    Attributes:
        commits, refs: what it holds.
        permission: what the token may do with contents: "write", "read", or "" for not even see it.
        is_empty: whether it has no branch yet.
        page: refs on one page of a list; None for all.
        spoil: stands between the caller and the repository.
        calls: every request that arrived.
    """

    base_url: str = "https://api.github.test"
    commits: dict[str, dict[str, Any]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    permission: str = "write"
    is_empty: bool = False
    page: int | None = None
    spoil: Spoil = passing
    calls: list[Call] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(
        self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        lower = {name.lower(): value for name, value in headers.items()}
        call = Call(method, path, parse_qs(query), lower, body)
        with self.lock:
            self.calls.append(call)
        return self.spoil(call, self._carry)

    def _carry(self, call: Call) -> Answer:
        with self.lock:  # a repository carries out one change of a ref at a time
            return self._denied(call) or self._routed(call)

    def _denied(self, call: Call) -> Answer | None:
        if call.headers.get("authorization") != f"Bearer {TOKEN}":
            return refused(401, "Bad credentials")
        if not call.path.startswith(f"/repos/{REPOSITORY}/git/") or not self.permission:
            return refused(404, "Not Found")
        if call.method != "GET" and self.permission != "write":
            return refused(403, "Resource not accessible by integration")
        return refused(409, "Git Repository is empty.") if self.is_empty else None

    def _routed(self, call: Call) -> Answer:
        kind, _, rest = call.path.removeprefix(f"/repos/{REPOSITORY}/git/").partition("/")
        match call.method, kind, rest:
            case "POST", "commits", "":
                return self._create_commit(json.loads(call.body))
            case "GET", "commits", sha:
                known = self.commits.get(sha)
                return told(200, known) if known else refused(404, "Not Found")
            case "POST", "refs", "":
                return self._create_ref(json.loads(call.body))
            case "GET", "ref", name:
                ref = f"refs/{name}"
                return told(200, self._row(ref)) if ref in self.refs else refused(404, "Not Found")
            case "GET", "matching-refs", prefix:
                return self._matching(call, f"refs/{prefix}")
            case _:
                return refused(404, "Not Found")

    def _create_commit(self, wanted: Mapping[str, Any]) -> Answer:
        if wanted.get("tree") != EMPTY_TREE or not isinstance(wanted.get("message"), str):
            return refused(422, "Tree SHA does not exist")
        text = f"tree {EMPTY_TREE}\n\n{wanted['message']}"
        sha = hashlib.sha1(text.encode()).hexdigest()  # noqa: S324  # Git's own digest
        commit = {"sha": sha, "tree": {"sha": EMPTY_TREE}, "parents": [], **wanted}
        self.commits[sha] = commit
        return told(201, commit)

    def _create_ref(self, wanted: Mapping[str, Any]) -> Answer:
        ref, sha = wanted["ref"], wanted["sha"]
        if not re.fullmatch(r"refs(/[A-Za-z0-9_-][A-Za-z0-9._-]*){2,}", ref):
            return refused(422, f"{ref} is not a valid ref name.")
        if sha not in self.commits:
            return refused(422, "Object does not exist")
        if ref in self.refs:
            return refused(422, "Reference already exists")
        self.refs[ref] = sha
        return told(201, self._row(ref), location=f"{self.base_url}/repos/{REPOSITORY}/git/{ref}")

    def _row(self, ref: str) -> dict[str, Any]:
        return {"ref": ref, "object": {"type": "commit", "sha": self.refs[ref]}}

    def _matching(self, call: Call, prefix: str) -> Answer:
        rows = [self._row(ref) for ref in sorted(self.refs) if ref.startswith(prefix)]
        if self.page is None:
            return told(200, rows)
        number = int(call.query.get("page", ["1"])[0])
        shown, rest = rows[(number - 1) * self.page :][: self.page], rows[number * self.page :]
        link = f'<{self.base_url}{call.path}?page={number + 1}>; rel="next"'
        return told(200, shown, link=link) if rest else told(200, shown)


# ---- what goes wrong -----------------------------------------------------------------------------


def on_ref_puts(spoiled: Spoil, times: int | None = None) -> Spoil:
    """The same, for creations of a ref alone; the first so many of them."""
    left = [times if times is not None else -1]

    def spoil(call: Call, carry: Carry) -> Answer:
        if not call.is_ref_put or left[0] == 0:
            return carry(call)
        left[0] -= 1
        return spoiled(call, carry)

    return spoil


def lose_the_request(_call: Call, _carry: Carry) -> Answer:
    return LOST


def lose_the_reply(call: Call, carry: Carry) -> Answer:
    carry(call)
    return LOST


def deliver_twice(call: Call, carry: Carry) -> Answer:
    """The second answer is the one that comes back."""
    carry(call)
    return carry(call)


def fail_before(_call: Call, _carry: Carry) -> Answer:
    return refused(502, "Server Error")


def fail_after(call: Call, carry: Carry) -> Answer:
    carry(call)
    return Answer(502, {"content-type": "text/html"}, b"<html>Unicorn!</html>")


def limit(_call: Call, _carry: Carry) -> Answer:
    spent = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": "1795348800"}
    return refused(403, "API rate limit exceeded for installation.", **spent)


# ---- ways to it ----------------------------------------------------------------------------------


class FakeTransport(httpx2.BaseTransport):
    """In the same process, without threads or a clock: what a simulator needs."""

    def __init__(self, github: FakeGithub) -> None:
        self._github = github

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        url = request.url
        answer = self._github.answer(
            request.method, url.path, url.query.decode(), dict(request.headers), request.read()
        )
        if answer.status == 0:
            raise httpx2.ReadError("the connection was closed", request=request)
        return httpx2.Response(answer.status, headers=answer.headers, content=answer.body)


@contextmanager
def served(github: FakeGithub) -> Iterator[str]:
    """Serve it on the loopback until the block ends; its base URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(github))
    server.daemon_threads = True
    github.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield github.base_url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(github: FakeGithub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each body waits 40 ms behind its headers

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            url, body = urlsplit(self.path), self.rfile.read(length)
            answer = github.answer(self.command, url.path, url.query, dict(self.headers), body)
            if answer.status == 0:
                self.close_connection = True
                return
            self.send_response_only(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = handle_any  # noqa: N815  # the names that http.server calls
        do_POST = handle_any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
            pass

    return Handler
