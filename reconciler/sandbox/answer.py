"""An answer before it is sent: what is in it, how late it comes, and where it breaks off."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path

from reconciler.sandbox.call import Json, Raw, Reply
from reconciler.sandbox.errors import ApiError


class Ending(Enum):
    """How much of an answer arrives."""

    WHOLE = "whole"
    CUT = "cut"  # the headers and half of the body; then the connection ends
    NONE = "none"  # the connection ends without a byte


@dataclass(frozen=True)
class Answer:
    """What is to be sent.

    Attributes:
        status: Of HTTP.
        headers: Names in lower case; the body's length isn't among them.
        body: Bytes, or the file that holds them.
        ending: How much of it arrives.
        delay: Real seconds until it is sent.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path = b""
    ending: Ending = Ending.WHOLE
    delay: float = 0.0

    def content(self) -> bytes:
        """Return the whole body."""
        return self.body.read_bytes() if isinstance(self.body, Path) else self.body

    def arriving(self) -> bytes:
        """Return as much of the body as arrives."""
        whole = self.content() if self.ending is not Ending.NONE else b""
        return whole[: len(whole) // 2] if self.ending is Ending.CUT else whole


def told(reply: Reply) -> Answer:
    """Return what a handler replied as an answer."""
    match reply:
        case Raw():
            return Answer(200, {"content-type": reply.content_type}, reply.body)
        case _:
            return _json(reply)


def refused(error: ApiError) -> Answer:
    """Return a refusal in OpenAI's envelope."""
    answer = _json(error.envelope(), error.status)
    if error.retry_after is None:
        return answer
    return replace(answer, headers={**answer.headers, "retry-after": str(error.retry_after)})


def _json(body: Json, status: int = 200) -> Answer:
    """Return a body as JSON; escapes keep half characters of the training data sendable."""
    content = json.dumps(body, allow_nan=False, separators=(",", ":"))
    return Answer(status, {"content-type": "application/json"}, content.encode())
