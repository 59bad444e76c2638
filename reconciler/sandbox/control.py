"""`/_sandbox`: what no API has: faults, the clock, and how often each operation was carried out.

Needs no key, for the sandbox serves this machine alone; no fault ever strikes it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reconciler.sandbox.answer import Answer, refused, told
from reconciler.sandbox.bounds import Range, reject_unknown
from reconciler.sandbox.call import Json
from reconciler.sandbox.errors import ApiError, invalid
from reconciler.sandbox.exchange import Exchange
from reconciler.sandbox.faults import FaultPlan, Faults, WrongPlan, read_plan
from reconciler.sandbox.incoming import JsonBody

Control = Callable[[Exchange, Json], Json]
_JUMP: Final = Range(0, 1_000_000_000, is_whole=False)


def set_faults(exchange: Exchange, body: Json) -> Json:
    """`POST /_sandbox/faults`: put another plan in force; its counts begin at 0."""
    try:
        plan = read_plan(body)
    except WrongPlan as wrong:
        raise invalid(str(wrong), None, "invalid_fault_plan") from wrong
    exchange.faults = Faults(plan, exchange.sandbox.now())
    return show_faults(exchange, {})


def end_faults(exchange: Exchange, _: Json) -> Json:
    """`DELETE /_sandbox/faults`: let everything work from now on."""
    exchange.faults = Faults(FaultPlan())
    return show_faults(exchange, {})


def show_faults(exchange: Exchange, _: Json) -> Json:
    """`GET /_sandbox/faults`: the plan in force, and what has struck."""
    faults = exchange.faults
    plan = faults.plan.model_dump(mode="json", exclude_unset=True)
    return {"plan": plan, "struck": [asdict(strike) for strike in faults.struck()]}


def advance_clock(exchange: Exchange, body: Json) -> Json:
    """`POST /_sandbox/clock`: let simulated time jump forward by `advance` seconds."""
    reject_unknown(body, ("advance",))
    exchange.sandbox.store.advance(_JUMP.read(body.get("advance"), "advance"))
    return show_clock(exchange, {})


def show_clock(exchange: Exchange, _: Json) -> Json:
    """`GET /_sandbox/clock`: simulated seconds since 1970, and how many pass in a real one."""
    return {"now": exchange.sandbox.now(), "speed": exchange.sandbox.clock.speed}


def show_calls(exchange: Exchange, _: Json) -> Json:
    """`GET /_sandbox/calls`: how many calls came, and how many were carried out, by operation."""
    counted = exchange.counted().items()
    return {"calls": {operation.value: asdict(calls) for operation, calls in counted}}


_ROUTES: Final[tuple[tuple[str, str, Control], ...]] = (
    ("POST", "/_sandbox/faults", set_faults),
    ("GET", "/_sandbox/faults", show_faults),
    ("DELETE", "/_sandbox/faults", end_faults),
    ("POST", "/_sandbox/clock", advance_clock),
    ("GET", "/_sandbox/clock", show_clock),
    ("GET", "/_sandbox/calls", show_calls),
)


def routes(exchange: Exchange) -> list[Route]:
    """Return the addresses of the control API."""
    return [
        Route(path, _endpoint(exchange, control), methods=[method])
        for method, path, control in _ROUTES
    ]


def _endpoint(exchange: Exchange, control: Control) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        answer = await _answer(exchange, control, request)
        return Response(answer.content(), answer.status, answer.headers)

    return endpoint


async def _answer(exchange: Exchange, control: Control, request: Request) -> Answer:
    body = JsonBody()
    try:
        async for piece in request.stream():
            body.write(piece)
        return told(control(exchange, body.end().body))
    except ApiError as refusal:
        return refused(refusal)
