"""Which ledger is in force, and whether it outlives the machine that it is on."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.spec import FolderLedger, LedgerSettings

DIES_WITH_THE_MACHINE = (
    "the ledger is a folder of this machine, and CI is set: where the machine ends with the job, a "
    "reply that is lost in its last seconds is no longer held for you"
)
OUTLIVES_IT = (
    "in reconciler.yaml declare spec.ledger: {kind: github} to keep it in the repository, or "
    "{kind: dir, on_network: true} with the path of a folder that outlives the machine"
)


def in_force(settings: LedgerSettings, *, is_sandbox: bool) -> LedgerSettings:
    """The ledger that is used: in a sandbox nothing costs money, so its own folder will do."""
    return FolderLedger(on_network=True) if is_sandbox else settings


def is_short_lived(settings: LedgerSettings, environment: Mapping[str, str]) -> bool:
    """Whether the ledger may end with the machine: a folder of its own, on a runner of a CI."""
    is_ci = environment.get("CI", "").lower() not in ("", "false", "0")
    return is_ci and isinstance(settings, FolderLedger) and not settings.on_network
