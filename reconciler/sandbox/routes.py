"""The addresses of the API: which handler answers what, and what comes with it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.routing import compile_path

from reconciler.sandbox import chat, errors, files, jobs, models, uploads
from reconciler.sandbox.call import Call, Reply
from reconciler.sandbox.faults import Operation
from reconciler.sandbox.incoming import Incoming, JsonBody, NoBody
from reconciler.sandbox.state import Sandbox

Handler = Callable[[Call], Reply]
Open = Callable[[Sandbox, Mapping[str, str], str], Incoming]


def _open_json(_: Sandbox, __: Mapping[str, str], ___: str) -> Incoming:
    return JsonBody()


def _open_nothing(_: Sandbox, __: Mapping[str, str], ___: str) -> Incoming:
    return NoBody()


@dataclass(frozen=True)
class Route:
    """One call of the API.

    Attributes:
        method: Its verb.
        pattern: Its address; the groups name something.
        handler: What answers it.
        open: (sandbox, parts of the address, content type) -> where its body goes.
    """

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    open: Open

    @property
    def operation(self) -> Operation:
        """What a fault plan calls it."""
        return Operation(self.handler.__name__)


@dataclass(frozen=True)
class Found:
    """A route, and what the address names."""

    route: Route
    path: Mapping[str, str]


def _route(method: str, address: str, handler: Handler, opens: Open | None = None) -> Route:
    pattern, _, _ = compile_path(address)
    return Route(
        method, pattern, handler, opens or (_open_json if method == "POST" else _open_nothing)
    )


_JOBS: Final = "/v1/fine_tuning/jobs"
ROUTES: Final = (
    _route("GET", "/v1/files", files.list_files),
    _route("POST", "/v1/files", files.upload_file, files.open_file),
    _route("GET", "/v1/files/{file}", files.retrieve_file),
    _route("GET", "/v1/files/{file}/content", files.download_file),
    _route("DELETE", "/v1/files/{file}", files.delete_file),
    _route("POST", "/v1/uploads", uploads.begin_upload),
    _route("POST", "/v1/uploads/{upload}/parts", uploads.add_part, uploads.open_part),
    _route("POST", "/v1/uploads/{upload}/complete", uploads.complete_upload),
    _route("POST", "/v1/uploads/{upload}/cancel", uploads.cancel_upload),
    _route("POST", _JOBS, jobs.create_job),
    _route("GET", _JOBS, jobs.list_jobs),
    _route("GET", _JOBS + "/{job}", jobs.retrieve_job),
    _route("POST", _JOBS + "/{job}/cancel", jobs.cancel_job),
    _route("POST", _JOBS + "/{job}/pause", jobs.pause_job),
    _route("POST", _JOBS + "/{job}/resume", jobs.resume_job),
    _route("GET", _JOBS + "/{job}/events", jobs.list_events),
    _route("GET", _JOBS + "/{job}/checkpoints", jobs.list_checkpoints),
    _route("GET", "/v1/models", models.list_models),
    _route("GET", "/v1/models/{model}", models.retrieve_model),
    _route("DELETE", "/v1/models/{model}", models.delete_model),
    _route("POST", "/v1/chat/completions", chat.complete),
)


def find(method: str, path: str) -> Found:
    """Return the route of a call, or refuse an address or a verb that the API doesn't have."""
    verb = "GET" if method == "HEAD" else method
    matching = [(route, found) for route in ROUTES if (found := route.pattern.match(path))]
    for route, found in matching:
        if route.method == verb:
            return Found(route, found.groupdict())
    raise (errors.wrong_verb if matching else errors.unknown_route)(method, path)
