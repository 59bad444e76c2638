"""What a prune may never delete, looked at from above, when its request leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from reconciler.plan.prune import OLD_ENOUGH
from reconciler.state import Right
from tests.simulation.account import Seen
from tests.simulation.checkout import Checkout
from tests.simulation.laws import ENDPOINT, LONGEST_STALE, Laws
from tests.simulation.look import Look

LONGEST_SKEW: Final = 60.0
LONGEST_PUT: Final = 400.0
"""Seconds for which a record of the ledger may be under way, by clocks that are off."""


@dataclass(frozen=True)
class PruneLaws:
    """The laws for one process, and the checkout that it prunes from."""

    laws: Laws
    checkout: Checkout

    @property
    def owner(self) -> str:
        return self.checkout.owner

    def deleting(self, what: str, name: str, look: Look) -> None:
        """A runner asks for a deletion."""
        if not look.is_whole:
            self.laws.breach("nothing is deleted on an incomplete scan", name)
        for claim in self._doubts(look):
            self.laws.breach("nothing is deleted while a create is in doubt", claim)
        if duplicates := self.laws.duplicates(self.owner, look):
            self.laws.breach("nothing is deleted while frozen", str(duplicates))
        if what == "models":
            look.deleted.add(name)
            self._model(name, look)
        else:
            self._file(name, look)

    def _doubts(self, look: Look) -> Iterator[str]:
        """Our latest claims from before the pass began of which no job ever came."""
        latest: dict[str, Right] = {}
        rights = self.laws.ledgers[self.owner].rights(ENDPOINT)
        for right in sorted(rights, key=lambda right: right.claim.attempt):
            latest[right.claim.key] = right
        made = self.laws.account.made.values()
        reached = {(job.key, job.owner, int(job.attempt)) for job in made if job.attempt}
        for right in latest.values():
            claim, was_there = right.claim, right.claim.at < look.pass_began - LONGEST_PUT
            is_open = right.closing is None and was_there and claim.owner == self.owner
            if is_open and (claim.key, claim.owner, claim.attempt) not in reached:
                yield f"attempt {claim.attempt} of {claim.key[:8]}"

    # ---- a model -------------------------------------------------------------------------------

    def _model(self, name: str, look: Look) -> None:
        job = next((j for j in self.laws.account.jobs() if j.made.model == name), None)
        if job is None or not (job.shows_mark and job.made.owner == self.owner):
            self.laws.breach("nothing without our mark is touched", name)
            return
        if not job.has_model:  # it is asked for once more, for want of an answer
            return
        if job.made.key in self.checkout.needed_since(look.pass_began):
            self.laws.breach("nothing needed is deleted", f"{name} of {job.made.key[:8]}")
        if job.made.commit not in self.checkout.commits:
            self.laws.breach("nothing newer than the checkout is deleted", name)

    # ---- a file --------------------------------------------------------------------------------

    def _file(self, file_id: str, look: Look) -> None:
        file = self.laws.account.file(file_id)
        if file is None:
            return
        if not file.filename.startswith(f"{self.owner}."):
            self.laws.breach("nothing without our mark is touched", file.filename)
        if self.laws.account.now() - file.created_at < OLD_ENOUGH - LONGEST_SKEW:
            self.laws.breach("no file is deleted on its first day", file_id)
        needed = self.checkout.needed_since(look.pass_began)
        wanted = {digest for key in needed for digest in self.laws.digests[key]}
        if self.laws.account.digest(file_id) in wanted:
            self.laws.breach("nothing needed is deleted", file_id)
        for job in self.laws.account.jobs():
            if file_id in (job.made.training_file, job.made.validation_file):
                self._used(job, file_id, look)

    def _used(self, job: Seen, file_id: str, look: Look) -> None:
        if job.made.at > look.began - LONGEST_STALE:  # it may not have been to be seen
            return
        if not job.shows_mark or job.made.owner != self.owner:
            self.laws.breach("nothing that another's job uses is deleted", file_id)
        if job.is_alive or (job.has_model and job.made.model not in look.deleted):
            self.laws.breach("no data of what stays is deleted", file_id)
