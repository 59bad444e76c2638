"""Datasets as specs name them: what two files have in common, what a spec accepts, what is kept."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.dataset.cache import FactsCache
from reconciler.errors import InvalidInput, Severity
from reconciler.load import load
from reconciler.load.history import earlier_file
from reconciler.state import Loaded

Write = Callable[[str, str | bytes], Path]
Load = Callable[..., Loaded]

BOTH = "{training: ../data/train.jsonl, validation: ../data/valid.jsonl%s}"


def line(asked: str, answered: str) -> str:
    return (
        f'{{"messages": [{{"role": "user", "content": "{asked}"}}, '
        f'{{"role": "assistant", "content": "{answered}"}}]}}\n'
    )


def with_both(spec: str, more: str = "") -> str:
    return spec.replace("../data/train.jsonl", BOTH % more)


@pytest.fixture
def leaking(root: Path, write: Write, spec: str) -> Path:
    """A project whose validation file asks on lines 2 and 4 what it trains on."""
    write("data/train.jsonl", "".join(line(f"q{n}", "a") for n in range(12)))
    held = [line("v1", "a"), line("q7", "b"), line("v2", "a"), line("q0", "a")]
    write("data/valid.jsonl", "".join(held))
    write("specs/a.yaml", with_both(spec))
    return root


def leaks(loaded: Loaded) -> list[tuple[str, int, str]]:
    return [(p.file, p.line, p.found) for p in loaded.warnings if p.rule == "DS145"]


LEAKS = [
    ("data/valid.jsonl", 2, "the prompt of line 8 of the training file"),
    ("data/valid.jsonl", 4, "the prompt of line 1 of the training file"),
]


@pytest.mark.usefixtures("leaking")
def test_a_prompt_in_both_files_is_told_at_the_validation_files_line(loaded: Load) -> None:
    assert leaks(loaded()) == LEAKS


def test_it_is_told_also_where_one_or_both_files_were_known(leaking: Path, tmp_path: Path) -> None:
    cache = FactsCache(tmp_path / "cache")
    for _ in range(3):
        assert leaks(load(leaking, count_tokens=False, cache=cache)) == LEAKS
    train = leaking / "data/train.jsonl"
    train.write_text("".join(line(f"q{n}", "other") for n in range(1, 12)))
    shifted = [("data/valid.jsonl", 2, "the prompt of line 7 of the training file")]
    for _ in range(2):
        assert leaks(load(leaking, count_tokens=False, cache=cache)) == shifted


def test_what_a_spec_accepts_is_not_told_and_what_it_forbids_stops(
    leaking: Path, write: Write, spec: str, loaded: Load
) -> None:
    write("specs/a.yaml", with_both(spec, ", lint: {level: warning}"))
    with pytest.raises(InvalidInput) as refused:
        loaded()
    told = [p for p in refused.value.problems if p.rule == "DS145"]
    assert [p.severity for p in told] == [Severity.ERROR] * 2
    write("specs/a.yaml", with_both(spec, ", lint: {level: warning, accept: [DS145]}"))
    assert loaded().warnings == ()


def test_the_same_bytes_have_the_same_facts_whatever_is_kept(leaking: Path, tmp_path: Path) -> None:
    cache = FactsCache(tmp_path / "cache")
    specs = [
        load(leaking, count_tokens=True, cache=each).specs for each in (None, cache, cache, None)
    ]
    assert specs == [specs[0]] * 4
    training = specs[0][0].training
    assert training is not None
    assert training.tokens > 0


# ---- earlier versions ------------------------------------------------------------------------


def git(folder: Path, *arguments: str) -> None:
    own = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
    subprocess.run(["git", *own, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    """A file below a checkout, in a folder with a space, committed as "old" and changed since."""
    file = tmp_path / "a b" / "-x.jsonl"
    file.parent.mkdir()
    file.write_text("old")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "one")
    file.write_text("new")
    return file


def test_an_earlier_file_is_what_was_committed(committed: Path) -> None:
    with earlier_file(committed, "HEAD") as old:
        assert old is not None
        assert old.read_text() == "old"
    assert not old.exists()


@pytest.mark.parametrize("revision", ["HEAD~1", "nothing", "", "--output=/tmp/x", "HEAD\0"])
def test_what_git_does_not_have_is_none(committed: Path, revision: str) -> None:
    with earlier_file(committed, revision) as old:
        assert old is None


def test_an_earlier_file_of_another_digest_is_none(committed: Path) -> None:
    with earlier_file(committed, "HEAD", "0123") as old:
        assert old is None


def test_outside_a_checkout_there_is_no_earlier_file(tmp_path: Path) -> None:
    with earlier_file(tmp_path / "x.jsonl", "HEAD") as old:
        assert old is None
