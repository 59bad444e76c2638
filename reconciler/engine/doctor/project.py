"""Checks of what is declared: settings, owner, specs, budget."""

from __future__ import annotations

from reconciler.cost import dollars
from reconciler.engine.doctor.scene import Disk, Scene, Verdict
from reconciler.errors import InvalidInput, Severity
from reconciler.report.doctor import Status
from reconciler.report.plain import counted


def unreadable() -> Verdict:
    """That nobody knows which endpoint is meant, since the Project can't be read."""
    remedy = "see each problem with its line: reconcile validate"
    return Verdict(Status.FAIL, "reconciler.yaml has problems: its endpoint isn't known", remedy)


def settings(scene: Scene) -> Verdict:
    """Which endpoint is meant, and who says so."""
    endpoint = scene.endpoint
    if endpoint.is_embedded:
        return Verdict(Status.OK, "the embedded sandbox: no key, no bill, nothing leaves")
    if scene.project.spec.provider.base_url:
        return Verdict(Status.OK, f"{endpoint.base_url}, pinned in reconciler.yaml")
    if scene.host.environment.get("OPENAI_BASE_URL"):
        return Verdict(Status.OK, f"{endpoint.base_url}, by OPENAI_BASE_URL")
    return Verdict(Status.OK, f"{endpoint.base_url}, since nothing names another")


def owner(scene: Scene) -> Verdict:
    """Whose mark jobs and files bear."""
    name = scene.project.metadata.name
    if scene.disk.is_named:
        return Verdict(Status.OK, f"{name}, by reconciler.yaml")
    return Verdict(
        Status.NOTE,
        f"{name}, by the folder's name: in another folder nothing here would be ours",
        "write metadata.name into reconciler.yaml",
    )


def specs(disk: Disk) -> Verdict:
    """Whether everything that is declared can be read."""
    match disk.error:
        case None:
            return _specs(disk)
        case InvalidInput(problems=problems):
            errors = sum(problem.severity is Severity.ERROR for problem in problems)
            found = f"{counted(errors, 'problem')} in specs or datasets: no pass begins"
            return Verdict(Status.FAIL, found, "see each with its line: reconcile validate")
        case error:
            return Verdict(Status.FAIL, str(error), "mend that; then: reconcile validate")


def _specs(disk: Disk) -> Verdict:
    loaded = disk.loaded
    if loaded is None:
        return Verdict(Status.NOTE, "none")
    found = f"{counted(len(loaded.specs), 'spec')}, {counted(len(disk.trainings), 'training')}"
    if loaded.warnings:
        told = f"{found}; {counted(len(loaded.warnings), 'warning')}"
        return Verdict(Status.NOTE, told, "see each with its line: reconcile validate")
    return Verdict(Status.OK, found)


def budget(scene: Scene) -> Verdict:
    """Whether anything may be spent with nobody asked."""
    limits, fuses = scene.project.spec.budget, scene.project.spec.fuses
    if scene.endpoint.is_embedded:
        return Verdict(Status.OK, "none is needed: nothing here costs money")
    told = (
        f"fuses: {counted(fuses.jobs_per_pass, 'new job')} in a pass, "
        f"{counted(fuses.creates_per_day, 'create')} of a spec in a day"
    )
    if limits.per_pass is None:
        return Verdict(
            Status.NOTE,
            f"none for a pass: with nobody asked (CI, --watch, --auto-approve) none trains; {told}",
            "set spec.budget.per_pass in reconciler.yaml, or give --max-cost",
        )
    return Verdict(Status.OK, f"{dollars(limits.per_pass)} a pass; {told}")
