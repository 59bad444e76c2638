"""The command line: commands, options, exit codes. Each command is one call into the engine.

    passes    reconcile (run), plan, apply
    data      validate, data stats, data diff
    models    status, drift, describe, events, wait, output, chat
    jobs      cancel, pause, resume
    repairs   settle, unfreeze, retry
    importing import
    pruning   prune
    doctor    doctor
    tools     schema, sandbox, demo, ci
    options   the options that commands share        world     environment -> the engine's World
    terminal  asking, progress, printing             exits     outcome -> exit code

Nothing but Typer is imported before a command is chosen: ``--help`` must be instant.
"""

from __future__ import annotations

import sys

import typer

from reconciler.cli import data, doctor, importing, jobs, models, passes, pruning, repairs, tools
from reconciler.cli.exits import Exit

__all__ = ["main"]

app = typer.Typer(
    name="reconcile",
    help="GitOps for fine-tuned models. Without a command: plan, ask, apply.",
    no_args_is_help=False,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for module in (passes, data, models, jobs, repairs, importing, pruning, doctor, tools):
    module.add_to(app)

_NOT_FOR_THE_PASS = ("-h", "--help", "--version")


def _version(wanted: bool) -> None:
    if wanted:
        from reconciler import __version__

        typer.echo(f"reconcile {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version and exit."
    ),
) -> None:
    """GitOps for fine-tuned models. Without a command: plan, ask, apply."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code; a user's mistake is never a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    if not given or (given[0].startswith("-") and given[0] not in _NOT_FOR_THE_PASS):
        given = ["run", *given]  # `reconcile --watch` is `reconcile run --watch`
    sys.exit(_run(given))


def _run(arguments: list[str]) -> int:
    try:
        code = int(app(arguments, prog_name="reconcile", standalone_mode=False) or Exit.DONE)
    except typer.TyperException as error:
        show = getattr(error, "show", None)
        show() if show else typer.echo(f"Error: {error}", err=True)
        return Exit.USAGE
    except typer.Abort:
        return Exit.INTERRUPTED
    except OSError as error:  # a full disk, a folder without rights
        typer.echo(f"error: {error}", err=True)
        return Exit.ERROR
    except Exception as error:
        from reconciler.cli.exits import explain
        from reconciler.errors import ReconcileError

        if not isinstance(error, ReconcileError):
            raise  # a bug of ours: its traceback is what we need
        return explain(error)
    if code == Exit.INTERRUPTED:
        is_local = arguments[:1] in (["validate"], ["data"])
        goes_on = "" if is_local else "; what was sent goes on: see reconcile status"
        typer.echo(f"interrupted{goes_on}", err=True)
    return code
