"""Checks of what the catalog says, against the endpoint's word and the day. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date

from reconciler.catalog import Catalog
from reconciler.cost import training_price
from reconciler.engine.doctor.scene import Verdict
from reconciler.plan.calendar import RETIRING_DAYS, Calendar
from reconciler.report.doctor import Status
from reconciler.report.plain import counted, listed
from reconciler.spec import Price

STALE_DAYS = 90
"""Days after which a row of the catalog should have been read again: vendors change prices."""
NO_BASE = "no spec that loads names a base"
NEWER = "install a newer reconcile, whose catalog was read later"


def calendar(days: Calendar) -> Verdict:
    """Until when the endpoint takes new jobs."""
    last = days.last_create
    if last is None:
        return Verdict(Status.OK, "no last day for new jobs is known of this endpoint")
    left = days.days_until(last)
    if left < 0:
        return Verdict(
            Status.WARN,
            f"new jobs were taken until {last}, and no more",
            "models that are trained go on until their base is shut down; for new ones name "
            "another endpoint as spec.provider.base_url in reconciler.yaml",
        )
    status = Status.NOTE if left <= RETIRING_DAYS else Status.OK
    return Verdict(status, f"new jobs until {last}, {counted(left, 'day')}")


def bases(days: Calendar, used: Collection[str], least: int) -> Verdict:
    """Until when the bases of this project serve; ``least``: days that a new model must have."""
    if not used:
        return Verdict(Status.NOTE, NO_BASE)
    found = "; ".join(_serves(days, base) for base in used)
    ends = [end for base in used if (end := days.serves_until(base))]
    left = min(map(days.days_until, ends), default=None)
    if left is None or left > max(RETIRING_DAYS, least):
        return Verdict(Status.OK, found)
    if left >= max(least, 1):
        return Verdict(Status.NOTE, found)
    return Verdict(
        Status.WARN,
        found,
        "write a base that lives longer into the specs: a model that ends so soon is not trained",
    )


def _serves(days: Calendar, base: str) -> str:
    end = days.serves_until(base)
    if end is None:
        return f"{base}: no last day is known"
    left = days.days_until(end)
    return f"{base} until {end}, {counted(left, 'day')}" if left > 0 else f"{base} ended on {end}"


def shutdown_dates(days: Calendar) -> Verdict:
    """Whether the endpoint's own dates are those of the catalog."""
    if others := list(_contradictions(days)):
        return Verdict(Status.WARN, "; ".join(others), f"the endpoint's word counts; {NEWER}")
    announced = sum(map(bool, days.shutdown.values()))
    told = f"{counted(announced, 'date')} announced by the endpoint"
    return Verdict(Status.OK, f"{told}; the catalog contradicts none")


def _contradictions(days: Calendar) -> Iterator[str]:
    """The days on which a base ends by the endpoint and not by the catalog's row for it."""
    row = days.catalog.endpoint(days.endpoint.base_url)
    for model, live in sorted(days.shutdown.items()):
        base = None if model.startswith("ft:") else days.catalog.base(model)
        here = base.shutdown.get(row.name) if row and base else None
        if live and here and live[:10] != here.isoformat():
            yield f"{model} ends on {live[:10]} by the endpoint, and on {here} by the catalog"


def catalog_age(catalog: Catalog, used: Collection[str], today: date) -> Verdict:
    """When the catalog was read; what matters are the rows that this project uses."""
    read = [*(row.as_of for row in catalog.models), *(row.as_of for row in catalog.endpoints)]
    oldest, newest = min(read), max(read)
    found = f"read on {newest}" if oldest == newest else f"read from {oldest} to {newest}"
    rows = {base: row for base in used if (row := catalog.base(base))}
    stale = [base for base, row in rows.items() if (today - row.as_of).days > STALE_DAYS]
    if stale:
        told = f"{found}: more than {STALE_DAYS} days ago for {listed(stale)}"
        return Verdict(Status.WARN, told, f"{NEWER}; a price of yours goes before: spec.prices")
    return Verdict(Status.OK, found)


def prices(catalog: Catalog, used: Collection[str], own: Mapping[str, Price]) -> Verdict:
    """Whether every base has a price: without one no budget can be kept."""
    if not used:
        return Verdict(Status.NOTE, NO_BASE)
    known = {base: training_price(base, catalog, own)[0] is not None for base in used}
    if missing := [base for base, is_known in known.items() if not is_known]:
        return Verdict(
            Status.WARN,
            f"none is known of {listed(missing)}: where a budget holds it is not trained",
            "set its training and source under spec.prices in reconciler.yaml",
        )
    return Verdict(Status.OK, f"known for {counted(len(known), 'base')} of this project")
