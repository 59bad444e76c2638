"""The environment and the Project agree on one endpoint, or nothing is sent anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.options import Scope
from reconciler.cli.terminal import Screen
from reconciler.cli.world import OPENAI, open_world, private_folder, resolve_endpoint
from reconciler.errors import SettingsError
from reconciler.spec import API_VERSION, LedgerSettings, Metadata, Project, ProjectSpec, ProviderPin
from reconciler.state import Loaded, Revision

ELSEWHERE = "https://elsewhere.example/v1"


def project(pin: ProviderPin | None = None, ledger: str = ".reconciler/ledger") -> Project:
    spec = ProjectSpec(provider=pin or ProviderPin(), ledger=LedgerSettings(path=ledger))
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


@pytest.mark.parametrize("path", [".", "ledger", ".reconciler/ledger", "a/b"])
def test_any_folder_can_hold_the_ledger(tmp_path: Path, path: str) -> None:
    loaded = Loaded(str(tmp_path), "shop", project(ledger=path), (), Revision())
    with open_world(Scope(), Screen(has_bars=False)) as world:
        assert world.ledger(loaded).rights("x") == ()


def test_what_we_keep_ignores_itself_in_git(tmp_path: Path) -> None:
    folder = private_folder(tmp_path)
    assert (folder / ".gitignore").read_text() == "*\n"
    assert folder.stat().st_mode & 0o077 == 0
    assert private_folder(tmp_path) == folder
