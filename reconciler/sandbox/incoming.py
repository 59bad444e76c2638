"""What comes with a request: a JSON body or a multipart form, taken piece by piece."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol

from reconciler.sandbox.call import NO_FORM, FormContent, Json
from reconciler.sandbox.errors import ApiError, invalid

LARGEST_BODY: Final = 16 * 1024 * 1024


@dataclass(frozen=True)
class Content:
    """A body that came in whole: an object, or a form."""

    body: Json = field(default_factory=dict)
    form: FormContent = NO_FORM


class Incoming(Protocol):
    """A body under way. Each method may refuse it; `discard` is called in any case."""

    def write(self, piece: bytes) -> None:
        """Take the next piece."""

    def end(self) -> Content:
        """Return the whole."""

    def discard(self) -> None:
        """Remove what nobody took."""


class JsonBody:
    """A JSON object; no body at all is an empty one."""

    def __init__(self) -> None:
        self._content = bytearray()

    def write(self, piece: bytes) -> None:
        """Take the next piece, or refuse what is too large."""
        self._content += piece
        if len(self._content) > LARGEST_BODY:
            raise ApiError(413, "Request body is too large.", code="request_too_large")

    def end(self) -> Content:
        """Return the object, or refuse what is none."""
        try:
            value = json.loads(self._content.decode("utf-8")) if self._content else {}
        except (ValueError, RecursionError) as error:
            raise invalid(
                "We could not parse the JSON body of your request. "
                "The OpenAI API expects a JSON payload.",
                None,
            ) from error
        if not isinstance(value, dict):
            raise invalid("The JSON body of your request must be an object.", None)
        return Content(body=value)

    def discard(self) -> None:
        """Nothing lies anywhere."""


class NoBody:
    """The body of a call that takes none: it isn't looked at."""

    def write(self, piece: bytes) -> None:
        """Take no notice."""

    def end(self) -> Content:
        """Return nothing."""
        return Content()

    def discard(self) -> None:
        """Nothing lies anywhere."""


class Reception:
    """A body as it comes in. What refuses it is kept, for a refused request is a request.

    Attributes:
        content: What came, once `end` has been called.
        refusal: Why it isn't taken, if it isn't.
        is_over: Whether the rest of it needn't be read. One that is refused before it comes is
            read nevertheless: who still sends hears no answer.
    """

    def __init__(self, open_body: Callable[[], Incoming]) -> None:
        self.content = Content()
        self.refusal: ApiError | None = None
        self.is_over = False
        self._incoming: Incoming = NoBody()
        with self._keeping_refusal():
            self._incoming = open_body()

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        with self._keeping_refusal():
            self._incoming.write(piece)
        self.is_over = self.refusal is not None and not isinstance(self._incoming, NoBody)

    def end(self) -> None:
        """See that all has come."""
        if self.refusal is None:
            with self._keeping_refusal():
                self.content = self._incoming.end()

    def close(self) -> None:
        """Remove what nobody took."""
        self._incoming.discard()

    @contextmanager
    def _keeping_refusal(self) -> Iterator[None]:
        try:
            yield
        except ApiError as refusal:
            self.refusal = refusal
