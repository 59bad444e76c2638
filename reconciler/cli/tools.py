"""Commands beside the pass: schema, sandbox, demo, ci."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import exits, terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import DEFAULT_SPEED, AllowDirty, InSandbox, MaxCost, Scope, Speed

if TYPE_CHECKING:
    from reconciler.engine import Pass, Request
    from reconciler.errors import ReconcileError


class Kind(StrEnum):
    """The documents that have a schema."""

    FINETUNE = "finetune"
    PROJECT = "project"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (schema, sandbox, demo, ci):
        app.command(command.__name__)(command)


def schema(
    kind: Annotated[Kind, typer.Argument(help="Which document.")] = Kind.FINETUNE,
    write: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write all schemas to this folder.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Exit with 1 if this folder's are others.")
    ] = None,
) -> int:
    """Print the JSON Schema of a document, for editors and checks."""
    texts = {f"{each}.schema.json": _schema(each) for each in Kind}
    if write:
        write.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (write / name).write_text(text, encoding="utf-8")
        return Exit.DONE
    if check:
        stale = [name for name, text in texts.items() if _text_of(check / name) != text]
        for name in stale:
            terminal.tell(f"{check / name} is not what the models say: reconcile schema --write")
        return Exit.ERROR if stale else Exit.DONE
    terminal.result(texts[f"{kind}.schema.json"])
    return Exit.DONE


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    host: Annotated[str, typer.Option(help="A loopback address.")] = "127.0.0.1",
    data: Annotated[
        Path | None, typer.Option(help="Folder of its state. [default: .reconciler/sandbox]")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.01, help="How fast its clock runs.")] = 1.0,
    key: Annotated[str | None, typer.Option(help="The one key to accept; any, if not set.")] = None,
    faults: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What is to go wrong: a fault plan, JSON.")
    ] = None,
) -> int:
    """Serve an OpenAI-compatible fine-tuning API on this machine: no key, no bill."""
    from reconciler.cli.ledgers import private_folder
    from reconciler.cli.world import token_counter
    from reconciler.errors import UsageError
    from reconciler.sandbox import serve
    from reconciler.sandbox.faults import load_plan

    folder = data or private_folder(Scope().root) / "sandbox"
    try:
        plan = load_plan(faults) if faults else None
        serve(host, port, folder, speed, token_counter(), key, _say_how, plan)
    except (ValueError, OSError) as error:  # a wrong plan; not a loopback address; a port in use
        raise UsageError(str(error)) from error
    return Exit.DONE


def demo() -> int:
    """Train the examples in a fresh sandbox, try each model, and run again: nothing to do."""
    from reconciler.cli.demo import run_demo

    return run_demo()


def ci(
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    max_cost: MaxCost = None,
    allow_dirty: AllowDirty = False,
    branch: Annotated[
        str, typer.Option(help="The branch whose commits are applied. [default: the repository's]")
    ] = "",
) -> int:
    """Run as a GitHub Action: plan on pull requests, apply on push, report to the job summary."""
    from reconciler.errors import ReconcileError
    from reconciler.github import add_summary, is_applying, set_outputs

    scope = Scope(sandbox=sandbox, speed=speed)
    try:
        request = scope.request(max_usd=max_cost, allow_dirty=allow_dirty)
        warnings: list[str] = []
        seen = _ci_pass(scope, request, is_applying(os.environ, branch), warnings)
    except ReconcileError as error:
        code = exits.explain(error)
        set_outputs(os.environ, None, code)
        add_summary(os.environ, _report_error(error))
        return code
    code = exits.of_pass(seen, is_detailed=False, is_dry=not seen.is_approved)
    set_outputs(os.environ, seen, code)
    add_summary(os.environ, _report(seen, warnings))
    return code


# ---- schema and sandbox --------------------------------------------------------------------------


def _schema(kind: Kind) -> str:
    import json

    from reconciler.spec import FineTune, Project

    model = FineTune if kind is Kind.FINETUNE else Project
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    document |= model.model_json_schema()
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _text_of(path: Path) -> str:
    return path.read_text("utf-8") if path.is_file() else ""


def _say_how(base_url: str) -> None:
    terminal.tell(f"sandbox at {base_url}; to use it:")
    terminal.tell(f"  export OPENAI_BASE_URL={base_url} OPENAI_API_KEY=sandbox")


# ---- ci ------------------------------------------------------------------------------------------


def _ci_pass(scope: Scope, request: Request, is_apply: bool, warnings: list[str]) -> Pass:
    """The pass of an event; ``warnings`` gets what is about no file."""
    from reconciler.cli.world import open_world
    from reconciler.engine import look, reconcile
    from reconciler.github import in_repository
    from reconciler.report.annotations import (
        plan_annotations,
        problem_annotations,
        warning_annotations,
    )
    from reconciler.report.text import plan_text

    with terminal.screen() as screen, open_world(scope, screen, warn=warnings.append) as world:
        if is_apply:
            seen = reconcile(request, world, approve=lambda _plan: True, tell=screen.told)
        else:
            seen = look(request, world)
    terminal.result(plan_text(seen.plan))
    problems = in_repository(seen.loaded.warnings, scope.root, os.environ)
    told = (problem_annotations(problems), warning_annotations(warnings))
    for notes in filter(None, (*told, plan_annotations(seen.plan))):
        terminal.result(notes)
    return seen


def _report(seen: Pass, warnings: list[str]) -> str:
    from reconciler.report.markdown import outcomes_markdown, plan_markdown, warnings_markdown

    lines = [(o.action.kind, o.action.used_by, o.result, o.message) for o in seen.outcomes]
    parts = (plan_markdown(seen.plan), warnings_markdown(warnings), outcomes_markdown(lines))
    return "\n".join(filter(None, parts))


def _report_error(error: ReconcileError) -> str:
    from reconciler.errors import InvalidInput
    from reconciler.github import in_repository
    from reconciler.report.annotations import problem_annotations
    from reconciler.report.markdown import error_markdown, problems_markdown

    if isinstance(error, InvalidInput):
        placed = in_repository(error.problems, Scope().root, os.environ)
        terminal.result(problem_annotations(placed))
        return problems_markdown(error.problems)
    return error_markdown(str(error))
