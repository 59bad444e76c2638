"""What the checks are made of: this machine, the disk, the endpoint, the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from reconciler.catalog import base_name, load_catalog
from reconciler.engine.passes import Request, World
from reconciler.errors import (
    InvalidInput,
    KeyRefused,
    LedgerError,
    ProviderError,
    ReconcileError,
    Refused,
    SettingsError,
)
from reconciler.ledger import Book
from reconciler.ledger.lifetime import in_force
from reconciler.ledger.mounts import refuse_network
from reconciler.load import load, load_project
from reconciler.plan.calendar import Calendar
from reconciler.plan.remedies import command
from reconciler.providers.protocol import Connection
from reconciler.report.doctor import Status
from reconciler.resolve import resolve
from reconciler.spec import FolderLedger, LedgerSettings, Project
from reconciler.state import Endpoint, Job, Loaded, Revision, Training


class Verdict(NamedTuple):
    """What a check comes to: how grave it is, what was found, what to do about it."""

    status: Status
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Host:
    """This machine, as far as no pass needs it.

    Attributes:
        environment: its variables.
        endpoint: the endpoint that they and a Project agree on; SettingsError if they don't.
        now: its clock, Unix seconds.
    """

    environment: Mapping[str, str]
    endpoint: Callable[[Project], Endpoint]
    now: Callable[[], float]

    def without_key(self, text: str) -> str:
        """Words of the endpoint's, which may repeat the key, without it."""
        key = self.environment.get("OPENAI_API_KEY", "").strip()
        return text.replace(key, "…") if key else text


# ---- the disk ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Disk:
    """What is declared.

    Attributes:
        root: the project root.
        project: None where ``reconciler.yaml`` has problems.
        is_named: whether the owner's name is written, and not just the folder's.
        loaded: None where the specs have problems.
        error: why something is None.
    """

    root: Path
    project: Project | None = None
    is_named: bool = False
    loaded: Loaded | None = None
    error: ReconcileError | None = None

    @property
    def trainings(self) -> tuple[Training, ...]:
        """All that is to be trained, as far as it loads."""
        return resolve(self.loaded).trainings if self.loaded else ()

    @property
    def bases(self) -> tuple[str, ...]:
        """The bases of this project."""
        return tuple(sorted({base_name(training.model) for training in self.trainings}))


def read_disk(request: Request, world: World) -> Disk:
    """What is declared, as far as it can be read: what is wrong with it is told, not raised."""
    try:
        project, is_named = load_project(request.root)
    except InvalidInput as error:
        return Disk(request.root, error=error)
    try:
        loaded = load(
            request.root,
            request.folders,
            count_tokens=False,
            cache=world.cache,
            progress=world.examined,
        )
    except ReconcileError as error:
        return Disk(request.root, project, is_named, error=error)
    return Disk(request.root, project, is_named, loaded)


# ---- all of it -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """An endpoint that answers: the connection, and the jobs of ours that it shows."""

    connection: Connection
    jobs: tuple[Job, ...]

    @cached_property
    def models(self) -> Mapping[str, str]:
        """The listed models, with the day each ends. Raises ProviderError."""
        return self.connection.reader.models()


@dataclass(frozen=True)
class Scene:
    """All that checks look at. What is read, is read once, at first use.

    Attributes:
        project: as it is written, or the defaults.
        endpoint: the one that is meant, reached or not.
        line: None where it doesn't answer, or not to this key.
    """

    disk: Disk
    host: Host
    world: World
    project: Project
    endpoint: Endpoint
    line: Line | None = None

    def at(self, line: Line) -> Scene:
        """The same, with an endpoint that answers."""
        return replace(self, endpoint=line.connection.endpoint, line=line)

    def command(self, *words: str) -> str:
        """A command that a person can type to go on here."""
        return command(self.endpoint, *words)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs that bear our mark, as far as the endpoint answers."""
        return self.line.jobs if self.line else ()

    @property
    def ledger(self) -> LedgerSettings:
        """The ledger that is used."""
        return in_force(self.project.spec.ledger, is_sandbox=self.endpoint.is_embedded)

    @property
    def ledger_folder(self) -> Path | None:
        """Where that is, if it is a folder."""
        settings = self.ledger
        return self.disk.root / settings.path if isinstance(settings, FolderLedger) else None

    @cached_property
    def book(self) -> Book:
        """What the ledger says about the endpoint. Raises LedgerError, SettingsError."""
        folder, settings = self.ledger_folder, self.ledger
        if folder is None or folder.exists():
            owner = self.project.metadata.name
            place = Loaded(str(self.disk.root), owner, self.project, (), Revision())
            return self.world.ledger(place).read(self.endpoint.id)
        # To open a folder would be to make it.
        if isinstance(settings, FolderLedger) and not settings.on_network:
            refuse_network(folder)
        return Book((), frozenset())

    @cached_property
    def days(self) -> Calendar:
        """The endpoint's days, by its own word as far as it answers, and by its clock."""
        with suppress(ProviderError):
            if self.line:
                return self.days_told(self.line)
        return Calendar(load_catalog(), self.endpoint, {}, self._today)

    def days_told(self, line: Line) -> Calendar:
        """The endpoint's days by its own word. Raises ProviderError if it gives none."""
        return Calendar(load_catalog(), self.endpoint, line.models, self._today)

    @property
    def _today(self) -> date:
        # The clock of an embedded sandbox runs fast, and the catalog doesn't age with it.
        is_told = self.line and not self.endpoint.is_embedded
        now = self.line.connection.reader.now() if self.line and is_told else self.host.now()
        return datetime.fromtimestamp(now, UTC).date()


def verdict_on(error: ReconcileError | OSError, endpoint: Endpoint | None, host: Host) -> Verdict:
    """An error as what a check found: the type of each of ours says who must act."""
    told = host.without_key(str(error))
    again = command(endpoint, "doctor") if endpoint else "reconcile doctor"
    match error:
        case KeyRefused():
            remedy = (
                "set OPENAI_API_KEY to a key that this endpoint accepts: who made it can say "
                "whether it still holds, and for which organisation and project; in a workflow it "
                f"is a secret of the repository; then: {again}"
            )
        case Refused(status=403):
            remedy = (
                "whoever manages this key at the endpoint allows it to read jobs, files and "
                f"models, and to write jobs and files; then: {again}"
            )
        case Refused():
            remedy = f"see that its address is right: it mostly ends in /v1; then: {again}"
        case SettingsError() | LedgerError():
            told, _, way_out = told.partition("; ")
            remedy = f"{way_out or 'mend that'}; then: {again}"
        case _:
            remedy = f"see that it can be reached from here; then: {again}"
    return Verdict(Status.FAIL, told, remedy)
