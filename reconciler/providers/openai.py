"""OpenAI, and every endpoint that takes its API, over the official SDK.

Reads are retried by the SDK with back-off and Retry-After. A create is sent once: the SDK's default
of two retries, without an idempotency header, makes up to three paid jobs of one call. Lists are
read row by row as plain JSON, leniently: real objects differ from the schema.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import IO

import httpx2
import openai

from reconciler.errors import (
    NotSent,
    ProviderError,
    Refused,
    ReplyLost,
    ScanIncomplete,
    SettingsError,
    Unavailable,
    redact,
)
from reconciler.ownership import OWNER
from reconciler.providers import uploads
from reconciler.providers.gate import Gate, Passage, TooLate
from reconciler.providers.objects import (
    Raw,
    json_object,
    mapping_of,
    read_event,
    read_file,
    read_job,
    read_page,
    text_of,
)
from reconciler.providers.protocol import Answer, Event, JobRequest
from reconciler.providers.uploads import OPENAI_LIMITS, UploadLimits
from reconciler.state import Endpoint, Job, RemoteFile

READ_RETRIES = 4
CREATE_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
UPLOAD_TIMEOUT = 600.0
PART_TIMEOUT = httpx2.Timeout(120.0, connect=10.0)
"""Of any one wait while a part is sent; who interrupts an upload waits no longer either."""
CANCEL_TIMEOUT = 10.0
JOBS_A_PAGE, FILES_A_PAGE, EVENTS_A_PAGE = 100, 1000, 100
DEFINITE_REFUSALS = frozenset({400, 401, 403, 404, 413, 422, 429})
"""A create answered so by the service has done nothing; any other failure is ambiguous."""
NOT_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, TooLate)
"""Why a request that has sent nothing yet never will."""
FILE_WAIT_SECONDS, FILE_POLL_SECONDS = 600, 2.0


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


class OpenAIProvider:
    """A Reader and a Writer over one endpoint. Close it after use."""

    def __init__(
        self,
        endpoint: Endpoint,
        key: str,
        limits: UploadLimits = OPENAI_LIMITS,
        wire: Wire | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._wire = wire or Wire()
        self._offset = 0.0
        self._gate = Gate()
        self._client = openai.OpenAI(
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
                transport=self._wire.transport,
                event_hooks={"request": [self._gate]},
            ),
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    # ---- Reader --------------------------------------------------------------------------------

    def now(self) -> int:
        """The server's clock: ours, corrected by the Date of its latest answer."""
        return int(self._wire.wall() + self._offset)

    def jobs(self, owner: str | None = None) -> Iterator[Job]:
        """Every job, or those of an owner: the server filters, and what it sends is checked."""
        query = {f"metadata[{OWNER}]": owner} if owner else {}
        for row in self._rows("/fine_tuning/jobs", query, JOBS_A_PAGE, may_hide=1):
            job = read_job(row)
            if owner is None or job.metadata.get(OWNER) == owner:
                yield job

    def job(self, job_id: str) -> Job | None:
        """One job; None if the endpoint knows none of that id."""
        raw = self._get_or_none(f"/fine_tuning/jobs/{_path_part(job_id)}")
        return None if raw is None else read_job(raw)

    def files(self) -> Iterator[RemoteFile]:
        """Every uploaded fine-tuning file."""
        yield from map(read_file, self._file_rows())

    def models(self) -> Mapping[str, str]:
        """Listed models and the day each ends, empty where none is announced."""
        data = self._get("/models", {}).get("data")
        if not isinstance(data, list):
            raise ScanIncomplete("the list of models holds no rows")
        return {text_of(row, "id"): text_of(row, "shutdown_date") for row in data}

    def model_answers(self, model: str) -> bool:
        """Whether the endpoint knows the model."""
        return self._get_or_none(f"/models/{_path_part(model)}") is not None

    def events(self, job_id: str, after: str | None = None) -> tuple[Event, ...]:
        """Events, oldest first; pages are read newest first until ``after`` turns up."""
        newest_first: list[Event] = []
        path = f"/fine_tuning/jobs/{_path_part(job_id)}/events"
        for row in self._rows(path, {}, EVENTS_A_PAGE):
            event = read_event(row)
            if event.id == after:
                break
            newest_first.append(event)
        return tuple(reversed(newest_first))

    def chat(self, model: str, text: str) -> Answer:
        """One user message, one answer."""
        with _reading():
            completion = self._client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": text}]
            )
        message = completion.choices[0].message
        functions = (call.function for call in message.tool_calls or [] if call.type == "function")
        return Answer(message.content or "", tuple(f"{f.name}({f.arguments})" for f in functions))

    # ---- Writer --------------------------------------------------------------------------------

    def upload(
        self, path: Path, name: str, sha256: str, progress: Callable[[int], None]
    ) -> RemoteFile:
        """Send a file, by parts if it is large, and wait until it is usable.

        Whether it is there is asked before it is sent, and before it is sent again: another runner
        may have sent it, or a reply have been lost.
        """
        calls = _FileCalls(self._client, self._file_rows)
        return self._usable(uploads.send(calls, path, name, sha256, self._limits, progress))

    def create(self, request: JobRequest) -> Job:
        """One POST. What is neither a job nor a definite refusal raises ReplyLost."""
        jobs = self._client.with_options(max_retries=0).fine_tuning.jobs.with_raw_response
        passage = Passage(self.now, request.send_by)
        with _sending(passage), self._gate.watch(passage):
            sent = jobs.create(
                **request.body(),  # type: ignore[arg-type]  # golden request bodies test its shape
                extra_headers={"Idempotency-Key": request.nonce},
                timeout=CREATE_TIMEOUT,
            )
        self._set_clock(sent.http_response)
        try:
            return read_job(json_object(sent.http_response))
        except Unavailable as error:
            raise ReplyLost("the answer to the create can't be read") from error

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; a second cancel does no harm, so it may be retried."""
        with _reading():
            sent = self._client.fine_tuning.jobs.with_raw_response.cancel(job_id)
            return read_job(json_object(sent.http_response))

    # ---- HTTP ----------------------------------------------------------------------------------

    def _get(self, path: str, query: Mapping[str, object]) -> Raw:
        with _reading():
            response = self._client.get(
                path, cast_to=httpx2.Response, options={"params": dict(query)}
            )
            self._set_clock(response)
            return json_object(response)

    def _get_or_none(self, path: str) -> Raw | None:
        try:
            return self._get(path, {})
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise

    def _rows(
        self, path: str, query: Mapping[str, object], limit: int, may_hide: int | None = None
    ) -> Iterator[Raw]:
        """The rows of all pages; fails closed if the list might not be whole.

        ``may_hide``: the rows with which a page that doesn't say whether it is the last may hide
        another; as many as were asked for unless said otherwise.
        """
        cursor: dict[str, str] = {}
        seen: set[str] = set()
        while True:
            page = self._get(path, {**query, "limit": limit, **cursor})
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

    def _file_rows(self) -> Iterator[Raw]:
        return self._rows("/files", {"purpose": "fine-tune"}, FILES_A_PAGE)

    def _usable(self, raw: Raw) -> RemoteFile:
        """Wait until the service has looked at a file; OpenAI does so at once, others later."""
        deadline = self._wire.monotonic() + FILE_WAIT_SECONDS
        while text_of(raw, "status") in ("pending", "processing", "running"):
            if self._wire.monotonic() > deadline:
                raise ProviderError(f"file {raw.get('id')} is still being processed")
            self._wire.sleep(FILE_POLL_SECONDS)
            raw = self._get(f"/files/{_path_part(text_of(raw, 'id'))}", {})
        file = read_file(raw)
        if not file.is_usable:
            detail = text_of(raw, "status_details") or "no detail given"
            raise ProviderError(f"the endpoint could not use file {file.id}: {detail}")
        return file

    def _set_clock(self, response: httpx2.Response) -> None:
        try:
            server = parsedate_to_datetime(response.headers["date"]).timestamp()
        except (KeyError, ValueError):
            return  # no clock of its own: ours has to do
        self._offset = server - self._wire.wall()


class _FileCalls:
    """The requests that make a file, over the SDK; none is retried by it."""

    def __init__(self, client: openai.OpenAI, files: Callable[[], Iterator[Raw]]) -> None:
        self._client = client.with_options(max_retries=0)
        self._files = files

    def whole(self, name: str, body: IO[bytes]) -> Raw:
        """A file in one request."""
        files = self._client.files.with_raw_response
        with _reading():
            sent = files.create(file=(name, body), purpose="fine-tune", timeout=UPLOAD_TIMEOUT)
        return json_object(sent.http_response)

    def begin(self, name: str, size: int) -> Raw:
        """An upload to which parts can be sent."""
        with _reading():
            sent = self._client.uploads.with_raw_response.create(
                bytes=size, filename=name, mime_type="text/jsonl", purpose="fine-tune"
            )
        return json_object(sent.http_response)

    def part(self, upload_id: str, body: IO[bytes]) -> Raw:
        """One part."""
        parts = self._client.uploads.parts.with_raw_response
        with _reading():
            sent = parts.create(upload_id, data=("part", body), timeout=PART_TIMEOUT)
        return json_object(sent.http_response)

    def complete(self, upload_id: str, part_ids: Sequence[str], md5: str) -> Raw:
        """The parts as a file."""
        with _reading():
            sent = self._client.uploads.with_raw_response.complete(
                upload_id, part_ids=list(part_ids), md5=md5, timeout=UPLOAD_TIMEOUT
            )
        return json_object(sent.http_response)

    def cancel(self, upload_id: str) -> None:
        """Give an upload up."""
        with _reading():
            self._client.uploads.with_raw_response.cancel(upload_id, timeout=CANCEL_TIMEOUT)

    def find(self, name: str, size: int) -> Raw | None:
        """The earliest usable file of this name and size that is there."""
        files = ((read_file(raw), raw) for raw in self._files())
        there = {
            (file.created_at, file.id): raw
            for file, raw in files
            if file.is_usable and (file.name, file.bytes) == (name, size)
        }
        return there[min(there)] if there else None


# ---- what went wrong -----------------------------------------------------------------------------


@contextmanager
def _reading() -> Iterator[None]:
    """The SDK's errors as ours, for calls that may be repeated."""
    try:
        yield
    except openai.APIStatusError as error:
        raise _status_error(error) from error
    except openai.APIConnectionError as error:
        raise Unavailable(f"no answer from the endpoint: {_cause(error)}") from error
    except openai.OpenAIError as error:
        raise Unavailable(f"the endpoint's answer can't be read: {error}") from error


