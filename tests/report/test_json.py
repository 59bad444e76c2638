"""JSON: the promised shape, with numbers as numbers and nothing for what is not there."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from reconciler.errors import Problem, Severity
from reconciler.plan import Plan
from reconciler.report.json import plan_json, status_json
from reconciler.report.problems import problems_json
from reconciler.state import JobStatus
from tests.make import (
    make_desired,
    make_facts,
    make_job,
    make_observed,
    make_training,
    plan_for,
)

PROBLEM = Problem("specs/a.yaml", 3, 9, "SPEC104", "spec.model", "an alias", "a snapshot", "Fix.")
SUMMARY = {
    "creates": 0,
    "uploads": 0,
    "cancels": 0,
    "deletes": 0,
    "waits": 0,
    "later": 0,
    "ready": 0,
    "held": 0,
    "failed": 0,
    "drifted": 0,
    "suspended": 0,
    "cost_usd": 0.0,
    "later_usd": 0.0,
    "unpriced": 0,
    "trained_tokens": 0,
    "billed_this_month_usd": 0.0,
    "has_changes": False,
    "is_frozen": False,
}


def busy_plan() -> Plan:
    """All four kinds of actions, a change, and an orphan."""
    changed = make_training("changed", validation=make_facts("validation"))
    waiting = make_training("waiting", seed=2)
    jobs = (
        make_job(make_training("changed", seed=7), JobStatus.RUNNING, number=1),
        make_job(waiting, JobStatus.RUNNING, number=2),
        make_job(waiting, JobStatus.QUEUED, number=3, attempt=2),
        make_job(make_training("gone", seed=9), number=4),
    )
    return plan_for(make_desired(changed, waiting), make_observed(*jobs))


def read(text: str) -> dict[str, Any]:
    assert text.endswith("}\n")
    document: dict[str, Any] = json.loads(text)
    return document


def test_the_promised_keys_stand_in_the_promised_order() -> None:
    document = read(plan_json(busy_plan()))
    assert list(document) == [
        *("schema_version", "kind", "digest", "owner", "endpoint"),
        *("revision", "calendar", "summary", "actions", "later"),
        *("resources", "orphans", "duplicates"),
    ]
    assert (document["schema_version"], document["kind"]) == (1, "plan")


def test_the_summary_is_made_of_numbers() -> None:
    assert read(plan_json(busy_plan()))["summary"] == {
        **SUMMARY,
        "creates": 1,
        "uploads": 2,
        "cancels": 1,
        "waits": 1,
        "cost_usd": 0.3,
        "billed_this_month_usd": 1.2,
        "is_frozen": True,
        "trained_tokens": 100_000,
        "has_changes": True,
    }


def test_a_create_carries_all_that_a_reviewer_asks_for() -> None:
    plan = busy_plan()
    actions = read(plan_json(plan))["actions"]
    (create,) = [action for action in actions if action["kind"] == "create"]
    file = {"sha256": make_facts().sha256, "file_name": plan.uploads[0].file_name}
    assert {**create, "files": create["files"][:1], "changes": create["changes"][1:]} == {
        "kind": "create",
        "used_by": ["changed"],
        "name": "changed",
        "key": plan.creates[0].key,
        "attempt": 1,
        "reason": "SpecChanged",
        "model": "gpt-4o-mini-2024-07-18",
        "base": "gpt-4o-mini-2024-07-18",
        "parent": None,
        "method": "supervised",
        "hyperparameters": {"n_epochs": 1},
        "suffix": None,
        "seed": None,
        "files": [
            {
                "role": "training",
                "path": "data/training.jsonl",
                "bytes": 400_000,
                "examples": 40,
                "tokens": 100_000,
                "file_id": None,
                **file,
            }
        ],
        "estimate": {
            "tokens": 100_000,
            "epochs": 1,
            "epochs_are_default": False,
            "trained_tokens": 100_000,
            "price_per_million": 3.0,
            "price_source": "https://developers.openai.com/api/docs/pricing (2026-11-22)",
            "usd": 0.3,
        },
        "changes": [{"field": "seed", "before": "7", "after": None, "note": None}],
        "earlier": {"job_id": "ftjob-1", "is_running": True, "usd": 0.3},
    }


def test_the_other_actions_carry_what_they_act_on() -> None:
    actions = read(plan_json(busy_plan()))["actions"]
    assert [action["kind"] for action in actions] == [
        *("upload", "upload", "create", "cancel", "wait")
    ]
    key = make_training("waiting", seed=2).key
    waiting = {"used_by": ["waiting"], "key": key}
    assert actions[3] == {"kind": "cancel", "job_id": "ftjob-3", "reason": "Duplicate", **waiting}
    assert actions[4] == {"kind": "wait", "job_id": "ftjob-2", "status": "running", **waiting}


def test_what_nobody_knows_is_null() -> None:
    document = read(plan_json(plan_for(make_training(model="gpt-9"))))
    (create,) = [action for action in document["actions"] if action["kind"] == "create"]
    assert create["estimate"]["usd"] is None
    assert create["earlier"] is None
    assert document["summary"]["unpriced"] == 1
    assert document["resources"][0]["model"] is None


def test_orphans_are_listed() -> None:
    orphans = read(plan_json(busy_plan()))["orphans"]
    assert [(o["job_id"], o["is_superseded"]) for o in orphans] == [
        ("ftjob-1", True),
        ("ftjob-4", False),
    ]


def test_a_status_tells_how_each_resource_stands() -> None:
    training = make_training()
    plan = plan_for(training, make_observed(make_job(training)))
    assert read(status_json(plan)) == {
        "schema_version": 1,
        "kind": "status",
        "owner": "acme",
        "endpoint": {
            "base_url": "https://api.openai.com/v1",
            "organization": None,
            "project": None,
            "is_embedded_sandbox": False,
        },
        "calendar": {"new_jobs_until": "2027-01-06"},
        "summary": {**SUMMARY, "ready": 1, "billed_this_month_usd": 0.3},
        "resources": [
            {
                "name": "triage",
                "used_by": ["triage"],
                "key": training.key,
                "base": "gpt-4o-mini-2024-07-18",
                "sync": "InSync",
                "health": "Retiring",
                "reason": "Retiring",
                "message": "ft:gpt-4o-mini-2024-07-18:acme::1 answers and serves until 2027-01-14, "
                "53 days",
                "remedy": None,
                "since": 1_795_338_801,
                "failure_class": None,
                "job_id": "ftjob-1",
                "model": "ft:gpt-4o-mini-2024-07-18:acme::1",
                "tokens": 100_000,
                "usd": 0.3,
                "is_billed": False,
                "serves_until": "2027-01-14",
                "notices": [],
            }
        ],
        "duplicates": [],
    }


def test_a_training_made_twice_is_listed_in_plan_and_status() -> None:
    plan = busy_plan()
    told = {
        "used_by": ["waiting"],
        "key": make_training("waiting", seed=2).key,
        "job_ids": ["ftjob-2", "ftjob-3"],
    }
    assert read(plan_json(plan))["duplicates"] == [told]
    assert read(status_json(plan))["duplicates"] == [told]


def test_problems_are_told_by_place_and_counted() -> None:
    warning = replace(PROBLEM, line=1, severity=Severity.WARNING)
    document = read(problems_json([PROBLEM, warning]))
    assert (document["errors"], document["warnings"]) == (1, 1)
    assert [problem["line"] for problem in document["problems"]] == [1, 3]
    assert document["problems"][1] == {
        "file": "specs/a.yaml",
        "line": 3,
        "column": 9,
        "rule": "SPEC104",
        "severity": "error",
        "field": "spec.model",
        "found": "an alias",
        "expected": "a snapshot",
        "remedy": "Fix.",
    }


def test_no_key_is_ever_written() -> None:
    secret = replace(PROBLEM, found="the text sk-abcdefghijkl1234")
    assert "abcdefghijkl" not in problems_json([secret])
