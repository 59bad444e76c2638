"""Simulated time: sped up, kept, never turned back."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.sandbox.clock import Clock, Timeline, http_date
from reconciler.sandbox.store import Store

moments = st.floats(0, 4e9)
speeds = st.floats(0.01, 1e4)


@settings(deadline=None)
@given(st.lists(st.tuples(moments, speeds), min_size=2, max_size=8))
def test_no_restart_turns_time_back(
    restarts: list[tuple[float, float]],
) -> None:
    line = Timeline(1e9, restarts[0][0], 1.0)
    last = line.simulated
    for wall, speed in restarts:
        line = line.continued(wall, speed)
        assert line.simulated >= last
        last = line.simulated


def test_time_goes_on_at_the_speed_of_the_last_to_open(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.start(Clock(lambda: 1_000.0, 60))
    assert store.simulated_time(1_010) == 1_000 + 600
    again = Store(tmp_path)
    again.start(Clock(lambda: 1_010.0, 2))
    assert again.simulated_time(1_015) == 1_600 + 10
    assert store.simulated_time(1_015) == again.simulated_time(1_015)
    store.close()
    again.close()


@pytest.mark.parametrize("speed", [0, -1, 2_000_000, float("nan")])
def test_a_speed_that_isnt_one_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="speed must be above 0"):
        Clock(speed=speed)


def test_dates_are_those_of_http_and_end_with_the_year_9999() -> None:
    assert http_date(784_111_777) == "Sun, 06 Nov 1994 08:49:37 GMT"
    assert http_date(1e15).endswith("9999 00:00:00 GMT")
