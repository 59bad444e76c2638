"""The states and their times, without a server."""

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.sandbox import lifecycle
from reconciler.sandbox.lifecycle import (
    AN_AGE,
    PAUSING_SECONDS,
    TRANSITIONS,
    Course,
    Pause,
    Status,
    history,
    running_seconds,
    status_at,
    trained_at,
)

STUCK_IN = (Status.VALIDATING_FILES, Status.QUEUED, Status.RUNNING)
unpaused = st.builds(
    Course,
    created_at=st.floats(0, 1e9),
    size=st.integers(0, 10**9),
    trained_tokens=st.none() | st.integers(0, 10**9),
    is_valid=st.none() | st.booleans(),
    cancelled_at=st.none() | st.floats(1e9, 2e9),
    stuck_in=st.none() | st.sampled_from(STUCK_IN),
)


@st.composite
def paused(draw: st.DrawFn, stuck_in: Status | None = None) -> Course:
    """Jobs paused as the server pauses them: while they are queued or running, up to four times."""
    size, tokens = draw(st.integers(0, 10**9)), draw(st.integers(0, 10**9))
    course = Course(draw(st.floats(0, 1e9)), size, tokens, is_valid=True, stuck_in=stuck_in)
    for is_resumed in [*draw(st.lists(st.just(True), max_size=3)), draw(st.booleans())]:
        phases = history(course)
        earliest = max(course.checked_at, *(pause.resumed_at or 0 for pause in course.pauses), 0)
        share = draw(st.floats(0, 1, exclude_max=True))
        asked_at = earliest + (phases[-1].since - earliest) * share
        if not lifecycle.can_become(status_at(course, asked_at), Status.PAUSING):
            break
        resumed_at = asked_at + PAUSING_SECONDS + draw(st.floats(0, 1e6)) if is_resumed else None
        course = replace(course, pauses=(*course.pauses, Pause(asked_at, resumed_at)))
    return course


stuck = st.sampled_from(STUCK_IN).flatmap(paused)
courses = unpaused | paused() | stuck


@settings(deadline=None)
@given(courses)
def test_a_history_takes_only_the_ways_of_the_table(course: Course) -> None:
    statuses = [phase.status for phase in history(course)]
    if course.cancelled_at is not None and lifecycle.is_terminal(statuses[-2]):
        statuses.pop()  # the server cancels no job that has ended
    assert statuses[0] is Status.VALIDATING_FILES
    assert all(after in TRANSITIONS[before] for before, after in pairwise(statuses))


@settings(deadline=None)
@given(courses)
def test_phases_follow_each_other_in_time(course: Course) -> None:
    times = [phase.since for phase in history(course)]
    assert times == sorted(times)


@settings(deadline=None)
@given(unpaused, st.floats(0, 3e9), st.floats(0, 3e9))
def test_time_never_takes_a_job_back(course: Course, one: float, other: float) -> None:
    order = [phase.status for phase in history(course)]
    early, late = status_at(course, min(one, other)), status_at(course, max(one, other))
    assert order.index(early) <= order.index(late)


@given(paused())
def test_time_spent_paused_is_no_training(course: Course) -> None:
    """Whatever the pauses, a job that ends has run as long as its tokens take, and no longer."""
    phases = history(course)
    spans = [(phase, after.since - phase.since) for phase, after in pairwise(phases)]
    run = sum(span for phase, span in spans if phase.status is Status.RUNNING)
    whole = running_seconds(course.trained_tokens or 0)
    if phases[-1].status is Status.PAUSED:
        assert run <= whole + 1e-3
        assert trained_at(course, 1) == math.inf
    else:
        assert run == pytest.approx(whole, abs=1e-3)
        assert trained_at(course, 1) == phases[-1].since


@given(paused(), st.floats(0, 1))
def test_nothing_is_trained_while_a_job_is_not_running(course: Course, share: float) -> None:
    moment = trained_at(course, share)
    if moment < math.inf and 0 < share < 1:
        before = status_at(course, math.nextafter(moment, 0))
        assert Status.RUNNING in (status_at(course, moment), before)


@given(paused())
def test_a_resumed_job_is_where_it_was_when_it_was_paused(course: Course) -> None:
    statuses = [phase.status for phase in history(course)]
    for place, status in enumerate(statuses):
        if status is Status.PAUSED and statuses[place + 1 :]:
            assert statuses[place - 1] is Status.PAUSING
            assert statuses[place + 1] is statuses[place - 2]


@given(stuck)
def test_pauses_free_no_job_that_is_stuck(course: Course) -> None:
    """It is in its status for an age, however often it is held back, and ends only after that."""
    spans = [(phase, after.since - phase.since) for phase, after in pairwise(history(course))]
    in_status = sum(span for phase, span in spans if phase.status is course.stuck_in)
    has_ended = history(course)[-1].status is Status.SUCCEEDED
    assert has_ended == (course.pauses == () or course.pauses[-1].resumed_at is not None)
    assert in_status >= AN_AGE or not has_ended


def test_the_terminal_statuses_are_the_three_that_lead_nowhere() -> None:
    terminal = {status for status in Status if lifecycle.is_terminal(status)}
    assert terminal == {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED}


@pytest.mark.parametrize(
    ("moment", "status"),
    [
        (0, Status.VALIDATING_FILES),
        (3.9, Status.VALIDATING_FILES),
        (4, Status.QUEUED),
        (9.9, Status.QUEUED),
        (10, Status.RUNNING),
        (39.9, Status.RUNNING),
        (40, Status.SUCCEEDED),
    ],
)
def test_a_tiny_job_takes_forty_seconds(moment: float, status: Status) -> None:
    assert status_at(Course(0, 0, trained_tokens=0, is_valid=True), moment) is status


def test_larger_files_and_trainings_take_longer() -> None:
    small = history(Course(0, 1_000, trained_tokens=1_000, is_valid=True))
    large = history(Course(0, 10_000_000, trained_tokens=1_000_000, is_valid=True))
    assert small[1].since == pytest.approx(4.001)
    assert large[1].since == pytest.approx(14)
    assert small[-1].since - small[-2].since == pytest.approx(30.05)
    assert large[-1].since - large[-2].since == pytest.approx(80)
