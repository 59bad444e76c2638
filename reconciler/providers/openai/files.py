"""Uploaded files over the SDK: the list, the requests that make one, its way to us and its end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import httpx2

from reconciler.errors import ProviderError, Refused
from reconciler.ownership import earliest_usable
from reconciler.providers.objects import Raw, json_object, read_file, text_of
from reconciler.providers.openai.failures import reading
from reconciler.providers.openai.http import FILES, Http, file_path
from reconciler.state import RemoteFile

FINE_TUNE = {"purpose": "fine-tune"}
FILES_A_PAGE = 10_000
"""The most that OpenAI shows on a page of files."""
UPLOAD_TIMEOUT = 600.0
PART_TIMEOUT = httpx2.Timeout(120.0, connect=10.0)
"""Of any one wait while a part is sent; who interrupts an upload waits no longer either."""
CANCEL_TIMEOUT = 10.0
WAIT_SECONDS, POLL_SECONDS = 600, 2.0
"""How long a new file may take until it is usable, and how often it is looked at."""
NOT_GIVEN_OUT = frozenset({400, 403, 404})
"""How services refuse the content of a file: gone, not to this key, or not to this account."""
_CHUNK = 1024 * 1024


def file_rows(http: Http) -> Iterator[Raw]:
    """Every uploaded fine-tuning file, as the endpoint shows it."""
    return http.rows(FILES, FINE_TUNE, FILES_A_PAGE)


class FileCalls:
    """The requests that make a file; none is retried by the SDK."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._client = http.client.with_options(max_retries=0)

    def whole(self, name: str, body: IO[bytes]) -> Raw:
        """A file in one request."""
        files = self._client.files.with_raw_response
        with reading():
            sent = files.create(file=(name, body), purpose="fine-tune", timeout=UPLOAD_TIMEOUT)
        return json_object(sent.http_response)

    def begin(self, name: str, size: int) -> Raw:
        """An upload to which parts can be sent."""
        with reading():
            sent = self._client.uploads.with_raw_response.create(
                bytes=size, filename=name, mime_type="text/jsonl", purpose="fine-tune"
            )
        return json_object(sent.http_response)

    def part(self, upload_id: str, body: IO[bytes]) -> Raw:
        """One part."""
        parts = self._client.uploads.parts.with_raw_response
        with reading():
            sent = parts.create(upload_id, data=("part", body), timeout=PART_TIMEOUT)
        return json_object(sent.http_response)

    def complete(self, upload_id: str, part_ids: Sequence[str], md5: str) -> Raw:
        """The parts as a file."""
        with reading():
            sent = self._client.uploads.with_raw_response.complete(
                upload_id, part_ids=list(part_ids), md5=md5, timeout=UPLOAD_TIMEOUT
            )
        return json_object(sent.http_response)

    def cancel(self, upload_id: str) -> None:
        """Give an upload up."""
        with reading():
            self._client.uploads.with_raw_response.cancel(upload_id, timeout=CANCEL_TIMEOUT)

    def find(self, name: str, size: int) -> Raw | None:
        """The earliest usable file of this name and size that is there."""
        named = (raw for raw in file_rows(self._http) if text_of(raw, "filename") == name)
        by_id = {text_of(raw, "id"): raw for raw in named}
        found = earliest_usable(map(read_file, by_id.values()), name, size)
        return by_id[found.id] if found else None


def wait_until_usable(http: Http, raw: Raw) -> RemoteFile:
    """Wait until the service has looked at a file; OpenAI does so at once, others later."""
    deadline = http.wire.monotonic() + WAIT_SECONDS
    while text_of(raw, "status") in ("pending", "processing", "running"):
        if http.wire.monotonic() > deadline:
            raise ProviderError(f"file {raw.get('id')} is still being processed")
        http.wire.sleep(POLL_SECONDS)
        raw = http.get(file_path(text_of(raw, "id")), {})
    file = read_file(raw)
    if not file.is_usable:
        detail = text_of(raw, "status_details") or "no detail given"
        raise ProviderError(f"the endpoint could not use file {file.id}: {detail}")
    return file


def download(http: Http, file_id: str, path: Path) -> bool:
    """The content of a file to a path, whole or not at all; whether the service gives it out."""
    with TemporaryDirectory(dir=path.parent, prefix=".") as receiving:
        draft = Path(receiving, path.name)
        try:
            _receive(http, file_id, draft)
        except Refused as refusal:
            if refusal.status in NOT_GIVEN_OUT:
                return False
            raise
        draft.replace(path)
    return True


def _receive(http: Http, file_id: str, draft: Path) -> None:
    files = http.client.files.with_streaming_response
    with reading(), files.content(file_id) as answer, draft.open("wb") as file:
        for chunk in answer.iter_bytes(_CHUNK):
            file.write(chunk)
