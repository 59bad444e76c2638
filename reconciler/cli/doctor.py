"""The command that looks at everything a pass relies on: doctor."""

from __future__ import annotations

import os
import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import DEFAULT_SPEED, Folders, InSandbox, Scope, Speed

if TYPE_CHECKING:
    from reconciler.engine.doctor import Host


class Told(StrEnum):
    """How the doctor tells what it found."""

    TEXT = "text"
    JSON = "json"


def add_to(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command("doctor")(doctor)


def doctor(
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    output: Annotated[Told, typer.Option("--output", "-o", help="Format of the result.")] = (
        Told.TEXT
    ),
) -> int:
    """Check key, endpoint, dates, clock, ledger, checkout; change nothing, say what was found."""
    from reconciler.cli.world import open_world
    from reconciler.engine.doctor import diagnose
    from reconciler.report.doctor import Status, doctor_json, doctor_text

    scope = Scope(specs, sandbox=sandbox, speed=speed)
    with terminal.screen() as screen, open_world(scope, screen) as world:
        checks = diagnose(scope.request(is_attended=True), world, host_of(scope))
    terminal.result(doctor_text(checks) if output is Told.TEXT else doctor_json(checks))
    return Exit.ERROR if any(check.status is Status.FAIL for check in checks) else Exit.DONE


def host_of(scope: Scope) -> Host:
    """This machine, as the doctor looks at it."""
    from reconciler.cli.world import EMBEDDED, resolve_endpoint
    from reconciler.engine.doctor import Host

    return Host(
        environment=os.environ,
        endpoint=lambda project: (
            EMBEDDED if scope.sandbox else resolve_endpoint(project.spec.provider, os.environ)
        ),
        now=time.time,
    )
