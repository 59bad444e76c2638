"""What trainings were billed: each job, a month, and whether a bill is what the data would make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from reconciler.catalog import Catalog
from reconciler.cost import USD_DIGITS, bill, training_price
from reconciler.ownership import read_mark
from reconciler.spec import Price
from reconciler.state import Job, JobStatus, Training

ROUNDING = 0.01
"""Share of the expected tokens by which a bill may differ without a word."""


@dataclass(frozen=True)
class Tariff:
    """Where prices come from: the catalog, and the Project's own that go before it."""

    catalog: Catalog
    prices: Mapping[str, Price]


@dataclass(frozen=True)
class Bill:
    """Tokens and US dollars of a job; None where nobody knows.

    ``is_final``: the service's own figure, and not what was expected.
    """

    tokens: int | None
    usd: float | None
    is_final: bool


@dataclass(frozen=True)
class Month:
    """US dollars of a calendar month (UTC) so far; ``unknown`` are jobs whose bill nobody knows."""

    usd: float
    unknown: tuple[str, ...] = ()


def bill_of(job: Job, tariff: Tariff, expected: int = 0) -> Bill:
    """The bill of a job; ``expected`` are the tokens that one without a mark is to take, if known.

    One that failed costs nothing unless the service says so. One that was cancelled is billed for
    what it did; where the service doesn't say how much, the whole is assumed.
    """
    mark = read_mark(job)
    price, _ = training_price(job.model, tariff.catalog, tariff.prices)
    tokens = job.trained_tokens
    if tokens is None and job.status is JobStatus.FAILED:
        tokens = 0
    is_final = tokens is not None
    if tokens is None:
        tokens = (mark.tokens if mark else 0) or expected or None
    return Bill(tokens, _usd(tokens, price), is_final)


def _usd(tokens: int | None, price: float | None) -> float | None:
    if tokens == 0:
        return 0.0
    return None if tokens is None or price is None else bill(tokens, price)


def billed_since_month_began(
    jobs: Iterable[Job], now: int, tariff: Tariff, expected: Mapping[str, int]
) -> Month:
    """The bills of the jobs that ended in the month of ``now``, or live.

    ``expected``: job -> the tokens that it is to take, of those whose training is known.
    """
    month = _month(now)
    bills = {
        job.id: bill_of(job, tariff, expected.get(job.id, 0)).usd
        for job in jobs
        if _month(job.ended_at if job.status.is_terminal else now) == month
    }
    known = sum(usd or 0 for usd in bills.values())
    unknown = (job for job, usd in bills.items() if usd is None)
    return Month(round(known, USD_DIGITS), tuple(sorted(unknown)))


def _month(seconds: int) -> tuple[int, int]:
    moment = datetime.fromtimestamp(seconds, UTC)
    return (moment.year, moment.month)


def bill_gap(training: Training, job: Job, catalog: Catalog) -> str:
    """``did not use about 3 of 12 examples: ...``: what a finished job's bill says of its data.

    Empty if the bill is as expected, or nobody can tell.
    """
    facts, epochs = training.training, job.hyperparameters.get("n_epochs")
    has_ended = job.status is JobStatus.SUCCEEDED and job.trained_tokens
    if not (has_ended and facts and facts.tokens and isinstance(epochs, int)):
        return ""
    expected = facts.tokens * epochs
    billed = job.trained_tokens or 0
    gap = expected - billed
    if abs(gap) <= ROUNDING * expected or catalog.base(training.model) is None:
        return ""
    told = f"({billed:,} tokens billed, {expected:,} expected)"
    if gap < 0:
        over = f"{epochs} epochs" if epochs > 1 else "1 epoch"
        return f"was billed {-gap:,} tokens more than its data has over {over} {told}"
    unused = round(facts.examples * gap / expected)
    some = f"about {unused:,}" if unused else "a part"
    return (
        f"did not use {some} of {facts.examples:,} examples: moderation, truncation or images "
        f"{told}"
    )
