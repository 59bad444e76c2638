"""The stage as a whole: what is on disk is loaded, or every problem of every file is told."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import InvalidInput, Problem, Severity
from reconciler.load import find_root, load
from reconciler.state import Loaded, Revision

Write = Callable[[str, str | bytes], Path]
Load = Callable[..., Loaded]
Problems = Callable[..., tuple[Problem, ...]]

PROJECT = "apiVersion: reconciler.dev/v1\nkind: Project\nmetadata: {name: care}\n"


def rules(problems: tuple[Problem, ...]) -> list[str]:
    return [problem.rule for problem in problems]


# ---- what is loaded --------------------------------------------------------------------------


def test_a_spec_is_loaded_with_its_place_and_the_facts_of_its_data(
    root: Path, write: Write, loaded: Load, spec: str
) -> None:
    both = "{training: ../data/train.jsonl, validation: ../data/valid.jsonl}"
    write(
        "specs/team/a.yaml",
        "\n---\n" + spec.replace("../data/train.jsonl", both).replace("../", "../../"),
    )
    result = loaded()
    [item] = result.specs
    assert (item.file, item.line, item.document.metadata.name) == ("specs/team/a.yaml", 3, "triage")
    data = (root / "data/train.jsonl").read_bytes()
    assert item.training is not None
    assert item.training.path == "data/train.jsonl"
    assert item.training.sha256 == hashlib.sha256(data).hexdigest()
    assert (item.training.bytes, item.training.examples) == (len(data), 10)
    assert item.validation is not None
    assert item.validation.path == "data/valid.jsonl"
    assert (result.root, result.revision, result.warnings) == (str(root), Revision(), ())


def test_tokens_are_counted_when_asked_for(root: Path, write: Write, spec: str) -> None:
    write("specs/a.yaml", spec)
    [counted] = load(root, count_tokens=True).specs
    [uncounted] = load(root, count_tokens=False).specs
    assert counted.training is not None
    assert uncounted.training is not None
    assert counted.training.tokens > 0
    assert counted.training.encoding == "o200k_base"
    assert (uncounted.training.tokens, uncounted.training.encoding) == (0, "")


def test_specs_come_by_name_whatever_their_files_are_called(
    write: Write, loaded: Load, spec: str
) -> None:
    for file, name in (("a.yml", "c"), ("b.yaml", "a"), ("sub/sub/Z.YAML", "b")):
        text = spec.replace("triage", name)
        write(f"specs/{file}", text.replace("../", "../" * (file.count("/") + 1)))
    assert [item.document.metadata.name for item in loaded().specs] == ["a", "b", "c"]


def test_hidden_and_linked_folders_and_other_files_are_skipped(
    root: Path, write: Write, loaded: Load, spec: str
) -> None:
    write("specs/a.yaml", spec)
    write("specs/README.md", "[")
    write("specs/.hidden/b.yaml", "[")
    write("specs/.#a.yaml", "[")
    write("elsewhere/c.yaml", "[")
    (root / "specs/linked").symlink_to(root / "elsewhere")
    assert len(loaded().specs) == 1


def test_a_linked_spec_file_inside_the_root_is_read(
    root: Path, write: Write, loaded: Load, spec: str
) -> None:
    write("shared/a.yaml", spec)
    (root / "specs/a.yaml").symlink_to("../shared/a.yaml")
    assert [item.file for item in loaded().specs] == ["specs/a.yaml"]


def test_the_project_names_the_owner_and_the_folders(write: Write, loaded: Load, spec: str) -> None:
    write("reconciler.yaml", PROJECT + "spec: {specs: [models, more], doubt_budget: 2}\n")
    write("models/a.yaml", spec)
    write("more/b.yaml", spec.replace("triage", "b"))
    write("specs/c.yaml", "[")
    result = loaded()
    assert (result.owner, result.project.spec.doubt_budget) == ("care", 2.0)
    assert [item.file for item in result.specs] == ["more/b.yaml", "models/a.yaml"]


def test_without_a_project_the_owner_is_the_folder_as_a_name(
    write: Write, loaded: Load, spec: str
) -> None:
    write("specs/a.yaml", spec)
    result = loaded()
    assert (result.owner, result.project.metadata.name) == ("my-project", "my-project")


def test_given_files_and_folders_replace_the_project_s(
    root: Path, write: Write, loaded: Load, spec: str
) -> None:
    write("reconciler.yaml", PROJECT)
    write("specs/a.yaml", spec)
    write("other/b.yaml", spec.replace("triage", "b"))
    write("other/c.json5", spec.replace("triage", "c"))
    given = (root / "other", root / "other/../other/c.json5", root / "other/b.yaml")
    assert [item.document.metadata.name for item in loaded(*given).specs] == ["b", "c"]


def test_specs_in_the_root_itself_do_not_meet_the_project(
    root: Path, write: Write, loaded: Load, spec: str
) -> None:
    write("reconciler.yaml", PROJECT + "spec: {specs: [.]}\n")
    write("a.yaml", spec.replace("../data", "data"))
    assert [item.file for item in loaded().specs] == ["a.yaml"]


def test_the_same_disk_gives_the_same_result(write: Write, loaded: Load, spec: str) -> None:
    for name in "zxy":
        write(f"specs/{name}.yaml", spec.replace("triage", name))
    assert loaded() == loaded()


def test_the_revision_is_git_s(root: Path, write: Write, loaded: Load, spec: str) -> None:
    write("specs/a.yaml", spec)
    for words in (["init"], ["add", "."], ["commit", "-m", "x"]):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)
    revision = loaded().revision
    assert (len(revision.commit), revision.is_dirty) == (40, False)


def test_the_examples_of_this_repository_load() -> None:
    root = Path(__file__).parents[2]
    result = load(root, [root / "specs"], count_tokens=False)
    assert result.specs
    assert result.warnings == ()


# ---- what is told ----------------------------------------------------------------------------


def test_all_problems_of_all_files_are_told_at_once_and_sorted(
    root: Path, write: Write, problems: Problems, spec: str
) -> None:
    write("reconciler.yaml", PROJECT + "spec: {specs: [specs, nowhere], owner: me}\n")
    write("specs/b.yaml", spec.replace("triage", "B").replace("train.jsonl", "none.jsonl"))
    write("specs/a.yaml", "a: [\n")
    write("specs/c.yaml", spec.replace("-2025-04-14", "-2025-04-15"))
    write("specs/d.yaml", spec.replace("triage", "d").replace("train.jsonl", "bad.jsonl"))
    write("data/bad.jsonl", "not json\n")
    found = problems()
    assert list(found) == sorted(found)
    assert [(p.file, p.line, p.rule) for p in found if not p.rule.startswith("DS")] == [
        ("reconciler.yaml", 4, "PATH204"),
        ("reconciler.yaml", 4, "SPEC106"),
        ("specs/a.yaml", 2, "YAML009"),
        ("specs/b.yaml", 3, "SPEC104"),
        ("specs/b.yaml", 6, "PATH204"),
        ("specs/c.yaml", 5, "SPEC111"),
    ]
    assert {p.file for p in found if p.rule.startswith("DS")} == {"data/bad.jsonl"}


def test_warnings_alone_do_not_stop(write: Write, loaded: Load, spec: str) -> None:
    write("specs/a.yaml", spec.replace("-2025-04-14", "-2025-04-15"))
    result = loaded()
    assert rules(result.warnings) == ["SPEC111"]
    assert len(result.specs) == 1


def test_a_shared_dataset_is_told_once(write: Write, problems: Problems, spec: str) -> None:
    write("data/train.jsonl", "not json\n" * 20)
    for name in "abc":
        write(f"specs/{name}.yaml", spec.replace("triage", name))
    found = problems()
    assert len(found) == len(set(found))
    assert {problem.file for problem in found} == {"data/train.jsonl"}


def test_validation_by_the_training_examples_is_told_even_of_a_copy(
    root: Path, write: Write, problems: Problems, spec: str
) -> None:
    write("data/copy.jsonl", (root / "data/train.jsonl").read_bytes())
    both = "{training: ../data/train.jsonl, validation: ../data/copy.jsonl}"
    write("specs/a.yaml", spec.replace("../data/train.jsonl", both))
    [problem] = problems()
    assert (problem.rule, problem.field) == ("PATH206", "spec.dataset.validation")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("", "SPEC113"),
        ("---\n", "SPEC113"),
        (PROJECT + "---\n" + PROJECT, "SPEC113"),
        (PROJECT.replace("Project", "FineTune"), "SPEC113"),
        ("[", "YAML009"),
    ],
)
def test_the_project_file_holds_one_project(
    write: Write, problems: Problems, spec: str, content: str, rule: str
) -> None:
    write("specs/a.yaml", spec)
    write("reconciler.yaml", content)
    assert rule in rules(problems())


def test_a_project_elsewhere_is_told(write: Write, problems: Problems, spec: str) -> None:
    write("specs/a.yaml", f"{spec}---\n{PROJECT}")
    assert [str(problem) for problem in problems()] == [
        "specs/a.yaml:9:7: SPEC112 kind: a Project; expected FineTune documents. "
        "Move it into reconciler.yaml at the root."
    ]


def test_a_project_without_specs_is_told_what_to_write(problems: Problems) -> None:
    assert [str(problem) for problem in problems()] == [
        "specs: SPEC114 no FineTune document; expected at least one. "
        "Write specs/NAME.yaml, or name a file or folder of specs with -f."
    ]


@pytest.mark.parametrize(
    ("given", "rule"),
    [("..", "PATH202"), ("/etc/passwd", "PATH202"), ("nothing", "PATH204"), ("loop", "PATH204")],
)
def test_given_paths_outside_or_absent_are_told(
    root: Path, problems: Problems, given: str, rule: str
) -> None:
    (root / "loop").symlink_to("loop")
    assert rules(problems(root / given)) == [rule]


def test_a_spec_that_is_no_file_is_told_without_waiting_for_it(
    root: Path, write: Write, problems: Problems, spec: str
) -> None:
    write("specs/a.yaml", spec)
    os.mkfifo(root / "specs/fifo.yaml")
    (root / "specs/folder.yaml").mkdir()
    (root / "specs/gone.yaml").symlink_to("nothing")
    (root / "specs/null.yaml").symlink_to("/dev/null")
    assert [(problem.file, problem.rule) for problem in problems()] == [
        ("specs/fifo.yaml", "PATH205"),
        ("specs/gone.yaml", "PATH204"),
        ("specs/null.yaml", "PATH203"),
    ]


def test_names_that_a_terminal_would_act_upon_are_written_out(
    root: Path, write: Write, problems: Problems, spec: str
) -> None:
    write("specs/a\x1b[2J.yaml", spec)
    (root / os.fsdecode(b"specs/\xff.yaml")).write_text(spec)
    found = problems()
    assert rules(found) == ["PATH207", "PATH207"]
    assert [problem.file for problem in found] == ["specs/\\udcff.yaml", "specs/a\\x1b[2J.yaml"]
    assert all(str(problem).isascii() for problem in found)


def test_problems_are_an_error_that_counts_them(root: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(root, count_tokens=False)
    assert caught.value.problems[0].severity is Severity.ERROR


# ---- the root, and speed ---------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["reconciler.yaml", ".git"])
def test_the_root_is_the_nearest_folder_with_a_mark(root: Path, mark: str) -> None:
    (root / mark).touch()
    (root.parent / "reconciler.yaml").touch()
    assert find_root(root / "specs") == root
    assert find_root(root) == root


def test_without_a_mark_the_root_is_where_we_are(root: Path) -> None:
    assert find_root(root / "specs") == root / "specs"


def test_loading_imports_nothing_heavy() -> None:
    code = "import sys, reconciler.load; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert {"openai", "tiktoken", "rapidfuzz", "deepdiff", "rich"}.isdisjoint(done.stdout.split())
