"""A plan and conditions for a terminal: plain text, no colours.

Each line that starts something starts with a marker, by which the command line colours it:

    +    a training that is new            …  under way
    -/+  a training anew, for a changed spec   =  in sync
    ^    a file to upload                  !  failed, held or drifted: somebody must act
    -    a job to cancel, a model or file to delete
    >    a training that waits for another    i  something else that is worth knowing
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from reconciler.plan import Create, Delete, Orphan, Plan, Resource, Upload
from reconciler.plan.prune import Pruning
from reconciler.report.columns import INDENT, aligned, indented, table
from reconciler.report.fields import create_rows
from reconciler.report.plain import counted, listed, plain, size
from reconciler.report.summary import (
    TROUBLE,
    drift_line,
    drifted,
    kept,
    prune_line,
    standing,
    summary_line,
    superfluous,
    unneeded,
)
from reconciler.report.words import (
    UNNEEDED_REMEDY,
    after_parent,
    age,
    bases_until,
    calendar,
    cost,
    made_twice,
    next_step,
    price,
    retires,
    running_bill,
    serves_until,
    to_prune,
    unfreeze,
    unpriced,
    why,
)

__all__ = ["drift_text", "plan_text", "prune_text", "status_text", "summary_line"]

COLUMNS = ("NAME", "SYNC", "HEALTH", "REASON", "MODEL / JOB", "AGE", "COST", "NEXT")


def plan_text(plan: Plan) -> str:
    """The whole plan: what is trained, why and for how much, then all else, then one sentence."""
    blocks = [
        [header(plan), *calendar(plan)],
        list(_frozen(plan)),
        *(_create(create, plan) for create in plan.creates),
        table(map(_later, plan.later)),
        *map(_trouble, _standing(plan, *TROUBLE)),
        table(map(_upload, plan.uploads)),
        [_cancel(c.job_id, c.used_by) for c in superfluous(plan)],
        table(map(_delete, plan.deletes)),
        table(("…", _names(r), plain(r.condition.message)) for r in _standing(plan, "under way")),
        table(("=", _names(r), _holds(r), retires(r, plan)) for r in _standing(plan, "ready")),
        *(table(_set_aside(plan, word)) for word in ("suspended", "ignored")),
        list(_notices(plan)),
        list(_unneeded(unneeded(plan))),
        list(_orphans(plan.orphans, plan)),
        [summary_line(plan)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def status_text(plan: Plan) -> str:
    """A table of all resources, then what is the matter with those that need somebody."""
    rows = (
        (_names(r), *_axes(r), _holds(r), age(plan, r.condition.since), cost(r), next_step(r))
        for r in plan.resources
    )
    blocks = [
        [header(plan), *calendar(plan), *bases_until(plan)],
        table(chain([COLUMNS], rows)) if plan.resources else [],
        list(_frozen(plan)),
        *map(_trouble, _standing(plan, *TROUBLE)),
        list(_notices(plan)),
        [summary_line(plan)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def drift_text(plan: Plan) -> str:
    """What drifted, each with the way out; then one sentence."""
    moved, running = drifted(plan), unneeded(plan)
    blocks = [
        [header(plan)],
        *map(_trouble, moved),
        list(_unneeded(running)),
        [drift_line(plan)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def prune_text(pruning: Pruning) -> str:
    """Each object that is to be deleted and why, what is kept and why, then one sentence."""
    blocks = [
        [header(pruning.plan)],
        table(map(_delete, pruning.plan.deletes)),
        table(("=", kept(objects), objects.why) for objects in pruning.kept),
        [prune_line(pruning)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


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
        yield from indented(map(made_twice, plan.duplicates))
        yield f"{INDENT}→ {unfreeze(plan)}"


# ---- what is trained ---------------------------------------------------------------------------


def _create(create: Create, plan: Plan) -> Iterable[str]:
    marker = "-/+" if create.difference else "+"
    shared = f" (one training for {len(create.used_by)} specs)" if len(create.used_by) > 1 else ""
    yield f"{marker} {listed(create.used_by)}: {price(create.estimate)}{shared}"
    earlier = f" ({plain(create.difference.earlier_job)})" if create.difference else ""
    yield f"{INDENT}{why(create, plan)}{earlier}"
    yield from indented(aligned(create_rows(create, serves_until(create, plan))))
    if note := running_bill(create):
        yield f"{INDENT}{note}"
    if create.estimate.usd is None:
        yield f"{INDENT}→ {unpriced(create)}"


def _later(create: Create) -> tuple[str, ...]:
    return (">", listed(create.used_by), price(create.estimate), after_parent(create))


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


def _delete(delete: Delete) -> tuple[str, ...]:
    made_for = f"of {listed(delete.used_by)}" if delete.used_by else "of no job"
    why = f"{delete.reason}: {plain(delete.message)}"
    return ("-", delete.what, plain(delete.id), made_for, why)


def _set_aside(plan: Plan, word: str) -> Iterator[tuple[str, ...]]:
    for resource in _standing(plan, word):
        yield ("=", _names(resource), plain(resource.condition.message))


def _notices(plan: Plan) -> Iterator[str]:
    for resource in plan.resources:
        for notice in resource.notices:
            yield f"i {_names(resource)}: {plain(notice.message)}"
            if notice.remedy:
                yield f"{INDENT}→ {plain(notice.remedy)}"


def _unneeded(orphans: Sequence[Orphan]) -> Iterator[str]:
    if orphans:
        yield f"! {counted(len(orphans), 'job')} running for no spec"
        yield from indented(table(map(_orphan, orphans)))
        yield f"{INDENT}→ {UNNEEDED_REMEDY}"


def _orphans(orphans: Sequence[Orphan], plan: Plan) -> Iterator[str]:
    """What no spec needs and is still there: models, each with its job; all else is a number."""
    ended = [orphan for orphan in orphans if not (orphan.is_superseded or orphan.is_drift)]
    if models := [orphan for orphan in ended if orphan.fine_tuned_model]:
        yield "No spec needs these models; they are left as they are:"
        yield from indented(table(map(_orphan, models)))
        yield f"{INDENT}→ to see which of them may go: {to_prune(plan)}"
    if earlier := sum(o.is_superseded and bool(o.fine_tuned_model) for o in orphans):
        yield f"Kept: {counted(earlier, 'earlier model')} of these specs."


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
