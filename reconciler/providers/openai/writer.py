"""Changing an endpoint. A create is sent once, whatever happens; all else does no harm twice.

The SDK's default of two retries, without an idempotency header, makes up to three paid jobs of one
create.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path

import httpx2

from reconciler.errors import ProviderError, Refused, ReplyLost, Unavailable
from reconciler.providers import uploads
from reconciler.providers.gate import Passage
from reconciler.providers.objects import json_object, read_job
from reconciler.providers.openai.failures import sending
from reconciler.providers.openai.files import FileCalls, wait_until_usable
from reconciler.providers.openai.http import Http, file_path, job_path, model_path
from reconciler.providers.protocol import JobRequest
from reconciler.providers.uploads import UploadLimits
from reconciler.state import Job, JobStatus, RemoteFile

CREATE_TIMEOUT = httpx2.Timeout(60.0, connect=10.0)
HELD = frozenset({JobStatus.PAUSING, JobStatus.PAUSED})
GOING_ON = frozenset({JobStatus.QUEUED, JobStatus.RUNNING})


class OpenAIWriter:
    """A Writer over one endpoint."""

    _http: Http
    _limits: UploadLimits

    def upload(
        self, path: Path, name: str, sha256: str, progress: Callable[[int], None]
    ) -> RemoteFile:
        """Send a file, by parts if it is large, and wait until it is usable.

        Whether it is there is asked before it is sent, and before it is sent again: another runner
        may have sent it, or a reply have been lost.
        """
        calls = FileCalls(self._http)
        sent = uploads.send(calls, path, name, sha256, self._limits, progress)
        return wait_until_usable(self._http, sent)

    def create(self, request: JobRequest) -> Job:
        """One POST. What is neither a job nor a definite refusal raises ReplyLost."""
        jobs = self._http.client.with_options(max_retries=0).fine_tuning.jobs.with_raw_response
        passage = Passage(self._http.now, request.send_by)
        with sending(passage), self._http.gate.watch(passage):
            sent = jobs.create(
                **request.body(),  # type: ignore[arg-type]  # golden request bodies test its shape
                extra_headers={"Idempotency-Key": request.nonce},
                timeout=CREATE_TIMEOUT,
            )
        self._http.set_clock(sent.http_response)
        try:
            return read_job(json_object(sent.http_response))
        except Unavailable as error:
            raise ReplyLost("the answer to the create can't be read") from error

    def cancel(self, job_id: str) -> Job:
        """Cancel a job; a second cancel does no harm, so it may be retried."""
        return read_job(self._http.post(job_path(job_id, "cancel")))

    def pause(self, job_id: str) -> Job:
        """Hold a job back."""
        return self._steer(job_id, "pause", HELD)

    def resume(self, job_id: str) -> Job:
        """Let a job go on."""
        return self._steer(job_id, "resume", GOING_ON)

    def delete_model(self, model: str) -> None:
        """Delete a fine-tuned model, or the model of a checkpoint."""
        self._delete(model_path(model))

    def delete_file(self, file_id: str) -> None:
        """Delete an uploaded file; models trained on it stay."""
        self._delete(file_path(file_id))

    def _steer(self, job_id: str, verb: str, wished: Set[JobStatus]) -> Job:
        """Send a verb; the refusal of one that is done already is no failure.

        It may have been done by the request itself, whose reply was lost, and which was sent again.
        """
        try:
            return read_job(self._http.post(job_path(job_id, verb)))
        except Refused:
            raw = self._http.get_or_none(job_path(job_id))
            job = read_job(raw) if raw else None
            if job is None or job.status not in wished:
                raise
            return job

    def _delete(self, path: str) -> None:
        """Delete what is at a path. A 404 is believed once a look says the same.

        A server that doesn't have this call at all answers so too.
        """
        try:
            answer = self._http.delete(path)
        except Refused as refusal:
            if refusal.status != 404 or self._http.get_or_none(path) is not None:
                raise
            return
        if answer.get("deleted") is False:
            raise ProviderError(f"the endpoint answered that it did not delete {path}")
