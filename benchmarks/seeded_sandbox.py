"""A sandbox's folder with many jobs in it: those of some projects' specs, and other people's.

python benchmarks/seeded_sandbox.py FOLDER [--project ROOT ...] [--jobs N] [--files N]

Each spec of a project has the job that `reconcile` would have made of it, marked as it marks, and
succeeded; its data are among the files, named as it names them. The other jobs bear no mark and lie
before, between and after; three in ten failed. Files of results were deleted. The same arguments
give the same jobs, up to now.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from reconciler.load import load
from reconciler.ownership import file_name, metadata_for
from reconciler.resolve import resolve
from reconciler.sandbox.records import FileRecord, JobRecord, OutcomeRecord
from reconciler.sandbox.store import Store, insert_file, insert_job, insert_outcome
from reconciler.state import Claim, Training

BASE = "gpt-4.1-mini-2025-04-14"
SECONDS_BETWEEN, HOUR = 20.0, 3_600.0
"""From one job's creation to the next one's; the last one's was an hour ago."""
EPOCHS, STEPS = 3, 30
MEASURED = json.dumps([[step, 1.0, 0.5, None, None] for step in range(1, STEPS + 1)])
SETTINGS = {"n_epochs": EPOCHS, "batch_size": 1, "learning_rate_multiplier": 2.0}
SUCCEEDED = OutcomeRecord(None, 1_000, SETTINGS, STEPS)
FAULT: dict[str, str | None] = {
    "code": "invalid_training_file",
    "message": "The job failed due to an invalid training file.",
    "param": "training_file",
}
FAILED = OutcomeRecord(FAULT, 0, {}, 0)


class Ours(NamedTuple):
    """A training that a project declares, by the project's root and owner."""

    root: Path
    owner: str
    training: Training


def declared(root: Path) -> list[Ours]:
    """The trainings of a project."""
    desired = resolve(load(root, count_tokens=True))
    return [Ours(root, desired.owner, training) for training in desired.trainings]


class Seeder:
    """Fills an empty store within one transaction."""

    def __init__(self, store: Store, connection: sqlite3.Connection, began: float) -> None:
        self._store = store
        self._connection = connection
        self._began = began

    # ---- files ---------------------------------------------------------------------------------

    def our_files(self, ours: Sequence[Ours]) -> dict[str, FileRecord]:
        """The data of our specs, by their names."""
        data = {
            file_name(owner, facts): root / facts.path
            for root, owner, training in ours
            for facts in training.datasets
        }
        return {name: self._copied(name, path) for name, path in data.items()}

    def other_files(self, count: int) -> list[FileRecord]:
        """Other people's: the same bytes under many names."""
        first = self._file("0.jsonl", 3)
        self._store.path_of(first.id).write_text("{}\n")
        return [first, *(self._linked(f"{number}.jsonl", first) for number in range(1, count))]

    def _copied(self, name: str, path: Path) -> FileRecord:
        record = self._file(name, path.stat().st_size)
        shutil.copy(path, self._store.path_of(record.id))
        return record

    def _linked(self, name: str, other: FileRecord) -> FileRecord:
        record = self._file(name, other.bytes)
        self._store.path_of(record.id).hardlink_to(self._store.path_of(other.id))
        return record

    def _file(self, name: str, size: int) -> FileRecord:
        record = FileRecord(
            self._store.new_name("file-"), self._began, "fine-tune", name, bytes=size
        )
        insert_file(self._connection, record)
        return record

    # ---- jobs ----------------------------------------------------------------------------------

    def jobs(self, ours: Sequence[Ours], files: int, jobs: int) -> None:
        """Our jobs among other people's, the oldest first, and the files of all."""
        chance, named = self._store.chance, self.our_files(ours)
        others = self.other_files(files - len(named))
        places: list[Ours | None] = [*ours, *[None] * (jobs - len(ours))]
        chance.shuffle(places)
        for number, place in enumerate(places):
            at = self._began + number * SECONDS_BETWEEN
            if place is None:
                self._other_job(at, chance.choice(others))
            else:
                self._our_job(at, place, named)

    def _other_job(self, at: float, file: FileRecord) -> None:
        has_failed = self._store.chance.random() < 0.3
        self._add(self._job(at, file), FAILED if has_failed else SUCCEEDED)

    def _our_job(self, at: float, ours: Ours, named: dict[str, FileRecord]) -> None:
        training, [data] = ours.training, ours.training.datasets
        nonce = self._store.new_name("", 32)
        claim = Claim("", training.key, 1, nonce, int(at), ours.owner, training.name)
        mark = metadata_for(training, claim, "", data.tokens * EPOCHS)
        job = self._job(at, named[file_name(ours.owner, data)])
        job = replace(job, metadata=mark, seed=training.seed or 0)
        self._add(job, replace(SUCCEEDED, tokens=data.tokens))

    def _job(self, at: float, file: FileRecord) -> JobRecord:
        return JobRecord(
            id=self._store.new_name("ftjob-"),
            created_at=at,
            model=BASE,
            base=BASE,
            model_name=self._store.new_name(f"ft:{BASE}:sandbox::", 8),
            training_file=file.id,
            validation_file=None,
            size=file.bytes,
            method="supervised",
            hyperparameters={"n_epochs": EPOCHS},
            suffix=None,
            seed=1,
            metadata=None,
            integrations=[],
            result_file=self._store.new_name("file-"),
        )

    def _add(self, job: JobRecord, outcome: OutcomeRecord) -> None:
        insert_job(self._connection, job)
        insert_outcome(self._connection, job.id, outcome, "[]" if outcome.error else MEASURED)


def main() -> None:
    """Fill a folder."""
    parser = argparse.ArgumentParser(description="Fill a sandbox's folder with jobs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--project", type=Path, action="append", default=[], metavar="ROOT")
    parser.add_argument("--jobs", type=int, default=100_000)
    parser.add_argument("--files", type=int, default=10_000)
    given = parser.parse_args()
    ours = [training for root in given.project for training in declared(root)]
    store = Store(given.folder, random.Random(1))  # noqa: S311 - the same jobs each time
    began = time.time() - HOUR - SECONDS_BETWEEN * given.jobs
    with store.transaction() as connection:
        Seeder(store, connection, began).jobs(ours, given.files, given.jobs)
    store.close()


if __name__ == "__main__":
    main()
