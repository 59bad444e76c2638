"""The most dangerous points of `make kill`: around the create."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kill.judge import held_by
from tests.kill.moments import Moment, Point
from tests.kill.stories import DPO, TWO_RUNNERS
from tests.kill.trial import plain_bench, stage_of

CREATE = 8
"""The number of the create among the requests of this story: `make kill` finds it by itself."""


@pytest.mark.parametrize("moment", [Moment.BEFORE_CONNECT, Moment.AFTER_COMMIT])
def test_a_runner_killed_in_its_create_leaves_one_job_in_the_end(
    tmp_path: Path, moment: Moment
) -> None:
    point = Point(CREATE, moment, "POST /v1/fine_tuning/jobs")
    verdict = plain_bench(DPO, tmp_path).trial(point)
    assert not verdict.wrong, verdict


def test_two_runners_that_have_looked_at_the_same_time_upload_each_file_once(
    tmp_path: Path,
) -> None:
    nobody_comes_so_far = Point(99, Moment.AFTER_REPLY)
    with stage_of(plain_bench(TWO_RUNNERS, tmp_path)) as stage:
        codes = stage.killed(nobody_comes_so_far)
        held = held_by(stage.endpoint)
    assert 0 in codes
    assert len(held.files) == 2
    assert held.orphans == []
