"""A plan for a pull request and a job summary: GitHub's Markdown.

Names, suffixes and the service's messages are other people's words: none of them can open a tag, a
link, a table cell, a code block or a mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from reconciler.errors import Problem, Severity
from reconciler.plan import Create, Delete, Orphan, Plan, Resource
from reconciler.plan.prune import Pruning
from reconciler.report.fields import Row, create_rows
from reconciler.report.plain import counted, number, plain
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

OutcomeLine = tuple[str, Sequence[str], str, str]
"""An action's kind, the specs it is for, what became of it, the sentence about it."""

_SPECIAL = re.compile(r"([\\`*_\[\]<>|~#$&])")
_IN_CODE = re.compile(r"[`|\\]")
# What GitHub would link: a user or team after "@", a host after "www." or "://".
_LINKED = re.compile(r"(@|www(?=\.)|:(?=//))", re.IGNORECASE)
_HOLD_APART = "\u200b"


def plan_markdown(plan: Plan) -> str:
    """The plan: a sentence, a table of all that is to do or to say, details of each training."""
    troubled = [r for r in plan.resources if standing(r) in TROUBLE]
    blocks = [
        [f"## {escape(summary_line(plan))}"],
        [_origin(plan), *_calendar(plan)],
        list(_frozen(plan)),
        list(_overview(plan)),
        *(_details(create, serves_until(create, plan)) for create in plan.creates),
        *map(_trouble, troubled),
        list(_notices(plan)),
        list(_unneeded(unneeded(plan))),
        list(_ready(plan)),
        list(_orphans(plan.orphans, plan)),
        [f"<sub>plan {plan.digest[:16]}</sub>"],
    ]
    return _joined(blocks)


def prune_markdown(pruning: Pruning) -> str:
    """What would be deleted and why, and what is kept."""
    doomed = pruning.plan.deletes
    blocks = [
        [f"## {escape(prune_line(pruning))}"],
        [_origin(pruning.plan)],
        _table(("", "delete", "why"), map(_doomed_row, doomed)) if doomed else [],
        [f"- kept: {escape(f'{kept(objects)}, {objects.why}')}" for objects in pruning.kept],
    ]
    return _joined(blocks)


def _doomed_row(delete: Delete) -> Sequence[str]:
    what = f"{delete.what} {code(delete.id)}"
    return (_codes(delete.used_by), what, f"{delete.reason}: {escape(delete.message)}")


def status_markdown(plan: Plan) -> str:
    """How each spec stands, then what is the matter with those that need somebody."""
    rows = [
        (_codes(r.used_by), *_axes(r), code(r.fine_tuned_model or r.job_id), *_life(r, plan))
        for r in plan.resources
    ]
    head = ("spec", "sync", "health", "reason", "model or job", "age", "cost", "next")
    blocks = [
        [f"## {escape(summary_line(plan))}"],
        [_origin(plan), *_calendar(plan)],
        list(_frozen(plan)),
        _table(head, rows) if rows else [],
        *(_trouble(r) for r in plan.resources if standing(r) in TROUBLE),
        list(_notices(plan)),
    ]
    return _joined(blocks)


def drift_markdown(plan: Plan) -> str:
    """What drifted, each with the way out."""
    moved, running = drifted(plan), unneeded(plan)
    blocks = [
        [f"## {drift_line(plan)}"],
        [_origin(plan)],
        *map(_trouble, moved),
        list(_unneeded(running)),
    ]
    return _joined(blocks)


def _axes(resource: Resource) -> tuple[str, str, str]:
    condition = resource.condition
    return condition.sync, condition.health, condition.reason


def _life(resource: Resource, plan: Plan) -> tuple[str, str, str]:
    since = age(plan, resource.condition.since)
    return since, escape(cost(resource)), escape(next_step(resource))


def outcomes_markdown(outcomes: Iterable[OutcomeLine]) -> str:
    """What became of each action; empty if there was none."""
    rows = [
        (escape(kind), _codes(used_by), escape(result), escape(message))
        for kind, used_by, result, message in outcomes
    ]
    if not rows:
        return ""
    return _joined([["### What was done"], _table(("action", "for", "result", ""), rows)])


