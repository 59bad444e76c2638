"""The environment and the Project agree on one endpoint, or nothing is sent anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.ledgers import Ledgers, private_folder
from reconciler.cli.options import Scope
from reconciler.cli.terminal import Screen
from reconciler.cli.turns import one_at_a_time
from reconciler.cli.world import OPENAI, open_world, resolve_endpoint
from reconciler.errors import SettingsError
from reconciler.ledger import FolderRecords
from reconciler.ledger.github import GithubRecords
from reconciler.spec import (
    API_VERSION,
    FolderLedger,
    GithubLedger,
    LedgerSettings,
    Metadata,
    Project,
    ProjectSpec,
    ProviderPin,
)
from reconciler.state import Loaded, Revision

ELSEWHERE = "https://elsewhere.example/v1"


def project(pin: ProviderPin | None = None, ledger: LedgerSettings | None = None) -> Project:
    spec = ProjectSpec(provider=pin or ProviderPin(), ledger=ledger or FolderLedger())
    return Project(
        apiVersion=API_VERSION, kind="Project", metadata=Metadata(name="shop"), spec=spec
    )


def test_without_settings_it_is_openai() -> None:
    endpoint = resolve_endpoint(ProviderPin(), {})
    assert (endpoint.id, endpoint.base_url) == (OPENAI, OPENAI)
    assert not endpoint.is_embedded


@pytest.mark.parametrize("given", [ELSEWHERE, f"{ELSEWHERE}/"])
def test_a_slash_at_the_end_makes_no_other_endpoint(given: str) -> None:
    pinned = resolve_endpoint(ProviderPin(base_url=ELSEWHERE), {"OPENAI_BASE_URL": given})
    assert pinned == resolve_endpoint(ProviderPin(), {"OPENAI_BASE_URL": given})


@pytest.mark.parametrize(
    ("pin", "variable"),
    [
        (ProviderPin(base_url=ELSEWHERE), "OPENAI_BASE_URL"),
        (ProviderPin(organization="org-a"), "OPENAI_ORG_ID"),
        (ProviderPin(project="proj_a"), "OPENAI_PROJECT_ID"),
    ],
)
def test_an_environment_that_contradicts_the_pin_is_refused(
    pin: ProviderPin, variable: str
) -> None:
    with pytest.raises(SettingsError, match=variable):
        resolve_endpoint(pin, {variable: "another"})


def test_a_pin_that_changes_while_watching_changes_the_endpoint(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")
    with open_world(Scope(), Screen(has_bars=False)) as world:
        pins = [None, ProviderPin(base_url=ELSEWHERE), ProviderPin(organization="org-a"), None]
        seen = []
        for pin in pins:
            with world.connect(project(pin)) as connection:
                seen.append((connection.endpoint.base_url, connection.endpoint.organization))
    assert seen == [(OPENAI, ""), (ELSEWHERE, ""), (OPENAI, "org-a"), (OPENAI, "")]


def loaded(root: Path, ledger: LedgerSettings) -> Loaded:
    return Loaded(str(root), "shop", project(ledger=ledger), (), Revision())


@pytest.mark.parametrize("path", [".", "ledger", ".reconciler/ledger", "a/b"])
def test_any_folder_can_hold_the_ledger(tmp_path: Path, path: str) -> None:
    with open_world(Scope(), Screen(has_bars=False)) as world:
        assert world.ledger(loaded(tmp_path, FolderLedger(path=path))).rights("x") == ()


def test_what_we_keep_ignores_itself_in_git(tmp_path: Path) -> None:
    folder = private_folder(tmp_path)
    assert (folder / ".gitignore").read_text() == "*\n"
    assert folder.stat().st_mode & 0o077 == 0
    assert private_folder(tmp_path) == folder


# ---- ledgers -------------------------------------------------------------------------------------

GITHUB = GithubLedger(kind="github", repository="acme/shop")


def test_a_connection_to_github_is_kept_while_the_project_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_0123456789abcdef")
    other = GithubLedger(kind="github", repository="acme/other")
    named: tuple[LedgerSettings, ...] = (GITHUB, GITHUB, other, FolderLedger())
    with Ledgers(is_sandbox=False, warn=None) as ledgers:
        opened = [ledgers.open(loaded(tmp_path, settings)).records for settings in named]
        clients = [records.api.client for records in opened if isinstance(records, GithubRecords)]
        assert clients[0] is clients[1]
        assert [client.is_closed for client in clients] == [True, True, False]
    assert clients[2].is_closed
    assert isinstance(opened[3], FolderRecords)


def test_nothing_of_a_sandbox_leaves_its_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)
    monkeypatch.setenv("CI", "true")
    warnings: list[str] = []
    with Ledgers(is_sandbox=True, warn=warnings.append) as ledgers:
        settings: LedgerSettings
        for settings in (GITHUB, FolderLedger(path="/srv/ledger")):
            records = ledgers.open(loaded(tmp_path, settings)).records
            assert records == FolderRecords(tmp_path / ".reconciler/ledger")
    assert warnings == []


@pytest.mark.parametrize(
    ("settings", "ci", "is_told"),
    [
        (FolderLedger(), "true", True),
        (FolderLedger(path="elsewhere"), "1", True),
        (FolderLedger(), "false", False),
        (FolderLedger(), "", False),
        (FolderLedger(on_network=True), "true", False),
        (GITHUB, "true", False),
    ],
)
def test_who_may_spend_from_a_folder_that_dies_with_its_machine_is_told_so_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    settings: LedgerSettings,
    ci: str,
    is_told: bool,
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_0123456789abcdef")
    warnings: list[str] = []
    with Ledgers(is_sandbox=False, warn=warnings.append) as ledgers:
        for _ in range(3):
            ledgers.open(loaded(tmp_path, settings))
    assert len(warnings) == is_told
    assert all("kind: github" in warning for warning in warnings)


def test_who_cannot_spend_is_told_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    with Ledgers(is_sandbox=False, warn=None) as ledgers:
        ledgers.open(loaded(tmp_path, FolderLedger()))


def test_a_folder_on_a_network_is_opened_only_where_the_project_says_so(tmp_path: Path) -> None:
    told = tmp_path / "mountinfo"
    told.write_text("1 0 0:1 / / rw - nfs4 nas:/ rw\n")
    with Ledgers(is_sandbox=False, warn=None, mounts=told) as ledgers:
        with pytest.raises(SettingsError, match="network file system"):
            ledgers.open(loaded(tmp_path, FolderLedger()))
        ledgers.open(loaded(tmp_path, FolderLedger(on_network=True)))


def test_a_sandbox_keeps_its_rights_in_any_folder(tmp_path: Path) -> None:
    told = tmp_path / "mountinfo"
    told.write_text("1 0 0:1 / / rw - 9p host:/ rw\n")
    with Ledgers(is_sandbox=True, warn=None, mounts=told) as ledgers:
        assert ledgers.open(loaded(tmp_path, FolderLedger())).rights("x") == ()


def test_an_upload_needs_no_turn_where_nothing_can_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    ran = []
    with one_at_a_time(lambda: blocked / "uploading.lock"):
        ran.append(True)
    assert ran
