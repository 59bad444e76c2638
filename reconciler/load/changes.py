"""What became of the examples of a changed dataset, where Git has the earlier ones."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from reconciler.dataset.compare import compare
from reconciler.dataset.shapes import METHODS
from reconciler.diff import Difference, FieldChange
from reconciler.errors import ReconcileError
from reconciler.load.history import earlier_file
from reconciler.plan import Action, Create, Plan
from reconciler.report.data import diff_line
from reconciler.state import Training

LARGEST = 100_000_000
"""Bytes above which a pass doesn't stop to compare: `reconcile data diff` does."""

_FIELDS = {"dataset.training": 0, "dataset.validation": 1}


def with_data_changes(plan: Plan, root: Path) -> Plan:
    """The plan, each changed dataset noted with what was added, removed and edited.

    Only where the commit of the earlier job is in this clone, and holds the bytes that were
    trained on; elsewhere the plan says that the dataset changed, and no more.
    """
    return replace(plan, actions=tuple(_noted(action, root) for action in plan.actions))


def _noted(action: Action, root: Path) -> Action:
    if not isinstance(action, Create) or action.difference is None:
        return action
    difference, training = action.difference, action.training
    if not difference.earlier_commit:
        return action
    changes = tuple(_change(one, difference, training, root) for one in difference.changes)
    return replace(action, difference=replace(difference, changes=changes))


def _change(
    change: FieldChange, difference: Difference, training: Training, root: Path
) -> FieldChange:
    index, method = _FIELDS.get(change.field), METHODS.get(training.method)
    if index is None or method is None or index >= len(training.datasets):
        return change
    path = root / training.datasets[index].path
    commit, digest = difference.earlier_commit, change.before.removeprefix("sha256:")
    if change.before == digest:  # there was no such file
        return change
    if training.datasets[index].bytes > LARGEST:
        return change
    with (
        suppress(OSError, ReconcileError),  # a note is never worth a failed pass
        earlier_file(path, commit.removesuffix("-dirty"), digest) as old,
    ):
        if old is not None:
            encoding = training.datasets[index].encoding or None
            return replace(change, note=diff_line(compare(old, path, method, encoding)))
    return change
