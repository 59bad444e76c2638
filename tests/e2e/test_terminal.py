"""On a terminal: the plan is shown, a person is asked, progress is drawn; elsewhere, lines."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e.conftest import COMMAND, Project, take_interrupts
from tests.e2e.relay import Relay

ASK = ("--sandbox", "--speed", "100", "--wait")


@dataclass
class Terminal:
    """A command on a pseudo-terminal."""

    process: subprocess.Popen[bytes]
    fd: int
    shown: str = ""

    def until(self, text: str, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} was not shown:\n{self.shown}"
            self._read(0.2)

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def end(self) -> int:
        """Read to the end; the exit code."""
        while self._read(30):
            pass
        return self.process.wait(30)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.fd], [], [], seconds)
        try:
            chunk = os.read(self.fd, 65536) if ready else b""
        except OSError:  # Linux says so when the other side is gone
            return False
        self.shown += chunk.decode("utf-8", "replace")
        return bool(chunk)


@contextmanager
def on_terminal(project: Project, *arguments: str) -> Iterator[Terminal]:
    """Start the command in the project, with a terminal for all three streams."""
    ours, its = os.openpty()
    process = subprocess.Popen(
        [COMMAND, *arguments],
        cwd=project.root,
        env={**project.environment, "TERM": "xterm", "COLUMNS": "120"},
        stdin=its,
        stdout=its,
        stderr=its,
        preexec_fn=take_interrupts,  # one call, no lock, before the exec
    )
    os.close(its)
    try:
        yield Terminal(process, ours)
    finally:
        os.close(ours)
        process.kill()
        process.wait()


def test_yes_applies_and_draws_the_training(project: Project) -> None:
    with on_terminal(project, *ASK) as terminal:
        terminal.until("Apply this plan?")
        assert "1 to train" in terminal.shown
        terminal.type("y\n")
        assert terminal.end() == 0, terminal.shown
    assert "100%" in terminal.shown
    assert "loss" in terminal.shown
    assert "1 model ready" in terminal.shown


def test_no_is_a_refusal(project: Project) -> None:
    with on_terminal(project, *ASK) as terminal:
        terminal.until("Apply this plan?")
        terminal.type("\n")
        assert terminal.end() == 3, terminal.shown
    assert "not applied" in terminal.shown
    assert '"creates": 1' in project.run("plan", "--sandbox", "-o", "json").out


def test_an_interrupt_at_the_question_is_130(project: Project) -> None:
    with on_terminal(project, *ASK) as terminal:
        terminal.until("Apply this plan?")
        time.sleep(0.5)  # shown is not yet read: the command has to wait for the answer first
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 130, terminal.shown
    assert "Traceback" not in terminal.shown


def test_a_terminal_where_nobody_is_asked_still_needs_a_budget(
    remote: Project, relay: Relay
) -> None:
    with on_terminal(remote, "apply", "--auto-approve") as terminal:
        assert terminal.end() == 3, terminal.shown
    assert "NoBudget" in terminal.shown
    assert relay.creates == []
