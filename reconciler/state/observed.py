"""What a pass knows of the provider, taken at one time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.state.jobs import Checkpoint, Endpoint, Job, RemoteFile
from reconciler.state.rights import Right


@dataclass(frozen=True)
class Observed:
    """All that a pass may know of the provider, taken at one time.

    Attributes:
        endpoint: where.
        taken_at: the server's clock, Unix seconds.
        jobs: those that bear a mark of ours or were named by the ledger, by creation.
        files: uploaded fine-tuning files that bear our owner.
        missing_files: files that our jobs name and that the endpoint doesn't list any more.
        models: fine-tuned models that answer.
        shutdown: model -> the day the endpoint says it ends (``YYYY-MM-DD``).
        checkpoints: job -> its checkpoints, of the jobs that a chain asks them of.
        rights: the ledger's records for this endpoint.
        acknowledged: jobs that a person has seen as duplicates.
        latest_unmarked: when the newest job without any mark was created, 0 if none was seen: it
            may be one of ours, made through something that drops marks.
        used_elsewhere: files and models that jobs without our mark were made with: known only where
            every job was looked at.
        is_complete: whether every job and file of the endpoint was looked at, so that absence is
            proved and creates are allowed.
    """

    endpoint: Endpoint
    taken_at: int
    jobs: tuple[Job, ...] = ()
    files: tuple[RemoteFile, ...] = ()
    missing_files: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    shutdown: Mapping[str, str] = field(default_factory=dict)
    checkpoints: Mapping[str, tuple[Checkpoint, ...]] = field(default_factory=dict)
    rights: tuple[Right, ...] = ()
    acknowledged: frozenset[str] = frozenset()
    latest_unmarked: int = 0
    used_elsewhere: frozenset[str] = frozenset()
    is_complete: bool = False
