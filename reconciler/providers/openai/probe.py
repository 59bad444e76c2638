"""What an endpoint can do, found out by asking; nothing is changed there."""

from __future__ import annotations

from collections.abc import Callable, Set

import httpx2
import openai

from reconciler.errors import SettingsError
from reconciler.providers.objects import text_of
from reconciler.providers.openai.failures import is_signed, reading, status_error
from reconciler.providers.openai.files import FINE_TUNE
from reconciler.providers.openai.http import FILES, JOBS, UPLOADS, Http, job_path

NOBODYS = {"metadata[reconciler.probe]": "nobody"}
"""A filter for a mark that no job bears: we never write one of this name."""
ABSENT = frozenset({404, 405, 501})
"""How a server says that it has no such call."""
FAULTED = frozenset({400, 422})
"""How a server says that it has the call, and can't use what it was sent."""


class OpenAIProbe:
    """A Probe over one endpoint."""

    _http: Http

    def honours_filter(self) -> bool | None:
        """Ask for jobs of nobody's: what is shown then was not filtered."""
        if self._newest_job(NOBODYS):
            return False
        return True if self._newest_job({}) else None

    def takes_parts(self) -> bool | None:
        """Begin an upload of nothing: only who takes uploads finds fault with it."""
        client = self._http.client
        return _is_served(lambda: client.post(UPLOADS, cast_to=httpx2.Response, body={}), FAULTED)

    def shows_checkpoints(self) -> bool | None:
        """Ask for a checkpoint of the newest job."""
        job_id = self._newest_job({})
        return self._is_listed(job_path(job_id, "checkpoints"), {}) if job_id else None

    def lists_files(self) -> bool | None:
        """Ask for one file."""
        return self._is_listed(FILES, FINE_TUNE)

    def clock_offset(self) -> float | None:
        """By the Date of the latest answer."""
        return self._http.offset

    def _newest_job(self, query: dict[str, str]) -> str:
        row = next(self._http.rows(JOBS, query, limit=1), None)
        return text_of(row, "id") if row else ""

    def _is_listed(self, path: str, query: dict[str, str]) -> bool | None:
        client = self._http.client
        return _is_served(
            lambda: client.get(
                path, cast_to=httpx2.Response, options={"params": {**query, "limit": 1}}
            )
        )


def _is_served(ask: Callable[[], object], proofs: Set[int] = frozenset()) -> bool | None:
    """Whether a server has a call, by how it answers it; None where that doesn't tell.

    Only what is to be mended in the settings is an error here, and no answer at all.
    ``proofs``: the refusals which show that it has it, if they are the service's own.
    """
    with reading():
        try:
            ask()
        except openai.APIStatusError as refusal:
            return _shown_by(refusal, proofs)
    return True


def _shown_by(refusal: openai.APIStatusError, proofs: Set[int]) -> bool | None:
    if isinstance(status_error(refusal), SettingsError):
        raise refusal
    if refusal.status_code in ABSENT:
        return False
    return True if refusal.status_code in proofs and is_signed(refusal) else None
