"""What a training will cost: tokens x epochs x price, before a job exists.

Supervised and dpo trainings are billed by the tokens of the training file times the epochs;
validation is free. An epoch count left to the service is estimated by OpenAI's documented default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor, log10
from typing import cast

from reconciler.catalog import Catalog, base_name
from reconciler.spec import AUTO, Price
from reconciler.state import Training

DEFAULT_EPOCHS = 3
MIN_TARGET, MAX_TARGET, MAX_DEFAULT_EPOCHS = 100, 25_000, 25
USD_DIGITS = 9
"""Amounts are whole billionths of a dollar: three times $0.10 is $0.30, as a budget means it."""


@dataclass(frozen=True)
class Estimate:
    """An expected bill.

    Attributes:
        tokens: tokens in the training file.
        epochs: as declared, or the documented default.
        is_default: whether the epochs are a guess at what the service will choose.
        price: US dollars a million trained tokens; None if nobody published one.
        source: where the price was read.
    """

    tokens: int
    epochs: int
    is_default: bool
    price: float | None
    source: str

    @property
    def trained_tokens(self) -> int:
        """Billable tokens: the file's, once an epoch."""
        return self.tokens * self.epochs

    @property
    def usd(self) -> float | None:
        """US dollars; None if there is no price, or the tokens were not counted."""
        if self.price is None or not self.tokens:
            return None
        return bill(self.trained_tokens, self.price)


def estimate(training: Training, catalog: Catalog, prices: Mapping[str, Price]) -> Estimate:
    """The expected bill of a training; a Project's price goes before the catalog's."""
    declared = training.hyperparameters.get("n_epochs", AUTO)
    is_default = declared == AUTO
    price, source = training_price(training.model, catalog, prices)
    facts = training.training
    examples = facts.examples if facts else 0
    return Estimate(
        tokens=facts.tokens if facts else 0,
        epochs=default_epochs(examples) if is_default else cast(int, declared),
        is_default=is_default,
        price=price,
        source=source,
    )


def default_epochs(examples: int) -> int:
    """The epochs that OpenAI's notebook documents for "auto"; 10 examples gave 10 in a real job."""
    if examples * DEFAULT_EPOCHS < MIN_TARGET:
        return min(MAX_DEFAULT_EPOCHS, MIN_TARGET // max(1, examples))
    if examples * DEFAULT_EPOCHS > MAX_TARGET:
        return max(1, MAX_TARGET // examples)
    return DEFAULT_EPOCHS


def epoch_range(examples: int) -> tuple[int, int]:
    """The least and the most epochs that "auto" may come to: at least 1, and at most the default of
    a set of this size or, where that is less, the 3 that the notebook aims at."""
    return 1, max(DEFAULT_EPOCHS, default_epochs(examples))


def total_usd(estimates: list[Estimate]) -> float:
    """The sum of all that have a price."""
    return round(sum(e.usd for e in estimates if e.usd is not None), USD_DIGITS)


def bill(tokens: int, price: float) -> float:
    """US dollars for so many trained tokens, at a price a million of them."""
    return round(tokens * price / 1_000_000, USD_DIGITS)


def dollars(usd: float) -> str:
    """An amount for people: ``$0.30``, ``$1,234.50``; below one cent ``$0.0042``, never $0.00."""
    if not 0 < usd < 0.01:
        return f"${usd:,.2f}"
    digits = 1 - floor(log10(usd))  # two that count
    text = f"{usd:.{digits}f}".rstrip("0")
    return f"${text}" if len(text) > len("0.01") else f"${usd:.2f}"


def closely(usd: float) -> str:
    """An amount that is held against another: ``$0.01188``, where ``$0.01`` would hide it."""
    if not 0 < usd < 10:
        return dollars(usd)
    digits = 3 - floor(log10(usd))  # four that count
    whole, decimals = f"{usd:.{digits}f}".split(".")
    return f"${whole}.{decimals.rstrip('0').ljust(2, '0')}"


def training_price(
    model: str, catalog: Catalog, prices: Mapping[str, Price]
) -> tuple[float | None, str]:
    """US dollars a million trained tokens, and where that was read; (None, "") if unknown."""
    override = prices.get(model) or prices.get(base_name(model))
    if override:
        return override.training, override.source
    row = catalog.base(model)
    if row is None or row.training is None:
        return None, ""
    return row.training, f"{row.source} ({row.as_of})"
