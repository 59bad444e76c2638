"""After a claim without a job: it is in doubt, was refused, never left, or was given up."""

from __future__ import annotations

from math import ceil
from typing import assert_never

from reconciler.plan.case import CLOCK_SKEW, Case, Decision, held
from reconciler.plan.gate import create
from reconciler.plan.reasons import Reason
from reconciler.state import Claim, Closing, ClosingKind, Health, Right

TRAINING_NOT_AVAILABLE = "training_not_available"
ABOUT_THE_KEY = frozenset({401, 403})
"""Refusals of who asks, not of what is asked for: the next create would be refused as well."""
SECONDS_AFTER_429, SECONDS_NOT_SENT, LONGEST_BACK_OFF = 60, 5, 3600
LONGEST_RETRY_AFTER = 86_400


def after_claim(case: Case, right: Right) -> Decision:
    """What follows from the latest claim, of which no job is to be seen."""
    closing = right.closing
    if closing is None:
        return _in_doubt(case, right.claim)
    match closing.kind:
        case ClosingKind.CREATED:
            return _job_missing(case, closing)
        case ClosingKind.REFUSED:
            return _refused(case, right.claim, closing)
        case ClosingKind.NOT_SENT:
            seconds, why = SECONDS_NOT_SENT, "no connection could be made"
            return _back_off(case, right.claim, closing, seconds, why)
        case ClosingKind.ABANDONED:
            return create(case, Reason.DOUBT_SETTLED, "the attempt in doubt was abandoned")
        case _:
            assert_never(closing.kind)


def _in_doubt(case: Case, claim: Claim) -> Decision:
    left = claim.at + case.limits.doubt_window - case.now
    if left > 0:
        return held(
            Reason.IN_DOUBT,
            f"attempt {claim.attempt} was sent and has not been seen yet: a runner is at it, or "
            "its reply was lost",
            f"nothing; a pass looks again, and can judge it in {left} s",
            since=claim.at,
        )
    if _may_judge(case, claim):
        return create(case, Reason.DOUBT_SETTLED, "no job came of the last attempt")
    return held(
        Reason.IN_DOUBT,
        f"attempt {claim.attempt} was sent {case.now - claim.at} s ago and no job came of it, as "
        "far as the endpoint shows",
        f"look in the dashboard, then: {case.command('settle', '--adopt', 'JOB')}, or: "
        f"{case.command('settle', '--abandon')}",
        since=claim.at,
    )


def _may_judge(case: Case, claim: Claim) -> bool:
    """Whether a doubt may be taken for "nothing came of it" without a person."""
    usd = case.usd
    is_cheap = usd is not None and usd < case.limits.doubt_budget
    doubts = sum(right.closing is None for right in case.rights)
    may_be_unmarked = case.latest_unmarked >= claim.at - CLOCK_SKEW
    return is_cheap and doubts == 1 and not may_be_unmarked


def _job_missing(case: Case, closing: Closing) -> Decision:
    return held(
        Reason.JOB_MISSING,
        f"{closing.job_id} was created for it, and this endpoint doesn't show it",
        "check that the key, the organisation and the project are the right ones; if the job is "
        f"gone for good: {case.command('settle', '--abandon')}",
        since=closing.at,
    )


# ---- refused -------------------------------------------------------------------------------------


def _refused(case: Case, claim: Claim, closing: Closing) -> Decision:
    if closing.status == 429:
        return _back_off(case, claim, closing, SECONDS_AFTER_429, f"429 {closing.message}")
    if case.is_retry:
        return create(case, Reason.RETRY_ASKED, "a person asked to try again")
    is_end = closing.code == TRAINING_NOT_AVAILABLE
    return held(
        Reason.TRAINING_ENDED if is_end else Reason.CREATE_REFUSED,
        f"the endpoint refused ({closing.status} {closing.code}): {closing.message}",
        f"{_way_out(closing)}: {case.command('retry')}",
        health=Health.FAILED,
        since=closing.at,
    )


def _way_out(closing: Closing) -> str:
    """What is to be done before a create that was refused can be sent again."""
    if closing.code == TRAINING_NOT_AVAILABLE:
        return "if that has changed"
    if closing.status in ABOUT_THE_KEY:
        return "this is about the key, not the spec: give one that may train, then"
    return "change the spec or its data, or"


def _back_off(case: Case, claim: Claim, closing: Closing, seconds: int, why: str) -> Decision:
    doublings = min(claim.attempt - 1, LONGEST_BACK_OFF.bit_length())
    delay = min(LONGEST_BACK_OFF, seconds * 2**doublings)
    opens = closing.at + max(delay, min(LONGEST_RETRY_AFTER, closing.retry_after or 0))
    if case.now >= opens or case.is_retry:
        return create(case, Reason.RETRY_REFUSAL, f"the last attempt was turned away: {why}")
    left = ceil(opens - case.now)
    remedy = f"nothing; the next attempt opens in {left} s, or now: {case.command('retry')}"
    return held(Reason.BACKING_OFF, why, remedy, since=closing.at)
