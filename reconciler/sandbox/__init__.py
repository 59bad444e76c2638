"""An OpenAI-compatible server of our own, for trying and testing without a key or a bill.

It speaks files, uploads by parts, fine-tuning jobs, models and chat completions as OpenAI does, and
imports nothing else of `reconciler`, so that one misreading of the API can't hide on both sides. A
job's status is a function of its creation and a clock that can run fast; its losses are measured on
a small model that is really trained; a fine-tuned model answers what it was trained to answer.

    app        a connection: requests read, answers sent  connection  one that can be ended
    exchange   key, route, handler, faults, headers       routes      which handler answers what
    delivery   a call to its handler and back             call, answer, incoming   what is passed
    faults/    what goes wrong, by a plan (pure)           strike      what each fault does
    fate       what becomes of an object (pure)           fates       its coming true
    control    faults, clock and counts, by HTTP
    files, uploads, jobs, models, chat   a resource each   job_request, bounds, upload   what comes
    state      what is asked by several resources         progress    a job as shown at a moment
    pending    uploads that aren't files yet              limits      how much is taken at a time
    lifecycle  statuses and times (pure)                  work        files checked, model trained
    examples   training files                             training    the small model
    store      SQLite and a folder                        records     what it keeps (pure)
    clock, bases, errors

Importing this package imports none of them: they come with the first use of a name.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.sandbox.server import Embedded, embedded, serve
    from reconciler.sandbox.state import Sandbox

__all__ = ["Embedded", "Sandbox", "embedded", "serve"]


def __getattr__(name: str) -> object:
    if name == "Sandbox":
        from reconciler.sandbox.state import Sandbox

        return Sandbox
    if name in __all__:
        from reconciler.sandbox import server

        return getattr(server, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
