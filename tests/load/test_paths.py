"""A path leads to a regular file inside the root, or to a flaw; nothing is opened on the way."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from reconciler.errors import Problem
from reconciler.load.flaw import Flaw
from reconciler.load.paths import existing_folder, regular_file
from reconciler.load.rules import RULES

Write = Callable[[str, str | bytes], Path]
Problems = Callable[..., tuple[Problem, ...]]

_parts = st.sampled_from(["..", ".", "data", "specs", "train.jsonl", "out", "back", "up", "", "x"])


def flaw(root: Path, text: str) -> Flaw:
    found = regular_file(root, root / "specs", text)
    assert isinstance(found, Flaw)
    return found


@pytest.fixture
def linked(root: Path) -> Path:
    """The root with links that leave it, come back to it, go up in it, and go in a circle."""
    (root / "specs/out").symlink_to(root.parent)
    (root / "specs/back").symlink_to(f"../../{root.name}/data")
    (root / "specs/up").symlink_to("..")
    (root / "specs/absolute").symlink_to(root / "data")
    (root / "specs/circle").symlink_to("circle")
    (root / "specs/dangling").symlink_to("nothing")
    (root / "specs/null").symlink_to("/dev/null")
    os.mkfifo(root / "data/fifo")
    (root.parent / "secret.jsonl").write_text("secret")
    return root


@given(st.lists(_parts, max_size=8).map("/".join) | st.text(max_size=20))
@example("out/secret.jsonl")
@example("\0")
@example("\ud800")
@example("a" * 5000)
@example("/" * 3)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_path_is_a_file_inside_the_root_or_a_flaw(linked: Path, text: str) -> None:
    found = regular_file(linked, linked / "specs", text)
    if isinstance(found, Flaw):
        assert found.rule in RULES
    else:
        assert found.is_file()
        assert found.resolve() == found
        assert found.is_relative_to(linked)


@pytest.mark.parametrize(
    "text", ["../data/train.jsonl", "./../data/./train.jsonl", "up/data/train.jsonl"]
)
def test_a_path_inside_the_root_is_found_without_links(linked: Path, text: str) -> None:
    assert regular_file(linked, linked / "specs", text) == linked / "data/train.jsonl"


def test_an_absolute_link_inside_the_root_is_followed(linked: Path) -> None:
    found = regular_file(linked, linked / "specs", "absolute/train.jsonl")
    assert found == linked / "data/train.jsonl"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("/etc/passwd", "PATH201"),
        ("../../secret.jsonl", "PATH202"),
        ("../../My Project/data/train.jsonl", "PATH202"),  # outside on the way, and back
        ("out/secret.jsonl", "PATH203"),
        ("back/train.jsonl", "PATH203"),
        ("null", "PATH203"),
        ("circle", "PATH203"),
        ("up/../../secret.jsonl", "PATH203"),
        ("../data/none.jsonl", "PATH204"),
        ("dangling", "PATH204"),
        ("../data", "PATH205"),
        ("../data/fifo", "PATH205"),
        ("../data/train.jsonl/x", "PATH205"),
        ("a\nb", "PATH207"),
        ("a" * 300, "PATH208"),
    ],
)
def test_every_other_path_is_a_flaw(linked: Path, text: str, rule: str) -> None:
    assert flaw(linked, text).rule == rule


def test_a_missing_file_suggests_the_nearest_name(root: Path) -> None:
    assert flaw(root, "../data/trains.jsonl").remedy == 'Did you mean "train.jsonl"?'
    assert flaw(root, "../dta/train.jsonl").remedy == 'Did you mean "data"?'


def test_a_link_to_a_name_that_can_not_be_written_is_a_flaw(root: Path) -> None:
    (root / os.fsdecode(b"data/\xff.jsonl")).write_text("")
    (root / "specs/link.jsonl").symlink_to(os.fsdecode(b"../data/\xff.jsonl"))
    assert flaw(root, "link.jsonl").rule == "PATH207"


def test_a_folder_is_found_where_one_is_meant(root: Path) -> None:
    assert existing_folder(root, root, "specs") == root / "specs"
    assert isinstance(existing_folder(root, root, "data/train.jsonl"), Flaw)


def test_a_path_outside_is_told_at_its_place_in_the_spec(
    write: Write, problems: Problems, spec: str
) -> None:
    write("specs/a.yaml", spec.replace("../data", "../../data"))
    assert list(map(str, problems())) == [
        'specs/a.yaml:6:12: PATH202 spec.dataset: "../../data/train.jsonl" leads out of the '
        "project root; expected a path inside it. Move or copy the data into the project."
    ]
