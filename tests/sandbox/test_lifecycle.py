"""The states and their times, without a server."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.sandbox import lifecycle
from reconciler.sandbox.lifecycle import TRANSITIONS, Course, Status, history, status_at

courses = st.builds(
    Course,
    created_at=st.floats(0, 1e9),
    size=st.integers(0, 10**9),
    trained_tokens=st.none() | st.integers(0, 10**9),
    is_valid=st.none() | st.booleans(),
    cancelled_at=st.none() | st.floats(1e9, 2e9),
)


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
@given(courses, st.floats(0, 3e9), st.floats(0, 3e9))
def test_time_never_takes_a_job_back(course: Course, one: float, other: float) -> None:
    order = [phase.status for phase in history(course)]
    early, late = status_at(course, min(one, other)), status_at(course, max(one, other))
    assert order.index(early) <= order.index(late)


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
