"""The HTTP of the sandbox: routes, keys, headers, and every refusal in OpenAI's envelope.

The handlers of a resource take a `Call` and return a dictionary; they run in a thread, so that one
which waits for a training holds nobody up.
"""

import hmac
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

import anyio.to_thread
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reconciler.sandbox import chat, errors, files, jobs, models, pending, uploads
from reconciler.sandbox.call import Call, Json, Reply
from reconciler.sandbox.clock import Clock, http_date
from reconciler.sandbox.errors import ApiError
from reconciler.sandbox.limits import OPENAI_LIMITS, Limits
from reconciler.sandbox.state import CountTokens, Sandbox
from reconciler.sandbox.store import Store
from reconciler.sandbox.work import Trainer

Handler = Callable[[Call], Reply]
Receiver = Callable[[Request, Sandbox], Awaitable[Json]]
Endpoint = Callable[[Request], Awaitable[Response]]

LARGEST_BODY: Final = 16 * 1024 * 1024
_log: Final = logging.getLogger(__name__)

_JOBS: Final = "/v1/fine_tuning/jobs"
_ROUTES: Final[tuple[tuple[str, str, Handler], ...]] = (
    ("GET", "/v1/files", files.list_files),
    ("GET", "/v1/files/{file}", files.retrieve_file),
    ("GET", "/v1/files/{file}/content", files.download_file),
    ("DELETE", "/v1/files/{file}", files.delete_file),
    ("POST", "/v1/uploads", uploads.begin_upload),
    ("POST", "/v1/uploads/{upload}/complete", uploads.complete_upload),
    ("POST", "/v1/uploads/{upload}/cancel", uploads.cancel_upload),
    ("POST", _JOBS, jobs.create_job),
    ("GET", _JOBS, jobs.list_jobs),
    ("GET", _JOBS + "/{job}", jobs.retrieve_job),
    ("POST", _JOBS + "/{job}/cancel", jobs.cancel_job),
    ("POST", _JOBS + "/{job}/pause", jobs.pause_job),
    ("POST", _JOBS + "/{job}/resume", jobs.resume_job),
    ("GET", _JOBS + "/{job}/events", jobs.list_events),
    ("GET", _JOBS + "/{job}/checkpoints", jobs.list_checkpoints),
    ("GET", "/v1/models", models.list_models),
    ("GET", "/v1/models/{model}", models.retrieve_model),
    ("DELETE", "/v1/models/{model}", models.delete_model),
    ("POST", "/v1/chat/completions", chat.complete),
)
_RECEIVERS: Final[tuple[tuple[str, Receiver], ...]] = (
    ("/v1/files", files.upload_file),
    ("/v1/uploads/{upload}/parts", uploads.add_part),
)
"""Calls whose body is a form with a file."""


def create_app(
    store: Store,
    clock: Clock,
    count_tokens: CountTokens,
    key: str | None = None,
    limits: Limits = OPENAI_LIMITS,
) -> Starlette:
    """Return the API over a store, its time going on at the clock's speed.

    Args:
        store: What the sandbox remembers; the caller closes `app.state.sandbox` in the end.
        clock: Where time comes from.
        count_tokens: (name of an encoding, text) -> number of tokens.
        key: The one API key to accept; without it any key will do.
        limits: How much is taken at a time.
    """
    store.start(clock)
    sandbox = Sandbox(store, clock, count_tokens, Trainer(store, count_tokens), limits)
    pending.sweep(store, sandbox.now())
    receiving = [
        Route(path, _receiving(sandbox, receiver), methods=["POST"])
        for path, receiver in _RECEIVERS
    ]
    calls = [
        Route(path, _answering(sandbox, handler), methods=[method])
        for method, path, handler in _ROUTES
    ]
    app = Starlette(
        routes=[*receiving, *calls],
        middleware=[Middleware(_Envelope, sandbox=sandbox, key=key)],
        exception_handlers={ApiError: _refuse, HTTPException: _refuse_address},
    )
    app.router.redirect_slashes = False
    app.state.sandbox = sandbox
    return app


def _receiving(sandbox: Sandbox, receiver: Receiver) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return _json(await receiver(request, sandbox))

    return endpoint


def _answering(sandbox: Sandbox, handler: Handler) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        body = await _body(request) if request.method == "POST" else {}

        def answer() -> Response:
            call = Call(sandbox, sandbox.now(), request.path_params, request.query_params, body)
            reply = handler(call)
            return _json(reply) if isinstance(reply, dict) else reply

        return await anyio.to_thread.run_sync(answer)

    return endpoint


def _json(body: Json, status: int = 200) -> Response:
    """Return a body as JSON; escapes keep half characters of the training data sendable."""
    content = json.dumps(body, allow_nan=False, separators=(",", ":"))
    return Response(content, status, media_type="application/json")


async def _body(request: Request) -> Json:
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > LARGEST_BODY:
            raise ApiError(413, "Request body is too large.", code="request_too_large")
    try:
        value = json.loads(content.decode("utf-8")) if content else {}
    except (ValueError, RecursionError) as error:
        raise errors.invalid(
            "We could not parse the JSON body of your request. "
            "The OpenAI API expects a JSON payload.",
            None,
        ) from error
    if not isinstance(value, dict):
        raise errors.invalid("The JSON body of your request must be an object.", None)
    return value


def _refuse(_: Request, error: Exception) -> Response:
    if not isinstance(error, ApiError):
        raise error
    return _json(error.envelope(), error.status)


def _refuse_address(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    refuse = errors.wrong_verb if status == 405 else errors.unknown_route
    return _refuse(request, refuse(request.method, request.url.path))


class _Envelope:
    """What is around every call: the key before it, the headers on it, the 500 behind it."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox, key: str | None) -> None:
        self._app = app
        self._sandbox = sandbox
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, has_started = time.perf_counter(), False

        async def send_marked(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                self._mark(MutableHeaders(scope=message), began)
            await send(message)

        try:
            self._check_key(Headers(scope=scope))
            await self._app(scope, receive, send_marked)
        except ApiError as refusal:
            await _json(refusal.envelope(), refusal.status)(scope, receive, send_marked)
        except ClientDisconnect:
            _log.info("%s %s was left by its client", scope["method"], scope["path"])
        except Exception:
            _log.exception("%s %s failed", scope["method"], scope["path"])
            if has_started:
                raise
            defect = errors.server_error()
            await _json(defect.envelope(), defect.status)(scope, receive, send_marked)

    def _check_key(self, headers: Headers) -> None:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise errors.missing_key()
        if self._key is not None and not hmac.compare_digest(
            key.strip().encode(), self._key.encode()
        ):
            raise errors.wrong_key(key.strip())

    def _mark(self, headers: MutableHeaders, began: float) -> None:
        headers["date"] = http_date(self._sandbox.now())
        headers["x-request-id"] = self._sandbox.store.new_name("req_", 32)
        headers["openai-processing-ms"] = str(int((time.perf_counter() - began) * 1000))
        headers["openai-version"] = "2020-10-01"
