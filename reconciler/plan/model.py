"""The plan as data: actions, the resources they belong to, and a digest of the decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from hashlib import sha256
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter
from pydantic.main import IncEx

from reconciler.cost import Estimate, total_usd
from reconciler.diff import Difference
from reconciler.plan.reasons import Reason
from reconciler.state import Condition, Endpoint, Health, JobStatus, Revision, Sync, Training


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
        base: what the request names as its model: the base, or what the training's parent made.
            Empty while the parent has made nothing yet.
        files: the file names of the training file and, if any, the validation file.
        file_ids: ids of those already uploaded; empty text where an Upload of this plan fills it.
        earlier_usd: the expected bill of an earlier job of the same name that still runs.
    """

    training: Training
    base: str
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
class Delete:
    """Delete a model or a file of ours that nothing needs; only `reconcile prune` plans it.

    Attributes:
        what: which of the two ``id`` names.
        used_by: the specs that it was made for, by name; they need not exist any more.
        key: the run key that it was made for; empty for a file that no job used.
        message: why, for people.
    """

    what: Literal["model", "file"]
    id: str
    key: str
    used_by: tuple[str, ...]
    reason: Reason
    message: str
    kind: Literal["delete"] = "delete"


@dataclass(frozen=True)
class Wait:
    """A job is under way; nothing to do but wait for it."""

    job_id: str
    key: str
    used_by: tuple[str, ...]
    status: JobStatus
    kind: Literal["wait"] = "wait"


Action = Annotated[Upload | Create | Cancel | Delete | Wait, Field(discriminator="kind")]


@dataclass(frozen=True)
class Notice:
    """Something else that somebody should know of a resource; it stops nothing."""

    reason: Reason
    message: str
    remedy: str = ""


@dataclass(frozen=True)
class Resource:
    """Where one training stands, whether or not there is something to do for it.

    Attributes:
        model: its base.
        tokens, usd: what its job was billed, or is expected to be while ``is_billed`` is False;
            None where nobody knows.
        failure: the class of its job's failure (``plan/failures.py``); empty if it didn't fail.
        serves_until: the last day of its base at this endpoint (``YYYY-MM-DD``); empty if unknown.
        notices: what else there is to say, drift beside the leading one included.
    """

    key: str
    used_by: tuple[str, ...]
    model: str
    condition: Condition
    job_id: str = ""
    fine_tuned_model: str = ""
    tokens: int | None = None
    usd: float | None = None
    is_billed: bool = False
    failure: str = ""
    serves_until: str = ""
    notices: tuple[Notice, ...] = ()

    @property
    def name(self) -> str:
        """The name it goes by."""
        return self.used_by[0]


@dataclass(frozen=True)
class Orphan:
    """A job with our owner's mark whose key no spec needs; its model, while that answers.

    ``is_superseded``: a spec of that name exists and has moved on to another key.
    """

    job_id: str
    name: str
    key: str
    status: JobStatus
    fine_tuned_model: str
    is_superseded: bool

    @property
    def is_drift(self) -> bool:
        """Whether it runs, and is paid for, though no spec asks for it."""
        return not (self.is_superseded or self.status.is_terminal)


@dataclass(frozen=True)
class Duplicate:
    """One training that was made more than once, which nobody has acknowledged: creates are frozen.

    ``used_by``: the specs that use it; where none does, the name that its first job was made for.
    """

    key: str
    used_by: tuple[str, ...]
    jobs: tuple[str, ...]


_NOT_DECIDED_OF_ACTIONS: dict[str, IncEx | bool] = {
    "difference": {"changes": {"__all__": {"note"}}},
    "training": {"lifecycle", "labels", "bindings", "is_suspended"},
}
_NOT_DECIDED_OF_RESOURCES: dict[str, IncEx | bool] = {
    "condition": {"message", "remedy", "since"},
    "notices": {"__all__": {"message", "remedy"}},
    **dict.fromkeys(("tokens", "usd", "is_billed", "failure", "serves_until"), True),
}
"""What a plan tells, and decides nothing."""


@dataclass(frozen=True)
class Plan:
    """Everything that apply will do, and how each resource stands.

    What apply does follows from ``actions`` alone. ``taken_at`` (server time) and ``revision`` are
    told, and are not part of the digest: the same decisions have the same digest. ``is_proved``:
    every job of the endpoint was looked at, so what the plan creates is surely not there.

    Attributes:
        later: trainings that can be sent only when what they start from is there, parents first.
        last_create: the endpoint's last day for new jobs (``YYYY-MM-DD``); empty if none is known.
        billed_usd: what was billed to this owner since the month began (UTC), as far as known.
        unbilled: jobs of this month whose bill nobody knows.
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
    later: tuple[Create, ...] = ()
    last_create: str = ""
    billed_usd: float = 0.0
    unbilled: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 over actions, conditions and duplicates, without the sentences about them."""
        sentences: IncEx = {
            "actions": {"__all__": _NOT_DECIDED_OF_ACTIONS},
            "later": {"__all__": _NOT_DECIDED_OF_ACTIONS},
            "resources": {"__all__": _NOT_DECIDED_OF_RESOURCES},
        }
        told = {"owner", "actions", "later", "resources", "duplicates"}
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
    def deletes(self) -> tuple[Delete, ...]:
        """What is to be deleted: never anything but by `reconcile prune`."""
        return tuple(action for action in self.actions if isinstance(action, Delete))

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
        return self.writes or self.has_drift

    @property
    def has_drift(self) -> bool:
        """Whether the provider moved in a way that no commit explains."""
        resources = any(r.condition.sync is Sync.DRIFTED for r in self.resources)
        return resources or any(orphan.is_drift for orphan in self.orphans)

    @property
    def usd(self) -> float:
        """The expected bill of all creates that have a price."""
        return total_usd([create.estimate for create in self.creates])

    @cached_property
    def by_key(self) -> Mapping[str, Resource]:
        """The resources by run key."""
        return {resource.key: resource for resource in self.resources}

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
