"""Commands that put a hand on a running job: cancel, pause, resume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from reconciler.cli import terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import (
    DEFAULT_SPEED,
    AutoApprove,
    Folders,
    InSandbox,
    Scope,
    SpecName,
    Speed,
)

if TYPE_CHECKING:
    from reconciler.engine import Steer
    from reconciler.state import Job


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (cancel, pause, resume):
        app.command(command.__name__)(command)


def cancel(
    name: SpecName,
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    auto_approve: AutoApprove = False,
) -> int:
    """End the running job of a spec: what it did so far is billed, and it makes no model."""
    from reconciler.engine import Steer

    scope = Scope(specs, targets=[name], sandbox=sandbox, speed=speed)
    return _steer(name, scope, Steer.CANCEL, is_agreed=auto_approve)


def pause(
    name: SpecName,
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
) -> int:
    """Hold back the running job of a spec until it is resumed."""
    from reconciler.engine import Steer

    scope = Scope(specs, targets=[name], sandbox=sandbox, speed=speed)
    return _steer(name, scope, Steer.PAUSE, is_agreed=True)


def resume(
    name: SpecName,
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
) -> int:
    """Let the paused job of a spec go on."""
    from reconciler.engine import Steer

    scope = Scope(specs, targets=[name], sandbox=sandbox, speed=speed)
    return _steer(name, scope, Steer.RESUME, is_agreed=True)


def _steer(name: str, scope: Scope, steer: Steer, *, is_agreed: bool) -> int:
    from reconciler.cli.world import open_world
    from reconciler.engine import steer_job, steerable

    with terminal.screen() as screen, open_world(scope, screen) as world:
        seen, job = steerable(scope.request(is_attended=True), world, name, steer)
        if not (is_agreed or _agrees(job)):
            terminal.tell("not cancelled")
            return Exit.HELD
        after = steer_job(seen, world, job, steer)
    terminal.result(f"{name}: {after.id} is {after.status.replace('_', ' ')}")
    return Exit.DONE


def _agrees(job: Job) -> bool:
    from reconciler.errors import UsageError

    if not terminal.has_terminal():
        message = "there is no terminal to ask on; give --auto-approve to cancel the job"
        raise UsageError(message)
    question = f"Cancel {job.id}? What it did so far is billed, and it makes no model."
    return terminal.confirm(question)
