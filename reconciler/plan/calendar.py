"""The days that an endpoint has announced: until when it trains, until when a model serves.

Dates belong to an endpoint: its own live word goes first, then the catalog's row for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

from reconciler.catalog import Catalog, base_name
from reconciler.state import Endpoint, Observed

RETIRING_DAYS = 90
"""Days before the last one from which a model that answers is said to be retiring."""


@dataclass(frozen=True)
class Calendar:
    """What is known of an endpoint's days.

    Attributes:
        catalog: for the endpoint's row.
        endpoint: whose days.
        shutdown: model -> the endpoint's own word on its last day (``YYYY-MM-DD``).
        today: the day by the server's clock.
    """

    catalog: Catalog
    endpoint: Endpoint
    shutdown: Mapping[str, str]
    today: date

    @property
    def last_create(self) -> date | None:
        """The last day for new jobs; None where nobody published one."""
        row = self.catalog.endpoint(self.endpoint.base_url)
        return row.last_create if row else None

    def serves_until(self, model: str) -> date | None:
        """The day on which a model, or the base behind it, is shut down; None if unknown."""
        live = (_read(self.shutdown.get(name, "")) for name in (model, base_name(model)))
        if told := [day for day in live if day]:
            return min(told)
        row, base = self.catalog.endpoint(self.endpoint.base_url), self.catalog.base(model)
        return base.shutdown.get(row.name) if row and base else None

    def days_until(self, day: date) -> int:
        """Whole days from today; below 1 it is over."""
        return (day - self.today).days


def days_left(days: int) -> str:
    """``53 days``."""
    return f"{days} day{'' if days == 1 else 's'}"


def calendar_of(observed: Observed, catalog: Catalog) -> Calendar:
    """The calendar of what was observed, by the server's clock."""
    today = datetime.fromtimestamp(observed.taken_at, UTC).date()
    return Calendar(catalog, observed.endpoint, observed.shutdown, today)


def _read(text: str) -> date | None:
    """The day in an endpoint's answer; what is none doesn't stop a pass."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
