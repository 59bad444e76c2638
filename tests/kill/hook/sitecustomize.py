"""Found through PYTHONPATH by a runner under test: ends its own process at a moment chosen outside.

    DIE_BEFORE   "connect NUMBER" or "ledger NUMBER": which event of which kind, counted from 1; of
                 the ledger: a record is begun, put in its place, its draft removed
    DIE_PORT     the port whose connections are counted
    DIE_ONCE     a path: of several runners the one that makes this file dies, and no other
    DIE_LOG      a path: nobody dies, and each event is written there as a line

A proxy sees no request before its connection; Python's audit events come before the system call.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count

LEDGER = f"{os.sep}.reconciler{os.sep}ledger"


class _Death:
    def __init__(self) -> None:
        kind, _, number = os.environ.get("DIE_BEFORE", "").partition(" ")
        self.kind, self.number = kind, int(number or 0)
        self.port = int(os.environ.get("DIE_PORT", 0))
        self.once, self.log = os.environ.get("DIE_ONCE", ""), os.environ.get("DIE_LOG", "")
        self.counts = {"connect": count(1), "ledger": count(1)}

    def audit(self, event: str, arguments: tuple[object, ...]) -> None:
        kind = self.kind_of(event, arguments)
        if not kind:
            return
        if self.log:
            self.write(kind)
        elif next(self.counts[kind]) == self.number and kind == self.kind and self.is_chosen():
            os.kill(os.getpid(), signal.SIGKILL)

    def kind_of(self, event: str, arguments: tuple[object, ...]) -> str:
        if event == "socket.connect":
            address = arguments[1]
            is_it = isinstance(address, tuple) and address[1] == self.port
            return "connect" if is_it else ""
        is_write = event in ("os.link", "os.remove") or (
            event == "open" and isinstance(arguments[2], int) and bool(arguments[2] & os.O_CREAT)
        )
        return "ledger" if is_write and LEDGER in str(arguments[0]) else ""

    def write(self, kind: str) -> None:
        with open(self.log, "a") as log:  # noqa: PTH123  # nothing is imported for its sake
            log.write(f"{kind}\n")

    def is_chosen(self) -> bool:
        try:
            os.close(os.open(self.once, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return False
        return True


if "DIE_PORT" in os.environ:
    sys.addaudithook(_Death().audit)
