"""What may never happen, looked at from above, with the whole truth at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from reconciler.ledger import Ledger
from reconciler.ownership import ATTEMPT, CLAIM, KEY, OWNER, TOKENS
from reconciler.plan.case import CLOCK_SKEW
from reconciler.plan.claims import TRAINING_NOT_AVAILABLE
from reconciler.state import Right
from tests.simulation.account import Account, Made, Seen
from tests.simulation.look import Look

ENDPOINT: Final = "https://simulated.example/v1"
PRICE: Final = 3e-6
"""US dollars a token of the one base that all specs name."""
CENT: Final = 1e-5
"""US dollars that may be lost where bills are rounded."""
LONGEST_STALE: Final = 210.0
"""Seconds for which a new job may be missing from a list, with the latency of the answer."""


@dataclass
class Laws:
    """The laws of one simulation, and where they were broken.

    Attributes:
        account: the truth.
        ledgers: owner -> its ledger, without the line before it.
        digests: run key -> SHA-256 of training and validation file.
        needed: run keys that a spec needs now; duplicates of others are left to end.
        refused: owner and run key whose refusal a runner was told and had written down.
        retried: run keys that a person asked to train again.
        broken: what was broken, in words.
        per_pass, per_month: the Project's budget in US dollars; None for none.
    """

    account: Account
    ledgers: Mapping[str, Ledger]
    digests: dict[str, tuple[str, ...]] = field(default_factory=dict)
    needed: frozenset[str] = frozenset()
    refused: set[tuple[str, str]] = field(default_factory=set)
    retried: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    per_pass: float | None = None
    per_month: float | None = None
    _sent: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def breach(self, law: str, detail: str) -> None:
        """Note that a law was broken."""
        self.broken.append(f"{law}: {detail}")

    # ---- a create leaves -----------------------------------------------------------------------

    def sent(self, owner: str, body: Mapping[str, Any], look: Look) -> None:
        """A runner lets a create go."""
        mark = body["metadata"]
        right = self._right(owner, mark)
        self._sent_once(mark)
        self._own_claim(mark, right)
        self._whole_scan(mark, look)
        self._right_bytes(body)
        self._not_stopped(owner, mark, look)
        self._within_budget(owner, mark, look)

    def _right(self, owner: str, mark: Mapping[str, str]) -> Right | None:
        attempt = (mark[KEY], int(mark[ATTEMPT]))
        rights = self.ledgers[owner].rights(ENDPOINT)
        return next((r for r in rights if (r.claim.key, r.claim.attempt) == attempt), None)

    def _sent_once(self, mark: Mapping[str, str]) -> None:
        sent = (mark[OWNER], mark[KEY], mark[ATTEMPT])
        self._sent[sent] += 1
        if self._sent[sent] > 1:
            self.breach("one POST an attempt", f"attempt {sent[2]} of {sent[1][:8]} was sent again")

    def _own_claim(self, mark: Mapping[str, str], right: Right | None) -> None:
        if right is None or right.claim.nonce != mark[CLAIM]:
            self.breach("a POST only under its own claim", f"attempt {mark[ATTEMPT]}")

    def _whole_scan(self, mark: Mapping[str, str], look: Look) -> None:
        if not look.is_whole:
            self.breach("no create on an incomplete scan", f"{mark[KEY][:8]} after {look.rows}")
        settled = look.began - LONGEST_STALE
        for job in self.account.jobs():
            if job.made.at < settled and job.made.id not in look.rows:
                self.breach("no create on an incomplete scan", f"{job.made.id} was not seen")

    def _right_bytes(self, body: Mapping[str, Any]) -> None:
        files = [body["training_file"], body.get("validation_file")]
        digests = tuple(self.account.digest(file) for file in files if file)
        if "" in digests:  # a prune from another checkout was faster; the endpoint refuses
            return
        if digests != self.digests.get(body["metadata"][KEY]):
            self.breach("uploaded bytes hash to the key", str(files))

    def _not_stopped(self, owner: str, mark: Mapping[str, str], look: Look) -> None:
        if look.was_stopped:
            self.breach("no create after a stop", "the pass was told to stop")
        key = mark[KEY]
        if (owner, key) in self.refused and key not in self.retried:
            self.breach("what was refused is never sent again", key[:8])
        if key not in self.retried and any(self._endings(owner, look.pass_began)):
            self.breach("no create after a stop", "training had ended")
        if duplicates := self.duplicates(owner, look):
            self.breach("no create while frozen", str(duplicates))

    def _endings(self, owner: str, before: float) -> Iterator[Right]:
        rights = self.ledgers[owner].rights(ENDPOINT)
        latest = max((r.closing.at for r in rights if r.closing and r.closing.job_id), default=0)
        for right in rights:
            closing = right.closing
            is_end = closing is not None and closing.code == TRAINING_NOT_AVAILABLE
            if closing and is_end and latest < closing.at < before - CLOCK_SKEW:
                yield right

    def duplicates(self, owner: str, look: Look) -> list[str]:
        """Our jobs of one POST that the scan showed with their mark, and that nobody has seen."""
        made = (job.made for job in self.account.jobs())
        shown = [made for made in made if made.owner == owner and made.id in look.marked]
        times = Counter(made.post for made in shown)
        seen = self.ledgers[owner].read(ENDPOINT).acknowledged
        return [made.id for made in shown if times[made.post] > 1 and made.id not in seen]

    def _within_budget(self, owner: str, mark: Mapping[str, str], look: Look) -> None:
        look.spent += int(mark[TOKENS]) * PRICE
        if self.per_pass is not None and look.spent > self.per_pass + CENT:
            self.breach("what a pass spends is within its budget", f"${look.spent:.4f}")
        jobs = (job for job in self.account.jobs() if job.made.id in look.marked)
        billed = sum(_least_bill(job) for job in jobs if job.made.owner == owner)
        if self.per_month is not None and look.spent + billed > self.per_month + CENT:
            self.breach("what a month spends is within its budget", f"${look.spent + billed:.4f}")

    # ---- a job is made -------------------------------------------------------------------------

    def made(self, new: Made) -> None:
        """A job exists: no other of its training may be alive, unless one POST made both."""
        if not new.key:
            return
        for job in self.account.jobs():
            other = job.made
            is_same = (other.key, other.owner) == (new.key, new.owner)
            if is_same and other.post != new.post and job.is_alive:
                self.breach("never two live jobs of a key", f"{other.id} and {new.id}")

    # ---- a cancel leaves -----------------------------------------------------------------------

    def cancelling(self, owner: str, job_id: str, look: Look) -> None:
        """A runner cancels a job: one with its mark, and not the one in use."""
        jobs = {job.made.id: job for job in self.account.jobs()}
        target = jobs.get(job_id)
        if target is None or target.made.owner != owner or not target.shows_mark:
            self.breach("nothing without our mark is touched", job_id)
            return
        others = (j for j in jobs.values() if j.made.id != job_id)
        if not any(_is_used_instead(other, target, look.pass_began) for other in others):
            self.breach("the job in use is never cancelled", job_id)

    # ---- at rest -------------------------------------------------------------------------------

    def one_live_job(self) -> None:
        """When everybody has looked and nothing goes wrong, a training has one live job at most."""
        alive = Counter((j.made.owner, j.made.key) for j in self.account.jobs() if _is_ours(j))
        for (_, key), count in alive.items():
            if count > 1 and key in self.needed:
                self.breach("duplicates are cancelled", f"{count} jobs of {key[:8]} are alive")

    def paid_twice(self) -> bool:
        """Whether two requests for one training were, or still are, trained, one unasked for."""
        posts = {
            (job.key, job.post) for job in self._paid() if job.key.split()[1] not in self.retried
        }
        return len(posts) > len({key for key, _ in posts})

    def delivered_twice(self) -> bool:
        """Whether one request made two jobs that were both trained: the network's doing."""
        posts = [(job.key, job.post) for job in self._paid()]
        return len(posts) > len(set(posts))

    def _paid(self) -> Iterator[Made]:
        for job in self.account.jobs():
            if job.made.key and (job.status == "succeeded" or job.is_alive):
                yield replace(job.made, key=f"{job.made.owner} {job.made.key}")


def _least_bill(job: Seen) -> float:
    """The least that a pass may have taken a job's bill for: it may have ended since."""
    if job.status == "failed":
        return 0.0
    least = min(job.tokens, job.made.tokens) if job.status == "succeeded" else job.made.tokens
    return least * PRICE


def _is_ours(job: Seen) -> bool:
    return bool(job.made.key) and job.is_alive and job.shows_mark


def _rank(made: Made) -> tuple[int, str]:
    return (int(made.at), made.id)


def _is_used_instead(job: Seen, target: Seen, since: float) -> bool:
    """Whether a job is, or was when the pass began, a reason to cancel another of its training."""
    if (job.made.key, job.made.owner) != (target.made.key, target.made.owner):
        return False
    was_alive = job.is_alive or (job.ended_at or 0) >= since
    return job.has_model or (was_alive and _rank(job.made) < _rank(target.made))
