"""The plan as data: actions, the resources they belong to, and a digest of the decisions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic.main import IncEx

from reconciler.cost import Estimate, total_usd
from reconciler.diff import Difference
from reconciler.state import Condition, Endpoint, Health, JobStatus, Revision, Sync, Training


class Reason(StrEnum):
    """Why: a word for machines on each condition and action. Apply never reads it."""

    NOT_TRAINED = "NotTrained"  # nothing was ever trained for it
    SPEC_CHANGED = "SpecChanged"  # an earlier key of this name exists
    RETRY_TRANSIENT = "RetryTransient"  # the service failed, not the data
    RETRY_ASKED = "RetryAsked"  # a person asked
    RETRY_REFUSAL = "RetryRefusal"  # the back-off of a 429 or of no connection is over
    DOUBT_SETTLED = "DoubtSettled"  # a lost reply was judged: by a person, or below doubt_budget
    READY = "Ready"
    TRAINING = "Training"
    MODEL_DELETED = "ModelDeleted"
    JOB_CANCELLED = "JobCancelled"
    JOB_FAILED = "JobFailed"
    JOB_MISSING = "JobMissing"  # the ledger knows a job that the endpoint doesn't show
    CREATE_REFUSED = "CreateRefused"
    BACKING_OFF = "BackingOff"
    TRAINING_ENDED = "TrainingEnded"
    FOREIGN_JOB = "ForeignJob"
    IN_DOUBT = "InDoubt"
    DUPLICATE = "Duplicate"
    PAST_DATE = "PastDate"  # policy: the endpoint's calendar
    OVER_BUDGET = "OverBudget"  # policy
    NO_BUDGET = "NoBudget"  # policy: nobody watches, so somebody must have set a limit
    FROZEN = "Frozen"  # policy: something was made twice, and nobody has said that they know
    TOO_MANY_JOBS = "TooManyJobs"  # policy: the fuse of one pass
    TOO_OFTEN = "TooOften"  # policy: the fuse of one spec's day
    UNCLEAN_CHECKOUT = "UncleanCheckout"  # policy: what is spent must trace to a commit


@dataclass(frozen=True)
class Upload:
    """Send a dataset file under its content-addressed name."""

    file_name: str
    path: str
    bytes: int
    sha256: str
    used_by: tuple[str, ...]
    kind: Literal["upload"] = "upload"


@dataclass(frozen=True)
class Create:
    """Create the job of a training, as the given attempt.

    Attributes:
        files: the file names of the training file and, if any, the validation file.
        file_ids: ids of those already uploaded; empty text where an Upload of this plan fills it.
        earlier_usd: the expected bill of an earlier job of the same name that still runs.
    """

    training: Training
    attempt: int
    reason: Reason
    estimate: Estimate
    files: tuple[str, ...]
    file_ids: tuple[str, ...]
    difference: Difference | None = None
    earlier_usd: float | None = None
    kind: Literal["create"] = "create"

    @property
    def key(self) -> str:
        """The run key."""
        return self.training.key

    @property
    def used_by(self) -> tuple[str, ...]:
        """The specs that wait for it."""
        return self.training.used_by


@dataclass(frozen=True)
class Cancel:
    """Cancel a live job of ours that another one makes superfluous."""

    job_id: str
    key: str
    used_by: tuple[str, ...]
    reason: Reason
    kind: Literal["cancel"] = "cancel"


@dataclass(frozen=True)
class Wait:
    """A job is under way; nothing to do but wait for it."""

    job_id: str
    key: str
    used_by: tuple[str, ...]
    status: JobStatus
    kind: Literal["wait"] = "wait"


Action = Annotated[Upload | Create | Cancel | Wait, Field(discriminator="kind")]


@dataclass(frozen=True)
class Resource:
    """Where one training stands, whether or not there is something to do for it."""

    key: str
    used_by: tuple[str, ...]
    model: str
    condition: Condition
    job_id: str = ""
    fine_tuned_model: str = ""

    @property
    def name(self) -> str:
        """The name it goes by."""
        return self.used_by[0]


@dataclass(frozen=True)
class Orphan:
    """A job with our owner's mark whose key no spec needs.

    ``is_superseded``: a spec of that name exists and has moved on to another key.
    """

    job_id: str
    name: str
    key: str
    status: JobStatus
    fine_tuned_model: str
    is_superseded: bool


@dataclass(frozen=True)
class Duplicate:
    """One training that was made more than once, which nobody has acknowledged: creates are frozen.

    ``used_by``: the specs that use it; where none does, the name that its first job was made for.
    """

    key: str
    used_by: tuple[str, ...]
    jobs: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Everything that apply will do, and how each resource stands.

    What apply does follows from ``actions`` alone. ``taken_at`` (server time) and ``revision`` are
    told, and are not part of the digest: the same decisions have the same digest. ``is_proved``:
    every job of the endpoint was looked at, so what the plan creates is surely not there.
    """

    owner: str
    endpoint: Endpoint
    revision: Revision
    taken_at: int
    actions: tuple[Action, ...]
    resources: tuple[Resource, ...]
    orphans: tuple[Orphan, ...]
    is_proved: bool
    duplicates: tuple[Duplicate, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over actions, conditions and duplicates, without the sentences about them."""
        changes: IncEx = {"changes": {"__all__": {"note"}}}
        action: IncEx = {"difference": changes}
        resource: IncEx = {"condition": {"message", "remedy"}}
        sentences: IncEx = {"actions": {"__all__": action}, "resources": {"__all__": resource}}
        told = {"owner", "actions", "resources", "duplicates"}
        decisions = _adapter().dump_json(self, include=told, exclude=sentences)
        return sha256(decisions).hexdigest()

    @property
    def creates(self) -> tuple[Create, ...]:
        """The actions that cost money."""
        return tuple(action for action in self.actions if isinstance(action, Create))

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """The files to send."""
        return tuple(action for action in self.actions if isinstance(action, Upload))

    @property
    def waits(self) -> tuple[Wait, ...]:
        """The jobs under way."""
        return tuple(action for action in self.actions if isinstance(action, Wait))

    @property
    def writes(self) -> bool:
        """Whether apply would change anything at the provider."""
        return any(not isinstance(action, Wait) for action in self.actions)

    @property
    def has_changes(self) -> bool:
        """Whether the provider differs from Git: something to write, or drift."""
        return self.writes or any(r.condition.sync is Sync.DRIFTED for r in self.resources)

    @property
    def usd(self) -> float:
        """The expected bill of all creates that have a price."""
        return total_usd([create.estimate for create in self.creates])

    def having(self, health: Health) -> tuple[Resource, ...]:
        """The resources of one health."""
        return tuple(r for r in self.resources if r.condition.health is health)


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def plan_to_json(plan: Plan) -> str:
    """The plan as JSON text, complete: ``plan_from_json`` gives an equal plan."""
    return _adapter().dump_json(plan).decode()


def plan_from_json(text: str) -> Plan:
    """The plan that ``plan_to_json`` wrote."""
    return _adapter().validate_json(text)
