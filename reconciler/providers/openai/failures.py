"""What went wrong: the SDK's errors told as ours, whose type says who must act."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import openai

from reconciler.errors import (
    KeyRefused,
    NotSent,
    Refused,
    ReplyLost,
    SettingsError,
    Unavailable,
    redact,
)
from reconciler.providers.gate import Passage, TooLate
from reconciler.providers.objects import Raw, json_object, mapping_of, text_of

DEFINITE_REFUSALS = frozenset({400, 401, 403, 404, 413, 422, 429})
"""A create answered so by the service has done nothing; any other failure is ambiguous."""
NOT_LEFT = (httpx2.ConnectError, httpx2.ConnectTimeout, TooLate)
"""Why a request that has sent nothing yet never will."""


@contextmanager
def reading() -> Iterator[None]:
    """The SDK's errors as ours, for calls that may be repeated."""
    try:
        yield
    except openai.APIStatusError as error:
        raise status_error(error) from error
    except openai.APIConnectionError as error:
        raise Unavailable(f"no answer from the endpoint: {_cause(error)}") from error
    except openai.OpenAIError as error:
        raise Unavailable(f"the endpoint's answer can't be read: {error}") from error
    except httpx2.RequestError as error:  # the SDK lets what it streams break off as it does
        raise Unavailable(f"the endpoint's answer broke off: {_cause(error)}") from error


@contextmanager
def sending(passage: Passage) -> Iterator[None]:
    """The SDK's errors as ours, for the one call that costs money."""
    try:
        yield
    except openai.APIStatusError as error:
        if error.status_code in DEFINITE_REFUSALS and is_signed(error):
            raise _refused(error) from error
        raise ReplyLost(f"the endpoint answered {error.status_code}") from error
    except openai.APIConnectionError as error:
        if isinstance(error.__cause__, NOT_LEFT) and not passage.has_left:
            raise NotSent(f"it did not leave: {_cause(error)}") from error
        raise ReplyLost(f"the reply was lost: {_cause(error)}") from error
    except openai.OpenAIError as error:
        raise ReplyLost("the endpoint's answer can't be read") from error


def is_signed(error: openai.APIStatusError) -> bool:
    """Whether a refusal is in the service's own form, ``{"error": {"message": ..., "code": ...}}``.

    What stands between may put a page of its own in place of any answer, also of a job.
    """
    told = mapping_of(_body(error).get("error"))
    return bool(text_of(told, "message") or text_of(told, "code"))


def status_error(error: openai.APIStatusError) -> Refused | SettingsError | Unavailable:
    """What a status other than success means for a call that may be repeated."""
    if error.status_code == 401:
        return KeyRefused(f"the endpoint doesn't accept the key: {_refused(error).message}")
    if error.response.is_redirect:
        return SettingsError(
            "the endpoint answers with the address of another, and no request follows there: if "
            "that one is meant, name it as base_url"
        )
    if error.status_code in DEFINITE_REFUSALS - {429} and _body(error):
        return _refused(error)
    words = text_of(mapping_of(error.body), "message")
    told = f": {redact(words)}" if words else ""
    return Unavailable(f"the endpoint answered {error.status_code}, also when asked again{told}")


def _body(error: openai.APIStatusError) -> Raw:
    try:
        return json_object(error.response)
    except Unavailable:
        return {}


def _refused(error: openai.APIStatusError) -> Refused:
    body = mapping_of(error.body)
    message = text_of(body, "message") or error.message
    code = text_of(body, "code") or text_of(body, "type")
    return Refused(error.status_code, code, message, _retry_after(error.response))


def _retry_after(response: httpx2.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def _cause(error: Exception) -> str:
    return str(error.__cause__ or error) or type(error.__cause__ or error).__name__
