"""What the endpoint must hold in the end, and what is wrong where it doesn't."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.kill.endpoint import Endpoint


@dataclass(frozen=True)
class Held:
    """Everything that the endpoint holds, and how many creates it has carried out."""

    jobs: tuple[dict[str, Any], ...]
    files: tuple[dict[str, Any], ...]
    creates: int

    @property
    def orphans(self) -> list[str]:
        """The names of files that no job was made with."""
        used = {job[use] for job in self.jobs for use in ("training_file", "validation_file")}
        return sorted(file["filename"] for file in self.files if file["id"] not in used)


def held_by(endpoint: Endpoint) -> Held:
    return Held(tuple(endpoint.jobs()), tuple(endpoint.files()), endpoint.creates())


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
