"""All that the sandbox remembers: a SQLite database, and a folder of files beside it.

Several processes may open one folder at a time: SQLite is in WAL mode and waits for the other's
write; each write is one transaction. What depends on time isn't stored: a row's `created_at` may
lie in the future (a result file that its job will write; never, while the job is paused), and a
file may have had its time; lists show what is there by `now`.
"""

import fcntl
import json
import os
import random
import sqlite3
import string
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from reconciler.sandbox.clock import Clock, Timeline
from reconciler.sandbox.fate import ORDINARY_FILE, FileFate, JobError, JobFate
from reconciler.sandbox.lifecycle import Pause
from reconciler.sandbox.records import FileRecord, JobRecord, OutcomeRecord, Page

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS sandbox (id TEXT NOT NULL, simulated REAL, wall REAL, speed REAL);
CREATE TABLE IF NOT EXISTS files (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, created_at REAL NOT NULL,
  purpose TEXT NOT NULL, filename TEXT NOT NULL, bytes INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS files_by_age ON files (created_at, seq);
CREATE INDEX IF NOT EXISTS files_by_purpose ON files (purpose, created_at, seq);
CREATE TABLE IF NOT EXISTS lifespans (owner TEXT PRIMARY KEY, seconds INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS uploads (
  id TEXT PRIMARY KEY, created_at REAL NOT NULL, expires_at REAL NOT NULL, purpose TEXT NOT NULL,
  filename TEXT NOT NULL, bytes INTEGER NOT NULL, state TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS parts (
  id TEXT PRIMARY KEY, upload TEXT NOT NULL, bytes INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS parts_by_upload ON parts (upload);
CREATE TABLE IF NOT EXISTS jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, model_name TEXT NOT NULL UNIQUE,
  training_file TEXT NOT NULL, validation_file TEXT, cancelled_at REAL, record TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pauses (job TEXT PRIMARY KEY, spans TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS marks (
  job TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (key, value, job));
CREATE INDEX IF NOT EXISTS marks_by_job ON marks (job);
CREATE TABLE IF NOT EXISTS outcomes (
  job TEXT PRIMARY KEY, outcome TEXT NOT NULL, steps TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS fated_files (
  file TEXT PRIMARY KEY, status TEXT NOT NULL, details TEXT);
CREATE TABLE IF NOT EXISTS fated_jobs (job TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS deleted_models (name TEXT PRIMARY KEY);
"""
Row = tuple[Any, ...]
Condition = tuple[str, tuple[object, ...]]
"""A condition in SQL, and the values that it takes."""
_ALPHABET: Final = string.ascii_letters + string.digits


class Store:
    """The sandbox's memory in one folder, and its source of chance."""

    def __init__(self, data_dir: Path, chance: random.Random | None = None) -> None:
        self.chance = chance or random.SystemRandom()
        self.files_dir = data_dir / "files"
        self.files_dir.mkdir(parents=True, exist_ok=True)
        self.parts_dir = data_dir / "parts"
        self.parts_dir.mkdir(exist_ok=True)
        self._lock = threading.RLock()
        with _alone(data_dir / "opening.lock"):
            self._connection = _connect(data_dir / "sandbox.sqlite3")
            with self.transaction() as connection:
                if connection.execute("SELECT 1 FROM sandbox").fetchone() is None:
                    identity = str(uuid.UUID(int=self.chance.getrandbits(128), version=4))
                    connection.execute("INSERT INTO sandbox (id) VALUES (?)", (identity,))
        self.id: str = self._one("SELECT id FROM sandbox")[0]

    def close(self) -> None:
        """Close the database; the store can't be used after."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the one write transaction: committed at the end, undone by an exception."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _all(self, query: str, *values: object) -> list[Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def _one(self, query: str, *values: object) -> Row:
        return self._all(query, *values)[0]

    # Time and names

    def start(self, clock: Clock) -> None:
        """Continue this sandbox's time at the clock's speed, from the wall's time if it is new."""
        wall = clock.wall()
        with self.transaction() as connection:
            row = connection.execute("SELECT simulated, wall, speed FROM sandbox").fetchone()
            line = Timeline(wall, wall, 1.0) if row[0] is None else Timeline(*row)
            line = line.continued(wall, clock.speed)
            connection.execute(
                "UPDATE sandbox SET simulated = ?, wall = ?, speed = ?",
                (line.simulated, line.wall, line.speed),
            )

    def simulated_time(self, wall: float) -> float:
        """Return the simulated time at the wall's reading."""
        return Timeline(*self._one("SELECT simulated, wall, speed FROM sandbox")).at(wall)

    def advance(self, seconds: float) -> None:
        """Let time jump forward, for every process on this store."""
        with self.transaction() as connection:
            connection.execute("UPDATE sandbox SET simulated = simulated + ?", (seconds,))

    def new_name(self, prefix: str, length: int = 24) -> str:
        """Return a fresh identifier of the API's look."""
        return prefix + "".join(self.chance.choices(_ALPHABET, k=length))

    # Files

    def path_of(self, file_id: str) -> Path:
        """Return where the bytes of a file known to this store lie."""
        return self.files_dir / file_id

    def add_file(self, record: FileRecord, content: Path) -> None:
        """Take a complete file into the store: its bytes first, then its row."""
        content.replace(self.path_of(record.id))
        with self.transaction() as connection:
            insert_file(connection, record)

    def file(self, file_id: str, now: float) -> FileRecord | None:
        """Return a file that exists by now, and still does."""
        query = f"SELECT {_FILE} FROM {_FILES} WHERE id = ?2 AND {_IS_THERE}"  # noqa: S608
        rows = self._all(query, now, file_id)
        return _file(rows[0]) if rows else None

    def files(self, page: Page, purpose: str | None, now: float) -> list[FileRecord]:
        """Return a page of the files that exist by now, by age."""
        order, beyond = ("ASC", ">") if page.is_ascending else ("DESC", "<")
        conditions: list[Condition] = [(_IS_THERE, (now,))]
        if purpose is not None:
            conditions.append(("purpose = ?", (purpose,)))
        if page.after is not None:
            place = "(SELECT created_at, seq FROM files WHERE id = ?)"
            conditions.append((f"(created_at, seq) {beyond} {place}", (page.after,)))
        where, values = _where(conditions)
        query = (
            f"SELECT {_FILE} FROM {_FILES} {where}"  # noqa: S608
            f" ORDER BY created_at {order}, seq {order} LIMIT ?"
        )
        return [_file(row) for row in self._all(query, *values, page.limit)]

    def delete_file(self, file_id: str) -> None:
        """Delete a file; its bytes stay as long as a job was trained on them."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM files WHERE id = ?", (file_id,))
            connection.execute("DELETE FROM lifespans WHERE owner = ?", (file_id,))
            used = connection.execute(
                "SELECT 1 FROM jobs WHERE training_file = ?1 OR validation_file = ?1 LIMIT 1",
                (file_id,),
            ).fetchone()
            if used is None:
                self.path_of(file_id).unlink(missing_ok=True)

    def delete_expired_files(self, now: float) -> None:
        """Delete the files that have had their time."""
        query = "SELECT id FROM files JOIN lifespans ON owner = id WHERE created_at + seconds <= ?"
        for (file_id,) in self._all(query, now):
            self.delete_file(file_id)

    # Jobs

    def add_job(self, job: JobRecord) -> None:
        """Remember a job, with its metadata as rows that can be searched."""
        with self.transaction() as connection:
            insert_job(connection, job)

    def job(self, job_id: str) -> JobRecord | None:
        """Return a job by its id."""
        rows = self._all(f"SELECT {_JOB} FROM jobs WHERE id = ?", job_id)  # noqa: S608
        return _job(rows[0]) if rows else None

    def job_of_model(self, model_name: str) -> JobRecord | None:
        """Return the job that makes, or made, the model of this name."""
        rows = self._all(f"SELECT {_JOB} FROM jobs WHERE model_name = ?", model_name)  # noqa: S608
        return _job(rows[0]) if rows else None

    def jobs(self, page: Page, metadata: Mapping[str, str] | None) -> list[JobRecord]:
        """Return a page of the jobs that carry all these pairs (None: no pair), newest first."""
        conditions = _carrying(metadata)
        if page.after is not None:
            conditions.append(("seq < (SELECT seq FROM jobs WHERE id = ?)", (page.after,)))
        where, values = _where(conditions)
        query = f"SELECT {_JOB} FROM jobs {where} ORDER BY seq DESC LIMIT ?"  # noqa: S608
        return [_job(row) for row in self._all(query, *values, page.limit)]

    def all_jobs(self) -> list[JobRecord]:
        """Return every job, newest first."""
        return self.jobs(Page(None, -1), {})

    def unsettled_jobs(self) -> list[JobRecord]:
        """Return the jobs, not cancelled, whose outcome hasn't been stored."""
        rows = self._all(
            f"SELECT {_JOB} FROM jobs"  # noqa: S608
            " WHERE cancelled_at IS NULL AND id NOT IN (SELECT job FROM outcomes)"
        )
        return [_job(row) for row in rows]

    def cancel_job(self, job: JobRecord, now: float) -> None:
        """End a job, once; a cancelled job writes no result file."""
        with self.transaction() as connection:
            connection.execute(
                "UPDATE jobs SET cancelled_at = ? WHERE id = ? AND cancelled_at IS NULL",
                (now, job.id),
            )
            connection.execute("DELETE FROM files WHERE id = ?", (job.result_file,))
            self.path_of(job.result_file).unlink(missing_ok=True)

    def change_pauses(self, job: JobRecord, pauses: Sequence[Pause], ends_at: float) -> bool:
        """Hold a job back or let it go on, unless it was changed since it was read.

        Its file of results, which is there once its outcome is, comes when the job now ends.
        """
        with self.transaction() as connection:
            query = f"SELECT {_JOB} FROM jobs WHERE id = ?"  # noqa: S608
            row = connection.execute(query, (job.id,)).fetchone()
            if row is None or _job(row) != job:
                return False
            spans = json.dumps([(pause.asked_at, pause.resumed_at) for pause in pauses])
            connection.execute("INSERT OR REPLACE INTO pauses VALUES (?, ?)", (job.id, spans))
            connection.execute(
                "UPDATE files SET created_at = ? WHERE id = ?", (ends_at, job.result_file)
            )
        return True

    def fated_jobs(self) -> list[JobRecord]:
        """Return the jobs to which something is, or was, to be done from outside."""
        query = f"SELECT {_JOB} FROM jobs WHERE id IN (SELECT job FROM fated_jobs)"  # noqa: S608
        return [_job(row) for row in self._all(query)]

    def delete_job(self, job: JobRecord) -> None:
        """Forget a job, its model and its results, as if it had never been."""
        with self.transaction() as connection:
            connection.execute("DELETE FROM jobs WHERE id = ?", (job.id,))
            for table in ("marks", "outcomes", "pauses", "fated_jobs"):
                connection.execute(f"DELETE FROM {table} WHERE job = ?", (job.id,))  # noqa: S608
            connection.execute("DELETE FROM files WHERE id = ?", (job.result_file,))
        self.path_of(job.result_file).unlink(missing_ok=True)

    # Outcomes and models

    def save_outcome(
        self, job: JobRecord, outcome: OutcomeRecord, steps: str, results: FileRecord | None
    ) -> None:
        """Store what a job came to, unless another process did, with its file of results."""
        with self.transaction() as connection:
            stored = insert_outcome(connection, job.id, outcome, steps)
            is_alive = connection.execute(
                "SELECT 1 FROM jobs WHERE id = ? AND cancelled_at IS NULL", (job.id,)
            ).fetchone()
            if stored and is_alive and results is not None:
                insert_file(connection, results)

    def outcome(self, job_id: str) -> OutcomeRecord | None:
        """Return what a job came to, if that has been worked out."""
        rows = self._all("SELECT outcome FROM outcomes WHERE job = ?", job_id)
        return OutcomeRecord(**json.loads(rows[0][0])) if rows else None

    def steps(self, job_id: str) -> Sequence[Sequence[float | None]]:
        """Return the measurements of each step of a job whose outcome is stored."""
        rows: Sequence[Sequence[float | None]] = json.loads(
            self._one("SELECT steps FROM outcomes WHERE job = ?", job_id)[0]
        )
        return rows

    def delete_model(self, name: str) -> None:
        """Delete a model: its job still says succeeded, as with OpenAI."""
        with self.transaction() as connection:
            connection.execute("INSERT OR IGNORE INTO deleted_models VALUES (?)", (name,))

    def deleted_models(self) -> frozenset[str]:
        """Return the names of the models that were deleted."""
        return frozenset(row[0] for row in self._all("SELECT name FROM deleted_models"))


_FILE: Final = "id, created_at, purpose, filename, bytes, seconds, status, details"
_FILES: Final = "files LEFT JOIN lifespans ON owner = id LEFT JOIN fated_files ON file = id"
# The + keeps the index by age for where a page begins.
_IS_THERE: Final = "+created_at <= ?1 AND (seconds IS NULL OR created_at + seconds > ?1)"
_JOB: Final = "record, cancelled_at, (SELECT spans FROM pauses WHERE job = jobs.id)"


def _where(conditions: Sequence[Condition]) -> Condition:
    """Return one clause of them all; what isn't asked for is not in it, so that indexes serve."""
    clause = " AND ".join(text for text, _ in conditions)
    values = tuple(value for _, taken in conditions for value in taken)
    return (f"WHERE {clause}" if clause else "", values)


def _carrying(metadata: Mapping[str, str] | None) -> list[Condition]:
    """Return what makes a job carry all these pairs (None: no pair).

    Each job is asked in its turn, so that a list read to its end asks it once, and sorts nothing.
    """
    if metadata is None:
        return [("NOT EXISTS (SELECT 1 FROM marks WHERE job = jobs.id)", ())]
    pair = "EXISTS (SELECT 1 FROM marks WHERE job = jobs.id AND key = ? AND value = ?)"
    return [(pair, (key, value)) for key, value in metadata.items()]


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Let one process at a time create the tables and switch the journal."""
    handle = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.executescript(_SCHEMA)
    return connection


def insert_file(connection: sqlite3.Connection, record: FileRecord) -> None:
    """Make a file known, as part of a transaction."""
    connection.execute(
        "INSERT INTO files (id, created_at, purpose, filename, bytes) VALUES (?, ?, ?, ?, ?)",
        (record.id, record.created_at, record.purpose, record.filename, record.bytes),
    )
    insert_lifespan(connection, record.id, record.lifespan)
    if record.fate != ORDINARY_FILE:
        fated = (record.id, record.fate.status, record.fate.details)
        connection.execute("INSERT INTO fated_files VALUES (?, ?, ?)", fated)


def insert_lifespan(connection: sqlite3.Connection, owner: str, seconds: int | None) -> None:
    """Remember how long a file lasts, if not for ever: under its id, or that of its upload."""
    if seconds is not None:
        connection.execute("INSERT INTO lifespans VALUES (?, ?)", (owner, seconds))


def insert_job(connection: sqlite3.Connection, job: JobRecord) -> None:
    """Make a job known, its metadata as rows that can be searched, as part of a transaction."""
    connection.execute(
        "INSERT INTO jobs (id, model_name, training_file, validation_file, record)"
        " VALUES (?, ?, ?, ?, ?)",
        (job.id, job.model_name, job.training_file, job.validation_file, _dump(job)),
    )
    marks = [(job.id, key, value) for key, value in (job.metadata or {}).items()]
    connection.executemany("INSERT INTO marks VALUES (?, ?, ?)", marks)
    if job.fate.is_acted_on:
        connection.execute("INSERT INTO fated_jobs VALUES (?)", (job.id,))


def insert_outcome(
    connection: sqlite3.Connection, job_id: str, outcome: OutcomeRecord, steps: str
) -> bool:
    """Store what a job came to, as part of a transaction; False if that is known already."""
    values = (job_id, _dump(outcome), steps)
    inserted = connection.execute("INSERT OR IGNORE INTO outcomes VALUES (?, ?, ?)", values)
    return inserted.rowcount == 1


def _file(row: Row) -> FileRecord:
    *fields, status, details = row
    fate = FileFate(status, details) if status else ORDINARY_FILE
    return replace(FileRecord(*fields), fate=fate)


def _dump(record: JobRecord | OutcomeRecord) -> str:
    return json.dumps(asdict(record), allow_nan=False)


def _job(row: Row) -> JobRecord:
    record = json.loads(row[0])
    fate = record.get("fate") or {}  # a store of an earlier version knows no fates
    error = fate.get("error")
    fate = JobFate(**(fate | {"error": JobError(**error) if error else None}))
    pauses = tuple(Pause(*span) for span in json.loads(row[2])) if row[2] else ()
    return JobRecord(**(record | {"cancelled_at": row[1], "pauses": pauses, "fate": fate}))
