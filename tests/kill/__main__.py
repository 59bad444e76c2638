"""Every kill point of every story: `make kill`, or `python -m tests.kill [WORD OF A STORY]`.

A line for each as it ends, and the number of points and failures in the last; 1 if any failed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.kill.pool import in_processes, say
from tests.kill.stories import STORIES
from tests.kill.trial import bench_for, trial_of


def main(word: str = "") -> int:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        told = [story for story in STORIES if word in story.name]
        benches = [bench_for(story, Path(folder, story.name)) for story in told]
        points = [(bench, point) for bench in benches for point in bench.points]
        verdicts = list(in_processes(trial_of, points))
    failures = [verdict for verdict in verdicts if verdict.wrong]
    for verdict in failures:
        say(f"FAILED {verdict}")
    minutes = (time.monotonic() - begun) / 60
    say(f"{len(verdicts)} kill points, {len(failures)} failures, {minutes:.0f} min")
    return 1 if failures or not verdicts else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