def warnings_markdown(warnings: Iterable[str]) -> str:
    """What somebody should know that is about no file; empty if there is nothing."""
    blocks = [[f"> [!WARNING]\n> {escape(warning)}"] for warning in warnings]
    return _joined(blocks) if blocks else ""


def problems_markdown(problems: Iterable[Problem]) -> str:
    """Every problem in specs and datasets, by place."""
    found = sorted(problems)
    errors = sum(problem.severity is Severity.ERROR for problem in found)
    kinds = ((errors, "error"), (len(found) - errors, "warning"))
    counts = " and ".join(counted(count, noun) for count, noun in kinds if count)
    head = f"## {counts or 'No problems'} in specs or datasets"
    rows = [(code(p.place), p.rule, _finding(p), escape(p.remedy)) for p in found]
    return _joined([[head], _table(("place", "rule", "found", "what to do"), rows) if rows else []])


def error_markdown(message: str) -> str:
    """Why nothing was done, or nothing more."""
    return _joined([["## Stopped"], [escape(message)]])


# ---- text that can't act -----------------------------------------------------------------------


def escape(text: str) -> str:
    """Text that reads as it is: no markup, no HTML, no mention, no link, on one line."""
    escaped = _SPECIAL.sub(r"\\\1", plain(text)).replace("\\<", "&lt;").replace("\\>", "&gt;")
    return _LINKED.sub(rf"\1{_HOLD_APART}", escaped.replace("\\&", "&amp;"))


def code(text: str) -> str:
    """Text in code letters; what can't stand between them, or in a table, is escaped instead."""
    shown = plain(text)
    return f"`{shown}`" if shown and not _IN_CODE.search(shown) else escape(shown)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(map(code, names))


# ---- the parts of a plan -----------------------------------------------------------------------


def _origin(plan: Plan) -> str:
    commit = f", commit {code(plan.revision.commit[:12])}" if plan.revision.commit else ""
    dirty = " with uncommitted changes" if plan.revision.is_dirty else ""
    return f"{code(plan.owner)} at {code(plan.endpoint.label)}{commit}{dirty}"


def _calendar(plan: Plan) -> Iterator[str]:
    for told in calendar(plan):
        yield ""
        yield escape(told)


def _frozen(plan: Plan) -> Iterator[str]:
    if plan.duplicates:
        yield f"### Creates are frozen: {counted(len(plan.duplicates), 'training')} made twice"
        yield ""
        yield from (f"- {escape(made_twice(duplicate))}" for duplicate in plan.duplicates)
        yield ""
        yield f"→ {escape(unfreeze(plan))}"


def _overview(plan: Plan) -> Iterator[str]:
    rows = [
        *(_create_row(create, plan) for create in plan.creates),
        *(_later_row(create) for create in plan.later),
        *_cancel_rows(plan),
        *_delete_rows(plan),
        *_other_rows(plan),
    ]
    if rows:
        yield from _table(("", "action", "why", "tokens", "cost"), rows)


def _create_row(create: Create, plan: Plan) -> Sequence[str]:
    action = "train anew" if create.difference else "train"
    tokens = number(create.estimate.trained_tokens)
    cost = escape(price(create.estimate))
    return (_codes(create.used_by), action, escape(why(create, plan)), tokens, f"**{cost}**")


def _later_row(create: Create) -> Sequence[str]:
    tokens = number(create.estimate.trained_tokens)
    cost = escape(price(create.estimate))
    return (_codes(create.used_by), "train later", escape(after_parent(create)), tokens, cost)


def _delete_rows(plan: Plan) -> Iterator[Sequence[str]]:
    for delete in plan.deletes:
        what = f"delete {delete.what}"
        yield (_codes(delete.used_by), what, f"{code(delete.id)}: {escape(delete.message)}", "", "")


