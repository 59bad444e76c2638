"""A plan and conditions for a terminal: plain text, no colours.

Each line that starts something starts with a marker, by which the command line colours it:

    +    a training that is new            …  under way
    -/+  a training anew, for a changed spec   =  in sync
    ^    a file to upload                  !  failed, held or drifted: somebody must act
    -    a job to cancel
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from reconciler.plan import Create, Orphan, Plan, Resource, Upload
from reconciler.report.fields import Row, create_rows, job_rows, training_rows
from reconciler.report.plain import counted, listed, plain, size
from reconciler.report.summary import TROUBLE, standing, summary_line, superfluous
from reconciler.report.words import made_twice, price, running_bill, unfreeze, unpriced, why
from reconciler.state import Job, Training

__all__ = ["describe_text", "plan_text", "status_text", "summary_line"]

INDENT = "    "
COLUMNS = ("NAME", "SYNC", "HEALTH", "REASON", "MODEL / JOB")


def plan_text(plan: Plan) -> str:
    """The whole plan: what is trained, why and for how much, then all else, then one sentence."""
    blocks = [
        [header(plan)],
        list(_frozen(plan)),
        *(_create(create, plan) for create in plan.creates),
        *map(_trouble, _standing(plan, *TROUBLE)),
        _table(map(_upload, plan.uploads)),
        [_cancel(c.job_id, c.used_by) for c in superfluous(plan)],
        _table(("…", _names(r), plain(r.condition.message)) for r in _standing(plan, "under way")),
        _table(("=", _names(r), _holds(r)) for r in _standing(plan, "ready")),
        list(_orphans(plan.orphans)),
        [summary_line(plan)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def status_text(plan: Plan) -> str:
    """A table of all resources, then what is the matter with those that need somebody."""
    rows = ((_names(r), *_axes(r), _holds(r)) for r in plan.resources)
    blocks = [
        [header(plan)],
        _table(chain([COLUMNS], rows)) if plan.resources else [],
        list(_frozen(plan)),
        *map(_trouble, _standing(plan, *TROUBLE)),
        [summary_line(plan)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def describe_text(
    resource: Resource, training: Training | None = None, job: Job | None = None
) -> str:
    """All about one resource; with its training the fields too, with its job where it came from."""
    condition = resource.condition
    told = {
        "sync": condition.sync,
        "health": condition.health,
        "reason": condition.reason,
        "message": condition.message,
        "next step": condition.remedy,
        "model": resource.fine_tuned_model,
        "job": resource.job_id,
        "run key": resource.key,
        "used by": ", ".join(resource.used_by),
    }
    rows = [Row(label, plain(value)) for label, value in told.items() if value]
    rows[:0] = [Row("name", resource.name)]
    rows += job_rows(job) if job else []
    fields = training_rows(training) if training else [Row("base", plain(resource.model))]
    if training:
        digests = zip(("training", "validation"), training.datasets, strict=False)
        fields += [Row(f"{role} sha256", facts.sha256) for role, facts in digests]
    return "\n".join([*_aligned(rows), "", "declared", *_indented(_aligned(fields))]) + "\n"


def header(plan: Plan) -> str:
    """Whose plan, for which endpoint, from which commit."""
    commit = plan.revision.commit[:12]
    dirty = "with uncommitted changes" if plan.revision.is_dirty else ""
    if commit and dirty:
        dirty = f" ({dirty})"
    revision = f"{', commit ' if commit else ', ' if dirty else ''}{commit}{dirty}"
    free = " (it bills nothing; costs are by list prices)" if plan.endpoint.is_embedded else ""
    return f"{plain(plan.owner)} at {plain(plan.endpoint.label)}{free}{revision}"


def _frozen(plan: Plan) -> Iterator[str]:
    if plan.duplicates:
        yield f"! creates are frozen: {counted(len(plan.duplicates), 'training')} made twice"
        yield from _indented(map(made_twice, plan.duplicates))
        yield f"{INDENT}→ {unfreeze(plan)}"


# ---- what is trained ---------------------------------------------------------------------------


def _create(create: Create, plan: Plan) -> Iterable[str]:
    marker = "-/+" if create.difference else "+"
    shared = f" (one training for {len(create.used_by)} specs)" if len(create.used_by) > 1 else ""
    yield f"{marker} {listed(create.used_by)}: {price(create.estimate)}{shared}"
    earlier = f" ({plain(create.difference.earlier_job)})" if create.difference else ""
    yield f"{INDENT}{why(create, plan)}{earlier}"
    yield from _indented(_aligned(create_rows(create)))
    if note := running_bill(create):
        yield f"{INDENT}{note}"
    if create.estimate.usd is None:
        yield f"{INDENT}→ {unpriced(create)}"


# ---- everything else ---------------------------------------------------------------------------


def _trouble(resource: Resource) -> Iterable[str]:
    condition = resource.condition
    yield f"! {_names(resource)}: {standing(resource)} ({condition.reason})"
    yield f"{INDENT}{plain(condition.message)}"
    if condition.remedy:
        yield f"{INDENT}→ {plain(condition.remedy)}"


def _upload(upload: Upload) -> tuple[str, ...]:
    sent_as = f"as {plain(upload.file_name)}"
    return ("^", plain(upload.path), size(upload.bytes), sent_as, f"for {listed(upload.used_by)}")


def _cancel(job_id: str, used_by: Sequence[str]) -> str:
    return f"- {listed(used_by)}: cancel {plain(job_id)}, another job does the same training"


def _orphans(orphans: Sequence[Orphan]) -> Iterator[str]:
    unneeded = [orphan for orphan in orphans if not orphan.is_superseded]
    if unneeded:
        yield "No spec needs these jobs; they are left as they are:"
        yield from _indented(_table(map(_orphan, unneeded)))
    if superseded := len(orphans) - len(unneeded):
        yield f"Kept: {counted(superseded, 'earlier training')} of these specs."


def _orphan(orphan: Orphan) -> tuple[str, ...]:
    status = orphan.status.replace("_", " ")
    return (
        plain(orphan.job_id),
        plain(orphan.name),
        status,
        plain(orphan.fine_tuned_model),
    )


def _standing(plan: Plan, *words: str) -> list[Resource]:
    return [resource for resource in plan.resources if standing(resource) in words]


def _names(resource: Resource) -> str:
    return listed(resource.used_by)


def _axes(resource: Resource) -> tuple[str, str, str]:
    condition = resource.condition
    return condition.sync, condition.health, condition.reason


def _holds(resource: Resource) -> str:
    return plain(resource.fine_tuned_model or resource.job_id) or "-"


# ---- columns -----------------------------------------------------------------------------------


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"{INDENT}{line}" for line in lines)


def _table(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows as lines, each column as wide as its longest cell; a marker takes one space only."""
    cells = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [_line(row, widths) for row in cells]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
    start = f"{padded[0]} " if widths[0] == 1 else f"{padded[0]}  "
    return (start + "  ".join(padded[1:])).rstrip()


def _aligned(rows: Sequence[Row]) -> list[str]:
    """Labels, values and notes under each other."""
    label = max(len(row.label) for row in rows)
    value = max((len(row.value) for row in rows if row.note), default=0)
    return [_row(row, label, value) for row in rows]


def _row(row: Row, label: int, value: int) -> str:
    note = f"  # {row.note}" if row.note else ""
    return f"{row.label.ljust(label)}  {row.value.ljust(value if note else 0)}{note}".rstrip()
