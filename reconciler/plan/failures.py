"""Why a training came to nothing: a class that says whether anything but a change can help.

Codes and words: those that openai-facts names, seen in real answers. What nobody has named is
``UNKNOWN`` and, like all but ``TRANSIENT``, never tried again by itself.
"""

from __future__ import annotations

import re
from enum import StrEnum

from reconciler.dataset.facts import DatasetFacts
from reconciler.state import Job, JobStatus


class FailureClass(StrEnum):
    """Who can do something about a failure."""

    DATA = "data"  # the files: change them
    POLICY = "policy"  # what the files say is not allowed: change them
    QUOTA = "quota"  # the account: pay, or wait
    TRANSIENT = "transient"  # the service: try again
    UNKNOWN = "unknown"


_TRANSIENT = frozenset({"server_error", "internal_error", "internal_server_error"})
_QUOTA = frozenset(
    {
        "insufficient_quota",
        "exceeded_quota",
        "billing_hard_limit_reached",
        "billing_not_active",
        "daily_limit_exceeded",
        "rate_limit_exceeded",
    }
)
_DATA = re.compile(r"invalid_(n_examples|.*file.*)|.*(file_too_large|token_limit|format).*")
_POLICY = re.compile(r"flagged|moderation|usage polic|safety|unsafe|blocked", re.IGNORECASE)
_DATA_WORDS = re.compile(r"\b(example|line) \d+\b|\bjsonl?\b|-format, ", re.IGNORECASE)
_PLACE = re.compile(r"\b(?:example|line) (\d+)\b", re.IGNORECASE)


def classify(code: str, message: str) -> FailureClass:
    """The class of a failure by the service's code and words; the words of a policy go first."""
    if code in _TRANSIENT:
        return FailureClass.TRANSIENT
    if code in _QUOTA:
        return FailureClass.QUOTA
    if _POLICY.search(message) or _POLICY.search(code):
        return FailureClass.POLICY
    if _DATA.fullmatch(code) or _DATA_WORDS.search(message):
        return FailureClass.DATA
    return FailureClass.UNKNOWN


def class_of(job: Job) -> FailureClass:
    """The class of a job's failure."""
    return classify(job.error.code, job.error.message) if job.error else FailureClass.UNKNOWN


def is_transient(job: Job) -> bool:
    """Whether a job failed by the service's fault."""
    return job.status is JobStatus.FAILED and class_of(job) is FailureClass.TRANSIENT


def local_line(
    message: str, param: str, training: DatasetFacts, held_out: DatasetFacts | None
) -> str:
    """``data/a.jsonl:100``: the line of the local file that the service speaks of; empty if none.

    An example is a line, and the service counts both from one. It is asked only of files with the
    very bytes that were sent.
    """
    found = _PLACE.search(message)
    is_held_out = "validation" in f"{param} {message}".lower()
    facts = held_out if is_held_out and held_out else training
    if found is None or not 1 <= int(found[1]) <= facts.examples:
        return ""
    return f"{facts.path}:{int(found[1])}"
