"""The nouns that all stages share. Frozen data, no behaviour beyond questions about itself.

desired     what was loaded from disk, and what of it is desired
history     what Git tells of earlier commits
jobs        what a provider holds: jobs, files, and where it is
rights      what the ledger holds
observed    all that a pass knows of the provider, taken at one time
conditions  what is judged of a resource
"""

from reconciler.state.conditions import Condition, Health, Sync
from reconciler.state.desired import (
    LAST,
    Binding,
    Desired,
    Loaded,
    LoadedSpec,
    Parent,
    Revision,
    Training,
)
from reconciler.state.history import History
from reconciler.state.jobs import (
    TRANSITIONS,
    Checkpoint,
    Endpoint,
    Job,
    JobError,
    JobStatus,
    RemoteFile,
    read_status,
)
from reconciler.state.observed import Observed
from reconciler.state.rights import Acknowledgement, Claim, Closing, ClosingKind, Right

__all__ = [
    "LAST",
    "TRANSITIONS",
    "Acknowledgement",
    "Binding",
    "Checkpoint",
    "Claim",
    "Closing",
    "ClosingKind",
    "Condition",
    "Desired",
    "Endpoint",
    "Health",
    "History",
    "Job",
    "JobError",
    "JobStatus",
    "Loaded",
    "LoadedSpec",
    "Observed",
    "Parent",
    "RemoteFile",
    "Revision",
    "Right",
    "Sync",
    "Training",
    "read_status",
]
