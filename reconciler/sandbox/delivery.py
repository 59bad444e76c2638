"""One call on its way to its handler and back, through the faults that strike it."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reconciler.sandbox import strike
from reconciler.sandbox.call import Call, Reply
from reconciler.sandbox.errors import ApiError
from reconciler.sandbox.faults import Fault, kinds
from reconciler.sandbox.routes import Route


@dataclass(frozen=True)
class Delivery:
    """A call and what happens to it.

    Attributes:
        route: Where it goes.
        call: As it came.
        strikes: The faults, in the plan's order.
        refusal: Why what came with it isn't taken, if it isn't.
        on_done: Called each time that the handler has carried it out.
    """

    route: Route
    call: Call
    strikes: tuple[Fault, ...]
    refusal: ApiError | None
    on_done: Callable[[], None]

    def reply(self) -> Reply:
        """Return what is said in the end, or refuse."""
        self._refuse()
        call = self._twisted()
        reply = self._deliver(call)
        for fault in self.strikes:
            if isinstance(fault, kinds.Showing) and isinstance(reply, dict):
                reply = strike.shown(fault, call, reply, self.route.handler)
        return reply

    def _refuse(self) -> None:
        for fault in self.strikes:
            if isinstance(fault, kinds.Refusing):
                refusal = strike.refusal(fault, self.route.operation, self.call)
                if refusal is not None:
                    raise refusal

    def _twisted(self) -> Call:
        call = self.call
        for fault in self.strikes:
            if isinstance(fault, kinds.Twisting):
                call = strike.twisted(fault, call)
            elif isinstance(fault, kinds.Fating):
                call = strike.fated(fault, call)
        return call

    def _deliver(self, call: Call) -> Reply:
        twice = [fault for fault in self.strikes if isinstance(fault, kinds.Duplicate)]
        if not twice:
            return self._carry_out(call)
        with _twin(call) as second:
            answers = [self._attempt(call), self._attempt(second)]
        answer = answers[0 if twice[0].answer == "first" else 1]
        if isinstance(answer, ApiError):
            raise answer
        return answer

    def _attempt(self, call: Call) -> Reply | ApiError:
        try:
            return self._carry_out(call)
        except ApiError as refusal:
            return refusal

    def _carry_out(self, call: Call) -> Reply:
        if self.refusal is not None:
            raise self.refusal
        reply = self.route.handler(call)
        self.on_done()
        return reply


@contextmanager
def _twin(call: Call) -> Iterator[Call]:
    """Give the call a second time: its file under another name, for a handler moves it away."""
    path = call.form.path
    if path is None:
        yield call
        return
    twin = path.with_name(f"{path.name}.again")
    os.link(path, twin)
    try:
        yield replace(call, form=replace(call.form, path=twin))
    finally:
        twin.unlink(missing_ok=True)
