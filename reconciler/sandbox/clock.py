"""Simulated time: the wall clock, sped up, that no restart turns back.

The store keeps one `Timeline`, the point from which time is counted on. Whoever opens the store
continues that line at its own speed, so that a restart with another speed moves nothing that has
happened; of two processes on one store the later to open sets the speed for both.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formatdate


@dataclass(frozen=True)
class Clock:
    """Where a server's time comes from.

    Attributes:
        wall: Seconds since 1970, as `time.time` gives them.
        speed: Simulated seconds in one second of the wall.
    """

    wall: Callable[[], float] = time.time
    speed: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.speed <= 1_000_000:
            raise ValueError(f"speed must be above 0 and at most 1,000,000, not {self.speed}")


@dataclass(frozen=True)
class Timeline:
    """A moment of simulated time, the wall's reading then, and the speed since."""

    simulated: float
    wall: float
    speed: float

    def at(self, wall: float) -> float:
        """Return the simulated time; a wall clock behind the line's start stops it there."""
        return self.simulated + max(0.0, wall - self.wall) * self.speed

    def continued(self, wall: float, speed: float) -> "Timeline":
        """Return the same line, walked on at another speed from now on."""
        return Timeline(self.at(wall), max(wall, self.wall), speed)


_YEAR_9999 = 253_370_764_800


def http_date(moment: float) -> str:
    """Return the `Date` header of a moment (RFC 9110)."""
    return formatdate(min(moment, _YEAR_9999), usegmt=True)
