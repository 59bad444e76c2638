"""Desired and observed -> a plan: frozen, ordered, serialisable; apply executes it as it is.

model       the data: actions, resources, the plan      reasons    why, for machines
make        the whole plan, put together and in order   remedies   commands that end a hold
case        what is known of one training               decide     the decision table
standing    a job that lives or has a model             claims     a claim without a job
endings     jobs that came to nothing                   gate       before each create
adoption    whether a job can stand for a training      failures   why a job failed
duplicates  what was made twice                         bills      what was billed
prune       what nothing needs any more                 guards     when none of it is deleted
calendar    the days that an endpoint has announced
recreation  the spec that asks for a job that exists
"""

from reconciler.plan.bills import Tariff
from reconciler.plan.case import Limits
from reconciler.plan.make import make_plan
from reconciler.plan.model import (
    Action,
    Cancel,
    Create,
    Delete,
    Duplicate,
    Notice,
    Orphan,
    Plan,
    Resource,
    Upload,
    Wait,
)
from reconciler.plan.reasons import DRIFTS, Reason

__all__ = [
    "DRIFTS",
    "Action",
    "Cancel",
    "Create",
    "Delete",
    "Duplicate",
    "Limits",
    "Notice",
    "Orphan",
    "Plan",
    "Reason",
    "Resource",
    "Tariff",
    "Upload",
    "Wait",
    "make_plan",
]
