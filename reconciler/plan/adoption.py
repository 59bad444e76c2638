"""Whether a job can stand for a training: all that it shows of itself must be the same."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose

from reconciler.catalog import Catalog
from reconciler.ownership import read_mark
from reconciler.spec import AUTO
from reconciler.state import Job, Training

UNSAID = (None, AUTO)
"""A field that says this leaves it to the service, and equals whatever that chose."""
SHOWN = len("sha256:") + 12
"""As much of a digest as tells it from another."""


def contradictions(training: Training, job: Job, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """Each field that a job shows to be another, and a clause about it.

    What either side leaves unsaid contradicts nothing: the service resolves "auto", generates a
    seed, and may leave out what it was sent.
    """
    shown, wanted = _fields(job), _fields(training)
    shown["model"] = catalog.snapshot_of(job.model) or job.model
    if training.parent:  # what a chain starts from has another name at each endpoint
        del wanted["model"]
    for name, value in wanted.items():
        if value not in UNSAID and shown.get(name) not in UNSAID and not _same(value, shown[name]):
            yield name, f"its {name} is {shown[name]}, not {value}"
    yield from _other_data(training, job)


def _other_data(training: Training, job: Job) -> Iterator[tuple[str, str]]:
    """The files of which the job's own mark tells another digest, if it tells one."""
    mark = read_mark(job)
    sent = mark.digests if mark else {}
    for role, facts in (("training", training.training), ("validation", training.validation)):
        wanted = f"sha256:{facts.sha256}" if facts else ""
        was = sent.get(role, wanted)
        if wanted and was != wanted:
            yield f"dataset.{role}", f"its {role} file was {was[:SHOWN]}, not {wanted[:SHOWN]}"


def _fields(of: Training | Job) -> dict[str, object]:
    own = {"model": of.model, "method": of.method, "suffix": of.suffix, "seed": of.seed}
    return {**own, **of.hyperparameters}


def _same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return isclose(one, other, rel_tol=1e-9)
    return one == other
