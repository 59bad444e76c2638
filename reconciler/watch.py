"""Passes repeated: wake (file change, timer, signal), run one pass, wait.

The pass knows nothing of what woke it. A change of files is debounced, our own folder and Git's are
not watched, and a stop is obeyed between two passes, never inside one.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

IGNORED = frozenset({".git", ".reconciler", ".venv", "__pycache__"})
COMMITTED = Path(".git/logs/HEAD")
"""Grows with each commit and checkout: what was held for a clean commit may go on then."""
DEBOUNCE_MILLISECONDS, TICK_MILLISECONDS = 300, 500


class Stop:
    """An event that SIGTERM and SIGINT set for as long as it is entered; which one it was."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.is_interrupt = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Stop:
        """Take over the signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, self._set)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal() returned

    def _set(self, number: int, _frame: FrameType | None) -> None:
        self.is_interrupt = number == signal.SIGINT
        self.event.set()


def watch(
    root: Path, run_pass: Callable[[], None], *, interval: float, stop: threading.Event
) -> None:
    """Run passes until ``stop``: one at once, then after each change and each interval.

    Args:
        root: the folder whose files wake a pass.
        run_pass: one whole pass.
        interval: seconds after which a pass comes even if no file changed.
        stop: set to end; the pass under way is finished first.
    """
    ticks = _ticks(root, stop)
    next(ticks, ())  # from here on changes are seen, also those made during the first pass
    due = 0.0
    while not stop.is_set():
        if time.monotonic() >= due:
            run_pass()
            due = time.monotonic() + interval
        if any(_is_watched(root, path) for path in next(ticks, ())):
            due = 0.0


def _ticks(root: Path, stop: threading.Event) -> Iterator[list[str]]:
    """The paths that changed, at least once a tick; an empty list where none did.

    watchfiles' own filter and time-out are not used for the interval: changes that a filter drops
    start its time-out again, so that a busy ignored folder would put a pass off for ever.
    """
    from watchfiles import watch as changes

    for changed in changes(
        root,
        watch_filter=None,
        debounce=DEBOUNCE_MILLISECONDS,
        rust_timeout=TICK_MILLISECONDS,
        yield_on_timeout=True,
        stop_event=stop,
        raise_interrupt=False,
    ):
        yield [path for _, path in changed]


def _is_watched(root: Path, path: str) -> bool:
    inside = Path(path).relative_to(root)
    return inside == COMMITTED or IGNORED.isdisjoint(inside.parts)
