"""OpenAI, and every endpoint that takes its API, over the official SDK.

``http`` asks, ``failures`` tells what went wrong, ``files`` has the calls around uploaded files;
``reader``, ``writer`` and ``probe`` are the three sides of the protocol.
"""

from __future__ import annotations

from reconciler.providers.openai.http import Http, Wire
from reconciler.providers.openai.probe import OpenAIProbe
from reconciler.providers.openai.reader import OpenAIReader
from reconciler.providers.openai.writer import CREATE_TIMEOUT, OpenAIWriter
from reconciler.providers.uploads import OPENAI_LIMITS, UploadLimits
from reconciler.state import Endpoint

__all__ = ["CREATE_TIMEOUT", "OpenAIProvider", "Wire"]


class OpenAIProvider(OpenAIReader, OpenAIWriter, OpenAIProbe):
    """A Reader, a Writer and a Probe over one endpoint. Close it after use."""

    def __init__(
        self,
        endpoint: Endpoint,
        key: str,
        limits: UploadLimits = OPENAI_LIMITS,
        wire: Wire | None = None,
    ) -> None:
        self._http = Http(endpoint, key, wire or Wire())
        self._limits = limits

    def close(self) -> None:
        """Let go of the connections."""
        self._http.client.close()