def _cancel_rows(plan: Plan) -> Iterator[Sequence[str]]:
    for cancel in superfluous(plan):
        reason = f"{code(cancel.job_id)}: another job does the same training"
        yield (_codes(cancel.used_by), "cancel", reason, "", "")


def _other_rows(plan: Plan) -> Iterator[Sequence[str]]:
    for resource in plan.resources:
        word = standing(resource)
        if word in ("under way", "suspended", "ignored") or word in TROUBLE:
            message = escape(resource.condition.message)
            yield (_codes(resource.used_by), word, message, "", "")


def _details(create: Create, serves: str) -> Iterator[str]:
    title = f"{_codes(create.used_by)}: {escape(price(create.estimate))}"
    yield f"### {title}"
    yield ""
    rows = create_rows(create, serves)
    if changed := [row for row in rows if row.note]:
        yield from _table(("field", "change"), map(_cells, changed))
        yield ""
    yield from _folded("all fields", _table(("field", "value"), map(_cells, rows)))
    notes = [running_bill(create), unpriced(create) if create.estimate.usd is None else ""]
    for note in filter(None, notes):
        yield ""
        yield f"> {escape(note)}"


def _cells(row: Row) -> Sequence[str]:
    note = f" ({row.note})" if row.note else ""
    return (escape(row.label or row.path), f"{escape(row.value)}{note}")


def _trouble(resource: Resource) -> Iterator[str]:
    condition = resource.condition
    yield f"### {_codes(resource.used_by)}: {standing(resource)} ({condition.reason})"
    yield ""
    yield escape(condition.message)
    if condition.remedy:
        yield ""
        yield f"→ {escape(condition.remedy)}"


def _notices(plan: Plan) -> Iterator[str]:
    if any(resource.notices for resource in plan.resources):
        yield "### Worth knowing"
        yield ""
    for resource in plan.resources:
        for notice in resource.notices:
            remedy = f" → {escape(notice.remedy)}" if notice.remedy else ""
            yield f"- {_codes(resource.used_by)}: {escape(notice.message)}{remedy}"


def _ready(plan: Plan) -> Iterator[str]:
    ready = [r for r in plan.resources if standing(r) == "ready"]
    if ready:
        rows = [(_codes(r.used_by), code(r.fine_tuned_model), retires(r, plan)) for r in ready]
        title = f"{counted(len(ready), 'model')} ready"
        yield from _folded(title, _table(("", "model", ""), rows))


def _unneeded(orphans: Sequence[Orphan]) -> Iterator[str]:
    if orphans:
        yield f"### {counted(len(orphans), 'job')} running for no spec"
        yield ""
        yield from _table(("job", "name", "status", "model"), map(_orphan, orphans))
        yield ""
        yield f"→ {UNNEEDED_REMEDY}"


def _orphans(orphans: Sequence[Orphan], plan: Plan) -> Iterator[str]:
    ended = (orphan for orphan in orphans if not (orphan.is_superseded or orphan.is_drift))
    if models := [orphan for orphan in ended if orphan.fine_tuned_model]:
        title = f"{counted(len(models), 'model')} needed by no spec ({escape(to_prune(plan))})"
        rows = map(_orphan, models)
        yield from _folded(title, _table(("job", "name", "status", "model"), rows))


def _orphan(orphan: Orphan) -> Sequence[str]:
    return (code(orphan.job_id), code(orphan.name), orphan.status, code(orphan.fine_tuned_model))


def _finding(problem: Problem) -> str:
    field = f"{code(problem.field)}: " if problem.field else ""
    expected = f"; expected {problem.expected}" if problem.expected else ""
    warning = "(warning) " if problem.severity is Severity.WARNING else ""
    return f"{warning}{field}{escape(problem.found + expected)}"


# ---- layout ------------------------------------------------------------------------------------


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---"] * len(head)
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def _joined(blocks: Iterable[Iterable[str]]) -> str:
    texts = ("\n".join(block) for block in blocks)
    return "\n\n".join(filter(None, texts)) + "\n"
