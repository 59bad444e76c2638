"""When `reconcile prune` deletes nothing at all: what is known might not be what is."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from reconciler.errors import Guarded
from reconciler.ownership import read_mark
from reconciler.plan.case import attempt_of
from reconciler.plan.model import Plan
from reconciler.plan.remedies import command, made_twice, unfreeze
from reconciler.state import Claim, History, Job, Loaded, Observed, Right

SHOWN = 3
"""How many things of one kind a message names."""


def guard_checkout(loaded: Loaded) -> None:
    """Only an owner that was named on purpose, and a commit that says what is needed.

    Raises:
        Guarded: there is no Project, no commit, or something that no commit holds.
    """
    if not loaded.has_project:
        raise Guarded(
            "nothing is deleted under an owner that nobody has chosen: write reconciler.yaml with "
            f"metadata.name: {loaded.owner}, commit it, and call again"
        )
    if not loaded.revision.commit:
        raise Guarded(
            "nothing is deleted without a commit that says what is needed: call it in a Git "
            "checkout that has one"
        )
    if loaded.revision.is_dirty:
        raise Guarded(
            "nothing is deleted while the checkout has changes that no commit holds: commit or "
            "stash them, and call again"
        )


def guard_sight(history: History) -> None:
    """Only what HEAD says is needed, and not what a part of it or unseen changes say.

    Raises:
        Guarded: the checkout leaves out specs, or Git was told not to look at files.
    """
    if hidden := history.overlooked:
        more = f" and {len(hidden) - SHOWN} more" if len(hidden) > SHOWN else ""
        raise Guarded(
            "nothing is deleted while the checkout leaves out specs that HEAD has, or may hold "
            f"changes that Git was told to overlook: {', '.join(hidden[:SHOWN])}{more}. Call it in "
            "a full clone, or have them checked out and looked at again (git sparse-checkout "
            "disable; git update-index --no-skip-worktree FILE; git update-index "
            "--no-assume-unchanged FILE)"
        )


def guard_doubts(plan: Plan, observed: Observed) -> None:
    """Nothing that a job needs which nobody has seen, and nothing while nobody knows what happened.

    Raises:
        Guarded: an attempt of ours is in doubt, or a training was made twice.
    """
    if doubts := sorted(_in_doubt(plan.owner, observed), key=lambda claim: claim.name):
        told = ", ".join(f"attempt {claim.attempt} of {claim.name}" for claim in doubts[:SHOWN])
        more = f" and {len(doubts) - SHOWN} more" if len(doubts) > SHOWN else ""
        settle = command(plan.endpoint, "settle", doubts[0].name)
        raise Guarded(
            f"nothing is deleted while a create is in doubt: {told}{more}. A pass looks again; if "
            f"that does not end it: {settle} (a spec that is gone has to come back for that)"
        )
    if plan.duplicates:
        first = plan.duplicates[0]
        raise Guarded(
            f"nothing is deleted while a training was made twice and nobody has said that they "
            f"know: {made_twice(first.used_by, first.jobs)}; {unfreeze(plan.endpoint)}"
        )


def _in_doubt(owner: str, observed: Observed) -> Iterator[Claim]:
    """Our latest claim of each key, if nothing came of it that is written or to be seen."""
    latest: dict[str, Right] = {}
    for right in sorted(observed.rights, key=lambda right: right.claim.attempt):
        latest[right.claim.key] = right
    for right in latest.values():
        claim = right.claim
        if claim.owner == owner and not right.closing and not _is_seen(claim, observed.jobs):
            yield claim


def _is_seen(claim: Claim, jobs: Collection[Job]) -> bool:
    marks = ((job, read_mark(job)) for job in jobs)
    return any(
        mark.key == claim.key and mark.owner == claim.owner and attempt_of(job) >= claim.attempt
        for job, mark in marks
        if mark
    )


def guard_share(
    plan: Plan, observed: Observed, names: Collection[str], keys: Collection[str], most: float
) -> None:
    """An empty checkout, a wrong branch or a wrong folder: too many specs are gone at once.

    A spec that was renamed is not gone: its training is needed. One whose models are all gone does
    not count: it was retired long ago.

    Args:
        plan: whose jobs.
        observed: the jobs.
        names, keys: of the specs and trainings that there are.
        most: the greatest share of all with a model that answers that may be gone.

    Raises:
        Guarded: more are gone.
    """
    there = [job for job in observed.jobs if job.fine_tuned_model in observed.models]
    marks = [mark for job in there if (mark := read_mark(job)) and mark.owner == plan.owner]
    known = {mark.name for mark in marks}
    gone = sorted(known - {m.name for m in marks if m.name in names or m.key in keys})
    if known and len(gone) / len(known) > most:
        command_line = command(plan.endpoint, "prune", *gone[:SHOWN])
        raise Guarded(
            f"{len(gone)} of {len(known)} specs with a model are gone, more than "
            f"spec.prune.max_share ({most:g}) takes for meant. Check that this is the right branch "
            f"and folder; if they are gone for good, name them ({command_line}), or raise "
            "spec.prune.max_share in reconciler.yaml"
        )
