"""The decision table, row by row: each test is named after the law of its row."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.plan import Limits, Reason
from reconciler.plan.case import Case
from reconciler.plan.claims import (
    LONGEST_BACK_OFF,
    LONGEST_RETRY_AFTER,
    SECONDS_AFTER_429,
    SECONDS_NOT_SENT,
)
from reconciler.plan.decide import decide
from reconciler.state import (
    Closing,
    ClosingKind,
    Health,
    JobStatus,
    Right,
    Sync,
)
from tests.cases import PAUSED, TRAINING, axes, case, is_still, job, right
from tests.make import NOW, make_job, make_training

REFUSED, CREATED = ClosingKind.REFUSED, ClosingKind.CREATED
RETRY = Limits(retry=frozenset({TRAINING.name}))
ENDED = Closing(REFUSED, NOW - 3600, status=403, code="training_not_available", message="no more")
ALIVE = [status for status in JobStatus if not status.is_terminal and status not in PAUSED]


# ---- nothing was trained -------------------------------------------------------------------------


def test_what_was_never_trained_is_created() -> None:
    decision = decide(case())
    assert decision.create is Reason.NOT_TRAINED
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.MISSING, "NotTrained")
    assert case().next_attempt == 1


def test_a_changed_spec_is_created_for_that_reason() -> None:
    decision = decide(case(is_changed=True))
    assert decision.create is Reason.SPEC_CHANGED
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.MISSING, "SpecChanged")


# ---- jobs that stand -----------------------------------------------------------------------------


def test_a_model_that_answers_is_ready() -> None:
    decision = decide(case(job()))
    assert is_still(decision)
    assert axes(decision) == (Sync.IN_SYNC, Health.READY, "Ready")
    assert decision.job == job()


def test_a_revert_finds_the_earlier_model_and_trains_nothing() -> None:
    decision = decide(case(job(), is_changed=True))
    assert is_still(decision)
    assert axes(decision) == (Sync.IN_SYNC, Health.READY, "Ready")


@pytest.mark.parametrize("status", ALIVE)
def test_a_job_that_is_alive_is_waited_for(status: JobStatus) -> None:
    decision = decide(case(job(status)))
    assert is_still(decision)
    assert axes(decision) == (Sync.IN_SYNC, Health.PROGRESSING, "Training")


def test_a_status_that_we_do_not_know_counts_as_alive() -> None:
    assert JobStatus.UNKNOWN in ALIVE
    assert "unknown to us" in decide(case(job(JobStatus.UNKNOWN))).condition.message


@pytest.mark.parametrize("limits", [Limits(), RETRY])
def test_a_job_that_stands_is_not_trained_again_even_if_asked(limits: Limits) -> None:
    assert is_still(decide(case(job(), limits=limits)))
    assert is_still(decide(case(job(JobStatus.RUNNING), limits=limits)))


def test_a_claim_whose_job_is_to_be_seen_changes_nothing() -> None:
    seen = case(job(JobStatus.RUNNING), rights=(right(),))
    assert axes(decide(seen)) == (Sync.IN_SYNC, Health.PROGRESSING, "Training")


def test_a_job_that_failed_ends_the_doubt_of_its_attempt() -> None:
    failed = case(job(JobStatus.FAILED, error="invalid_training_file"), rights=(right(),))
    assert decide(failed).condition.reason == Reason.JOB_FAILED


# ---- duplicates ----------------------------------------------------------------------------------


def test_of_several_models_the_earliest_that_answers_is_used() -> None:
    first, second = job(number=1), job(number=2)
    assert decide(case(first, second)).job == first
    gone = case(first, second, models=frozenset({str(second.fine_tuned_model)}))
    assert decide(gone).job == second


def test_beside_a_model_a_live_job_of_ours_is_cancelled() -> None:
    decision = decide(case(job(number=1), job(JobStatus.RUNNING, number=2)))
    assert axes(decision) == (Sync.IN_SYNC, Health.READY, "Ready")
    assert [job.id for job in decision.cancel] == ["ftjob-2"]


def test_of_several_live_jobs_the_earliest_stays_and_the_later_are_cancelled() -> None:
    jobs = [job(JobStatus.RUNNING, number=n) for n in (1, 2, 3)]
    decision = decide(case(*jobs))
    assert decision.job == jobs[0]
    assert [job.id for job in decision.cancel] == ["ftjob-2", "ftjob-3"]


def test_jobs_of_one_second_are_ordered_by_id_so_that_all_runners_choose_alike() -> None:
    jobs = [job(JobStatus.QUEUED, number=n, created_at=NOW) for n in (2, 1)]
    ordered = sorted(jobs, key=lambda job: job.age_rank)
    assert [j.id for j in decide(case(*ordered)).cancel] == ["ftjob-2"]


@pytest.mark.parametrize("metadata", [{}, {"reconciler.key": TRAINING.key}])
def test_a_job_without_our_mark_is_never_cancelled(metadata: dict[str, str]) -> None:
    unmarked = job(JobStatus.RUNNING, number=2, metadata=metadata)
    assert decide(case(job(number=1), unmarked)).cancel == ()
    assert decide(case(job(JobStatus.RUNNING, number=1), unmarked)).cancel == ()


def test_an_adopted_job_that_bears_another_owner_s_mark_is_never_cancelled() -> None:
    adopted = job(JobStatus.RUNNING, number=2, owner="another")
    assert decide(case(job(number=1), adopted)).cancel == ()


# ---- drift ---------------------------------------------------------------------------------------


def test_a_model_that_was_deleted_is_drift_and_is_not_trained_again() -> None:
    decision = decide(case(job(), models=frozenset()))
    assert is_still(decision)
    assert axes(decision) == (Sync.DRIFTED, Health.MISSING, "ModelDeleted")
    assert "reconcile retry triage" in decision.condition.remedy


def test_a_job_that_was_cancelled_is_drift_and_is_not_created_again() -> None:
    decision = decide(case(job(JobStatus.CANCELLED)))
    assert is_still(decision)
    assert axes(decision) == (Sync.DRIFTED, Health.MISSING, "JobCancelled")


def test_after_a_deleted_model_was_trained_again_the_later_job_tells() -> None:
    later = job(JobStatus.FAILED, number=2, error="invalid_training_file")
    assert decide(case(job(), later, models=frozenset())).condition.reason == "JobFailed"


def test_a_duplicate_that_was_cancelled_does_not_hide_what_came_of_the_training() -> None:
    first = replace(job(JobStatus.FAILED, error="invalid_training_file"), finished_at=5_000_000_000)
    duplicate = job(JobStatus.CANCELLED, number=2)
    assert decide(case(first, duplicate)).condition.reason == "JobFailed"
    by_service = replace(job(JobStatus.FAILED, error="server_error"), finished_at=5_000_000_000)
    assert decide(case(by_service, duplicate)).create is Reason.RETRY_TRANSIENT


def test_a_later_attempt_that_a_person_cancelled_is_drift() -> None:
    first = replace(job(JobStatus.FAILED, error="server_error"), finished_at=1)
    decision = decide(case(first, job(JobStatus.CANCELLED, number=2, attempt=2)))
    assert is_still(decision)
    assert decision.condition.reason == "JobCancelled"


# ---- failures ------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["server_error", "internal_error"])
def test_a_failure_of_the_service_is_tried_once_more(code: str) -> None:
    failed = case(job(JobStatus.FAILED, error=code))
    assert decide(failed).create is Reason.RETRY_TRANSIENT
    assert failed.next_attempt == 2


def test_a_second_failure_of_the_service_is_held() -> None:
    jobs = [job(JobStatus.FAILED, number=n, attempt=n, error="server_error") for n in (1, 2)]
    decision = decide(case(*jobs))
    assert is_still(decision)
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.FAILED, "JobFailed")


@pytest.mark.parametrize("code", ["invalid_training_file", "invalid_n_examples", "moderation", ""])
def test_a_failure_of_the_data_is_never_sent_again(code: str) -> None:
    decision = decide(case(job(JobStatus.FAILED, error=code)))
    assert is_still(decision)
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.FAILED, "JobFailed")
    assert code in decision.condition.message


def test_a_cancelled_job_whose_error_is_the_service_s_is_no_transient_failure() -> None:
    decision = decide(case(job(JobStatus.CANCELLED, error="server_error")))
    assert decision.condition.reason == Reason.JOB_CANCELLED


@pytest.mark.parametrize(
    "held",
    [
        case(job(JobStatus.FAILED, error="invalid_training_file")),
        case(job(JobStatus.CANCELLED)),
        case(job(), models=frozenset()),
        case(rights=(right(REFUSED, status=400),)),
        case(rights=(right(REFUSED, status=403, code="training_not_available"),), ended=ENDED),
        case(rights=(right(REFUSED, status=429, at=NOW),)),
    ],
    ids=["failed", "cancelled", "deleted", "refused", "ended", "rate limited"],
)
def test_a_person_may_have_tried_again_what_is_held_or_has_drifted(held: Case) -> None:
    assert is_still(decide(held))
    assert decide(replace(held, limits=RETRY)).create is not None
    another = Limits(retry=frozenset({"another"}))
    assert is_still(decide(replace(held, limits=another)))


def test_a_retry_may_be_asked_under_any_name_that_uses_the_training() -> None:
    shared = replace(TRAINING, used_by=("a", "triage"))
    assert decide(case(job(JobStatus.CANCELLED), training=shared, limits=RETRY)).create


# ---- a claim without a job -----------------------------------------------------------------------


def in_doubt(ago: int, **limits: Any) -> Case:
    claimed = right()
    claim = replace(claimed.claim, at=NOW - ago)
    return case(rights=(Right(claim),), limits=Limits(**limits))


@pytest.mark.parametrize("ago", [0, 899])
def test_a_doubt_is_not_judged_before_its_window_is_over(ago: int) -> None:
    decision = decide(in_doubt(ago, doubt_budget=1000.0))
    assert is_still(decision)
    assert axes(decision) == (Sync.UNKNOWN, Health.HELD, "InDoubt")
    assert f"{900 - ago} s" in decision.condition.remedy


@pytest.mark.parametrize("ago", [900, 10**6])
def test_a_doubt_waits_for_a_person_after_its_window(ago: int) -> None:
    decision = decide(in_doubt(ago))
    assert is_still(decision)
    assert axes(decision) == (Sync.UNKNOWN, Health.HELD, "InDoubt")
    assert "reconcile settle triage" in decision.condition.remedy


@pytest.mark.parametrize(("budget", "opens"), [(0.29, False), (0.30, False), (0.31, True)])
def test_only_a_training_strictly_below_the_doubt_budget_opens_by_itself(
    budget: float, opens: bool
) -> None:
    decision = decide(in_doubt(900, doubt_budget=budget))
    assert decision.create is (Reason.DOUBT_SETTLED if opens else None)


def test_a_training_of_unknown_price_is_below_no_doubt_budget() -> None:
    assert is_still(
        decide(replace(in_doubt(900, doubt_budget=1000.0), training=make_training(model="gpt-9")))
    )


def test_a_retry_opens_no_doubt() -> None:
    assert is_still(decide(in_doubt(10**6, retry=RETRY.retry)))


def test_a_doubt_after_a_failed_job_is_a_doubt() -> None:
    failed = job(JobStatus.FAILED, error="server_error")
    decision = decide(case(failed, rights=(right(CREATED, job_id=failed.id), right(attempt=2))))
    assert decision.condition.reason == Reason.IN_DOUBT


def test_an_abandoned_attempt_opens_the_next() -> None:
    settled = case(rights=(right(ClosingKind.ABANDONED),))
    assert decide(settled).create is Reason.DOUBT_SETTLED
    assert settled.next_attempt == 2


@pytest.mark.parametrize("limits", [Limits(), RETRY, Limits(doubt_budget=1000.0)])
def test_a_job_that_the_endpoint_does_not_show_is_held(limits: Limits) -> None:
    decision = decide(case(rights=(right(CREATED, job_id="ftjob-9"),), limits=limits))
    assert is_still(decision)
    assert axes(decision) == (Sync.UNKNOWN, Health.HELD, "JobMissing")
    assert "ftjob-9" in decision.condition.message


# ---- a create that was turned away ---------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
def test_a_refusal_is_never_sent_again(status: int) -> None:
    decision = decide(case(rights=(right(REFUSED, status=status, message="no"),)))
    assert is_still(decision)
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.FAILED, "CreateRefused")


def test_the_end_of_training_fails_the_one_that_was_refused() -> None:
    refused = right(REFUSED, status=403, code="training_not_available", message="no more")
    decision = decide(case(rights=(refused,), ended=refused.closing))
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.FAILED, "TrainingEnded")


def test_the_end_of_training_holds_every_other_create_at_the_endpoint() -> None:
    decision = decide(case(ended=ENDED))
    assert is_still(decision)
    assert axes(decision) == (Sync.OUT_OF_SYNC, Health.HELD, "TrainingEnded")


def test_the_end_of_training_takes_no_model_away() -> None:
    assert decide(case(job(), ended=ENDED)).condition.health is Health.READY


@pytest.mark.parametrize(
    ("attempt", "delay"), [(1, 60), (2, 120), (3, 240), (7, 3600), (10**12, LONGEST_BACK_OFF)]
)
def test_the_back_off_of_a_429_doubles_up_to_an_hour(attempt: int, delay: int) -> None:
    turned = right(REFUSED, attempt, status=429, at=NOW - delay)
    assert decide(case(rights=(turned,))).create is Reason.RETRY_REFUSAL
    early = decide(case(rights=(turned,), now=NOW - 1))
    assert axes(early) == (Sync.OUT_OF_SYNC, Health.HELD, "BackingOff")
    assert "in 1 s" in early.condition.remedy
    assert SECONDS_AFTER_429 == 60


@pytest.mark.parametrize(("attempt", "delay"), [(1, 5), (2, 10), (4, 40)])
def test_the_back_off_without_a_connection_starts_lower(attempt: int, delay: int) -> None:
    unsent = right(ClosingKind.NOT_SENT, attempt, at=NOW - delay)
    assert decide(case(rights=(unsent,))).create is Reason.RETRY_REFUSAL
    assert is_still(decide(case(rights=(unsent,), now=NOW - 1)))
    assert SECONDS_NOT_SENT == 5


@pytest.mark.parametrize(
    ("asked", "delay"),
    [(None, 60), (0.5, 60), (61, 61), (600, 600), (float("inf"), LONGEST_RETRY_AFTER)],
)
def test_the_wait_that_the_service_asks_for_is_kept(asked: float | None, delay: int) -> None:
    turned = right(REFUSED, status=429, at=NOW - delay, retry_after=asked)
    assert decide(case(rights=(turned,))).create is Reason.RETRY_REFUSAL
    assert is_still(decide(case(rights=(turned,), now=NOW - 1)))


# ---- another owner's -----------------------------------------------------------------------------


CAME_TO_NOTHING = (JobStatus.FAILED, JobStatus.CANCELLED)
ANSWERING = frozenset(filter(None, [make_job(TRAINING, JobStatus.SUCCEEDED).fine_tuned_model]))


@pytest.mark.parametrize(
    "status", [status for status in JobStatus if status not in CAME_TO_NOTHING]
)
def test_another_owner_s_job_of_the_same_training_is_held(status: JobStatus) -> None:
    decision = decide(case(foreign=(job(status, owner="another"),), models=ANSWERING))
    assert is_still(decision)
    assert axes(decision) == (Sync.DRIFTED, Health.HELD, "ForeignJob")
    assert "another" in decision.condition.message


def test_our_own_job_goes_before_another_owner_s() -> None:
    both = case(job(JobStatus.RUNNING), foreign=(job(owner="another"),))
    assert decide(both).condition.health is Health.PROGRESSING


def test_a_retry_does_not_override_another_owner() -> None:
    foreign = (job(owner="another"),)
    assert is_still(decide(case(foreign=foreign, models=ANSWERING, limits=RETRY)))


@pytest.mark.parametrize("status", [*CAME_TO_NOTHING, JobStatus.SUCCEEDED])
def test_another_owner_s_job_that_is_no_model_and_never_will_be_holds_nothing(
    status: JobStatus,
) -> None:
    foreign = (job(status, owner="another"),)
    assert decide(case(foreign=foreign, models=frozenset())).create is Reason.NOT_TRAINED


# ---- attempts ------------------------------------------------------------------------------------


def test_the_next_attempt_is_one_more_than_any_job_or_claim_bears() -> None:
    assert case(job(attempt=3)).next_attempt == 4
    assert case(rights=(right(attempt=5),)).next_attempt == 6
    assert case(job(attempt=3), rights=(right(attempt=5),)).next_attempt == 6


def test_two_observers_find_the_same_next_attempt() -> None:
    jobs = [job(JobStatus.FAILED, number=n, attempt=n, error="server_error") for n in (1, 2)]
    rights = (right(CREATED, 1, job_id="ftjob-1"), right(CREATED, 2, job_id="ftjob-2"))
    with_ledger = case(*jobs, rights=rights, limits=RETRY)
    without = case(*jobs, limits=RETRY)
    assert with_ledger.next_attempt == without.next_attempt == 3


def test_a_job_whose_mark_was_dropped_is_known_by_the_ledger() -> None:
    dropped = job(JobStatus.FAILED, metadata={}, error="server_error")
    rights = (right(REFUSED, 1, status=429), right(CREATED, 2, job_id=dropped.id))
    decision = decide(case(dropped, rights=rights))
    assert decision.create is Reason.RETRY_TRANSIENT


# ---- a doubt without a person --------------------------------------------------------------------


def test_a_doubt_is_judged_without_a_person_at_most_once_a_key() -> None:
    cheap = Limits(doubt_window=1, doubt_budget=5.0)
    assert decide(case(rights=(right(),), limits=cheap)).create is Reason.DOUBT_SETTLED
    twice = decide(case(rights=(right(), right(attempt=2)), limits=cheap))
    assert is_still(twice)
    assert twice.condition.reason == "InDoubt"


def test_a_doubt_is_left_to_a_person_where_an_unmarked_job_may_be_the_one() -> None:
    cheap = Limits(doubt_window=1, doubt_budget=5.0)
    sent_at = right().claim.at
    for created, may in ((0, True), (sent_at - 3600, True), (sent_at, False), (NOW, False)):
        doubtful = case(rights=(right(),), limits=cheap, latest_unmarked=created)
        assert (decide(doubtful).create is Reason.DOUBT_SETTLED) is may


def test_another_owners_attempt_whose_job_is_there_is_no_doubt_of_ours() -> None:
    """Two Projects may share a ledger: the claim without a closing is theirs, and so is the job."""
    theirs = job(JobStatus.RUNNING, owner="another")
    decision = decide(case(foreign=(theirs,), rights=(right(),), now=NOW + 10_000))
    assert decision.condition.reason == Reason.FOREIGN_JOB
