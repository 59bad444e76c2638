"""Each folder of ``golden/``: specs and an observed state -> the plan in three formats.

A case is made of ``specs/*.yaml``, maybe its own ``reconciler.yaml``, and ``observed.json``
(``tests/scene.py`` says what may stand in it), over the data that all share. ``make golden`` writes
the plans anew.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from reconciler.catalog import load_catalog
from reconciler.diff import diff
from reconciler.load import load
from reconciler.plan import Limits, Plan, Reason, Tariff, make_plan
from reconciler.plan.calendar import calendar_of
from reconciler.policy import Rules, review
from reconciler.report.json import plan_json
from reconciler.report.markdown import plan_markdown
from reconciler.report.text import plan_text
from reconciler.resolve import resolve
from reconciler.spec import Budget, Fuses, OnDrift, Policy
from reconciler.state import Loaded, Observed, Revision
from tests.make import CLEAN
from tests.scene import Scene, read_observed

GOLDEN = Path(__file__).parent / "golden"
SHARED = GOLDEN / "shared"
CASES = sorted(path.parent.name for path in GOLDEN.glob("*/observed.json"))
FORMATS = {"plan.txt": plan_text, "plan.md": plan_markdown, "plan.json": plan_json}

ONLY_PRUNED = {Reason.SUPERSEDED, Reason.ORPHAN, Reason.FAILED, Reason.UNUSED_FILE}
"""Why `reconcile prune` deletes something: no other plan ever does."""


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
    desired = resolve(loaded, targets=scene.get("targets", ()))
    observed = read_observed(scene, desired)
    limits = Limits(
        doubt_window=loaded.project.spec.doubt_window,
        doubt_budget=loaded.project.spec.doubt_budget,
        retry=frozenset(scene.get("retry", ())),
    )
    tariff = Tariff(load_catalog(), loaded.project.spec.prices)
    plan = make_plan(desired, observed, diff(desired, observed), tariff, limits)
    return review(plan, rules_of(scene, observed, loaded))


def rules_of(scene: Scene, observed: Observed, loaded: Loaded) -> Rules:
    """The limits of the case."""
    return Rules(
        calendar=calendar_of(observed, load_catalog()),
        max_usd=scene.get("max_usd"),
        is_attended=scene.get("is_attended", True),
        allow_short_lived=scene.get("allow_short_lived", False),
        budget=loaded.project.spec.budget,
        policy=loaded.project.spec.policy,
        fuses=loaded.project.spec.fuses,
        rights=observed.rights,
        retry=frozenset(scene.get("retry", ())),
    )


# ---- the cases cover the decision table ----------------------------------------------------------


def test_every_reason_that_a_plan_can_show_is_shown_in_some_case() -> None:
    shown = {reason for case in CASES for reason in reasons_of(plan_of(case))}
    assert shown == {*map(str, set(Reason) - ONLY_PRUNED)}


@pytest.mark.parametrize("drift", OnDrift.model_fields)
def test_every_choice_of_what_to_do_about_a_drift_is_shown_in_some_case(drift: str) -> None:
    reason = drift.title().replace("_", "")
    reported = {"report" for case in CASES if reason in drifted_in(plan_of(case))}
    chosen = {word for case in CASES for word in chosen_in(case, drift)}
    assert reported | chosen == set(get_args(OnDrift.model_fields[drift].annotation))


@pytest.mark.parametrize("limits", [Budget, Fuses, Policy], ids=lambda limits: limits.__name__)
def test_every_limit_of_a_project_is_shown_in_some_case(limits: type) -> None:
    section = limits.__name__.lower()
    written: set[str] = set()
    for path in GOLDEN.glob("*/reconciler.yaml"):
        written |= set(yaml.safe_load(path.read_text("utf-8")).get("spec", {}).get(section, {}))
    assert written == set(limits.model_fields)  # type: ignore[attr-defined]


def plan_of(case: str) -> Any:
    """The plan of a case as a program reads it."""
    return json.loads((GOLDEN / case / "plan.json").read_text("utf-8"))


def reasons_of(plan: Any) -> Iterator[str]:
    """Every reason in a plan: of conditions, of notices and of actions."""
    for resource in plan["resources"]:
        yield resource["reason"]
        yield from (notice["reason"] for notice in resource["notices"])
    actions = (*plan["actions"], *plan["later"])
    yield from (action["reason"] for action in actions if "reason" in action)


def drifted_in(plan: Any) -> set[str]:
    """The reasons for which something in a plan has drifted."""
    return {r["reason"] for r in plan["resources"] if r["sync"] == "Drifted"}


def chosen_in(case: str, drift: str) -> Iterator[str]:
    """What the specs of a case say is done about a drift."""
    for path in (GOLDEN / case / "specs").glob("*.yaml"):
        spec = yaml.safe_load(path.read_text("utf-8"))["spec"]
        if word := spec.get("lifecycle", {}).get("on_drift", {}).get(drift):
            yield word
