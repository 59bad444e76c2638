"""The bounds of files and uploads, and how long an answer waits for work under way."""

from dataclasses import dataclass

_MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """OpenAI's bounds, unless a test wants smaller ones.

    Attributes:
        file: Bytes of a file sent in one request.
        part: Bytes of a part of an upload.
        upload: Bytes of a whole upload.
        upload_seconds: Simulated seconds until an upload that isn't completed expires.
        patience: Real seconds that an answer waits for a job to be worked out; the job is shown as
            still being checked after that, before a client gives up.
    """

    file: int = 512 * _MEGABYTE
    part: int = 64 * _MEGABYTE
    upload: int = 8 * 1024 * _MEGABYTE
    upload_seconds: float = 3_600.0
    patience: float = 20.0


OPENAI_LIMITS = Limits()
