"""Builders of the core's nouns: valid as they are, each field to be given where a test is about it.

A job that is built for a training bears its mark as a real create would have put it there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from hashlib import sha256
from typing import Any

from reconciler.catalog import load_catalog
from reconciler.dataset.facts import DatasetFacts
from reconciler.diff import diff
from reconciler.ownership import metadata_for
from reconciler.plan import Limits, Plan, Tariff, make_plan
from reconciler.plan.calendar import Calendar
from reconciler.resolve import run_key
from reconciler.spec import Price
from reconciler.state import (
    Claim,
    Closing,
    ClosingKind,
    Desired,
    Endpoint,
    Job,
    JobError,
    JobStatus,
    Observed,
    RemoteFile,
    Revision,
    Right,
    Training,
)

OWNER = "acme"
NOW = 1_795_348_800  # 2026-11-22, noon
OPENAI = Endpoint("https://api.openai.com/v1", "https://api.openai.com/v1")
GATEWAY = Endpoint("https://gateway.example/v1", "https://gateway.example/v1")
MINI = "gpt-4o-mini-2024-07-18"
CLEAN = Revision("9c652da0f1ab4d3e8b7a6c5d4e3f2a1b0c9d8e7f")


def make_facts(content: str = "training", **changes: Any) -> DatasetFacts:
    """A dataset whose digest follows from ``content``: 40 examples, 100,000 tokens."""
    facts = DatasetFacts(
        path=f"data/{content}.jsonl",
        sha256=sha256(content.encode()).hexdigest(),
        bytes=400_000,
        examples=40,
        tokens=100_000,
        encoding="o200k_base",
    )
    return replace(facts, **changes)


def make_training(name: str = "triage", **changes: Any) -> Training:
    """A training with its true run key: one epoch on gpt-4o-mini, so $0.30."""
    training = Training(
        key="",
        used_by=(name,),
        model=MINI,
        method="supervised",
        hyperparameters={"n_epochs": 1},
        training=make_facts(),
        validation=None,
        suffix=None,
        seed=None,
    )
    training = replace(training, **changes)
    return replace(training, key=run_key(training))


def make_claim(training: Training, attempt: int = 1, **changes: Any) -> Claim:
    """A claim of ours, made an hour ago."""
    claim = Claim(
        endpoint=OPENAI.id,
        key=training.key,
        attempt=attempt,
        nonce=f"nonce-{attempt}",
        at=NOW - 3600,
        owner=OWNER,
        name=training.name,
    )
    return replace(claim, **changes)


def make_right(
    training: Training, kind: ClosingKind | None = None, attempt: int = 1, **closing: Any
) -> Right:
    """A ledger record: in doubt, or closed an hour ago in the given way."""
    claim = make_claim(training, attempt)
    return Right(claim, Closing(kind, **{"at": NOW - 3600, **closing}) if kind else None)


def make_job(
    training: Training,
    status: JobStatus = JobStatus.SUCCEEDED,
    *,
    number: int = 1,
    attempt: int = 1,
    owner: str = OWNER,
    error: str = "",
    **changes: Any,
) -> Job:
    """Job ``ftjob-<number>`` of a training, the older the lower its number.

    A succeeded one has the model ``ft:BASE:acme::<number>``; ``error`` is the code of a failure.
    """
    claim = replace(make_claim(training, attempt), owner=owner)
    model = f"ft:{training.model}:{OWNER}::{number}" if status is JobStatus.SUCCEEDED else None
    tokens = training.training.tokens if training.training else 0
    job = Job(
        id=f"ftjob-{number}",
        status=status,
        created_at=NOW - 10_000 + number,
        model=training.model,
        training_file="file-1",
        metadata=metadata_for(training, claim, CLEAN.commit, tokens),
        fine_tuned_model=model,
        error=JobError(error, f"what {error} means") if error else None,
    )
    return replace(job, **changes)


def make_file(facts: DatasetFacts, number: int = 1, owner: str = OWNER) -> RemoteFile:
    """The upload of a dataset."""
    name = f"{owner}.{facts.sha256[:16]}.jsonl"
    return RemoteFile(f"file-{number}", name, facts.bytes, NOW - 20_000 + number)


def make_desired(*trainings: Training, **changes: Any) -> Desired:
    """What Git says: these trainings, all selected."""
    names = frozenset(name for training in trainings for name in training.used_by)
    desired = Desired(OWNER, CLEAN, tuple(sorted(trainings, key=lambda t: t.name)), names)
    return replace(desired, **changes)


def make_observed(*jobs: Job, **changes: Any) -> Observed:
    """What the provider holds: these jobs; every model of theirs answers unless said otherwise."""
    observed = Observed(
        endpoint=OPENAI,
        taken_at=NOW,
        jobs=jobs,
        models=frozenset(job.fine_tuned_model for job in jobs if job.fine_tuned_model),
        is_complete=True,
    )
    return replace(observed, **changes)


def make_calendar(endpoint: Endpoint = OPENAI, **changes: Any) -> Calendar:
    """The days of an endpoint, by the catalog, as of ``NOW``."""
    return replace(Calendar(load_catalog(), endpoint, {}, date(2026, 11, 22)), **changes)


def plan_for(
    desired: Desired | Training,
    observed: Observed | None = None,
    *,
    limits: Limits | None = None,
    prices: Mapping[str, Price] | None = None,
) -> Plan:
    """The plan, by the stages that make it: diff, then make_plan."""
    wanted = make_desired(desired) if isinstance(desired, Training) else desired
    seen = observed or make_observed()
    tariff = Tariff(load_catalog(), prices or {})
    return make_plan(wanted, seen, diff(wanted, seen), tariff, limits or Limits())
