"""Commands that end a hold, as a person can type them."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil

from reconciler.state import Endpoint


def command(endpoint: Endpoint, *words: str) -> str:
    """``reconcile retry triage``: with the option that leads to this endpoint."""
    sandbox = ["--sandbox"] if endpoint.is_embedded else []
    return " ".join(["reconcile", *words, *sandbox])


def limit_for(usd: float) -> str:
    """``--max-cost 0.31``: the least whole cents that such a bill is within."""
    return f"--max-cost {ceil(usd * 100) / 100:.2f}"


def made_twice(used_by: Iterable[str], jobs: Iterable[str]) -> str:
    """``triage: ftjob-1 and ftjob-2 are one training, made twice``."""
    made = list(jobs)
    often = "twice" if len(made) == 2 else f"{len(made)} times"
    return f"{', '.join(used_by)}: {' and '.join(made)} are one training, made {often}"


def unfreeze(endpoint: Endpoint) -> str:
    """What ends a freeze."""
    return (
        f"look at these jobs, and cancel what is not wanted; then: {command(endpoint, 'unfreeze')}"
    )
