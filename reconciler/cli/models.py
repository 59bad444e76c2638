"""Commands about what there is: status, drift, describe, events, wait, output, chat."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import exits, terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import (
    DEFAULT_SPEED,
    Detailed,
    Folders,
    Format,
    InSandbox,
    Labels,
    Output,
    Scope,
    SpecName,
    Speed,
    Targets,
)
from reconciler.cli.passes import REMOTE_PAUSE, SANDBOX_PAUSE, Manner, follow, show, show_status

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.engine import Pass, World
    from reconciler.plan import Resource
    from reconciler.providers.protocol import Event
    from reconciler.state import Job


class Binding(StrEnum):
    """How `output` writes a model's name for a deployment to read."""

    TEXT = "text"
    JSON = "json"
    DOTENV = "dotenv"


class Told(StrEnum):
    """How `describe` tells a story."""

    TEXT = "text"
    JSON = "json"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (status, drift, describe, events, wait, output, chat):
        app.command(command.__name__)(command)


def status(
    specs: Folders = None,
    label: Labels = None,
    target: Targets = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    detailed_exitcode: Detailed = False,
    output: Output = Format.TEXT,
) -> int:
    """Show how each spec stands: in sync or not, ready or not, and what to do."""
    scope = Scope(specs, label, target, sandbox, speed)
    with _looking(scope) as (_, seen):
        show_status(seen, output)
    return exits.of_pass(seen, is_detailed=detailed_exitcode, is_dry=True)


def drift(
    specs: Folders = None,
    label: Labels = None,
    target: Targets = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    detailed_exitcode: Detailed = False,
    output: Output = Format.TEXT,
) -> int:
    """Show what moved at the provider and no commit explains, each with the way out."""
    from reconciler.report.json import drift_json
    from reconciler.report.markdown import drift_markdown
    from reconciler.report.text import drift_text

    formats = {
        Format.TEXT: drift_text,
        Format.MARKDOWN: drift_markdown,
        Format.JSON: drift_json,
    }
    with _looking(Scope(specs, label, target, sandbox, speed)) as (_, seen):
        show(seen.plan, output, formats)
    return Exit.CHANGES if detailed_exitcode and seen.plan.has_drift else Exit.DONE


def describe(
    name: SpecName,
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    output: Annotated[Told, typer.Option("--output", "-o")] = Told.TEXT,
) -> int:
    """Show the whole story of one spec: where it stands, every job and bill, the last events."""
    from reconciler.cli.world import open_world
    from reconciler.engine import describe as story_of
    from reconciler.report.describe import describe_json, describe_text

    scope = Scope(specs, sandbox=sandbox, speed=speed)
    with terminal.screen() as screen, open_world(scope, screen) as world:
        story = story_of(scope.request(is_attended=True), world, name)
    terminal.result(describe_text(story) if output is Told.TEXT else describe_json(story))
    return Exit.DONE


def events(
    name: SpecName,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the job ends.")
    ] = False,
    specs: Annotated[list[str] | None, typer.Option("--specs", help="Spec file or folder.")] = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
) -> int:
    """Show the events of a spec's job, oldest first; with -f as they come."""
    from pathlib import Path

    from reconciler.engine import wait as follow_job

    folders = [Path(spec) for spec in specs] if specs else None
    scope = Scope(folders, targets=[name], sandbox=sandbox, speed=speed)
    with _looking(scope) as (world, seen):
        job_id = _job_of(seen, name)
        with world.connect(seen.loaded.project) as connection:
            shown = connection.reader.events(job_id)
        for event in shown:
            terminal.result(_event_line(event))
        if follow:
            known = {event.id for event in shown}
            request = scope.request(is_attended=True)
            follow_job(request, world, _telling(known), pause=_pause(scope))
    return Exit.DONE


def wait(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")] = None,
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Stop waiting after this long.")
    ] = None,
) -> int:
    """Follow the trainings under way until they end."""
    scope = Scope(specs, targets=names, sandbox=sandbox, speed=speed)
    code, seen = follow(scope, scope.request(is_attended=True), Manner(), deadline=timeout)
    show_status(seen, Format.TEXT)
    return code


def output(
    name: SpecName,
    output: Annotated[Binding, typer.Option("--output", "-o")] = Binding.TEXT,
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
) -> int:
    """Print the name of a spec's model, for a deployment to use."""
    import json

    with _looking(Scope(specs, sandbox=sandbox, speed=speed)) as (_, seen):
        resource = _ready(seen, name)
    model = resource.fine_tuned_model
    match output:
        case Binding.TEXT:
            terminal.result(model)
        case Binding.JSON:
            facts = {"name": name, "model": model, "job": resource.job_id, "key": resource.key}
            terminal.result(json.dumps({"schema_version": 1, **facts}))
        case Binding.DOTENV:
            terminal.result(f"{name.upper().replace('-', '_')}_MODEL={model}")
    return Exit.DONE


def chat(
    name: SpecName,
    text: Annotated[str, typer.Argument(help="What to say to the model.")],
    base: Annotated[bool, typer.Option("--base", help="Ask its base instead.")] = False,
    specs: Folders = None,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
) -> int:
    """Try a spec's model: one message, one answer."""
    with _looking(Scope(specs, sandbox=sandbox, speed=speed)) as (world, seen):
        resource = _ready(seen, name)
        model = resource.model if base else resource.fine_tuned_model
        with world.connect(seen.loaded.project) as connection:
            answer = connection.reader.chat(model, text)
    terminal.result("\n".join(part for part in (answer.text, *answer.calls) if part))
    return Exit.DONE


# ---- looking at one spec -------------------------------------------------------------------------


@contextmanager
def _looking(scope: Scope) -> Iterator[tuple[World, Pass]]:
    """A World and what a pass that changes nothing saw in it."""
    from reconciler.cli.world import open_world
    from reconciler.engine import look

    with terminal.screen() as screen, open_world(scope, screen) as world:
        yield world, look(scope.request(is_attended=True), world)


def _ready(seen: Pass, name: str) -> Resource:
    """The resource of a spec whose model answers. Raises UnreadyModel with what stands against."""
    from reconciler.engine import find
    from reconciler.errors import UnreadyModel

    _, resource = find(seen, name)
    if not resource.condition.health.is_usable:
        condition = resource.condition
        message = f"{name} has no model that answers: {condition.reason}, {condition.message}"
        raise UnreadyModel(message)
    return resource


def _job_of(seen: Pass, name: str) -> str:
    from reconciler.engine import find
    from reconciler.errors import UnreadyModel

    _, resource = find(seen, name)
    if not resource.job_id:
        message = f"{name} has no job: {resource.condition.message}"
        raise UnreadyModel(message)
    return resource.job_id


def _pause(scope: Scope) -> float:
    return SANDBOX_PAUSE if scope.sandbox else REMOTE_PAUSE


def _telling(known: set[str]) -> Callable[[Job, tuple[Event, ...]], None]:
    def tell(_job: Job, new: tuple[Event, ...]) -> None:
        for event in new:
            if event.id not in known:
                known.add(event.id)
                terminal.result(_event_line(event))

    return tell


def _event_line(event: Event) -> str:
    from datetime import UTC, datetime

    when = datetime.fromtimestamp(event.created_at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    return f"{when}  {event.level:<5}  {event.message}"
