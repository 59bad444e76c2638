"""The provider's account, and the whole truth about it: the real sandbox, asked in-process.

What the runners are told may be lost, late or false; what is kept here is what really happened.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any, Final

from reconciler.ownership import ATTEMPT, CLAIM, COMMIT, KEY, OWNER, TOKENS
from reconciler.sandbox.answer import Answer
from reconciler.sandbox.clock import Clock
from reconciler.sandbox.exchange import Exchange
from reconciler.sandbox.faults import FaultPlan, Faults
from reconciler.sandbox.lifecycle import Status, is_terminal
from reconciler.sandbox.limits import Limits
from reconciler.sandbox.progress import Progress, job_object
from reconciler.sandbox.records import FileRecord, JobRecord, OutcomeRecord
from reconciler.sandbox.state import Sandbox
from reconciler.sandbox.store import Store
from reconciler.sandbox.work import Trainer

JOBS: Final = "/v1/fine_tuning/jobs"
KEY_HEADER: Final = {"authorization": "Bearer sk-simulated", "content-type": "application/json"}


LONG_AGO: Final = 200_000.0
"""Seconds before the beginning at which old files were uploaded."""


@dataclass(frozen=True)
class Made:
    """A job that really exists, and the mark that the request for it carried.

    Attributes:
        at: when it was made.
        post: which request made it: two of one number are one request that was delivered twice.
        key, attempt, claim, owner, commit: empty where somebody else's request had none.
        tokens: what its mark expects to be billed.
        model: the name of its model, once it has one.
    """

    id: str
    at: float
    post: int
    key: str
    attempt: str
    claim: str
    owner: str
    training_file: str
    validation_file: str
    commit: str
    tokens: int
    model: str


@dataclass(frozen=True)
class Seen:
    """A job as it truly stands at a moment; ``tokens``: its bill, once it has its model."""

    made: Made
    status: Status
    ended_at: float | None
    has_model: bool
    shows_mark: bool
    tokens: int

    @property
    def is_alive(self) -> bool:
        """Whether it may still become a model."""
        return not is_terminal(self.status)


LENGTHS: Final = (10_000, 2_000_000, 20_000_000, 400_000_000)
"""A training lasts half a minute, two minutes, a quarter of an hour, or five hours."""


class InstantTrainer(Trainer):
    """Works a job out at once, without training anything: no thread, no time."""

    def __init__(self, store: Store, chance: Random) -> None:
        super().__init__(store, _words)
        self.chance = chance

    def begin(self, job: JobRecord) -> Any:
        """Nothing runs in the background here."""

    def outcome(self, job: JobRecord, patience: float) -> OutcomeRecord | None:
        """The stored outcome, or one made up on the spot."""
        known = self._store.outcome(job.id)
        if known is None:
            tokens = self.chance.choice(LENGTHS)
            known = OutcomeRecord(None, tokens, {"n_epochs": 1, "batch_size": 1}, 2)
            self._store.save_outcome(
                job, known, "[[1,0.5,0.5,null,null],[2,0.4,0.6,null,null]]", None
            )
        return known


@dataclass
class Account:
    """One account at the provider, in one folder, for one simulation."""

    folder: Path
    chance: Random
    now: Callable[[], float]
    faults: Faults
    on_made: Callable[[Made], None] = lambda _made: None
    requests: int = 0
    made: dict[str, Made] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        store = Store(self.folder, self.chance)
        clock = Clock(wall=self.now)
        store.start(clock)
        limits = Limits(upload_seconds=3_600.0)
        trainer = InstantTrainer(store, self.chance)
        self.sandbox = Sandbox(store, clock, _words, trainer, limits)
        self._exchange = Exchange(self.sandbox, self.faults)

    def close(self) -> None:
        """Let go of the files."""
        self.sandbox.close()

    def behave(self) -> None:
        """From now on nothing goes wrong any more."""
        self._exchange.faults = Faults(FaultPlan())

    def handle(
        self,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        """A request arrives."""
        self.requests += 1
        answer = self._exchange.handle(method, path, query, headers, body)
        if method == "POST" and path == JOBS:
            self._note_new(json.loads(body))
        return answer

    def _note_new(self, body: Mapping[str, Any]) -> None:
        """Find what a request has made: one job, none, or two where it was delivered twice."""
        mark = body.get("metadata") or {}
        jobs = self.sandbox.store.all_jobs()
        new = [_made(job, self.requests, mark) for job in reversed(jobs) if job.id not in self.made]
        self.made |= {made.id: made for made in new}
        for made in new:
            self.on_made(made)

    def add_strangers(self, count: int, file: str = "") -> None:
        """Other people's jobs in the same account; every other one carries metadata of theirs."""
        store, now = self.sandbox.store, self.now()
        for number in range(count):
            job = JobRecord(
                id=store.new_name("ftjob-"),
                created_at=now - count + number,
                model="gpt-4o-mini-2024-07-18",
                base="gpt-4o-mini-2024-07-18",
                model_name=store.new_name("ft:gpt-4o-mini-2024-07-18:sandbox::", 8),
                training_file=file or store.new_name("file-"),
                validation_file=None,
                size=1,
                method="supervised",
                hyperparameters={"n_epochs": 1},
                suffix=None,
                seed=number,
                metadata={"team": "another", OWNER: "another"} if number % 2 else None,
                integrations=[],
                result_file=store.new_name("file-"),
            )
            store.add_job(job)
        self._note_new({})

    def add_left_behind(self, owner: str) -> None:
        """Old uploads under an owner's name: one that nothing uses, and one of a stranger's job."""
        store, then = self.sandbox.store, self.now() - LONG_AGO
        files = [store.new_name("file-") for _ in range(2)]
        for file_id in files:
            name = f"{owner}.{sha256(file_id.encode()).hexdigest()[:16]}.jsonl"
            content = self.folder / name
            content.write_text(file_id)
            store.add_file(FileRecord(file_id, then, "fine-tune", name, len(file_id)), content)
        self.add_strangers(1, files[0])

    # ---- the truth -----------------------------------------------------------------------------

    def jobs(self) -> list[Seen]:
        """Every job that was ever made and is still to be seen, by age, as it stands now."""
        now = self.now()
        records = self.sandbox.store.all_jobs()
        deleted = self.sandbox.store.deleted_models()
        shown = self.sandbox.progress_of(records, now)
        return [
            Seen(
                made=self.made[progress.job.id],
                status=progress.status,
                ended_at=progress.phases[-1].since if is_terminal(progress.status) else None,
                has_model=progress.status is Status.SUCCEEDED
                and progress.job.model_name not in deleted,
                shows_mark=bool((progress.job.metadata or {}).get(KEY)),
                tokens=_billed(progress),
            )
            for progress in reversed(shown)
        ]

    def file(self, file_id: str) -> FileRecord | None:
        """An uploaded file, if it is there."""
        return self.sandbox.store.file(file_id, self.now())

    def digest(self, file_id: str) -> str:
        """SHA-256 of an uploaded file's bytes; empty if it is there no more."""
        path = self.sandbox.store.path_of(file_id)
        if file_id not in self.digests and path.exists():
            self.digests[file_id] = sha256(path.read_bytes()).hexdigest()
        return self.digests.get(file_id, "")


def _billed(progress: Progress) -> int:
    tokens = job_object(progress)["trained_tokens"]
    return tokens if isinstance(tokens, int) else 0


def _made(job: JobRecord, post: int, mark: Mapping[str, str]) -> Made:
    return Made(
        id=job.id,
        at=job.created_at,
        post=post,
        key=mark.get(KEY, ""),
        attempt=mark.get(ATTEMPT, ""),
        claim=mark.get(CLAIM, ""),
        owner=mark.get(OWNER, ""),
        training_file=job.training_file,
        validation_file=job.validation_file or "",
        commit=mark.get(COMMIT, ""),
        tokens=int(mark.get(TOKENS, 0)),
        model=job.model_name,
    )


def _words(_encoding: str, text: str) -> int:
    return len(text.split())
