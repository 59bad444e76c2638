"""The whole story of one resource: where it stands, what it is made by, and all it ever was.

As JSON, of a shape that is promised as that of a plan is (``report/json.py``):

    description  schema_version, kind "description", resource, conditions, declared, generations,
                 events, metrics
    condition    type ("Synced" or "Healthy"), status, reason, message, remedy, since
    generation   key, commit, dataset, job_id, status, created_at, model, tokens, usd, is_billed,
                 answers, is_current
    event        at, level, message
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from reconciler.cost import Estimate, dollars
from reconciler.errors import redact
from reconciler.ownership import training_fields
from reconciler.plan import Resource
from reconciler.plan.generations import Generation
from reconciler.report.columns import aligned, indented, table
from reconciler.report.fields import Row, job_rows, training_rows
from reconciler.report.json import SCHEMA_VERSION, resource_json
from reconciler.report.plain import number, plain
from reconciler.report.words import price
from reconciler.state import Condition, Health, Job, Training


@dataclass(frozen=True)
class EventLine:
    """One line of a job's story: when (Unix seconds), how grave, what."""

    at: int
    level: str
    message: str


@dataclass(frozen=True)
class Story:
    """All there is to say of one spec.

    Attributes:
        resource, training: where it stands, and what it declares.
        expected: what the training would cost that a pass would make; ``is_later``: after another.
        job: the job that its condition speaks of.
        generations: every job that was ever made for it.
        events: the last ones of its job, oldest first.
        metrics: of the last step that was reported: losses, accuracies, the step itself.
    """

    resource: Resource
    training: Training
    expected: Estimate | None = None
    is_later: bool = False
    job: Job | None = None
    generations: tuple[Generation, ...] = ()
    events: tuple[EventLine, ...] = ()
    metrics: Mapping[str, int | float] | None = None


def describe_text(story: Story) -> str:
    """All about one resource, what matters most first."""
    blocks = {
        "": aligned(list(_standing(story))),
        "conditions": list(_conditions(story.resource)),
        "declared": aligned(_declared(story.training)),
        "generations": table(map(_generation, story.generations)) if story.generations else [],
        "last metrics": aligned(_metrics(story.metrics or {})) if story.metrics else [],
        "events": table(map(_event, story.events)) if story.events else [],
    }
    told = (
        "\n".join([title, *indented(lines)] if title else lines)
        for title, lines in blocks.items()
        if lines
    )
    return "\n\n".join(told) + "\n"


def describe_json(story: Story) -> str:
    """The same for programs."""
    document = {
        "schema_version": SCHEMA_VERSION,
        "kind": "description",
        "resource": resource_json(story.resource),
        "conditions": list(map(_condition_json, _axes(story.resource.condition))),
        "declared": training_fields(story.training),
        "generations": [asdict(generation) for generation in story.generations],
        "events": [asdict(event) for event in story.events],
        "metrics": dict(story.metrics) if story.metrics else None,
    }
    return redact(json.dumps(document, indent=2, ensure_ascii=False)) + "\n"


# ---- where it stands -----------------------------------------------------------------------------


def _standing(story: Story) -> Iterator[Row]:
    resource, condition = story.resource, story.resource.condition
    yield Row("name", plain(resource.name))
    told = {
        "status": f"{condition.sync}, {condition.health}",
        "next step" if condition.health.is_usable else "to be ready": _way(story),
        "model": resource.fine_tuned_model,
        "serves until": resource.serves_until,
        "job": resource.job_id,
        "run key": resource.key,
        "used by": ", ".join(resource.used_by) if len(resource.used_by) > 1 else "",
    }
    yield from (Row(label, plain(value)) for label, value in told.items() if value)
    if story.job:
        yield from job_rows(story.job)
    if resource.usd is not None:
        yield Row("cost" if resource.is_billed else "expected cost", dollars(resource.usd))


def _way(story: Story) -> str:
    """What would bring a resource to Ready, or what there is to do for it all the same."""
    condition = story.resource.condition
    if condition.remedy or condition.health.is_usable:
        return condition.remedy
    if story.expected is None:
        return "wait for its job" if condition.health is Health.PROGRESSING else ""
    later = ", once what it starts from is trained" if story.is_later else ""
    return f"apply: it is trained then{later}, for {price(story.expected)}"


def _axes(condition: Condition) -> Iterator[tuple[str, str, Condition]]:
    yield ("Synced", condition.sync, condition)
    yield ("Healthy", condition.health, condition)


def _conditions(resource: Resource) -> Iterator[str]:
    condition = resource.condition
    rows = [
        (kind, status, condition.reason, _time(condition.since))
        for kind, status, _ in _axes(condition)
    ]
    yield from table(rows)
    yield plain(condition.message)
    for notice in resource.notices:
        yield f"{notice.reason}: {plain(notice.message)}"
        if notice.remedy:
            yield f"→ {plain(notice.remedy)}"


def _condition_json(axis: tuple[str, str, Condition]) -> dict[str, object]:
    kind, status, condition = axis
    return {
        "type": kind,
        "status": status,
        "reason": condition.reason,
        "message": condition.message,
        "remedy": condition.remedy or None,
        "since": condition.since,
    }


# ---- what it is, and was -------------------------------------------------------------------------


def _declared(training: Training) -> list[Row]:
    digests = zip(("training", "validation"), training.datasets, strict=False)
    return [
        *training_rows(training),
        *(Row(f"{role} sha256", facts.sha256) for role, facts in digests),
    ]


def _generation(generation: Generation) -> tuple[str, ...]:
    billed = "-" if generation.tokens is None else f"{number(generation.tokens)} tokens"
    usd = "" if generation.usd is None else dollars(generation.usd)
    return (
        "*" if generation.is_current else " ",
        _time(generation.created_at),
        generation.key[:12] or "-",
        f"commit {plain(generation.commit)[:12] or '-'}",
        plain(generation.dataset)[:19] or "-",
        plain(generation.job_id),
        generation.status.replace("_", " "),
        billed if generation.is_billed or generation.tokens is None else f"~{billed}",
        usd,
        plain(generation.model) + ("" if generation.answers or not generation.model else " (gone)"),
    )


def _metrics(metrics: Mapping[str, int | float]) -> list[Row]:
    return [Row(plain(name), f"{value:,.4g}") for name, value in metrics.items()]


def _event(event: EventLine) -> tuple[str, ...]:
    return (_time(event.at), plain(event.level), plain(event.message))


def _time(seconds: int | None) -> str:
    if seconds is None:
        return "-"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
