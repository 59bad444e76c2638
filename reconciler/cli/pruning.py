"""The command that deletes: prune."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import exits, terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import (
    DEFAULT_SPEED,
    AutoApprove,
    Format,
    InSandbox,
    Output,
    Scope,
    Speed,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.plan import Reason
    from reconciler.plan.prune import Pruning

WORDS = {
    "superseded": "Superseded",
    "orphan": "Orphan",
    "unused-file": "UnusedFile",
    "failed": "Failed",
}
"""How the command line calls the reasons."""


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command("prune")(prune)


def prune(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...")] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help=f"Only for these reasons: {', '.join(WORDS)}."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option(min=0, help="Earlier models of a spec that stay.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Objects deleted at most.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show it, and delete nothing.")
    ] = False,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
    auto_approve: AutoApprove = False,
    output: Output = Format.TEXT,
) -> int:
    """Delete models and files of ours that nothing needs; of a NAME also what was retained."""
    from reconciler.cli.world import open_world
    from reconciler.engine import PruneRequest, preview
    from reconciler.engine import prune as delete

    scope = Scope(sandbox=sandbox, speed=speed)
    request = PruneRequest(scope.root, frozenset(names or ()), _reasons(only), keep, limit)
    with terminal.screen() as screen, open_world(scope, screen) as world:
        if dry_run:
            _show(preview(request, world), output)
            return Exit.DONE
        done = delete(request, world, agree=_agreeing(output, auto_approve), tell=screen.told)
    if output is not Format.TEXT or not done.pruning.plan.deletes:
        _show(done.pruning, output)
    if not done.is_approved:
        terminal.tell("nothing was deleted")
    return exits.of_prune(done)


def _reasons(only: str | None) -> frozenset[Reason]:
    from reconciler.errors import UsageError
    from reconciler.plan import Reason

    words = list(WORDS) if only is None else [word.strip() for word in only.split(",")]
    if unknown := [word for word in words if word not in WORDS]:
        message = f"--only takes {', '.join(WORDS)}, and not {', '.join(unknown) or 'nothing'}"
        raise UsageError(message)
    return frozenset(Reason(WORDS[word]) for word in words)


def _agreeing(output: Format, auto_approve: bool) -> Callable[[Pruning], bool]:
    def agree(pruning: Pruning) -> bool:
        from reconciler.errors import UsageError
        from reconciler.report.text import prune_text

        if output is Format.TEXT:
            _show(pruning, output)
        if auto_approve:
            return True
        if not terminal.has_terminal():
            message = "there is no terminal to ask on; give --auto-approve to delete this"
            raise UsageError(message)
        if output is not Format.TEXT:
            terminal.tell(prune_text(pruning))
        return terminal.confirm("Delete this? It is gone for good.")

    return agree


def _show(pruning: Pruning, output: Format) -> None:
    from reconciler.report.json import prune_json
    from reconciler.report.markdown import prune_markdown
    from reconciler.report.text import prune_text

    match output:
        case Format.TEXT:
            terminal.result(terminal.coloured(prune_text(pruning)))
        case Format.MARKDOWN:
            terminal.result(prune_markdown(pruning))
        case Format.JSON:
            terminal.result(prune_json(pruning))
