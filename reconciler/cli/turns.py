"""Turns: of the runners of one project on this machine, one uploads at a time.

Who comes second finds what the first has sent. The system ends a turn with its process, however
that dies. Without a turn nothing breaks: equal bytes are stored twice, and one copy is of no use.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

LONGEST_TURN = 600.0
"""Seconds; a runner that hangs must not hold the others up for ever."""
_PAUSE = 0.1


@contextmanager
def one_at_a_time(lock: Callable[[], Path]) -> Iterator[None]:
    """Wait until the block may run; where nobody can tell, or the wait is over, it runs."""
    with ExitStack() as held:
        with suppress(OSError):  # a folder that can't be written, a file system without locks
            handle = os.open(lock(), os.O_CREAT | os.O_RDWR, 0o600)
            held.callback(os.close, handle)
            _take(handle, time.monotonic() + LONGEST_TURN)
        yield


def _take(handle: int, deadline: float) -> None:
    while time.monotonic() < deadline:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_PAUSE)
        else:
            return
