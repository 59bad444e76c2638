"""Why a training came to nothing: a class that says whether anything but a change can help.

Codes and words: those that openai-facts names, seen in real answers. What nobody has named is
``UNKNOWN`` and, like all but ``TRANSIENT``, never tried again by itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import StrEnum

from reconciler.catalog import base_name
from reconciler.ownership import Mark
from reconciler.state import Job, JobError, JobStatus, Training

SentFile = tuple[str, str, str, str]
"""A base, a method, what a file was sent as, and its digest as marks have it."""


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
_FILES = ("training_file", "validation_file")
_HELD_OUT = re.compile(r"validation[ _]file", re.IGNORECASE)
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


def is_about_validation(error: JobError) -> bool:
    """Whether a failure is about the validation file, and not about the training file."""
    if error.param in _FILES:
        return error.param == "validation_file"
    return bool(_HELD_OUT.search(f"{error.code} {error.message}"))


def place_of(job: Job, training: Training) -> str:
    """`` at data/a.jsonl:100``: the line of the local file that the service speaks of; or empty.

    An example is a line, and the service counts both from one. It is asked only of files with the
    very bytes that were sent.
    """
    if job.error is None:
        return ""
    found = _PLACE.search(job.error.message)
    facts = training.validation if is_about_validation(job.error) else training.training
    if found is None or facts is None or not 1 <= int(found[1]) <= facts.examples:
        return ""
    return f" at {facts.path}:{int(found[1])}"


# ---- what was sent and was bad -------------------------------------------------------------------

_ROLES = ("training", "validation")


def failed_files(marks: Collection[tuple[Job, Mark]]) -> Mapping[SentFile, Job]:
    """Files that are bad by a job's word, and that no job was ever trained on -> that job."""
    bad = [(job, mark) for job, mark in marks if _is_bad_data(job)]
    if not bad:  # the usual case: no job's mark has to be read further
        return {}
    trained = [(job, mark) for job, mark in marks if job.status is JobStatus.SUCCEEDED]
    good = {_sent(job, mark, role) for job, mark in trained for role in _ROLES}
    failed = ((job, _sent(job, mark, _role(job))) for job, mark in bad)
    return {sent: job for job, sent in failed if sent not in good}


def known_bad(training: Training, failed: Mapping[SentFile, Job]) -> Job | None:
    """The job that failed on a file of this training, if one did."""
    base, method = base_name(training.model), training.method
    files = zip(_ROLES, (training.training, training.validation), strict=True)
    sent = ((base, method, role, f"sha256:{facts.sha256}") for role, facts in files if facts)
    return next((failed[each] for each in sent if each in failed), None)


def _is_bad_data(job: Job) -> bool:
    classes = (FailureClass.DATA, FailureClass.POLICY)
    return job.status is JobStatus.FAILED and class_of(job) in classes


def _role(job: Job) -> str:
    """Which of its files a job failed on."""
    return _ROLES[bool(job.error and is_about_validation(job.error))]


def _sent(job: Job, mark: Mark, role: str) -> SentFile:
    return (base_name(job.model), job.method, role, mark.digests.get(role, ""))
