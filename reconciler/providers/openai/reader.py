"""Looking at an endpoint. Reads are retried by the SDK, with back-off and Retry-After.

Lists are read row by row as plain JSON, leniently: real objects differ from the schema, and a model
of the SDK's for each of 100,000 rows would take minutes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path

from reconciler.errors import ScanIncomplete
from reconciler.ownership import OWNER
from reconciler.providers.objects import (
    mapping_of,
    read_checkpoint,
    read_event,
    read_file,
    read_job,
    text_of,
)
from reconciler.providers.openai import files
from reconciler.providers.openai.failures import reading
from reconciler.providers.openai.http import JOBS, MODELS, Http, job_path, model_path
from reconciler.providers.protocol import Answer, Event
from reconciler.state import Checkpoint, Job, RemoteFile

JOBS_A_PAGE, ROWS_OF_A_JOB = 100, 100
"""Rows a page: of jobs, and of what belongs to one job."""


class OpenAIReader:
    """A Reader over one endpoint."""

    _http: Http

    def now(self) -> int:
        """The server's clock: ours, corrected by the Date of its latest answer."""
        return self._http.now()

    def jobs(self, owner: str | None = None) -> Iterator[Job]:
        """Every job, or those of an owner: the server filters, and what it sends is checked."""
        query = {f"metadata[{OWNER}]": owner} if owner else {}
        for row in self._http.rows(JOBS, query, JOBS_A_PAGE, may_hide=1):
            job = read_job(row)
            if owner is None or job.metadata.get(OWNER) == owner:
                yield job

    def job(self, job_id: str) -> Job | None:
        """One job; None if the endpoint knows none of that id."""
        raw = self._http.get_or_none(job_path(job_id))
        return None if raw is None else read_job(raw)

    def checkpoints(self, job_id: str) -> tuple[Checkpoint, ...]:
        """The models that a job has kept on its way, in the order of their steps."""
        rows = self._http.rows(job_path(job_id, "checkpoints"), {}, ROWS_OF_A_JOB)
        return tuple(sorted(map(read_checkpoint, rows), key=lambda kept: kept.step))

    def events(self, job_id: str, after: str | None = None) -> tuple[Event, ...]:
        """Events, oldest first; pages are read newest first until ``after`` turns up."""
        newest_first: list[Event] = []
        for row in self._http.rows(job_path(job_id, "events"), {}, ROWS_OF_A_JOB):
            event = read_event(row)
            if event.id == after:
                break
            newest_first.append(event)
        return tuple(reversed(newest_first))

    def files(self) -> Iterator[RemoteFile]:
        """Every uploaded fine-tuning file."""
        yield from map(read_file, files.file_rows(self._http))

    def download(self, file_id: str, path: Path) -> bool:
        """The content of a file to a path, as it streams in."""
        return files.download(self._http, file_id, path)

    def models(self, tuned: Collection[str] = ()) -> Mapping[str, str]:
        """Listed models and the day each ends, empty where none is announced.

        The list comes on one page, however long it is, so that a row is dropped as it is read.
        """
        page = self._http.get(MODELS, {}, hook=partial(_of_interest, tuned))
        data = page.get("data")
        if not isinstance(data, list):
            raise ScanIncomplete("the list of models holds no rows")
        rows = map(mapping_of, filter(None, data))
        return {text_of(row, "id"): text_of(row, "shutdown_date") for row in rows}

    def model_answers(self, model: str) -> bool:
        """Whether the endpoint knows the model, or can't tell."""
        return not self._http.is_gone(model_path(model))

    def chat(self, model: str, text: str) -> Answer:
        """One user message, one answer."""
        with reading():
            completion = self._http.client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": text}]
            )
        message = completion.choices[0].message
        functions = (call.function for call in message.tool_calls or [] if call.type == "function")
        return Answer(message.content or "", tuple(f"{f.name}({f.arguments})" for f in functions))


def _of_interest(tuned: Collection[str], row: dict[str, object]) -> dict[str, object] | None:
    """A row of the list of models, or the list itself; None for somebody's fine-tuned model."""
    name = row.get("id")
    is_tuned = isinstance(name, str) and name.startswith("ft:")
    return None if is_tuned and name not in tuned and not row.get("shutdown_date") else row
