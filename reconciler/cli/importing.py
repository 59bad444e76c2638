"""The command that writes specs for jobs that exist: import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import DEFAULT_SPEED, InSandbox, Scope, Speed

if TYPE_CHECKING:
    from reconciler.engine.importing import Adopted


def add_to(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command("import")(adopt)


def adopt(
    jobs: Annotated[
        list[str],
        typer.Argument(metavar="JOB|MODEL...", help="Ids of jobs, or names of fine-tuned models."),
    ],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="metadata.name of the spec of one job.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the specs and write nothing.")
    ] = False,
    sandbox: InSandbox = False,
    speed: Speed = DEFAULT_SPEED,
) -> int:
    """Write specs for jobs that exist, with the data they were trained on."""
    from reconciler.cli.world import open_world
    from reconciler.engine.importing import Wanted
    from reconciler.engine.importing import adopt as adopt_jobs

    scope = Scope(sandbox=sandbox, speed=speed)
    wanted = Wanted(tuple(jobs), name, dry_run)
    with terminal.screen() as screen, open_world(scope, screen) as world:
        adopted = adopt_jobs(scope.request(is_attended=True), world, wanted, terminal.tell)
    if dry_run:
        terminal.result("---\n".join(each.text for each in adopted))
    else:
        for each in adopted:
            terminal.result(_line(each))
    return Exit.DONE


def _line(adopted: Adopted) -> str:
    """``specs/triage.yaml: ftjob-1, ft:...:1, bound by spec.adopt``."""
    job, recreation = adopted.recreation.job, adopted.recreation
    model = job.fine_tuned_model or job.status.replace("_", " ")
    bound = "spec.adopt" if recreation.run_key else "its mark"
    return f"{adopted.file}: {job.id}, {model}, bound by {bound}"
