"""The most dangerous points of `make kill`: around the create."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kill.moments import Moment, Point
from tests.kill.stories import DPO
from tests.kill.trial import plain_bench

CREATE = 6
"""The number of the create among the requests of this story: `make kill` finds it by itself."""


@pytest.mark.parametrize("moment", [Moment.BEFORE_CONNECT, Moment.AFTER_COMMIT])
def test_a_runner_killed_in_its_create_leaves_one_job_in_the_end(
    tmp_path: Path, moment: Moment
) -> None:
    point = Point(CREATE, moment, "POST /v1/fine_tuning/jobs")
    verdict = plain_bench(DPO, tmp_path).trial(point)
    assert not verdict.wrong, verdict
