"""One client of the SDK, and the ways of asking it: for an object, for a list, whether at all."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

import httpx2
import openai

from reconciler.errors import Refused, ScanIncomplete
from reconciler.providers.gate import Gate
from reconciler.providers.objects import Hook, Raw, json_object, read_page, text_of
from reconciler.providers.openai.failures import is_signed, reading
from reconciler.state import Endpoint

JOBS, FILES, UPLOADS, MODELS = "/fine_tuning/jobs", "/files", "/uploads", "/models"
READ_RETRIES = 4


@dataclass(frozen=True)
class Wire:
    """What the provider has of this machine: passed in, so that a simulator can bring its own.

    Attributes:
        transport: carries requests; None for the network.
        wall: this machine's clock, Unix seconds.
        monotonic: seconds that never go back.
        sleep: waits that many seconds.
    """

    transport: httpx2.BaseTransport | None = None
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class Http:
    """The client of one endpoint, and the endpoint's clock.

    Attributes:
        client: the SDK; it retries what it is asked, unless told otherwise.
        gate: the last look at a request before it leaves.
        wire: what of this machine it runs on.
        offset: seconds by which the server's clock is ahead of ours; None until it told its time.
    """

    def __init__(self, endpoint: Endpoint, key: str, wire: Wire) -> None:
        self.wire = wire
        self.gate = Gate()
        self.offset: float | None = None
        self.client = openai.OpenAI(
            api_key=key,
            base_url=endpoint.base_url,
            organization=endpoint.organization or None,
            project=endpoint.project or None,
            max_retries=READ_RETRIES,
            timeout=httpx2.Timeout(60.0, connect=10.0),
            # What is embedded never goes through a proxy: nothing may leave the machine.
            # A redirect is never followed: it would send a create again, and leave the endpoint.
            http_client=openai.DefaultHttpxClient(
                trust_env=not endpoint.is_embedded,
                follow_redirects=False,
                transport=wire.transport,
                event_hooks={"request": [self.gate]},
            ),
        )

    def now(self) -> int:
        """The server's clock: ours, corrected by the Date of its latest answer."""
        return int(self.wire.wall() + (self.offset or 0.0))

    def set_clock(self, response: httpx2.Response) -> None:
        """Take the server's time from an answer; one without a clock leaves it as it was."""
        try:
            server = parsedate_to_datetime(response.headers["date"]).timestamp()
        except (KeyError, ValueError):
            return
        self.offset = server - self.wire.wall()

    def get(self, path: str, query: Mapping[str, object], hook: Hook | None = None) -> Raw:
        """Look at one object, or at a page of a list.

        ``hook``: told each object of the answer as it is read; what it returns is in its place.
        """
        with reading():
            sent = self.client.get(path, cast_to=httpx2.Response, options={"params": dict(query)})
        self.set_clock(sent)
        return json_object(sent, hook)

    def post(self, path: str) -> Raw:
        """Tell an object what to do: nothing that would do harm twice, for it is retried."""
        with reading():
            sent = self.client.post(path, cast_to=httpx2.Response)
        return self._told(sent)

    def delete(self, path: str) -> Raw:
        """Delete an object; retried too."""
        with reading():
            sent = self.client.delete(path, cast_to=httpx2.Response)
        return self._told(sent)

    def get_or_none(self, path: str) -> Raw | None:
        """One object; None if the service says that there is none."""
        try:
            return self.get(path, {})
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise

    def is_gone(self, path: str) -> bool:
        """Whether the service itself says that there is no such object.

        Something between, or a server without such a call, may say 404 in its own form.
        """
        try:
            self.get(path, {})
        except Refused as refusal:
            if refusal.status != 404:
                raise
            told = refusal.__cause__
            return isinstance(told, openai.APIStatusError) and is_signed(told)
        return False

    def rows(
        self, path: str, query: Mapping[str, object], limit: int, may_hide: int | None = None
    ) -> Iterator[Raw]:
        """The rows of all pages; fails closed if the list might not be whole.

        ``may_hide``: the rows with which a page that doesn't say whether it is the last may hide
        another; as many as were asked for unless said otherwise.
        """
        cursor: dict[str, str] = {}
        seen: set[str] = set()
        while True:
            page = self.get(path, {**query, "limit": limit, **cursor})
            rows, has_more = read_page(path, page, may_hide or limit)
            for row in rows:
                row_id = text_of(row, "id")
                if row_id in seen:
                    raise ScanIncomplete(f"the list {path} shows {row_id} twice: its cursor loops")
                seen.add(row_id)
                yield row
            if not has_more:
                return
            cursor = {"after": text_of(rows[-1], "id")}

    def _told(self, response: httpx2.Response) -> Raw:
        self.set_clock(response)
        return json_object(response)


def job_path(job_id: str, part: str = "") -> str:
    """Where a job is, or a part of it: its events, or what is to be done with it."""
    return f"{JOBS}/{_path_part(job_id)}{part and '/' + part}"


def file_path(file_id: str) -> str:
    """Where a file is."""
    return f"{FILES}/{_path_part(file_id)}"


def model_path(model: str) -> str:
    """Where a model is."""
    return f"{MODELS}/{_path_part(model)}"


def _path_part(text: str) -> str:
    """An id as one part of a URL's path, whatever is in it."""
    return re.sub(r"[^A-Za-z0-9_:.\-]", lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), text)
