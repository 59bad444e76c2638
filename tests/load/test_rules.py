"""Each rule of the table is broken once here; no rule is used that is not in the table."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from reconciler.errors import Problem
from reconciler.load.rules import RULES

Write = Callable[[str, str | bytes], Path]
Problems = Callable[..., tuple[Problem, ...]]
Breach = Callable[[Path, Write, str], object]

PROJECT = "apiVersion: reconciler.dev/v1\nkind: Project\nmetadata: {name: a}\n"


def _spec(content: bytes) -> Breach:
    """The whole spec file is this."""
    return lambda _root, write, _spec: write("specs/a.yaml", content)


def _changed(old: str, new: str) -> Breach:
    """The valid spec with one text replaced by another."""
    return lambda _root, write, spec: write("specs/a.yaml", spec.replace(old, new))


def _project(content: str) -> Breach:
    """A valid spec, and this as ``reconciler.yaml``."""

    def breach(_root: Path, write: Write, spec: str) -> None:
        write("specs/a.yaml", spec)
        write("reconciler.yaml", content)

    return breach


def _linked(root: Path, write: Write, spec: str) -> None:
    write("specs/a.yaml", spec)
    (root / "specs/b.yaml").symlink_to("/etc/passwd")


BREACHES: dict[str, Breach] = {
    "YAML001": _spec("a: é".encode("latin-1")),
    "YAML002": _spec(b"a: \x07"),
    "YAML003": _spec(b"#" * 1_000_001),
    "YAML004": _spec(b"[" * 65),
    "YAML005": _spec(b"[" + b"1," * 100_000 + b"]"),
    "YAML006": _changed("name: triage", "name: &name triage"),
    "YAML007": _changed("name: triage", "name: !!str triage"),
    "YAML008": _changed("metadata: {name: triage}", "metadata: {name: triage, <<: {}}"),
    "YAML009": _spec(b"a: ]"),
    "YAML010": _changed("{name: triage}", "{name: triage, labels: {1: one}}"),
    "YAML011": _changed("{name: triage}", "{name: triage, name: again}"),
    "SPEC101": _spec(b"- a"),
    "SPEC102": _changed("/v1", "/v2"),
    "SPEC103": _changed("FineTune", "Finetune"),
    "SPEC104": _changed("triage", "Triage"),
    "SPEC105": _changed("{name: triage}", "{}"),
    "SPEC106": _changed("dataset:", "datasets:"),
    "SPEC107": _changed("{name: triage}", "{name: 12}"),
    "SPEC108": lambda _root, write, spec: write("specs/a.yaml", f"{spec}---\n{spec}"),
    "SPEC109": _changed("-2025-04-14", ""),
    "SPEC110": lambda _root, write, spec: write(
        "specs/a.yaml",
        spec.replace("gpt-4.1-mini-2025-04-14", "gpt-3.5-turbo-0125") + "  method: dpo\n",
    ),
    "SPEC111": _changed("-2025-04-14", "-2025-04-15"),
    "SPEC112": _spec(PROJECT.encode()),
    "SPEC113": _project(PROJECT + "---\n" + PROJECT),
    "SPEC114": _spec(b"---\n"),
    "SPEC115": lambda _root, write, spec: write(
        "specs/a.yaml", spec + "  hyperparameters: {beta: 1}\n"
    ),
    "SPEC116": _changed(
        "dataset: ../data/train.jsonl",
        "dataset: {training: ../data/train.jsonl, lint: {accept: [DS146, DS120, DS999]}}",
    ),
    "SPEC117": _changed("model: gpt-4.1-mini-2025-04-14", "model: {from: nobody}"),
    "SPEC118": _changed("model: gpt-4.1-mini-2025-04-14", "model: {from: triage}"),
    "PATH201": _changed("../data", "/data"),
    "PATH202": _changed("../data", "../../data"),
    "PATH203": _linked,
    "PATH204": _changed("train.jsonl", "none.jsonl"),
    "PATH205": lambda root, write, spec: os.mkfifo(root / "specs/b.yaml"),
    "PATH206": _changed(
        "../data/train.jsonl",
        "{training: ../data/train.jsonl, validation: ../data/train.jsonl}",
    ),
    "PATH207": lambda root, write, spec: write("specs/a\nb.yaml", spec),
    "PATH208": _changed("train.jsonl", "x" * 300),
}


def test_every_rule_has_its_breach() -> None:
    assert set(BREACHES) == set(RULES)


@pytest.mark.parametrize("rule", sorted(BREACHES))
def test_a_breach_is_told_and_says_what_to_do(
    rule: str, root: Path, write: Write, problems: Problems, spec: str
) -> None:
    BREACHES[rule](root, write, spec)
    told = [problem for problem in problems() if problem.rule == rule]
    assert told, problems()
    for problem in told:
        assert problem.found
        assert problem.expected
        assert problem.remedy.endswith((".", "?"))
        assert str(problem).startswith(problem.place)


def test_every_rule_that_is_used_is_in_the_table() -> None:
    package = files("reconciler.load")
    used = {
        rule
        for module in package.iterdir()
        if module.name.endswith(".py")
        for rule in re.findall(r'"((?:YAML|SPEC|PATH)\d{3})"', module.read_text("utf-8"))
    }
    assert used == set(RULES)


def test_ids_are_grouped_and_sentences_end() -> None:
    assert all(re.fullmatch(r"YAML0\d\d|SPEC1\d\d|PATH2\d\d", rule) for rule in RULES)
    assert all(sentence.endswith(".") for sentence in RULES.values())
