"""Every check in its order. All are made; of what can't be asked it is said why.

    settings, key   which endpoint is meant, and whether it answers to our key
    ASKED           what that endpoint can do: asked if it answers
    DECLARED        what is declared, against catalog, days and ledger: if the endpoint is known
    HERE            what is here in any case

A check is a function that comes to a Verdict; its name is its key in these tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial

from reconciler.engine.doctor import dates, endpoint, machine, project
from reconciler.engine.doctor.scene import Disk, Host, Line, Scene, Verdict, read_disk, verdict_on
from reconciler.engine.passes import Request, World
from reconciler.errors import ReconcileError
from reconciler.report.doctor import Check, Status

ASKED: Mapping[str, Callable[[Scene, Line], Verdict]] = {
    "organisation": endpoint.organisation,
    "metadata": endpoint.metadata,
    "owner filter": endpoint.owner_filter,
    "uploads": endpoint.uploads,
    "files": endpoint.files,
    "checkpoints": endpoint.checkpoints,
    "shutdown dates": lambda scene, line: dates.shutdown_dates(scene.days_told(line)),
    "clock": endpoint.clock,
}

DECLARED: Mapping[str, Callable[[Scene], Verdict]] = {
    "calendar": lambda scene: dates.calendar(scene.days),
    "bases": lambda scene: dates.bases(
        scene.days, scene.disk.bases, scene.project.spec.policy.min_useful_days
    ),
    "catalog": lambda scene: dates.catalog_age(
        scene.days.catalog, scene.disk.bases, scene.days.today
    ),
    "prices": lambda scene: dates.prices(
        scene.days.catalog, scene.disk.bases, scene.project.spec.prices
    ),
    "owner": project.owner,
    "budget": project.budget,
    "ledger": machine.ledger,
}

HERE: Mapping[str, Callable[[Disk, World], Verdict]] = {
    "specs": lambda disk, _world: project.specs(disk),
    "checkout": lambda _disk, world: machine.checkout(world.revision()),
    "history": lambda disk, world: machine.history(world.revision(), disk.root),
    "versions": lambda _disk, _world: machine.versions(),
}


def diagnose(request: Request, world: World, host: Host) -> tuple[Check, ...]:
    """Look at everything that a pass relies on; nothing is changed anywhere.

    Returns:
        Every check, whatever the others found.
    """
    disk = read_disk(request, world)
    with ExitStack() as opened:
        scene, settings = _settings(disk, world, host)
        scene, key = _key(scene, opened)
        return (settings, key, *_asked(scene), *_declared(scene), *_here(disk, world))


def _settings(disk: Disk, world: World, host: Host) -> tuple[Scene | None, Check]:
    """The scene at the endpoint that is meant; None where nobody knows which."""
    name = "settings"
    if disk.project is None:
        return None, Check(name, *project.unreadable())
    try:
        meant = host.endpoint(disk.project)
    except ReconcileError as error:
        return None, Check(name, *verdict_on(error, None, host))
    scene = Scene(disk, host, world, disk.project, meant)
    return scene, Check(name, *project.settings(scene))


def _key(scene: Scene | None, opened: ExitStack) -> tuple[Scene | None, Check]:
    """The same with a line to the endpoint, if that answers to the key."""
    name = "key"
    if scene is None:
        return None, _not_asked(name, UNKNOWN)
    try:
        connection = opened.enter_context(scene.world.connect(scene.project))
        scene = scene.at(endpoint.reached(connection, scene.project.metadata.name))
    except (ReconcileError, OSError) as error:
        return scene, Check(name, *verdict_on(error, scene.endpoint, scene.host))
    return scene, Check(name, *endpoint.key(scene))


# ---- the others ----------------------------------------------------------------------------------

UNKNOWN = "not asked before the settings are right"
SILENT = "not asked before the key is accepted"


def _asked(scene: Scene | None) -> Iterator[Check]:
    for name, look in ASKED.items():
        if scene is None or scene.line is None:
            yield _not_asked(name, SILENT if scene else UNKNOWN)
        else:
            yield _made(name, scene, partial(look, scene, scene.line))


def _declared(scene: Scene | None) -> Iterator[Check]:
    for name, look in DECLARED.items():
        if scene is None:
            yield _not_asked(name, UNKNOWN)
        else:
            yield _made(name, scene, partial(look, scene))


def _here(disk: Disk, world: World) -> Iterator[Check]:
    for name, look in HERE.items():
        yield Check(name, *look(disk, world))


def _made(name: str, scene: Scene, look: Callable[[], Verdict]) -> Check:
    """A check; what keeps it from being made is what it found."""
    try:
        return Check(name, *look())
    except (ReconcileError, OSError) as error:
        return Check(name, *verdict_on(error, scene.endpoint, scene.host))


def _not_asked(name: str, why: str) -> Check:
    return Check(name, Status.NOTE, why)
