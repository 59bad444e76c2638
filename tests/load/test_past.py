"""What Git tells of earlier commits, in real repositories."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.load import read_history
from tests.e2e.conftest import SPEC, git

PRUNE = "  lifecycle: {on_remove: prune}\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "shop/specs").mkdir(parents=True)
    git(tmp_path / "shop", "init", "-q", "-b", "main")
    return tmp_path / "shop"


def write(root: Path, name: str, more: str = "", file: str = "") -> None:
    path = root / f"specs/{file or name}.yaml"
    path.write_text(SPEC.format(name=name, data="one", epochs=1) + more)


def commit(root: Path) -> str:
    git(root, "add", "-A")
    git(root, "commit", "-q", "--allow-empty", "-m", "a change")
    return git(root, "rev-parse", "HEAD")


def words(root: Path, *names: str) -> dict[str, str]:
    return dict(read_history(root, ["specs"], (), names).on_remove)


def overlooked(root: Path) -> tuple[str, ...]:
    return read_history(root, ["specs"], (), ()).overlooked


def ancestors(root: Path, *commits: str) -> set[str]:
    return set(read_history(root, ["specs"], commits, ()).ancestors)


# ---- commits -------------------------------------------------------------------------------------


def test_head_contains_itself_and_what_led_to_it_and_no_other_branch(root: Path) -> None:
    first = commit(root)
    git(root, "checkout", "-q", "-b", "aside")
    aside = commit(root)
    git(root, "checkout", "-q", "main")
    head = commit(root)
    unknown = "f" * 40
    given = (first, aside, head, unknown, f"{first}-dirty", "", "--all", "main")
    assert ancestors(root, *given) == {first, head}
    git(root, "merge", "-q", "--no-edit", "aside")
    assert ancestors(root, *given) == {first, aside, head}


def test_a_checkout_that_lags_behind_does_not_contain_what_came_after(root: Path) -> None:
    first, second = commit(root), commit(root)
    git(root, "checkout", "-q", first)
    assert ancestors(root, first, second) == {first}


def test_a_shallow_clone_tells_what_it_has(root: Path, tmp_path: Path) -> None:
    write(root, "a", PRUNE)
    first = commit(root)
    (root / "specs/a.yaml").unlink()
    commit(root)
    head = commit(root)
    git(tmp_path, "clone", "-q", "--depth", "1", root.as_uri(), "shallow")
    assert ancestors(tmp_path / "shallow", first, head) == {head}
    assert words(tmp_path / "shallow", "a") == {}


def test_outside_of_git_nothing_is_told(tmp_path: Path) -> None:
    told = read_history(tmp_path, ["specs"], ["f" * 40], ["a"])
    assert (told.ancestors, told.on_remove) == (frozenset(), {})


# ---- the last word of a spec ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("last", "word"),
    [
        (PRUNE, "prune"),
        ("", "retain"),
        ("  lifecycle: {on_remove: retain}\n", "retain"),
        ("  lifecycle: {on_remove: [prune]}\n", "retain"),
        ("  lifecycle: {on_remove: prune, on_remove: prune}\n", "retain"),  # no valid document
    ],
)
def test_the_last_commit_that_had_a_spec_says_what_becomes_of_it(
    root: Path, last: str, word: str
) -> None:
    write(root, "a", PRUNE if word == "retain" else "")
    write(root, "b")
    commit(root)
    write(root, "a", last)
    commit(root)
    (root / "specs/a.yaml").unlink()
    commit(root)
    write(root, "b", "  seed: 1\n")
    commit(root)
    assert words(root, "a", "never-was") == {"a": word}


def test_a_spec_that_moved_to_another_file_or_came_back_is_followed(root: Path) -> None:
    write(root, "a")
    commit(root)
    (root / "specs/a.yaml").unlink()
    commit(root)
    write(root, "a", file="elsewhere")
    commit(root)
    (root / "specs/elsewhere.yaml").rename(root / "specs/again.yaml")
    write(root, "a", PRUNE, file="again")
    commit(root)
    (root / "specs/again.yaml").unlink()
    commit(root)
    assert words(root, "a") == {"a": "prune"}


@pytest.mark.parametrize("file", ["a", "b"])
@pytest.mark.parametrize("is_gone_too", [False, True])
def test_a_spec_that_was_renamed_retains(root: Path, file: str, is_gone_too: bool) -> None:
    write(root, "a", PRUNE)
    commit(root)
    (root / "specs/a.yaml").unlink()
    write(root, "b", PRUNE, file=file)
    commit(root)
    if is_gone_too:
        (root / f"specs/{file}.yaml").unlink()
        commit(root)
    assert words(root, "a") == {"a": "retain"}
    assert words(root, "a", "b") == {"a": "retain"} | ({"b": "prune"} if is_gone_too else {})


@pytest.mark.parametrize(("word", "told"), [("", "retain"), (PRUNE, "prune")])
@pytest.mark.parametrize("gone", [("a b",), ("a", "b")])
def test_a_spec_may_go_by_the_training_of_another_until_it_is_gone_itself(
    root: Path, gone: tuple[str, ...], word: str, told: str
) -> None:
    write(root, "a", PRUNE)
    write(root, "b", word)
    commit(root)
    for names in gone:
        for name in names.split():
            (root / f"specs/{name}.yaml").unlink()
        commit(root)
    assert words(root, "a") == {"a": told}
    # One that a job bears the name of has a training of its own.
    assert words(root, "a", "b") == {"a": "prune", "b": told}


def test_a_spec_that_went_before_or_is_there_says_nothing_for_another(root: Path) -> None:
    write(root, "a", PRUNE)
    write(root, "b")
    write(root, "c")
    commit(root)
    (root / "specs/b.yaml").unlink()
    write(root, "c", "  seed: 1\n")
    commit(root)
    (root / "specs/a.yaml").unlink()
    commit(root)
    write(root, "c", file="moved")
    (root / "specs/c.yaml").unlink()
    commit(root)
    assert words(root, "a") == {"a": "prune"}


def test_a_spec_that_is_there_has_no_last_word(root: Path) -> None:
    write(root, "a", PRUNE)
    commit(root)
    write(root, "a", "  seed: 1\n" + PRUNE)
    commit(root)
    assert words(root, "a") == {}


def test_what_nobody_can_read_may_be_a_spec_that_retains(root: Path) -> None:
    write(root, "a", PRUNE)
    (root / "specs/b.yaml").write_text("kind: [")
    commit(root)
    for name in ("a", "b"):
        (root / f"specs/{name}.yaml").unlink()
        commit(root)
    assert words(root, "a") == {"a": "retain"}


def test_a_version_that_a_partial_clone_lacks_hides_those_before_it(root: Path) -> None:
    write(root, "a", PRUNE)
    commit(root)
    write(root, "a")
    commit(root)
    lacking = git(root, "rev-parse", "HEAD:specs/a.yaml")
    (root / "specs/a.yaml").unlink()
    commit(root)
    (root / ".git/objects" / lacking[:2] / lacking[2:]).unlink()
    assert words(root, "a") == {}


def test_a_spec_that_a_merge_removed_is_found(root: Path) -> None:
    write(root, "a", PRUNE)
    commit(root)
    git(root, "checkout", "-q", "-b", "removal")
    (root / "specs/a.yaml").unlink()
    commit(root)
    git(root, "checkout", "-q", "main")
    commit(root)
    git(root, "merge", "-q", "--no-edit", "removal")
    assert words(root, "a") == {"a": "prune"}


def test_only_specs_below_the_spec_folders_count(root: Path) -> None:
    (root / "other").mkdir()
    (root / "other/a.yaml").write_text(SPEC.format(name="a", data="one", epochs=1) + PRUNE)
    commit(root)
    (root / "other/a.yaml").unlink()
    commit(root)
    assert words(root, "a") == {}


def test_a_project_in_a_folder_of_a_repository_asks_about_its_own_specs(root: Path) -> None:
    (root / "team/specs").mkdir(parents=True)
    (root / "team/specs/a.yaml").write_text(SPEC.format(name="a", data="one", epochs=1) + PRUNE)
    write(root, "b", PRUNE)
    commit(root)
    (root / "team/specs/a.yaml").unlink()
    (root / "specs/b.yaml").unlink()
    commit(root)
    assert words(root / "team", "a", "b") == {"a": "prune"}


# ---- long histories ------------------------------------------------------------------------------


def versions(count: int) -> Iterator[bytes]:
    """So many commits that change a spec of 12 kB, as `git fast-import` takes them."""
    filler = b"# " + b"x" * 77 + b"\n"
    spec = SPEC.format(name="b", data="one", epochs=1).encode()
    for number in range(count):
        text = spec + b"  seed: %d\n" % number + filler * 150
        yield b"commit refs/heads/main\ncommitter t <t@example.invalid> 0 +0000\ndata 0\n"
        yield b"from refs/heads/main^0\n" if number == 0 else b""
        yield b"M 100644 inline specs/b.yaml\ndata %d\n%s\n" % (len(text), text)


def test_a_long_history_is_read_to_its_beginning(root: Path) -> None:
    write(root, "a", PRUNE)
    commit(root)
    (root / "specs/a.yaml").unlink()
    commit(root)
    stream = b"".join(versions(3000))
    subprocess.run(["git", "fast-import", "--quiet"], cwd=root, input=stream, check=True)
    assert words(root, "a") == {"a": "prune"}


# ---- what the checkout doesn't show --------------------------------------------------------------


@pytest.fixture
def full(root: Path) -> Path:
    """A checkout with a spec in each of two folders, both of which once said prune; and data."""
    for folder in ("specs/x", "specs/y", "data", "docs"):
        (root / folder).mkdir()
    write(root, "a", PRUNE, file="x/a")
    write(root, "b", PRUNE, file="y/b")
    for file in ("data/one.jsonl", "docs/note.txt"):
        (root / file).write_text("as it was committed")
    commit(root)
    write(root, "b", "  seed: 1\n" + PRUNE, file="y/b")
    commit(root)
    return root


def test_a_whole_checkout_overlooks_nothing(full: Path) -> None:
    assert overlooked(full) == ()


def test_a_spec_that_a_sparse_checkout_leaves_out_is_not_gone(full: Path) -> None:
    git(full, "sparse-checkout", "set", "specs/x")
    assert not (full / "specs/y").exists()
    assert git(full, "status", "--porcelain") == ""
    assert words(full, "b") == {}
    assert overlooked(full) == ("specs/y/b.yaml",)


@pytest.mark.parametrize("flag", ["--skip-worktree", "--assume-unchanged"])
@pytest.mark.parametrize("text", [None, "edited"])
@pytest.mark.parametrize("file", ["specs/y/b.yaml", "data/one.jsonl"])
def test_what_git_was_told_not_to_look_at_is_overlooked(
    full: Path, flag: str, text: str | None, file: str
) -> None:
    git(full, "update-index", flag, file)
    (full / file).unlink()
    if text:
        (full / file).write_text(text)
    assert git(full, "status", "--porcelain") == ""
    assert words(full, "b") == {}
    # Data that is not there is missed by the specs that need it.
    is_missed_elsewhere = file.startswith("data/") and text is None
    assert overlooked(full) == (() if is_missed_elsewhere else (file,))


def test_where_git_can_t_tell_every_spec_folder_is_overlooked(tmp_path: Path) -> None:
    assert overlooked(tmp_path) == ("specs",)