@contextmanager
def _sending(passage: Passage) -> Iterator[None]:
    """The SDK's errors as ours, for the one call that costs money."""
    try:
        yield
    except openai.APIStatusError as error:
        if error.status_code in DEFINITE_REFUSALS and _is_signed(error):
            raise _refused(error) from error
        raise ReplyLost(f"the endpoint answered {error.status_code}") from error
    except openai.APIConnectionError as error:
        if isinstance(error.__cause__, NOT_LEFT) and not passage.has_left:
            raise NotSent(f"it did not leave: {_cause(error)}") from error
        raise ReplyLost(f"the reply was lost: {_cause(error)}") from error
    except openai.OpenAIError as error:
        raise ReplyLost("the endpoint's answer can't be read") from error


def _is_signed(error: openai.APIStatusError) -> bool:
    """Whether a refusal is in the service's own form, ``{"error": {"message": ..., "code": ...}}``.

    What stands between may put a page of its own in place of any answer, also of a job.
    """
    told = mapping_of(_body(error).get("error"))
    return bool(text_of(told, "message") or text_of(told, "code"))


def _body(error: openai.APIStatusError) -> Raw:
    try:
        return json_object(error.response)
    except Unavailable:
        return {}


def _status_error(error: openai.APIStatusError) -> Exception:
    if error.status_code == 401:
        return SettingsError(f"the endpoint doesn't accept the key: {_refused(error).message}")
    if error.response.is_redirect:
        return SettingsError(
            "the endpoint answers with the address of another, and no request follows there: if "
            "that one is meant, name it as base_url"
        )
    if error.status_code in DEFINITE_REFUSALS - {429} and _body(error):
        return _refused(error)
    words = text_of(error.body, "message")
    told = f": {redact(words)}" if words else ""
    return Unavailable(f"the endpoint answered {error.status_code}, also when asked again{told}")


def _refused(error: openai.APIStatusError) -> Refused:
    body = error.body if isinstance(error.body, Mapping) else {}
    message = text_of(body, "message") or error.message
    code = text_of(body, "code") or text_of(body, "type")
    return Refused(error.status_code, code, message, _retry_after(error.response))


def _retry_after(response: httpx2.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _cause(error: Exception) -> str:
    return str(error.__cause__ or error) or type(error.__cause__ or error).__name__


def _path_part(text: str) -> str:
    """An id as one part of a URL's path, whatever is in it."""
    return re.sub(r"[^A-Za-z0-9_:.\-]", lambda m: "".join(f"%{b:02X}" for b in m[0].encode()), text)
