"""Desired and observed -> a plan: frozen, ordered, serialisable; apply executes it as it is.

``model`` holds the data, ``decide`` the decision table for one training, ``duplicates`` what was
made twice, ``make`` the whole plan.
"""

from reconciler.plan.decide import Limits
from reconciler.plan.make import Tariff, make_plan
from reconciler.plan.model import (
    Action,
    Cancel,
    Create,
    Duplicate,
    Orphan,
    Plan,
    Reason,
    Resource,
    Upload,
    Wait,
)

__all__ = [
    "Action",
    "Cancel",
    "Create",
    "Duplicate",
    "Limits",
    "Orphan",
    "Plan",
    "Reason",
    "Resource",
    "Tariff",
    "Upload",
    "Wait",
    "make_plan",
]
