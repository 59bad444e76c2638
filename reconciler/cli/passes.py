"""Commands that are a pass: run (the default), plan, apply, validate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import exits, terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import (
    DEFAULT_SPEED,
    AllowDirty,
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
    from reconciler.errors import Problem
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
    app.command("validate")(validate)


def run(
    specs: Folders = None,
    label: Labels = None,
    target: Targets = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    auto_approve: AutoApprove = False,
    max_cost: MaxCost = None,
    allow_dirty: AllowDirty = False,
    wait: Wait = False,
    watch: Watch = False,
    interval: Interval = 60.0,
    detailed_exitcode: Detailed = False,
    output: Output = Format.TEXT,
) -> int:
    """Plan, ask, apply; with --watch for ever. The default command."""
    scope = Scope(specs, label, target, sandbox, speed)
    has_asker = terminal.has_terminal() and not (watch or auto_approve)
    request = scope.request(max_usd=max_cost, allow_dirty=allow_dirty, is_attended=has_asker)
    if watch:
        return _watch(scope, request, interval)
    wanted = Manner(auto_approve, is_waiting=wait, is_detailed=detailed_exitcode, output=output)
    return change(scope, request, wanted)


def plan(
    specs: Folders = None,
    label: Labels = None,
    target: Targets = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    max_cost: MaxCost = None,
    detailed_exitcode: Detailed = False,
    output: Output = Format.TEXT,
) -> int:
    """Show what would be done and what it would cost; change nothing."""
    from reconciler.cli.world import open_world
    from reconciler.engine import look

    scope = Scope(specs, label, target, sandbox, speed)
    with terminal.screen() as screen, open_world(scope, screen.sent) as world:
        seen = look(scope.request(max_usd=max_cost, is_attended=True), world)
    _warn(seen)
    show_plan(seen, output)
    return exits.of_pass(seen, is_detailed=detailed_exitcode, is_dry=True)


def apply(
    specs: Folders = None,
    label: Labels = None,
    target: Targets = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    auto_approve: AutoApprove = False,
    max_cost: MaxCost = None,
    allow_dirty: AllowDirty = False,
    wait: Wait = False,
    detailed_exitcode: Detailed = False,
    output: Output = Format.TEXT,
) -> int:
    """Plan, ask (unless --auto-approve), apply."""
    scope = Scope(specs, label, target, sandbox, speed)
    has_asker = terminal.has_terminal() and not auto_approve
    request = scope.request(max_usd=max_cost, allow_dirty=allow_dirty, is_attended=has_asker)
    wanted = Manner(auto_approve, is_waiting=wait, is_detailed=detailed_exitcode, output=output)
    return change(scope, request, wanted)


def validate(
    specs: Annotated[
        list[Path] | None, typer.Argument(help="Spec files or folders. [default: specs]")
    ] = None,
    output: Output = Format.TEXT,
) -> int:
    """Check specs and datasets; nothing leaves the machine, no key is needed."""
    from reconciler.errors import InvalidInput
    from reconciler.load import load

    folders = [path.absolute() for path in specs] if specs else None
    try:
        loaded = load(Scope().root, folders, count_tokens=False)
    except InvalidInput as error:
        _show_problems(error.problems, output)
        return Exit.ERROR
    examples = sum(spec.training.examples for spec in loaded.specs)
    _show_problems(loaded.warnings, output)
    if output is not Format.JSON:
        terminal.result(f"{len(loaded.specs)} specs are valid; {examples:,} training examples")
    return Exit.DONE


def _show_problems(problems: tuple[Problem, ...], output: Format) -> None:
    from reconciler.report.json import problems_json
    from reconciler.report.markdown import problems_markdown
    from reconciler.report.text import problems_text

    match output:
        case Format.JSON:
            terminal.result(problems_json(problems))
        case Format.MARKDOWN if problems:
            terminal.result(problems_markdown(problems))
        case Format.TEXT if problems:
            terminal.result(problems_text(problems))
        case _:
            pass  # nothing to tell


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

    with terminal.screen() as screen, open_world(scope, screen.sent) as world:
        seen = reconcile(request, world, approve=_approve(manner), tell=screen.told)
    _warn(seen)
    if manner.output is not Format.TEXT or not seen.plan.writes:
        show_plan(seen, manner.output)
    code = exits.of_pass(seen, is_detailed=manner.is_detailed, is_dry=False)
    if manner.is_waiting and seen.is_approved:
        return exits.worse(code, follow(scope, is_detailed=manner.is_detailed))
    _say_what_is_next(seen)
    return code


def follow(scope: Scope, *, is_detailed: bool = False, deadline: float | None = None) -> Exit:
    """Follow the trainings under way until they end; shows how everything stands then."""
    from reconciler.cli.world import open_world
    from reconciler.engine import wait
    from reconciler.report.text import status_text
    from reconciler.state import JobStatus

    pause = SANDBOX_PAUSE if scope.sandbox else REMOTE_PAUSE
    with terminal.screen() as screen, open_world(scope, screen.sent) as world:
        request = scope.request(is_attended=True)
        seen, ended = wait(request, world, screen.trained, pause=pause, deadline=deadline)
    terminal.result(terminal.coloured(status_text(seen.plan)))
    code = exits.of_pass(seen, is_detailed=is_detailed, is_dry=True)
    return Exit.ERROR if any(job.status is not JobStatus.SUCCEEDED for job in ended) else code


def show_plan(seen: Pass, output: Format) -> None:
    """Write a plan to stdout in the wanted format."""
    from reconciler.report.json import plan_json
    from reconciler.report.markdown import plan_markdown
    from reconciler.report.text import plan_text

    match output:
        case Format.TEXT:
            terminal.result(terminal.coloured(plan_text(seen.plan)))
        case Format.MARKDOWN:
            terminal.result(plan_markdown(seen.plan))
        case Format.JSON:
            terminal.result(plan_json(seen.plan))


def _approve(manner: Manner) -> Callable[[Plan], bool]:
    def approve(plan: Plan) -> bool:
        from reconciler.errors import UsageError
        from reconciler.report.text import plan_text

        if manner.output is Format.TEXT:
            terminal.result(terminal.coloured(plan_text(plan)))
        if manner.auto_approve:
            return True
        if not terminal.has_terminal():
            message = "there is no terminal to ask on; give --auto-approve to apply this plan"
            raise UsageError(message)
        if manner.output is not Format.TEXT:
            terminal.tell(plan_text(plan))
        return terminal.ask(plan)

    return approve


def _warn(seen: Pass) -> None:
    from reconciler.report.text import problems_text

    if seen.loaded.warnings:
        terminal.tell(problems_text(seen.loaded.warnings))


def _say_what_is_next(seen: Pass) -> None:
    if not seen.is_approved:
        terminal.tell("not applied")
    elif any(outcome.job_id for outcome in seen.outcomes) or seen.plan.waits:
        terminal.tell("trainings are under way: `reconcile wait` follows them")


def _watch(scope: Scope, request: Request, interval: float) -> int:
    from reconciler.cli.world import open_world
    from reconciler.watch import Stop, watch

    with terminal.screen() as screen, open_world(scope, screen.sent) as world, Stop() as stop:
        watch(
            scope.root,
            lambda: _one_pass(request, world, screen.told),
            interval=interval,
            stop=stop,
        )
    terminal.tell("stopped")
    return Exit.DONE


def _one_pass(request: Request, world: World, told: Tell) -> None:
    """A watched pass: says what it did in one line; an error of ours waits for the next one."""
    from reconciler.engine import reconcile
    from reconciler.errors import ReconcileError
    from reconciler.report.text import summary_line

    try:
        seen = reconcile(request, world, approve=lambda _plan: True, tell=told)
    except ReconcileError as error:
        exits.explain(error)
    else:
        terminal.tell(summary_line(seen.plan))
