"""A short `make race`."""

from __future__ import annotations

from pathlib import Path

from tests.kill.race import run_round
from tests.kill.stories import PAIR


def test_two_runners_at_an_endpoint_that_fails_leave_one_job_a_spec(tmp_path: Path) -> None:
    PAIR.write(tmp_path / "project")
    done = run_round(tmp_path, seed=1)
    assert done.strikes
    assert not done.wrong, done
