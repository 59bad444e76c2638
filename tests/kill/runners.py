"""Real processes of the command: started in a project, at an endpoint, and seen to their end."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE, Popen

CHECKOUT, HOOK = Path(__file__).parents[2], Path(__file__).with_name("hook")
OUTSIDE = ("OPENAI_", "GITHUB_", "CI", "TIKTOKEN_", "RECONCILER_", "DIE_")
PATIENCE = 110.0
"""Seconds for a command; one whose every call goes wrong takes less than a minute."""


@dataclass(frozen=True)
class Ground:
    """Where runners run: the project, the endpoint, and a cache that outlives both."""

    root: Path
    base_url: str
    cache: Path

    def start(self, *command: str, key: str = "sk-any", **environment: str) -> Popen[str]:
        plain = {k: v for k, v in os.environ.items() if not k.startswith(OUTSIDE)}
        own = {
            "OPENAI_BASE_URL": self.base_url,
            "OPENAI_API_KEY": key,
            "RECONCILER_CACHE": str(self.cache),
            "PYTHONPATH": os.pathsep.join([str(HOOK), str(CHECKOUT)]),
            "COLUMNS": "100",
        }
        return Popen(
            command,
            cwd=self.root,
            env={**plain, **own, **environment},
            stdin=subprocess.DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            text=True,
        )


@dataclass(frozen=True)
class End:
    """How a runner ended, negative for a signal, and what it said."""

    code: int
    said: str


def ended(runner: Popen[str]) -> End:
    """Wait for a runner; one with a traceback ends the test."""
    out, err = runner.communicate(timeout=PATIENCE)
    assert "Traceback" not in err, err
    return End(runner.returncode, out + err)


def complaint(ground: Ground, *command: str) -> Iterator[str]:
    """What a command says if it doesn't end with 0."""
    end = ended(ground.start(*command))
    if end.code:
        yield f"{Path(command[0]).name} {command[1]} ended with {end.code}: {end.said}"
