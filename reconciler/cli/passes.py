"""Commands that are a pass: run (the default), plan, apply."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import exits, saving, terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import (
    DEFAULT_SPEED,
    AllowDirty,
    AllowShortLived,
    AutoApprove,
    Detailed,
    Folders,
    Format,
    InSandbox,
    Labels,
    MaxCost,
    Output,
    Scope,
    Speed,
    Targets,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.engine import Pass, Request, Tell, World
    from reconciler.plan import Plan

Wait = Annotated[bool, typer.Option("--wait", help="Follow the trainings until they end.")]
Watch = Annotated[
    bool, typer.Option("--watch", help="Go on for ever: on file changes and every interval.")
]
Interval = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="Longest time between two watched passes.")
]

SANDBOX_PAUSE, REMOTE_PAUSE = 0.3, 10.0
"""Seconds between two looks at a job under way."""


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command("run")(run)
    app.command("plan")(plan)
    app.command("apply")(apply)


def run(
    specs: Folders = None,
    label: Labels = None,
    target: Targets = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    auto_approve: AutoApprove = False,
    max_cost: MaxCost = None,
    allow_dirty: AllowDirty = False,
    allow_short_lived: AllowShortLived = False,
    wait: Wait = False,
    watch: Watch = False,
    interval: Interval = 60.0,
    detailed_exitcode: Detailed = False,
    output: Output = Format.TEXT,
) -> int:
    """Plan, ask, apply; with --watch for ever. The default command."""
    scope = Scope(specs, label, target, sandbox, speed)
    has_asker = terminal.has_terminal() and not (watch or auto_approve)
    request = scope.request(
        max_usd=max_cost,
        allow_dirty=allow_dirty,
        allow_short_lived=allow_short_lived,
        is_attended=has_asker,
    )
    if watch:
        return _watch(scope, request, interval)
    return change(scope, request, Manner(auto_approve, wait, detailed_exitcode, output))


def plan(
    specs: Folders = None,
    label: Labels = None,
    target: Targets = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    max_cost: MaxCost = None,
    allow_short_lived: AllowShortLived = False,
    detailed_exitcode: Detailed = False,
    output: Output = Format.TEXT,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Save the plan, for `reconcile apply FILE`."),
    ] = None,
) -> int:
    """Show what would be done and what it would cost; change nothing."""
    from reconciler.cli.world import open_world
    from reconciler.engine import look

    scope = Scope(specs, label, target, sandbox, speed)
    request = scope.request(max_usd=max_cost, allow_short_lived=allow_short_lived, is_attended=True)
    with terminal.screen() as screen, open_world(scope, screen) as world:
        seen = look(request, world)
    _warn(seen)
    show_plan(seen, output)
    if out:
        saving.write(out, seen, request)
    return exits.of_pass(seen, is_detailed=detailed_exitcode, is_dry=True)


def apply(
    plan_file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Exactly this saved plan.")
    ] = None,
    specs: Folders = None,
    label: Labels = None,
    target: Targets = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    auto_approve: AutoApprove = False,
    max_cost: MaxCost = None,
    allow_dirty: AllowDirty = False,
    allow_short_lived: AllowShortLived = False,
    wait: Wait = False,
    detailed_exitcode: Detailed = False,
    output: Output = Format.TEXT,
) -> int:
    """Plan, ask (unless --auto-approve), apply; or apply a plan that was saved."""
    scope = Scope(specs, label, target, sandbox, speed)
    request = scope.request(
        max_usd=max_cost,
        allow_dirty=allow_dirty,
        allow_short_lived=allow_short_lived,
        is_attended=terminal.has_terminal() and not auto_approve,
    )
    if plan_file:
        request = saving.read(plan_file, request)
    return change(scope, request, Manner(auto_approve, wait, detailed_exitcode, output))


# ---- shared by every command that changes something ----------------------------------------------


@dataclass(frozen=True)
class Manner:
    """How a command that changes something asks, waits, prints and exits."""

    auto_approve: bool = False
    is_waiting: bool = False
    is_detailed: bool = False
    output: Format = Format.TEXT


def change(scope: Scope, request: Request, manner: Manner) -> int:
    """One pass that may change something, the wait for its trainings if asked, and its code."""
    from reconciler.cli.world import open_world
    from reconciler.engine import reconcile

    with terminal.screen() as screen, open_world(scope, screen, warn=terminal.warn) as world:
        seen = reconcile(request, world, approve=_approve(manner, request), tell=screen.told)
    _warn(seen)
    is_waiting = manner.is_waiting and seen.is_approved
    is_shown = manner.output is Format.TEXT and seen.plan.writes
    if not is_shown and not is_waiting:
        show_plan(seen, manner.output)
    code = exits.of_pass(seen, is_detailed=manner.is_detailed, is_dry=False)
    if is_waiting:
        return exits.worse(code, _to_the_end(scope, request, manner, seen))
    _say_what_is_next(seen, scope)
    return code


def _to_the_end(scope: Scope, request: Request, manner: Manner, seen: Pass) -> Exit:
    """Wait for what was sent, then send what rests on it: the plan that was agreed to named those
    trainings and their price, and nothing else is made."""
    from reconciler.plan.narrow import Agreed

    is_part = request.saved or request.agreed
    keys = frozenset(r.key for r in seen.plan.resources) if is_part else None
    looking = Agreed(resources=keys) if is_part else None
    request = replace(request, retry=frozenset(), saved=None, agreed=looking)
    has_trained = seen.plan.waits or any(outcome.job_id for outcome in seen.outcomes)
    children = frozenset(create.key for create in seen.plan.later if has_trained)
    code, then = follow(scope, request, manner, children)
    if not children or code not in (Exit.DONE, Exit.CHANGES):
        show_status(then, manner.output)
        return code
    request = replace(request, agreed=Agreed(creates=children, resources=keys))
    return Exit(change(scope, request, manner))


def follow(
    scope: Scope,
    request: Request,
    manner: Manner,
    children: frozenset[str] = frozenset(),
    deadline: float | None = None,
) -> tuple[Exit, Pass]:
    """Follow the trainings under way until they end, and look how everything stands then.

    Who waits wants models: one that failed, was cancelled, or is missing is an error; but for what
    the spec lets be, and for ``children``, the run keys of those whose turn comes next.
    """
    from reconciler.cli.world import open_world
    from reconciler.engine import wait
    from reconciler.state import Health, JobStatus, Sync

    pause = SANDBOX_PAUSE if scope.sandbox else REMOTE_PAUSE
    request = replace(request, retry=frozenset())
    with terminal.screen() as screen, open_world(scope, screen) as world:
        seen, ended = wait(request, world, screen.trained, pause=pause, deadline=deadline)
    if seen.plan.waits:
        terminal.tell("still under way: the time to wait is over")
    code = exits.of_pass(seen, is_detailed=manner.is_detailed, is_dry=True)
    missing = seen.plan.having(Health.MISSING)
    is_missing = any(
        r.key not in children and r.condition.sync is not Sync.IN_SYNC for r in missing
    )
    has_failed = any(job.status is not JobStatus.SUCCEEDED for job in ended)
    return (Exit.ERROR if has_failed or is_missing else code), seen


def show_status(seen: Pass, output: Format) -> None:
    """Write how each spec stands to stdout in the wanted format."""
    from reconciler.report.json import status_json
    from reconciler.report.markdown import status_markdown
    from reconciler.report.text import status_text

    show(
        seen.plan,
        output,
        {Format.TEXT: status_text, Format.MARKDOWN: status_markdown, Format.JSON: status_json},
    )


def show_plan(seen: Pass, output: Format) -> None:
    """Write a plan to stdout in the wanted format."""
    from reconciler.report.json import plan_json
    from reconciler.report.markdown import plan_markdown
    from reconciler.report.text import plan_text

    show(
        seen.plan,
        output,
        {Format.TEXT: plan_text, Format.MARKDOWN: plan_markdown, Format.JSON: plan_json},
    )


def show(plan: Plan, output: Format, formats: Mapping[Format, Callable[[Plan], str]]) -> None:
    """Write a plan to stdout in the wanted format."""
    text = formats[output](plan)
    terminal.result(terminal.coloured(text) if output is Format.TEXT else text)


def _approve(manner: Manner, request: Request) -> Callable[[Plan], bool]:
    def approve(plan: Plan) -> bool:
        from reconciler.errors import UsageError
        from reconciler.report.text import plan_text

        if manner.output is Format.TEXT:
            terminal.result(terminal.coloured(plan_text(plan)))
        if manner.auto_approve or request.agreed:  # what was agreed to is not asked for twice
            return True
        if not terminal.has_terminal():
            message = "there is no terminal to ask on; give --auto-approve to apply this plan"
            raise UsageError(message)
        if manner.output is not Format.TEXT:
            terminal.tell(plan_text(plan))
        return terminal.ask(plan, with_later=manner.is_waiting)

    return approve


def _warn(seen: Pass) -> None:
    from reconciler.report.problems import problems_text

    if seen.loaded.warnings:
        terminal.tell(problems_text(seen.loaded.warnings))


def _say_what_is_next(seen: Pass, scope: Scope) -> None:
    if not seen.is_approved:
        terminal.tell("not applied")
    elif any(outcome.job_id for outcome in seen.outcomes) or seen.plan.waits:
        command = "reconcile wait --sandbox" if scope.sandbox else "reconcile wait"
        terminal.tell(f"trainings are under way: `{command}` follows them")


def _watch(scope: Scope, request: Request, interval: float) -> int:
    from reconciler.cli.world import open_world
    from reconciler.watch import Stop, watch

    terminal.tell(f"watching {scope.root}: a pass on each change, and every {interval:g} s")
    shown = _LastShown()
    with (
        terminal.screen() as screen,
        open_world(scope, screen, warn=terminal.warn) as world,
        Stop() as stop,
    ):
        watch(
            scope.root,
            lambda: _one_pass(request, world, screen.told, shown),
            interval=interval,
            stop=stop.event,
        )
    terminal.tell("stopped")
    return Exit.INTERRUPTED if stop.is_interrupt else Exit.DONE


@dataclass
class _LastShown:
    """What a watch has said last of how things stand; empty before its first pass."""

    digest: str = ""


def _one_pass(request: Request, world: World, told: Tell, shown: _LastShown) -> None:
    """A watched pass: tells how things stand when that has changed.

    An error of ours waits for the next pass; but settings that are wrong from the start end it.
    """
    from reconciler.engine import reconcile
    from reconciler.errors import ReconcileError, SettingsError
    from reconciler.report.text import status_text

    try:
        seen = reconcile(request, world, approve=lambda _plan: True, tell=told)
    except ReconcileError as error:
        if isinstance(error, SettingsError) and not shown.digest:
            raise
        exits.explain(error)
        return
    if seen.plan.digest != shown.digest:
        shown.digest = seen.plan.digest
        terminal.tell(status_text(seen.plan))
