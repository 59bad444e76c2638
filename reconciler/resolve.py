"""Specs and dataset facts -> desired state: defaults filled, run keys computed, equals grouped."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from hashlib import sha256
from typing import cast

from reconciler.errors import UsageError
from reconciler.ownership import compact
from reconciler.spec import AUTO, Lifecycle, OnDrift, ParentModel
from reconciler.state import Binding, Desired, Loaded, LoadedSpec, Parent, Training

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
        trainings=_group(_trainings({s.document.metadata.name: s for s in loaded.specs})),
        selected=frozenset(spec.document.metadata.name for spec in chosen),
    )


def run_key(training: Training) -> str:
    """SHA-256 of all that the training depends on, and of nothing else.

    Not in it: names, paths, labels, comments, lifecycle, budget, policy. "auto" is the same as
    absent, and 3 the same as 3.0. A chained training contributes its parent's key, so that a change
    of a parent is a change of all that rest on it.
    """
    parent = training.parent
    identity = {
        "v": KEY_VERSION,
        "model": {"from": parent.key, "checkpoint": parent.checkpoint}
        if parent
        else training.model,
        "method": training.method,
        "hyperparameters": {
            name: _number(value)
            for name, value in training.hyperparameters.items()
            if value != AUTO
        },
        "training": training.training.sha256 if training.training else None,
        "validation": training.validation.sha256 if training.validation else None,
        "seed": training.seed,
        "suffix": training.suffix,
    }
    return sha256(compact(identity).encode()).hexdigest()


def _number(value: int | float | str) -> int | float | str:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _trainings(specs: Mapping[str, LoadedSpec]) -> list[Training]:
    """The training of each spec, parents before their children. The loader refuses circles."""
    known: dict[str, Training] = {}
    asked = list(specs)
    while asked:
        source = specs[asked[-1]].document.spec.model
        above = source.from_ if isinstance(source, ParentModel) else None
        if above and above not in known:
            asked.append(above)
        else:
            name = asked.pop()
            known[name] = _training(specs[name], known[above] if above else None)
    return list(known.values())


def _training(loaded: LoadedSpec, parent: Training | None) -> Training:
    spec, metadata = loaded.document.spec, loaded.document.metadata
    training = Training(
        key="",
        used_by=(metadata.name,),
        model=parent.model if parent else cast(str, spec.model),
        method=spec.method,
        hyperparameters=spec.hyperparameters.declared(),
        training=loaded.training,
        validation=loaded.validation,
        suffix=spec.suffix,
        seed=spec.seed,
        parent=_parent(spec.model, parent),
        bindings=(Binding(spec.adopt.job, spec.adopt.run_key),) if spec.adopt else (),
        lifecycle=spec.lifecycle,
        is_suspended=spec.suspend,
        labels=tuple(sorted(metadata.labels)),
    )
    if spec.adopt and not loaded.training:  # nothing to take a key from but what Git names
        return replace(training, key=spec.adopt.run_key)
    return replace(training, key=run_key(training))


def _parent(source: str | ParentModel, parent: Training | None) -> Parent | None:
    if parent is None or isinstance(source, str):
        return None
    return Parent(source.from_, parent.key, source.checkpoint)


def _group(trainings: list[Training]) -> tuple[Training, ...]:
    """One training a key; the first name by the alphabet stands for all that use it."""
    by_key: dict[str, list[Training]] = {}
    for training in sorted(trainings, key=lambda t: t.name):
        by_key.setdefault(training.key, []).append(training)
    return tuple(map(_shared, by_key.values()))


def _shared(equals: list[Training]) -> Training:
    """One training for several specs: of what is allowed the most cautious word of each."""
    first, *others = equals
    if not others:
        return first
    # One that has data comes first: it can be trained.
    able = next((training for training in equals if training.training), first)
    return replace(
        able,
        used_by=tuple(training.name for training in equals),
        bindings=tuple(binding for training in equals for binding in training.bindings),
        lifecycle=_cautious([training.lifecycle for training in equals]),
        is_suspended=all(training.is_suspended for training in equals),
        labels=tuple(sorted(set.intersection(*(set(each.labels) for each in equals)))),
    )


def _cautious(lifecycles: list[Lifecycle]) -> Lifecycle:
    """What all of them allow: a word that differs among them falls back to the default."""
    return Lifecycle(
        on_drift=OnDrift(
            **{
                drift: words.pop()
                for drift in OnDrift.model_fields
                if len(words := {getattr(each.on_drift, drift) for each in lifecycles}) == 1
            }
        ),
        on_remove="prune" if all(e.on_remove == "prune" for e in lifecycles) else "retain",
        prevent_retrain=any(each.prevent_retrain for each in lifecycles),
    )


def _matches(spec: LoadedSpec, targets: Collection[str], labels: Mapping[str, str]) -> bool:
    metadata = spec.document.metadata
    is_named = not targets or metadata.name in targets
    return is_named and labels.items() <= metadata.labels.items()


def _listed(names: Collection[str]) -> str:
    return ", ".join(sorted(names)) or "none at all"
