"""Each folder of ``golden/``: specs and an observed state -> the plan in three formats.

A case is made of ``specs/*.yaml``, maybe its own ``reconciler.yaml``, and ``observed.json``, over
the data that all share. Jobs in it are the API's own objects, read as a provider's answers are.
``$KEY:name``, ``$FIELDS:name`` and ``$FILE:path`` in it stand for the run key and the marked fields
of a spec and for the name that a dataset is uploaded under. ``make golden`` writes the plans anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from reconciler.catalog import load_catalog
from reconciler.diff import diff
from reconciler.load import load
from reconciler.ownership import compact, file_name, training_fields
from reconciler.plan import Limits, Plan, Tariff, make_plan
from reconciler.plan.calendar import calendar_of
from reconciler.policy import Rules, review
from reconciler.providers.objects import read_file, read_job
from reconciler.report.json import plan_json
from reconciler.report.markdown import plan_markdown
from reconciler.report.text import plan_text
from reconciler.resolve import resolve
from reconciler.state import Checkpoint, Desired, Loaded, Observed, Revision, Right, Training
from tests.make import CLEAN, NOW, OPENAI

GOLDEN = Path(__file__).parent / "golden"
SHARED = GOLDEN / "shared"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/observed.json"))
FORMATS = {"plan.txt": plan_text, "plan.md": plan_markdown, "plan.json": plan_json}
PLACEHOLDER = re.compile(r"\$(KEY|FIELDS|FILE):([a-z0-9./-]+)")
CHECKPOINTS = TypeAdapter(dict[str, tuple[Checkpoint, ...]])
RIGHTS = TypeAdapter(tuple[Right, ...])


def test_there_are_cases_for_the_whole_decision_table() -> None:
    assert len(CASES) >= 14


@pytest.mark.parametrize("case", CASES)
def test_the_plan_reads_as_it_was_agreed(case: str, tmp_path: Path) -> None:
    plan = planned(GOLDEN / case, tmp_path / "root")
    printed = {name: write(plan) for name, write in FORMATS.items()}
    if os.environ.get("RECONCILER_GOLDEN") == "rewrite":
        for name, text in printed.items():
            (GOLDEN / case / name).write_text(text, encoding="utf-8")
        pytest.skip("written anew; read them with git diff")
    for name, text in printed.items():
        assert text == (GOLDEN / case / name).read_text(encoding="utf-8"), name


def planned(case: Path, root: Path) -> Plan:
    """The reviewed plan of a case, by every pure stage and by the loader before them."""
    for folder in (SHARED, case):
        shutil.copytree(folder, root, dirs_exist_ok=True)
    scene = json.loads((case / "observed.json").read_text("utf-8"))
    loaded = load(root, count_tokens=True)
    loaded = replace(loaded, revision=Revision(**scene.get("revision", {"commit": CLEAN.commit})))
    desired = resolve(loaded)
    observed = read_observed(fill(scene, desired))
    limits = Limits(
        doubt_window=loaded.project.spec.doubt_window,
        doubt_budget=loaded.project.spec.doubt_budget,
        retry=frozenset(scene.get("retry", ())),
    )
    tariff = Tariff(load_catalog(), loaded.project.spec.prices)
    plan = make_plan(desired, observed, diff(desired, observed), tariff, limits)
    return review(plan, rules_of(scene, observed, loaded))


def rules_of(scene: dict[str, Any], observed: Observed, loaded: Loaded) -> Rules:
    """The limits of the case."""
    return Rules(
        calendar=calendar_of(observed, load_catalog()),
        max_usd=None,
        is_attended=scene.get("is_attended", True),
        budget=loaded.project.spec.budget,
        policy=loaded.project.spec.policy,
        fuses=loaded.project.spec.fuses,
        rights=observed.rights,
        retry=frozenset(scene.get("retry", ())),
    )


def read_observed(scene: dict[str, Any]) -> Observed:
    """What the provider answered, through the readers of real answers."""
    return Observed(
        endpoint=replace(OPENAI, **scene.get("endpoint", {})),
        taken_at=scene.get("now", NOW),
        jobs=tuple(read_job(raw) for raw in scene.get("jobs", ())),
        files=tuple(read_file(raw) for raw in scene.get("files", ())),
        missing_files=frozenset(scene.get("missing_files", ())),
        models=frozenset(scene.get("models", ())),
        checkpoints=CHECKPOINTS.validate_python(scene.get("checkpoints", {})),
        shutdown=scene.get("shutdown", {}),
        rights=RIGHTS.validate_python(scene.get("rights", ())),
        acknowledged=frozenset(scene.get("acknowledged", ())),
        is_complete=True,
    )


def fill(scene: dict[str, Any], desired: Desired) -> dict[str, Any]:
    """The scene with its placeholders filled in."""
    by_name = {name: training for training in desired.trainings for name in training.used_by}
    by_path = {facts.path: facts for t in desired.trainings for facts in t.datasets}

    def told(found: re.Match[str]) -> str:
        kind, name = found.groups()
        if kind == "FILE":
            return file_name(desired.owner, by_path[name])
        return by_name[name].key if kind == "KEY" else fields_of(by_name[name])

    filled: dict[str, Any] = json.loads(PLACEHOLDER.sub(told, json.dumps(scene)))
    return filled


def fields_of(training: Training) -> str:
    """The marked fields of a training, as text inside a JSON string."""
    return json.dumps(compact(training_fields(training)))[1:-1]
