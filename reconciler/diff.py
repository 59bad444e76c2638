"""Desired against observed, field by field, without judgement; deepdiff words the differences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.ownership import (
    SHORTENED,
    Fields,
    Mark,
    read_mark,
    shortened,
    training_fields,
)
from reconciler.state import Desired, Job, Observed, Training

ABSENT = "(none)"
NOT_RECORDED = "(not recorded)"


@dataclass(frozen=True)
class FieldChange:
    """One field whose value differs from that of the earlier training; each forces a new one.

    ``note`` says for people what became of a dataset's examples; empty where nobody looked.
    """

    field: str
    before: str
    after: str
    note: str = ""


@dataclass(frozen=True)
class Difference:
    """A desired training against the latest earlier one of the same name.

    Attributes:
        name: the spec's name.
        earlier_job: id of the job that was made for it before.
        earlier_commit: the commit it was made from; empty if it was made outside Git.
        earlier_model: the base it was trained on.
        earlier_tokens: billable tokens it was expected to take; 0 if unknown.
        earlier_alive: whether that job still runs (it is left to end, and is billed).
        changes: field by field, sorted by field; empty if the earlier job doesn't tell its fields.
    """

    name: str
    earlier_job: str
    earlier_commit: str
    earlier_model: str
    earlier_tokens: int
    earlier_alive: bool
    changes: tuple[FieldChange, ...]


def diff(desired: Desired, observed: Observed) -> Mapping[str, Difference]:
    """Run key -> how it differs from the earlier training of its name, where there is one."""
    latest = _latest_by_name(observed.jobs, desired.owner)
    by_id = {job.id: job for job in observed.jobs}
    differences = (
        (training.key, _difference(training, latest) or _unbound(training, by_id))
        for training in desired.trainings
    )
    return {key: difference for key, difference in differences if difference}


def field_changes(before: Fields, after: Fields) -> tuple[FieldChange, ...]:
    """The fields in which two trainings differ. Equality decides before deepdiff is asked.

    A field that was too long for the earlier job's mark is there by its digest alone.
    """
    before = {name: _unshortened(value, after.get(name)) for name, value in before.items()}
    if before == after:
        return ()
    return tuple(sorted(_worded(before, after), key=lambda change: change.field))


def _latest_by_name(jobs: Iterable[Job], owner: str) -> dict[str, tuple[Job, Mark]]:
    latest: dict[str, tuple[Job, Mark]] = {}
    for job in sorted(jobs, key=lambda job: job.age_rank):
        mark = read_mark(job)
        if mark and mark.owner == owner and mark.name:
            latest[mark.name] = (job, mark)
    return latest


def _difference(training: Training, latest: Mapping[str, tuple[Job, Mark]]) -> Difference | None:
    found = next((latest[name] for name in training.used_by if name in latest), None)
    if found is None or found[1].key == training.key:
        return None
    job, mark = found
    return Difference(
        name=mark.name,
        earlier_job=job.id,
        earlier_commit=mark.commit,
        earlier_model=job.model,
        earlier_tokens=mark.tokens,
        earlier_alive=not job.status.is_terminal,
        changes=field_changes(mark.fields, training_fields(training)) if mark.fields else (),
    )


def _unbound(training: Training, by_id: Mapping[str, Job]) -> Difference | None:
    """Against the job that the spec adopts for another run key: it tells no digests of its data."""
    bound = (b for b in training.bindings if b.run_key != training.key and not training.adopted)
    job = next((by_id[binding.job] for binding in bound if binding.job in by_id), None)
    if job is None:
        return None
    return Difference(
        name=training.name,
        earlier_job=job.id,
        earlier_commit="",
        earlier_model=job.model,
        earlier_tokens=job.trained_tokens or 0,
        earlier_alive=not job.status.is_terminal,
        changes=(),
    )


def _unshortened(before: object, after: object) -> object:
    return after if before == shortened(after) else before


def _worded(before: Fields, after: Fields) -> Iterator[FieldChange]:
    from deepdiff.diff import DeepDiff  # 0.1-0.5 s: paid only by a pass that has something to word

    tree = DeepDiff(before, after, view="tree", ignore_numeric_type_changes=True)
    for group in tree.values():
        for level in group:
            path = ".".join(str(part) for part in level.path(output_format="list"))
            yield from _leaves(path, _side(level.t1), _side(level.t2))


def _side(value: object) -> object:
    return None if type(value).__name__ == "NotPresent" else value


def _leaves(path: str, before: object, after: object) -> Iterator[FieldChange]:
    """A change of a whole mapping, told as changes of its fields."""
    if isinstance(after, Mapping) and isinstance(before, str) and before.startswith(SHORTENED):
        before = dict.fromkeys(after, NOT_RECORDED)
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        sides = [side if isinstance(side, Mapping) else {} for side in (before, after)]
        for name in sorted({*sides[0], *sides[1]}):
            yield from _leaves(f"{path}.{name}".lstrip("."), sides[0].get(name), sides[1].get(name))
    elif before != after:
        yield FieldChange(path, _text(before), _text(after))


def _text(value: object) -> str:
    """A value for people; a digest by its first 12 hex digits."""
    if value is None:
        return ABSENT
    text = str(value)
    return text[:19] if text.startswith("sha256:") else text
