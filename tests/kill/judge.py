"""What the endpoint must hold in the end, and what is wrong where it doesn't."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from tests.kill.endpoint import Endpoint


@dataclass(frozen=True)
class Held:
    """Everything that the endpoint holds, and how many creates it has carried out."""

    jobs: tuple[dict[str, Any], ...]
    files: tuple[dict[str, Any], ...]
    creates: int
    models: tuple[str, ...] = ()

    @property
    def objects(self) -> frozenset[str]:
        """The ids of all models and files."""
        return frozenset({*self.models, *(file["id"] for file in self.files)})

    @property
    def orphans(self) -> list[str]:
        """The names of files that no job was made with."""
        used = {job[use] for job in self.jobs for use in ("training_file", "validation_file")}
        return sorted(file["filename"] for file in self.files if file["id"] not in used)


def held_by(endpoint: Endpoint) -> Held:
    jobs, files = tuple(endpoint.jobs()), tuple(endpoint.files())
    return Held(jobs, files, endpoint.creates(), tuple(endpoint.models()))


def too_many(held: Held, specs: int) -> Iterator[str]:
    """What may never be: two jobs of a spec, whatever has become of them."""
    names = [job["metadata"]["reconciler.name"] for job in held.jobs]
    if len(set(names)) < len(names) or held.creates > specs:
        yield f"PAID TWICE: {held.creates} creates for {specs} specs, jobs of {sorted(names)}"


def unfinished(held: Held, specs: int) -> Iterator[str]:
    """What may not be in the end: a spec without its model."""
    statuses = [f"{job['metadata']['reconciler.name']} {job['status']}" for job in held.jobs]
    if held.creates != specs or [job["status"] for job in held.jobs] != ["succeeded"] * specs:
        yield f"{held.creates} creates were carried out, and the jobs are {statuses}"


def needed_by(specs: Collection[str], held: Held) -> frozenset[str]:
    """The models and files of the newest job of each of these specs."""
    newest: dict[str, dict[str, Any]] = {}
    for job in sorted(held.jobs, key=lambda job: int(job["created_at"])):
        newest[job["metadata"]["reconciler.name"]] = job
    uses = ("fine_tuned_model", "training_file", "validation_file")
    return frozenset(newest[spec][use] for spec in specs for use in uses if newest[spec][use])


def lost(held: Held, needed: frozenset[str]) -> Iterator[str]:
    """What a prune may never do."""
    if gone := needed - held.objects:
        yield f"PRUNED WHAT IS NEEDED: {sorted(gone)}"


def left(held: Held, needed: frozenset[str]) -> Iterator[str]:
    """What may not be in the end: something that nothing needs."""
    if more := held.objects - needed:
        yield f"{sorted(more)} are still there"
