"""The HTTP of the sandbox: what comes over a connection is read here, and answers are sent.

Bodies go where their route wants them, in pieces; the rest is `Exchange`'s, in a thread, so that a
call which waits for a training holds nobody up.
"""

import logging
import time
from typing import Final

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from reconciler.sandbox import control, errors, pending
from reconciler.sandbox.answer import Answer, Ending
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.connection import end_connection, until_left
from reconciler.sandbox.errors import ApiError
from reconciler.sandbox.exchange import Exchange
from reconciler.sandbox.faults import FaultPlan, Faults
from reconciler.sandbox.incoming import Reception
from reconciler.sandbox.limits import OPENAI_LIMITS, Limits
from reconciler.sandbox.state import CountTokens, Sandbox
from reconciler.sandbox.store import Store
from reconciler.sandbox.work import Trainer

_log: Final = logging.getLogger(__name__)


def create_app(
    store: Store,
    clock: Clock,
    count_tokens: CountTokens,
    key: str | None = None,
    limits: Limits = OPENAI_LIMITS,
    plan: FaultPlan | None = None,
) -> Starlette:
    """Return the API over a store, its time going on at the clock's speed.

    Args:
        store: What the sandbox remembers; the caller closes `app.state.sandbox` in the end.
        clock: Where time comes from.
        count_tokens: (name of an encoding, text) -> number of tokens.
        key: The one API key to accept; without it any key will do.
        limits: How much is taken at a time.
        plan: The faults to begin with.
    """
    store.start(clock)
    sandbox = Sandbox(store, clock, count_tokens, Trainer(store, count_tokens), limits)
    pending.sweep(store, sandbox.now())
    exchange = Exchange(sandbox, Faults(plan or FaultPlan(), sandbox.now()), key)
    app = Starlette(routes=[*control.routes(exchange), Mount("/", _api(exchange))])
    app.state.sandbox = sandbox
    return app


def _api(exchange: Exchange) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request = Request(scope, receive)
        try:
            answer = await _answer(exchange, request)
        except ClientDisconnect:
            _log.info("%s %s was left by its client", request.method, request.url.path)
            return
        except Exception:  # noqa: BLE001 - a defect is a 500 in the envelope too
            _log.exception("%s %s failed", request.method, request.url.path)
            answer = exchange.refuse(errors.server_error())
        await _send(answer, int((time.perf_counter() - began) * 1000), request, send)

    return app


async def _answer(exchange: Exchange, request: Request) -> Answer:
    try:
        found = exchange.find(request.method, request.scope["path"], request.headers)
    except ApiError as refusal:
        return exchange.refuse(refusal)
    reception = await anyio.to_thread.run_sync(exchange.receive, found, request.headers)
    try:
        await _read(request, reception)
        query = request.scope["query_string"].decode("latin-1")
        return await anyio.to_thread.run_sync(exchange.answer, found, query, reception)
    finally:
        reception.close()


async def _read(request: Request, reception: Reception) -> None:
    async for piece in request.stream():
        reception.write(piece)
        if reception.is_over:
            return
    reception.end()


async def _send(answer: Answer, milliseconds: int, request: Request, send: Send) -> None:
    if answer.delay:
        with anyio.move_on_after(answer.delay):
            await until_left(request.receive)
    headers = {**answer.headers, "openai-processing-ms": str(milliseconds)}
    scope, receive = request.scope, request.receive
    match answer.ending:
        case Ending.NONE:
            await end_connection(scope, receive)
        case Ending.CUT:
            await _send_half(answer, headers, request, send)
        case Ending.WHOLE if isinstance(answer.body, bytes):
            await Response(answer.body, answer.status, headers)(scope, receive, send)
        case Ending.WHOLE:
            await FileResponse(answer.body, answer.status, headers)(scope, receive, send)


async def _send_half(answer: Answer, headers: dict[str, str], request: Request, send: Send) -> None:
    """Promise the whole, send half of it, and end the connection."""
    promised = Response(answer.content(), answer.status, headers)
    start = {"type": "http.response.start", "status": answer.status}
    await send({**start, "headers": promised.raw_headers})
    await send({"type": "http.response.body", "body": answer.arriving(), "more_body": True})
    await end_connection(request.scope, request.receive)
