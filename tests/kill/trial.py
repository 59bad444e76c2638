"""One killed run, the time that passes, one undisturbed run; then all must be as it should be."""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import Popen

from tests.kill.endpoint import Endpoint, fresh_endpoint
from tests.kill.judge import Held, held_by, left, lost, needed_by, too_many, unfinished
from tests.kill.moments import Moment, Point, points_of
from tests.kill.proxy import Proxy, proxy_to
from tests.kill.runners import Ground, complaint, ended
from tests.kill.stories import A_DAY, AFTER_THE_WINDOW, CHECK, INSTALLED, Story, commit

IN_THE_RUNNER = {Moment.BEFORE_CONNECT: "connect", Moment.BEFORE_WRITE: "ledger"}
TRIES = 5
"""Of two runners neither may come to the point, where one used what the other had just done."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong after a trial, in words: nothing if it was as it should be."""

    story: str
    point: Point
    wrong: tuple[str, ...]
    was_reached: bool
    seconds: float

    def __str__(self) -> str:
        told = "; ".join(self.wrong) or "ok"
        return f"{self.story}, {self.point}: {told} ({self.seconds:.1f} s)"


@dataclass(frozen=True)
class Bench:
    """A story's project in a folder, to be told in copies of it, and where it can be killed in.

    ``needed``: of a story that deletes, the models and files that are to be there in the end.
    """

    story: Story
    folder: Path
    points: tuple[Point, ...] = ()
    needed: frozenset[str] = frozenset()

    def trial(self, point: Point) -> Verdict:
        """Kill a runner at a point; again if none came to it, and several could have."""
        for _ in range(TRIES - 1 if self.story.runners > 1 else 0):
            verdict = self._trial(point)
            if verdict.was_reached:
                return verdict
        return self._trial(point)

    def _trial(self, point: Point) -> Verdict:
        begun = time.monotonic()
        with stage_of(self) as stage:
            codes = stage.killed(point)
            wrong = list(self._lost(stage))
            wrong += stage.undisturbed()
            held = held_by(stage.endpoint)
            killed_in = str(stage.proxy.killed_in or point.of)
        was_reached = codes.count(-signal.SIGKILL) == 1
        if not was_reached:
            wrong.append(f"not one runner was killed: they ended with {codes}")
        if killed_in != point.of and self.story.runners == 1:
            wrong.append(f"it was killed in {killed_in}")
        wrong += self._judged(held)
        seconds = time.monotonic() - begun
        return Verdict(self.story.name, point, tuple(wrong), was_reached, seconds)

    def _lost(self, stage: Stage) -> Iterator[str]:
        if self.needed:
            yield from lost(held_by(stage.endpoint), self.needed)

    def _judged(self, held: Held) -> Iterator[str]:
        if self.needed:
            yield from lost(held, self.needed)
            yield from left(held, self.needed)
            return
        yield from too_many(held, self.story.specs)
        yield from unfinished(held, self.story.specs)
        if held.orphans:
            yield f"no job uses the files {held.orphans}"


def trial_of(given: tuple[Bench, Point]) -> Verdict:
    """A trial as another process is asked for it."""
    bench, point = given
    return bench.trial(point)


def bench_for(story: Story, folder: Path) -> Bench:
    """Tell a story twice undisturbed: what its runners do is where they can be killed."""
    bench = plain_bench(story, folder)
    told = [_told(bench) for _ in range(2)]
    shown = [sorted(map(str, points)) for points in told]
    assert shown[0] == shown[1], "the story is another each time"
    return replace(bench, points=told[0])


def plain_bench(story: Story, folder: Path) -> Bench:
    """A story whose points are known."""
    bench = Bench(story, folder)
    story.write(folder / "project")
    return replace(bench, needed=_prepared(bench)) if story.earlier else bench


def _prepared(bench: Bench) -> frozenset[str]:
    """Apply what the project was before, in a sandbox that each trial then has a copy of."""
    root = bench.folder / "project"
    with fresh_endpoint(bench.folder / "sandbox") as endpoint:
        ground = Ground(root, endpoint.base_url, bench.folder / "cache")
        for files in bench.story.earlier:
            commit(root, files)
            assert not list(complaint(ground, *INSTALLED))
            endpoint.advance(AFTER_THE_WINDOW)
        assert not list(complaint(ground, *CHECK))
        commit(root, bench.story.files)
        endpoint.advance(A_DAY)
        return needed_by(bench.story.names, held_by(endpoint))


def _told(bench: Bench) -> tuple[Point, ...]:
    """The points of a story, seen from one runner alone."""
    with stage_of(bench) as stage:
        log = stage.ground.root.parent / "events"
        end = ended(stage.start("sk-0", DIE_LOG=str(log)))
        assert end.code == 0, end.said
        requests = list(stage.proxy.seen)
        wrong = list(stage.undisturbed())
        assert not wrong, wrong
        events = log.read_text().split()
    assert events.count("connect") == len(requests)
    return tuple(points_of(requests, events.count("ledger")))


@contextmanager
def stage_of(bench: Bench) -> Iterator[Stage]:
    """A copy of the project, a fresh sandbox, and a proxy between the two."""
    with tempfile.TemporaryDirectory(dir=bench.folder) as own:
        root = Path(own, "project")
        shutil.copytree(bench.folder / "project", root)
        if bench.story.earlier:
            shutil.copytree(bench.folder / "sandbox", Path(own, "sandbox"))
        with (
            fresh_endpoint(Path(own, "sandbox")) as endpoint,
            proxy_to(endpoint.base_url) as proxy,
        ):
            ground = Ground(root, proxy.base_url, bench.folder / "cache")
            yield Stage(bench.story, ground, endpoint, proxy)


@dataclass(frozen=True)
class Stage:
    """Everything that a trial has of its own."""

    story: Story
    ground: Ground
    endpoint: Endpoint
    proxy: Proxy

    def killed(self, point: Point) -> list[int]:
        """Start the runners, one of which dies at the point; how they ended."""
        kind = IN_THE_RUNNER.get(point.moment)
        dying = {"DIE_BEFORE": f"{kind} {point.number}"} if kind else {}
        count = self.story.runners
        self.proxy.point = None if kind else point
        self.proxy.gather(count)
        started = [self.start(f"sk-{number}", **dying) for number in range(count)]
        codes = [ended(runner).code for runner in started]
        self.proxy.point = None
        self.proxy.disperse()
        return codes

    def start(self, key: str, **environment: str) -> Popen[str]:
        """Start a runner, known to the proxy by its key."""
        dying = {
            "DIE_PORT": str(self.proxy.port),
            "DIE_ONCE": str(self.ground.root.parent / "died"),
        }
        runner = self.ground.start(*self.story.command, key=key, **dying, **environment)
        self.proxy.runners[key] = runner
        return runner

    def undisturbed(self) -> Iterator[str]:
        """Let the window pass, run once more, let the training end: what is wrong then."""
        self.endpoint.advance(AFTER_THE_WINDOW)
        yield from complaint(self.ground, *self.story.command)
        self.endpoint.advance(AFTER_THE_WINDOW)
        yield from complaint(self.ground, *CHECK)
