"""A job that exists -> the spec that asks for it, as plain data: what `reconcile import` writes.

A job shows what the service made of a request: it resolves "auto", and generates a seed. Only the
mark of a job tells what was left to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final
from unicodedata import category

from pydantic import ValidationError

from reconciler.catalog import Catalog
from reconciler.ownership import Fields, compact, read_mark
from reconciler.spec import API_VERSION, AUTO, RUN_KEY_PATTERN, FineTuneSpec
from reconciler.state import Job

STAND_IN_VERSION: Final = 1
"""Version of what a stand-in for a run key is made of."""
WRITTEN_BY_US: Final = frozenset({"model", "method", "hyperparameters"})
"""Fields that every mark tells: one without them tells nothing of what was left out."""

_LEAST_SPEC: Final = {"model": "any", "adopt": {"job": "any", "run_key": "0" * 64}}
_BREAKS: Final = "\t\n\r"


@dataclass(frozen=True)
class Recreation:
    """A spec as it is to be written for a job.

    Attributes:
        name: metadata.name.
        asked: model, method, hyperparameters, suffix and seed, as far as a spec can say them.
        left_out: names of what the job shows and no spec can say.
        dataset: role (training, validation) -> path relative to the spec; empty: it only binds.
        accept: rules that the data breaks, and that are accepted.
        run_key: what spec.adopt binds the job to; empty where the job's own mark does that.
        without_data: why it only binds, for people.
    """

    job: Job
    name: str
    asked: Mapping[str, object]
    left_out: tuple[str, ...] = ()
    dataset: Mapping[str, str] = field(default_factory=dict)
    accept: tuple[str, ...] = ()
    run_key: str = ""
    without_data: str = ""

    @property
    def document(self) -> dict[str, object]:
        """The FineTune document, its keys in the order of our own examples."""
        adopt = {"adopt": {"job": self.job.id, "run_key": self.run_key}} if self.run_key else {}
        data = {"dataset": self._data()} if self.dataset else {}
        model, *others = self.asked.items()
        return {
            "apiVersion": API_VERSION,
            "kind": "FineTune",
            "metadata": {"name": self.name},
            "spec": dict([model, *adopt.items(), *data.items(), *others]),
        }

    def _data(self) -> object:
        lint = {"lint": {"accept": list(self.accept)}} if self.accept else {}
        if lint or len(self.dataset) > 1:
            return {**self.dataset, **lint}
        return self.dataset["training"]


def recreated(job: Job, name: str, catalog: Catalog) -> Recreation:
    """The spec of a job, which neither has data yet nor binds."""
    told = _told_by_mark(job)
    numbers, others = dict(_numbers(job, told)), dict(_others(job, told))
    held_numbers = {n: v for n, v in numbers.items() if _fits(job, hyperparameters={n: v})}
    held = {n: v for n, v in others.items() if _fits(job, **{n: v})}
    asked = {
        "model": catalog.snapshot_of(job.model) or job.model,
        "method": job.method,
        **({"hyperparameters": held_numbers} if held_numbers else {}),
        **held,
    }
    left_out = sorted({*numbers, *others} - {*held_numbers, *held})
    return Recreation(job, name, asked, tuple(left_out))


def only_binding(recreation: Recreation, why: str) -> Recreation:
    """The spec without data: it takes its run key from what it adopts, and can't train."""
    key = stand_in_key(recreation.job)
    return replace(recreation, dataset={}, accept=(), run_key=key, without_data=why)


def stand_in_key(job: Job) -> str:
    """A run key for a job whose data nobody has: its mark's, else one made of all that it shows."""
    mark = read_mark(job)
    if mark and re.fullmatch(RUN_KEY_PATTERN, mark.key):
        return mark.key
    shown = {
        "v": STAND_IN_VERSION,
        "job": job.id,
        "model": job.model,
        "method": job.method,
        "hyperparameters": dict(job.hyperparameters),
        "training_file": job.training_file,
        "validation_file": job.validation_file,
        "seed": job.seed,
        "suffix": job.suffix,
    }
    return sha256(compact(shown).encode()).hexdigest()


# ---- what was asked for --------------------------------------------------------------------------


def _told_by_mark(job: Job) -> Fields:
    """The training fields of a mark, of whomever; empty where it tells none, or not all."""
    mark = read_mark(job)
    return mark.fields if mark and mark.fields.keys() >= WRITTEN_BY_US else {}


def _numbers(job: Job, told: Fields) -> Iterator[tuple[str, object]]:
    """The hyperparameters that were asked for: not those that the mark says the service chose."""
    declared = told.get("hyperparameters")
    for name, value in job.hyperparameters.items():
        was_open = isinstance(declared, Mapping) and name not in declared
        if value != AUTO and not was_open:
            yield name, value


def _others(job: Job, told: Fields) -> Iterator[tuple[str, object]]:
    if job.suffix is not None:
        yield "suffix", job.suffix
    if job.seed is not None and not (told and "seed" not in told):
        yield "seed", job.seed


def _fits(job: Job, **value: object) -> bool:
    """Whether a spec of the job's method can say this; nor can any file hold a control character.

    Bounds of ours are those of OpenAI: other services go beyond them, and have fields of their own.
    """
    if any(category(c) == "Cc" and c not in _BREAKS for text in value.values() for c in str(text)):
        return False
    try:
        FineTuneSpec.model_validate({**_LEAST_SPEC, "method": job.method, **value})
    except ValidationError:
        return False
    return True
