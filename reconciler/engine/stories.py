"""One spec, and all that is known of it."""

from __future__ import annotations

from reconciler.catalog import load_catalog
from reconciler.engine.passes import Request, World, find, look
from reconciler.plan import Tariff
from reconciler.plan.generations import generations
from reconciler.providers.protocol import Event
from reconciler.report.describe import EventLine, Story

SHOWN = 10
"""Events of a job that a description tells; `reconcile events` tells them all."""


def describe(request: Request, world: World, name: str) -> Story:
    """The story of a spec: where it stands, every generation, and what its job tells.

    Raises:
        UsageError: no spec has the name.
    """
    seen = look(request, world)
    training, resource = find(seen, name)
    tariff = Tariff(load_catalog(), seen.loaded.project.spec.prices)
    events: tuple[Event, ...] = ()
    job = next((job for job in seen.observed.jobs if job.id == resource.job_id), None)
    if job:
        with world.connect(seen.loaded.project) as connection:
            events = connection.reader.events(job.id)
    creates = (*seen.plan.creates, *seen.plan.later)
    create = next((create for create in creates if create.key == training.key), None)
    return Story(
        resource=resource,
        training=training,
        expected=create.estimate if create else None,
        is_later=create in seen.plan.later,
        job=job,
        generations=generations(training, seen.desired, seen.observed, tariff),
        events=tuple(EventLine(e.created_at, e.level, e.message) for e in events[-SHOWN:]),
        metrics=_last_metrics(events),
    )


def _last_metrics(events: tuple[Event, ...]) -> dict[str, int | float] | None:
    """The numbers of the last step that was told."""
    for event in reversed(events):
        if event.type == "metrics":
            told = {k: v for k, v in event.data.items() if isinstance(v, int | float)}
            return told or None
    return None
