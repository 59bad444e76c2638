"""Commands by which a person decides what a pass may not: settle, unfreeze, retry."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import (
    DEFAULT_SPEED,
    AllowDirty,
    AllowShortLived,
    AutoApprove,
    Folders,
    InSandbox,
    MaxCost,
    Scope,
    SpecName,
    Speed,
)
from reconciler.cli.passes import Manner, Wait, change


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command("settle")(settle)
    app.command("unfreeze")(unfreeze)
    app.command("retry")(retry)


def settle(
    name: SpecName,
    adopt: Annotated[
        str | None, typer.Option(metavar="JOB", help="This job is the one that was sent.")
    ] = None,
    abandon: Annotated[bool, typer.Option("--abandon", help="No job came of it.")] = False,
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
) -> int:
    """End an attempt in doubt: bind it to a job, or abandon it."""
    from reconciler.cli.world import open_world
    from reconciler.engine import settle as settle_attempt
    from reconciler.errors import UsageError

    if bool(adopt) == abandon:
        message = "give either --adopt JOB or --abandon"
        raise UsageError(message)
    scope = Scope(specs, targets=[name], sandbox=sandbox, speed=speed)
    with terminal.screen() as screen, open_world(scope, screen) as world:
        request = scope.request(is_attended=True)
        terminal.result(settle_attempt(request, world, name, adopt))
    return Exit.DONE


def unfreeze(
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
) -> int:
    """Say that you know of the trainings that were made twice: new ones may be made again."""
    from reconciler.cli.world import open_world
    from reconciler.engine import unfreeze as acknowledge
    from reconciler.report.words import made_twice

    scope = Scope(specs, sandbox=sandbox, speed=speed)
    with terminal.screen() as screen, open_world(scope, screen) as world:
        for duplicate in acknowledge(scope.request(is_attended=True), world):
            terminal.result(f"acknowledged: {made_twice(duplicate)}")
    return Exit.DONE


def retry(
    name: SpecName,
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    auto_approve: AutoApprove = False,
    max_cost: MaxCost = None,
    allow_dirty: AllowDirty = False,
    allow_short_lived: AllowShortLived = False,
    wait: Wait = False,
) -> int:
    """Train a spec again after a failure, a refusal, a cancellation or a deletion."""
    scope = Scope(specs, targets=[name], sandbox=sandbox, speed=speed)
    request = scope.request(
        retry=frozenset({name}),
        max_usd=max_cost,
        allow_dirty=allow_dirty,
        allow_short_lived=allow_short_lived,
        is_attended=terminal.has_terminal() and not auto_approve,
    )
    return change(scope, request, Manner(auto_approve, is_waiting=wait))
