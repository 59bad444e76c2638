"""The revision is HEAD and whether anything that counts differs from it; asking never fails."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.load import read_revision
from reconciler.state import Revision


def git(folder: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    done = subprocess.run(
        ["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with one commit; the project is its folder ``project``."""
    git(tmp_path, "init")
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.yaml").write_text("a")
    (tmp_path / ".gitignore").write_text("*.log\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    return project


def test_a_clean_checkout_is_its_commit(checkout: Path) -> None:
    assert read_revision(checkout) == Revision(git(checkout, "rev-parse", "HEAD"), is_dirty=False)


@pytest.mark.parametrize("name", ["a.yaml", "new.yaml", "folder/new.yaml"])
def test_a_changed_or_new_file_makes_it_dirty(checkout: Path, name: str) -> None:
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text("b")
    assert read_revision(checkout).is_dirty


def test_a_staged_change_makes_it_dirty(checkout: Path) -> None:
    (checkout / "a.yaml").write_text("b")
    git(checkout, "add", "a.yaml")
    assert read_revision(checkout).is_dirty


def test_a_deleted_file_makes_it_dirty(checkout: Path) -> None:
    (checkout / "a.yaml").unlink()
    assert read_revision(checkout).is_dirty


@pytest.mark.parametrize("name", ["a.log", ".reconciler/ledger/x", "../outside.yaml"])
def test_ignored_files_our_own_and_those_outside_do_not_count(checkout: Path, name: str) -> None:
    (checkout / name).parent.mkdir(parents=True, exist_ok=True)
    (checkout / name).write_text("b")
    assert not read_revision(checkout).is_dirty


def test_settings_of_the_user_hide_nothing(checkout: Path) -> None:
    git(checkout, "config", "status.showUntrackedFiles", "no")
    (checkout / "new.yaml").write_text("b")
    assert read_revision(checkout).is_dirty


def test_a_hook_of_another_repository_does_not_mislead(
    checkout: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path_factory.mktemp("other")
    git(other, "init")
    expected = read_revision(checkout)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    assert read_revision(checkout) == expected
    assert expected.commit


def test_without_a_checkout_there_is_no_revision(tmp_path: Path) -> None:
    assert read_revision(tmp_path) == Revision()


def test_a_checkout_without_a_commit_counts_as_dirty(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "a").write_text("a")
    assert read_revision(tmp_path) == Revision(commit="", is_dirty=True)


def test_a_checkout_without_git_counts_as_dirty(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert read_revision(checkout) == Revision(commit="", is_dirty=True)


def test_without_the_folder_there_is_no_revision(tmp_path: Path) -> None:
    assert read_revision(tmp_path / "gone") == Revision()


def test_a_checkout_that_git_will_not_talk_about_counts_as_dirty(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own switch for this case
    assert read_revision(checkout) == Revision(commit="", is_dirty=True)


def test_a_broken_checkout_counts_as_dirty(checkout: Path) -> None:
    (checkout.parent / ".git/index").write_bytes(b"broken")
    assert read_revision(checkout) == Revision(commit="", is_dirty=True)
