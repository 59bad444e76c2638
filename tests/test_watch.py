"""The watch loop: one pass at once, then after each change and each interval, until the stop."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from reconciler.watch import watch


def watched(root: Path, interval: float, seconds: float, *touched: str) -> list[float]:
    """When passes ran, while files were touched every 0.1 s."""
    stop, passes, start = threading.Event(), [], time.monotonic()

    def touch() -> None:
        while time.monotonic() - start < seconds:
            for name in touched:
                (root / name).write_text(str(time.monotonic()))
            time.sleep(0.1)
        stop.set()

    toucher = threading.Thread(target=touch)
    toucher.start()
    watch(root, lambda: passes.append(time.monotonic() - start), interval=interval, stop=stop)
    toucher.join()
    return passes


def test_a_busy_ignored_folder_neither_wakes_a_pass_nor_puts_one_off(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".reconciler").mkdir()
    passes = watched(tmp_path, 1.0, 5.0, ".git/index", ".reconciler/state")
    assert 3 <= len(passes) <= 5, passes


def test_a_change_during_a_pass_wakes_the_next_one(tmp_path: Path) -> None:
    stop, passes = threading.Event(), 0

    def one_pass() -> None:
        nonlocal passes
        passes += 1
        if passes == 1:
            (tmp_path / "spec.yaml").write_text("changed meanwhile")
        else:
            stop.set()

    limit = threading.Timer(20, stop.set)
    limit.start()
    watch(tmp_path, one_pass, interval=600, stop=stop)
    limit.cancel()
    limit.join()
    assert passes == 2


def test_a_stop_before_the_first_pass_runs_none(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    watch(tmp_path, lambda: None, interval=600, stop=stop)
