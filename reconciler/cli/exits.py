"""Exit codes: what a script learns of a command. The first that applies is given."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from reconciler.engine import Pass, Pruned
    from reconciler.errors import ReconcileError


class Exit(IntEnum):
    """The codes of design.md, in words."""

    DONE = 0  # done, in sync, or under way
    ERROR = 1  # an error, an invalid spec, a failed job
    CHANGES = 2  # changes or drift found, with --detailed-exitcode
    HELD = 3  # refused by policy or by a person, or held
    USAGE = 64  # wrong usage
    INTERRUPTED = 130


def of_pass(seen: Pass, *, is_detailed: bool, is_dry: bool) -> Exit:
    """The code of a pass; ``is_dry``: nothing was to be applied."""
    from reconciler.apply import Result
    from reconciler.state import Health

    results = {outcome.result for outcome in seen.outcomes}
    plan = seen.plan
    if Result.FAILED in results or plan.having(Health.FAILED):
        return Exit.ERROR
    is_refused = not (seen.is_approved or is_dry)
    is_held = Result.UNKNOWN in results or plan.having(Health.HELD) or plan.duplicates
    if is_refused or is_held:
        return Exit.HELD
    if is_detailed and (plan.has_drift or (is_dry and plan.has_changes)):
        return Exit.CHANGES
    return Exit.DONE


def of_prune(done: Pruned) -> Exit:
    """The code of a prune."""
    from reconciler.apply import Result

    if any(outcome.result is Result.FAILED for outcome in done.outcomes):
        return Exit.ERROR
    return Exit.DONE if done.is_approved else Exit.HELD


def worse(first: Exit, second: Exit) -> Exit:
    """Of two codes the one that goes before, in the order of design.md."""
    order = (Exit.ERROR, Exit.HELD, Exit.CHANGES, Exit.DONE)
    return min(first, second, key=order.index)


def explain(error: ReconcileError) -> Exit:
    """Print an error of ours for people on stderr; its code."""
    from reconciler.errors import Guarded, InvalidInput, StalePlan, UsageError
    from reconciler.report.plain import plain_lines
    from reconciler.report.problems import problems_text

    if isinstance(error, InvalidInput):
        typer.echo(problems_text(error.problems), err=True)
    else:
        typer.echo(f"error: {plain_lines(str(error))}", err=True)
    if isinstance(error, StalePlan | Guarded):
        return Exit.HELD
    return Exit.USAGE if isinstance(error, UsageError) else Exit.ERROR
