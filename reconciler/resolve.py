"""Specs and dataset facts -> desired state: defaults filled, run keys computed, equals grouped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from hashlib import sha256

from reconciler.errors import UsageError
from reconciler.ownership import compact
from reconciler.spec import AUTO
from reconciler.state import Desired, Loaded, LoadedSpec, Training

KEY_VERSION = 1
"""Version of the key's closed list. A new one must still recognise the keys of the old."""


def resolve(
    loaded: Loaded,
    *,
    targets: Collection[str] = (),
    labels: Mapping[str, str] | None = None,
) -> Desired:
    """The desired state of a revision, and which of it this pass may act on.

    Args:
        loaded: what the disk holds.
        targets: names to act on; empty means all.
        labels: labels that a spec must carry to be acted on.

    Raises:
        UsageError: a target names no spec.
    """
    names = {spec.document.metadata.name for spec in loaded.specs}
    if unknown := sorted(set(targets) - names):
        raise UsageError(f"no spec is named {', '.join(unknown)}; there are: {_listed(names)}")
    chosen = (spec for spec in loaded.specs if _matches(spec, targets, labels or {}))
    return Desired(
        owner=loaded.owner,
        revision=loaded.revision,
        trainings=_group([_training(spec) for spec in loaded.specs]),
        selected=frozenset(spec.document.metadata.name for spec in chosen),
    )


def run_key(training: Training) -> str:
    """SHA-256 of all that the training depends on, and of nothing else.

    Not in it: names, paths, labels, comments, budget, policy. "auto" is the same as absent, and
    3 the same as 3.0.
    """
    identity = {
        "v": KEY_VERSION,
        "model": training.model,
        "method": training.method,
        "hyperparameters": {
            name: _number(value)
            for name, value in training.hyperparameters.items()
            if value != AUTO
        },
        "training": training.training.sha256,
        "validation": training.validation.sha256 if training.validation else None,
        "seed": training.seed,
        "suffix": training.suffix,
    }
    return sha256(compact(identity).encode()).hexdigest()


def _number(value: int | float | str) -> int | float | str:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _training(loaded: LoadedSpec) -> Training:
    spec = loaded.document.spec
    training = Training(
        key="",
        used_by=(loaded.document.metadata.name,),
        model=spec.model,
        method=spec.method,
        hyperparameters=spec.hyperparameters.declared(),
        training=loaded.training,
        validation=loaded.validation,
        suffix=spec.suffix,
        seed=spec.seed,
    )
    return replace(training, key=run_key(training))


def _group(trainings: list[Training]) -> tuple[Training, ...]:
    """One training a key; the first name by the alphabet stands for all that use it."""
    by_key: dict[str, Training] = {}
    for training in sorted(trainings, key=lambda t: t.name):
        first = by_key.setdefault(training.key, training)
        if first is not training:
            used_by = (*first.used_by, training.name)
            by_key[training.key] = replace(first, used_by=used_by)
    return tuple(by_key.values())


def _matches(spec: LoadedSpec, targets: Collection[str], labels: Mapping[str, str]) -> bool:
    metadata = spec.document.metadata
    is_named = not targets or metadata.name in targets
    return is_named and labels.items() <= metadata.labels.items()


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none at all"
