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
    from collections.abc import Callable

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
    """How a command that changes something asks, waits, prints and exits.

    ``approved``: run keys of trainings that were agreed to before, to come once their parent is
    there.
    """

    auto_approve: bool = False
    is_waiting: bool = False
    is_detailed: bool = False
    output: Format = Format.TEXT
    approved: frozenset[str] = frozenset()


def change(scope: Scope, request: Request, manner: Manner) -> int:
    """One pass that may change something, the wait for its trainings if asked, and its code."""
    from reconciler.cli.world import open_world
    from reconciler.engine import reconcile

    with terminal.screen() as screen, open_world(scope, screen, warn=terminal.warn) as world:
        seen = reconcile(request, world, approve=_approve(manner), tell=screen.told)
    _warn(seen)
    is_waiting = manner.is_waiting and seen.is_approved
    is_shown = manner.output is Format.TEXT and seen.plan.writes
    if not is_shown and not is_waiting:
        show_plan(seen, manner.output)
    code = exits.of_pass(seen, is_detailed=manner.is_detailed, is_dry=False)
    if is_waiting:
        children = _children(seen)
        code = exits.worse(code, follow(scope, request, manner, children=children))
        if children and code in (Exit.DONE, Exit.CHANGES):
            request = replace(request, retry=frozenset(), saved=None)
            return change(scope, request, replace(manner, approved=children))
        return code
    _say_what_is_next(seen, scope)
    return code


def _children(seen: Pass) -> frozenset[str]:
    """The next trainings of chains, by run key: the plan that was agreed to named them and their
    price, and what they start from is being made."""
    has_trained = seen.plan.waits or any(outcome.job_id for outcome in seen.outcomes)
    return frozenset(create.key for create in seen.plan.later if has_trained)


def follow(
    scope: Scope,
    request: Request,
    manner: Manner,
    deadline: float | None = None,
    children: frozenset[str] = frozenset(),
) -> Exit:
    """Follow the trainings under way until they end; shows how everything stands then.

    Who waits wants models: one that failed, was cancelled, or is missing is an error; but for
    ``children``, the run keys of those whose turn comes next.
    """
    from reconciler.cli.world import open_world
    from reconciler.engine import wait
    from reconciler.state import Health, JobStatus

    pause = SANDBOX_PAUSE if scope.sandbox else REMOTE_PAUSE
    request = replace(request, retry=frozenset())
    with terminal.screen() as screen, open_world(scope, screen) as world:
        seen, ended = wait(request, world, screen.trained, pause=pause, deadline=deadline)
    show_status(seen, manner.output)
    if seen.plan.waits:
        terminal.tell("still under way: the time to wait is over")
    code = exits.of_pass(seen, is_detailed=manner.is_detailed, is_dry=True)
    has_failed = any(job.status is not JobStatus.SUCCEEDED for job in ended)
    is_missing = any(r.key not in children for r in seen.plan.having(Health.MISSING))
    return Exit.ERROR if has_failed or is_missing else code


def show_status(seen: Pass, output: Format) -> None:
    """Write how each spec stands to stdout in the wanted format."""
    from reconciler.report.json import status_json
    from reconciler.report.text import status_text

    show(seen.plan, output, status_text, status_json)


def show_plan(seen: Pass, output: Format) -> None:
    """Write a plan to stdout in the wanted format."""
    from reconciler.report.json import plan_json
    from reconciler.report.text import plan_text

    show(seen.plan, output, plan_text, plan_json)


def show(
    plan: Plan, output: Format, as_text: Callable[[Plan], str], as_json: Callable[[Plan], str]
) -> None:
    """One of the formats; Markdown tells plan and status in one document."""
    from reconciler.report.markdown import plan_markdown

    match output:
        case Format.TEXT:
            terminal.result(terminal.coloured(as_text(plan)))
        case Format.MARKDOWN:
            terminal.result(plan_markdown(plan))
        case Format.JSON:
            terminal.result(as_json(plan))


def _approve(manner: Manner) -> Callable[[Plan], bool]:
    def approve(plan: Plan) -> bool:
        from reconciler.errors import UsageError
        from reconciler.report.text import plan_text

        if manner.output is Format.TEXT:
            terminal.result(terminal.coloured(plan_text(plan)))
        if manner.auto_approve or _was_agreed(plan, manner):
            return True
        if not terminal.has_terminal():
            message = "there is no terminal to ask on; give --auto-approve to apply this plan"
            raise UsageError(message)
        if manner.output is not Format.TEXT:
            terminal.tell(plan_text(plan))
        return terminal.ask(plan)

    return approve


def _was_agreed(plan: Plan, manner: Manner) -> bool:
    is_more = any(action.kind in ("cancel", "delete") for action in plan.actions)
    return not is_more and {create.key for create in plan.creates} <= manner.approved


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
