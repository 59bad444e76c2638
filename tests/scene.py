"""A golden case's ``observed.json``: what the provider and the ledger hold, and what is asked.

    jobs, files        the API's own objects, read as a provider's answers are; a job ``of`` a spec
                       is written by what matters of it, the rest is as a real one would be
    models             fine-tuned models that answer; without the field, those of all jobs
    checkpoints, shutdown, missing_files, rights, acknowledged, latest_unmarked, endpoint
    now                the server's clock
    revision           the checkout; a clean commit if left out
    targets, retry     names that the command line gave
    is_attended, max_usd, allow_short_lived
                       who is asked, and what the command line allows

``$KEY:name``, ``$FIELDS:name`` and ``$FILE:path`` stand for the run key and the marked fields of a
spec and for the name that a dataset is uploaded under.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from reconciler.cost import default_epochs
from reconciler.ownership import compact, file_name, metadata_for, training_fields
from reconciler.providers.objects import read_file, read_job
from reconciler.state import (
    Checkpoint,
    Desired,
    Job,
    JobStatus,
    Observed,
    Right,
    Training,
    read_status,
)
from tests.make import NOW, OPENAI, make_claim

Scene = Mapping[str, Any]
PLACEHOLDER = re.compile(r"\$(KEY|FIELDS|FILE):([a-z0-9./-]+)")
COMMIT = "1f0c1d2e3a4b5c6d7e8f90a1b2c3d4e5f6a7b8c9"
CREATED, ENDED = NOW - 24 * 3600, NOW - 22 * 3600
CHECKPOINTS = TypeAdapter(dict[str, tuple[Checkpoint, ...]])
RIGHTS = TypeAdapter(tuple[Right, ...])


def read_observed(scene: Scene, desired: Desired) -> Observed:
    """What the provider answered, through the readers of real answers."""
    scene = filled(scene, desired)
    jobs = tuple(read_job(job_object(raw, desired)) for raw in scene.get("jobs", ()))
    return Observed(
        endpoint=replace(OPENAI, **scene.get("endpoint", {})),
        taken_at=scene.get("now", NOW),
        jobs=jobs,
        files=tuple(read_file(raw) for raw in scene.get("files", ())),
        missing_files=frozenset(scene.get("missing_files", ())),
        models=frozenset(scene.get("models", models_of(jobs))),
        checkpoints=CHECKPOINTS.validate_python(scene.get("checkpoints", {})),
        shutdown=scene.get("shutdown", {}),
        rights=RIGHTS.validate_python(scene.get("rights", ())),
        acknowledged=frozenset(scene.get("acknowledged", ())),
        latest_unmarked=scene.get("latest_unmarked", 0),
        is_complete=True,
    )


def models_of(jobs: Iterable[Job]) -> set[str]:
    """All models that jobs say they made."""
    return {job.fine_tuned_model for job in jobs if job.fine_tuned_model}


# ---- placeholders --------------------------------------------------------------------------------


def filled(scene: Scene, desired: Desired) -> Scene:
    """The scene with its placeholders filled in."""
    by_name = named(desired)
    by_path = {facts.path: facts for t in desired.trainings for facts in t.datasets}

    def told(found: re.Match[str]) -> str:
        kind, name = found.groups()
        if kind == "FILE":
            return file_name(desired.owner, by_path[name])
        return by_name[name].key if kind == "KEY" else fields_of(by_name[name])

    whole: Scene = json.loads(PLACEHOLDER.sub(told, json.dumps(scene)))
    return whole


def named(desired: Desired) -> Mapping[str, Training]:
    """The training of each spec."""
    return {name: training for training in desired.trainings for name in training.used_by}


def fields_of(training: Training) -> str:
    """The marked fields of a training, as text inside a JSON string."""
    return json.dumps(compact(training_fields(training)))[1:-1]


# ---- a job by what matters of it -----------------------------------------------------------------


def job_object(raw: Scene, desired: Desired) -> dict[str, Any]:
    """The API's object of a job: whole as it is written, or filled up by the spec it is ``of``.

    Beside the API's own fields it may say its ``owner``, ``attempt`` and other ``marks``.
    """
    if "of" not in raw:
        return dict(raw)
    training = named(desired)[raw["of"]]
    own = {k: v for k, v in raw.items() if k not in ("of", "owner", "attempt", "marks")}
    written = {**_sent(training), **_became(raw, training), "metadata": _marks(raw, training)}
    return {**written, **own}


def _sent(training: Training) -> dict[str, Any]:
    """What a create of the training says, "auto" resolved as the service does it."""
    declared = {k: v for k, v in training.hyperparameters.items() if v != "auto"}
    hyperparameters = {"n_epochs": _epochs(training), "batch_size": 1, **declared}
    return {
        "object": "fine_tuning.job",
        "created_at": CREATED,
        "model": training.model,
        "training_file": "file-train",
        "validation_file": "file-valid" if training.validation else None,
        "user_provided_suffix": training.suffix,
        "seed": training.seed or 1423771932,
        "method": {
            "type": training.method,
            training.method: {"hyperparameters": hyperparameters},
        },
    }


def _became(raw: Scene, training: Training) -> dict[str, Any]:
    """What the service says of a job in this status."""
    status = read_status(raw["status"])
    tokens = training.training.tokens if training.training else 0
    has_model = status is JobStatus.SUCCEEDED
    model = f"ft:{training.model}:acme:{training.suffix or ''}:{raw['id'][-2:].title()}1"
    return {
        "error": {},
        "finished_at": ENDED if status.is_terminal else None,
        "fine_tuned_model": model if has_model else None,
        "trained_tokens": tokens * _epochs(training) if has_model else None,
    }


def _epochs(training: Training) -> int:
    declared = training.hyperparameters.get("n_epochs", "auto")
    examples = training.training.examples if training.training else 0
    return declared if isinstance(declared, int) else default_epochs(examples)


def _marks(raw: Scene, training: Training) -> dict[str, str]:
    claim = make_claim(training, raw.get("attempt", 1))
    claim = replace(claim, owner=raw.get("owner", claim.owner), name=raw["of"])
    tokens = training.training.tokens * _epochs(training) if training.training else 0
    return {**metadata_for(training, claim, COMMIT, tokens), **raw.get("marks", {})}
