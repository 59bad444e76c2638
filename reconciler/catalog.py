"""The catalog of base models and endpoints: methods, limits, prices, dates, each with its source.

The rows are data in ``catalog.toml``; this module only reads them and answers questions.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

DEFAULT_ENCODING = "o200k_base"
"""The encoding assumed for a base that the catalog doesn't know (all of OpenAI's since 2024)."""


@dataclass(frozen=True)
class BaseModel:
    """One fine-tunable base.

    Attributes:
        id: the snapshot's name.
        aliases: names that the vendor may re-point; a spec must not use them.
        methods: training methods that it takes.
        encoding: tiktoken's name of its vocabulary.
        example_tokens: longest training example, in tokens; the service cuts the rest silently.
        images: whether it can be trained on images; None if that isn't known.
        training: US dollars a million trained tokens; None where no such price is published.
        input, cached_input, output: US dollars a million tokens of the fine-tuned model; None where
            no price is published.
        shutdown: endpoint name -> the day it stops to answer there.
        source, as_of: where the row was read, and when.
    """

    id: str
    aliases: tuple[str, ...]
    methods: tuple[str, ...]
    encoding: str
    example_tokens: int
    source: str
    as_of: date
    images: bool | None = None
    training: float | None = None
    input: float | None = None
    cached_input: float | None = None
    output: float | None = None
    shutdown: dict[str, date] = field(default_factory=dict)


@dataclass(frozen=True)
class EndpointRow:
    """An endpoint with a calendar of its own; ``last_create`` is its last day for new jobs."""

    name: str
    hosts: tuple[str, ...]
    last_create: date
    source: str
    as_of: date


@dataclass(frozen=True)
class Catalog:
    """All rows; look-ups by snapshot, by alias and by host."""

    models: tuple[BaseModel, ...]
    endpoints: tuple[EndpointRow, ...]

    def base(self, model: str) -> BaseModel | None:
        """The row of a model, or of the base behind ``ft:BASE:org:suffix:id``; None if unknown."""
        wanted = base_name(model)
        return next((row for row in self.models if wanted in (row.id, *row.aliases)), None)

    def snapshot_of(self, alias: str) -> str | None:
        """The snapshot that an alias stands for today; None if it is no alias."""
        return next((row.id for row in self.models if alias in row.aliases), None)

    def endpoint(self, base_url: str) -> EndpointRow | None:
        """The calendar that holds at this URL; None where nobody published one."""
        host = urlsplit(base_url).hostname or ""
        return next((row for row in self.endpoints if host in row.hosts), None)


def base_name(model: str) -> str:
    """``ft:BASE:org:suffix:id[:ckpt-step-N]`` -> ``BASE``; any other name is its own base."""
    return model.split(":")[1] if model.startswith("ft:") and model.count(":") >= 1 else model


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """TOML's arrays as tuples: the rows are frozen."""
    return {name: tuple(v) if isinstance(v, list) else v for name, v in row.items()}


@cache
def load_catalog() -> Catalog:
    """The shipped catalog; read once a process."""
    raw = tomllib.loads((files("reconciler") / "catalog.toml").read_text("utf-8"))
    return Catalog(
        models=tuple(BaseModel(**_row(row)) for row in raw["model"]),
        endpoints=tuple(EndpointRow(**_row(row)) for row in raw["endpoint"]),
    )
