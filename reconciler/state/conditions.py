"""What is judged of a resource: two axes, a word for machines, a sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Sync(StrEnum):
    """Whether the provider holds what Git says."""

    IN_SYNC = "InSync"
    OUT_OF_SYNC = "OutOfSync"
    DRIFTED = "Drifted"
    UNKNOWN = "Unknown"


class Health(StrEnum):
    """Whether the model can be used, will be, or needs somebody."""

    READY = "Ready"
    PROGRESSING = "Progressing"
    MISSING = "Missing"
    FAILED = "Failed"
    HELD = "Held"
    SUSPENDED = "Suspended"
    RETIRING = "Retiring"

    @property
    def is_usable(self) -> bool:
        """Whether there is a model that answers."""
        return self in (Health.READY, Health.RETIRING)


@dataclass(frozen=True)
class Condition:
    """Where one training stands: two axes, a word for machines, a sentence for people.

    ``since``: Unix seconds by the provider's clock from which it has been so; None where nothing
    that is kept anywhere tells.
    """

    sync: Sync
    health: Health
    reason: str
    message: str
    remedy: str = ""
    since: int | None = None
