"""Faults that the sandbox shows on demand, in the meaning of HTTP and of the API.

    operations   what can be struck        kinds   the faults, and what each one has to say
    plan         a plan, read and checked  draw    which of them strike a call

Pure: a plan and a seed decide what strikes; what a fault then does is in `sandbox/exchange.py`.
"""

from reconciler.sandbox.faults.draw import Faults, Strike
from reconciler.sandbox.faults.kinds import Fault
from reconciler.sandbox.faults.operations import Operation
from reconciler.sandbox.faults.plan import (
    FAULTS,
    FaultPlan,
    WrongPlan,
    load_plan,
    parse_plan,
    read_plan,
)

__all__ = [
    "FAULTS",
    "Fault",
    "FaultPlan",
    "Faults",
    "Operation",
    "Strike",
    "WrongPlan",
    "load_plan",
    "parse_plan",
    "read_plan",
]
