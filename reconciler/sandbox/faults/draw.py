"""Which faults of a plan strike which call: chance and counting, nothing else."""

import random
import threading
from collections import Counter
from dataclasses import dataclass

from reconciler.sandbox.faults.kinds import Fault
from reconciler.sandbox.faults.operations import Operation
from reconciler.sandbox.faults.plan import FaultPlan


@dataclass(frozen=True)
class Strike:
    """How often a fault struck an operation.

    Attributes:
        fault: Its place in the plan, from 0.
        what: Its kind.
        on: The operation.
        times: How many calls.
    """

    fault: int
    what: str
    on: Operation
    times: int


class Faults:
    """A plan in force; several threads may draw.

    Args:
        plan: What may happen.
        since: The simulated time from which `after` and `until` are counted.
    """

    def __init__(self, plan: FaultPlan, since: float = 0.0) -> None:
        self.plan = plan
        self._since = since
        self._chance = random.Random(plan.seed)  # noqa: S311 - the same seed, the same faults
        self._lock = threading.Lock()
        self._met = Counter[int]()
        self._struck = Counter[tuple[int, Operation]]()

    def draw(self, operation: Operation, now: float) -> tuple[Fault, ...]:
        """Return the faults that strike the next call of an operation, at a simulated time."""
        with self._lock:
            return tuple(
                fault
                for number, fault in enumerate(self.plan.faults)
                if fault.may_strike(operation)
                and self._is_time(fault, now)
                and self._strikes(number, fault, operation)
            )

    def _is_time(self, fault: Fault, now: float) -> bool:
        passed = now - self._since
        return fault.after <= passed and (fault.until is None or passed < fault.until)

    def _strikes(self, number: int, fault: Fault, operation: Operation) -> bool:
        self._met[number] += 1
        if self._met[number] <= fault.skip or self._is_spent(number, fault):
            return False
        if self._chance.random() >= fault.chance:
            return False
        self._struck[number, operation] += 1
        return True

    def _is_spent(self, number: int, fault: Fault) -> bool:
        struck = sum(times for (place, _), times in self._struck.items() if place == number)
        return fault.times is not None and struck >= fault.times

    def struck(self) -> list[Strike]:
        """Return what has struck so far, in the plan's order."""
        with self._lock:
            counted = sorted(self._struck.items())
        return [
            Strike(number, self.plan.faults[number].what, operation, times)
            for (number, operation), times in counted
        ]
