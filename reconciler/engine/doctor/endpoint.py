"""Checks of the endpoint: what is sent to it, and what it can do. None of them writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.dataset.facts import DatasetFacts
from reconciler.engine.doctor.scene import Line, Scene, Verdict
from reconciler.errors import LedgerError, SettingsError
from reconciler.ownership import read_mark
from reconciler.providers.protocol import Connection
from reconciler.providers.uploads import OPENAI_LIMITS
from reconciler.report.doctor import Status
from reconciler.report.plain import counted, listed, size
from reconciler.state import LAST, ClosingKind, Job

LOOKED_UP = 3
"""Jobs that only the ledger names, the latest ones, that are looked at one by one."""
MOST_OFFSET = 60.0
"""Seconds that our clock may be off: certificates have dates, and logs have times."""
_SINGLE = size(OPENAI_LIMITS.single)


def reached(connection: Connection, owner: str) -> Line:
    """The endpoint, if it answers to our key. Raises SettingsError, ProviderError."""
    return Line(connection, tuple(connection.reader.jobs(owner)))


def key(scene: Scene) -> Verdict:
    """That the key is taken: a read was answered."""
    jobs = f"{counted(len(scene.jobs), 'job')} of ours there"
    if scene.endpoint.is_embedded:
        return Verdict(Status.OK, f"none is needed; {jobs}")
    return Verdict(Status.OK, f"accepted; {jobs}")


def organisation(scene: Scene, line: Line) -> Verdict:
    """What is sent beside the key, and that the endpoint answers to both."""
    sent = {"organization": scene.endpoint.organization, "project": scene.endpoint.project}
    told = " and ".join(f"{name} {value}" for name, value in sent.items() if value)
    models = f"{counted(len(line.models), 'model')} listed"
    return Verdict(Status.OK, f"{told or 'none sent: the key has its own'}; {models}")


# ---- metadata ------------------------------------------------------------------------------------


def metadata(scene: Scene, line: Line) -> Verdict:
    """Whether jobs keep our mark, by the jobs there are: nothing is created to find out."""
    looked_up = tuple(_looked_up(scene, line))
    bare = [job.id for job in looked_up if read_mark(job) is None]
    kept = len(line.jobs) + len(looked_up) - len(bare)
    if bare:
        found = f"without our mark: {listed(bare)}, ours by the ledger"
        return Verdict(
            Status.WARN,
            f"{found}; {counted(kept, 'job')} with it",
            "if nobody bound these jobs by hand, metadata gets lost on the way: ask who runs the "
            "endpoint to keep it, and keep the ledger, which alone knows these jobs",
        )
    if kept:
        return Verdict(Status.OK, f"kept: {counted(kept, 'job')} with our mark")
    return Verdict(Status.NOTE, "not known yet: no job of ours is there")


def _looked_up(scene: Scene, line: Line) -> Iterator[Job]:
    """The latest jobs that the ledger names and no list of ours shows, as far as they are there."""
    shown = {job.id for job in line.jobs}
    names = [name for name in _named(scene) if name not in shown]
    for name in names[-LOOKED_UP:]:
        if job := line.connection.reader.job(name):
            yield job


def _named(scene: Scene) -> Iterator[str]:
    try:
        rights = sorted(scene.book.rights, key=lambda right: right.claim.at)
    except (LedgerError, SettingsError):  # the ledger's own check tells that
        return
    for right in rights:
        is_ours = right.claim.owner == scene.project.metadata.name
        if is_ours and right.closing and right.closing.kind is ClosingKind.CREATED:
            yield right.closing.job_id


# ---- what it can do ------------------------------------------------------------------------------


def owner_filter(_scene: Scene, line: Line) -> Verdict:
    """Whether jobs can be listed by owner."""
    match line.connection.probe.honours_filter():
        case True:
            return Verdict(Status.OK, "honoured: a pass reads the jobs of its owner alone")
        case False:
            return Verdict(Status.NOTE, "not honoured: each pass reads every job, and picks ours")
        case None:
            return Verdict(Status.NOTE, "not known yet: no job is there")


def uploads(scene: Scene, line: Line) -> Verdict:
    """Whether files can be sent in parts."""
    match line.connection.probe.takes_parts():
        case True:
            return Verdict(Status.OK, f"in one request, and above {_SINGLE} in parts")
        case False:
            datasets = [facts for training in scene.disk.trainings for facts in training.datasets]
            return without_parts(datasets, scene.command("doctor"))
        case None:
            return Verdict(Status.NOTE, "it can't be told whether files are taken in parts")


def without_parts(datasets: Iterable[DatasetFacts], again: str) -> Verdict:
    """What it means that no parts are taken. ``again``: the command that looks again."""
    if large := [facts.path for facts in datasets if facts.bytes > OPENAI_LIMITS.single]:
        return Verdict(
            Status.FAIL,
            f"no parts are taken, and {listed(large)} is above {_SINGLE}",
            f"make it smaller, or name another endpoint; then: {again}",
        )
    return Verdict(Status.NOTE, f"no parts are taken: only files up to {_SINGLE} can be sent")


def files(scene: Scene, line: Line) -> Verdict:
    """Whether uploaded files are listed: every pass asks."""
    match line.connection.probe.lists_files():
        case True:
            return Verdict(Status.OK, "listed")
        case False:
            return Verdict(
                Status.FAIL,
                "not listed, and every pass reads that list",
                "name another endpoint, or ask who runs this one to serve GET /files; then: "
                f"{scene.command('doctor')}",
            )
        case None:
            next(iter(line.connection.reader.files()), None)  # its error says why
            return Verdict(Status.OK, "listed")


def checkpoints(scene: Scene, line: Line) -> Verdict:
    """Whether the models that a job has kept on its way are shown."""
    parents = [(t.name, t.parent) for t in scene.disk.trainings if t.parent]
    needy = [name for name, parent in parents if parent.checkpoint != LAST]
    match line.connection.probe.shows_checkpoints():
        case True:
            return Verdict(Status.OK, "shown")
        case None:
            return Verdict(Status.NOTE, "not known yet: no job is there, or it can't be told")
        case False:
            pass
    if needy:
        return Verdict(
            Status.FAIL,
            f"not shown, and {listed(needy)} starts from one",
            "write checkpoint: last, or none; then: reconcile validate",
        )
    return Verdict(Status.NOTE, "not shown: no spec can start from one")


def clock(scene: Scene, line: Line) -> Verdict:
    """How far this machine's clock is from the endpoint's."""
    offset = line.connection.probe.clock_offset()
    if scene.endpoint.is_embedded:
        return Verdict(Status.OK, "the sandbox keeps its own time")
    if offset is None:
        return Verdict(Status.NOTE, "the endpoint tells no time")
    if abs(offset) <= MOST_OFFSET:
        return Verdict(Status.OK, f"within {MOST_OFFSET:.0f} s of the endpoint's")
    side = "behind" if offset > 0 else "ahead of"
    return Verdict(
        Status.WARN,
        f"{abs(offset):,.0f} s {side} the endpoint's",
        "set this machine's clock, by NTP for instance: certificates have dates; what a pass "
        "decides goes by the endpoint's",
    )
