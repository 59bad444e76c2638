"""Every error of a document becomes a problem at its most exact place, in plain words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from reconciler.errors import Problem, Severity
from reconciler.load.compose import compose
from reconciler.load.documents import draft
from reconciler.load.explain import EXAMPLES, slug
from reconciler.spec import (
    Dataset,
    FineTune,
    FineTuneSpec,
    FolderLedger,
    GithubLedger,
    Hyperparameters,
    Metadata,
    Name,
    Price,
    Project,
    ProjectSpec,
)

Write = Callable[[str, str | bytes], Path]
Problems = Callable[..., tuple[Problem, ...]]

HEADER = "apiVersion: reconciler.dev/v1\nkind: {kind}\n"


def told(text: str, kind: str = "FineTune") -> list[str]:
    """The problems of one document, as people read them, without the file's name."""
    file = "reconciler.yaml" if kind == "Project" else "a.yaml"
    [document], problems = compose((HEADER.format(kind=kind) + text).encode(), file)
    assert problems == ()
    found = sorted(draft(file, Path("/"), document)[1])
    return [str(problem).removeprefix(f"{file}:") for problem in found]


def test_a_full_document_has_no_problem() -> None:
    full = """\
metadata: {name: a, labels: {team: care, since: "2026-01-01", on: no, at: 12:30}}
spec:
  model: any-model
  dataset: {training: a, validation: b}
  method: dpo
  hyperparameters: {n_epochs: auto, batch_size: 3.0, learning_rate_multiplier: 2, beta: 0.1}
  suffix: triage
  seed: 42
"""
    assert told(full) == []


def test_all_problems_are_told_at_once_each_at_its_place() -> None:
    spec = """\
metadata:
  name: Support Triage!
  labels: {version: 1.10, since: }
spec:
  datasets: a.jsonl
  method: supervized
  hyperparameters:
    n_epochs: 0
    epochs: 3
    batch_size: three
    learning_rate_multiplier: .nan
  n_epochs: 3
  suffix: 1e3
  seed: "42"
"""
    assert told(spec) == [
        '4:9: SPEC104 metadata.name: found "Support Triage!"; expected 1 to 63 of a-z, 0-9 and -, '
        "with no - at the ends. Write support-triage.",
        "5:21: SPEC107 metadata.labels.version: found 1.10; expected text. "
        'Write it in quotes: version: "1.10".',
        "5:34: SPEC107 metadata.labels.since: found nothing; expected text. Write text there.",
        "6:1: SPEC105 spec.dataset: missing; expected the data; optional only beside adopt. "
        "Add dataset: data/train.jsonl.",
        "6:1: SPEC105 spec.model: missing; expected a snapshot such as gpt-4.1-mini-2025-04-14, "
        "never an alias; or {from: NAME}. Add model: gpt-4.1-mini-2025-04-14.",
        "7:3: SPEC106 spec.datasets: unknown key; expected one of model, adopt, dataset, method, "
        'hyperparameters, suffix, seed, suspend, lifecycle. Did you mean "dataset"?',
        '8:11: SPEC104 spec.method: found "supervized"; expected supervised or dpo. '
        'Did you mean "supervised"?',
        '10:15: SPEC104 spec.hyperparameters.n_epochs: found 0; expected "auto" or a whole number '
        "from 1 to 50. Write such a value, or leave n_epochs out: the service then chooses.",
        "11:5: SPEC106 spec.hyperparameters.epochs: unknown key; expected one of n_epochs, "
        'batch_size, learning_rate_multiplier, beta. Did you mean "n_epochs"?',
        '12:17: SPEC104 spec.hyperparameters.batch_size: found "three"; expected "auto" or a whole '
        "number from 1 to 256. "
        "Write such a value, or leave batch_size out: the service then chooses.",
        '13:31: SPEC104 spec.hyperparameters.learning_rate_multiplier: found .nan; expected "auto" '
        "or a number above 0. "
        "Write such a value, or leave learning_rate_multiplier out: the service then chooses.",
        "14:3: SPEC106 spec.n_epochs: unknown key; expected one of model, adopt, dataset, method, "
        "hyperparameters, suffix, seed, suspend, lifecycle. "
        "It belongs at spec.hyperparameters.n_epochs.",
        '15:11: SPEC107 spec.suffix: found 1e3; expected text. Write it in quotes: suffix: "1e3".',
        '16:9: SPEC107 spec.seed: found "42"; expected a whole number. Write 42 without quotes.',
    ]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            "dataset: 5",
            "4:27: SPEC107 spec.dataset: found 5; expected the path of a file, or a mapping with "
            "training, validation, lint. Write key: value lines.",
        ),
        (
            'dataset: ""',
            '4:27: SPEC104 spec.dataset.training: found ""; expected at least 1 character. '
            "Write a value within this bound.",
        ),
        (
            "dataset: {}",
            "4:18: SPEC105 spec.dataset.training: missing; expected the training file. "
            "Add training: data/train.jsonl.",
        ),
        (
            "dataset: a, seed: 1.5",
            "4:36: SPEC107 spec.seed: found 1.5; expected a whole number. Write a number.",
        ),
        (
            "dataset: a, seed: -1",
            "4:36: SPEC104 spec.seed: found -1; expected at least 0. "
            "Write a value within this bound.",
        ),
        (
            "dataset: a, hyperparameters: {beta: 1}",
            "4:54: SPEC115 spec.hyperparameters.beta: found beta, method: supervised; "
            "expected beta only with method: dpo. Remove beta.",
        ),
        (
            "dataset: a, hyperparameters: [n_epochs]",
            "4:47: SPEC107 spec.hyperparameters: found a list; expected a mapping with n_epochs, "
            "batch_size, learning_rate_multiplier, beta. Write key: value lines.",
        ),
    ],
)
def test_a_value_of_a_wrong_shape_is_told_where_it_stands(spec: str, expected: str) -> None:
    assert told(f"metadata: {{name: a}}\nspec: {{model: m, {spec}}}\n") == [expected]


def test_a_project_is_told_the_same_way() -> None:
    project = """\
metadata: {name: a}
spec:
  specs: specs
  budget: {per_pass: .inf}
  doubt_budget: -0.5
  prices: {base: {training: "5", sources: a}}
"""
    assert told(project, "Project") == [
        '5:10: SPEC107 spec.specs: found "specs"; expected a list. Write it as a list: [one, two].',
        "6:22: SPEC107 spec.budget.per_pass: found .inf; expected a finite number. Write a number.",
        "7:17: SPEC104 spec.doubt_budget: found -0.5; expected at least 0.0. "
        "Write a value within this bound.",
        "8:12: SPEC105 spec.prices.base.source: missing; expected where the figure comes from. "
        "Add source: https://example.com/contract.",
        '8:29: SPEC107 spec.prices.base.training: found "5"; expected a number. '
        "Write 5 without quotes.",
        "8:34: SPEC106 spec.prices.base.sources: unknown key; expected one of training, source. "
        'Did you mean "source"?',
    ]


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        (
            "{kind: github, path: a}",
            "4:31: SPEC106 spec.ledger.path: unknown key; expected one of kind, repository. "
            "Remove it, or write kind: dir.",
        ),
        (
            "{repository: a/b}",
            "4:17: SPEC106 spec.ledger.repository: unknown key; expected one of kind, path, "
            "on_network. Remove it, or write kind: github.",
        ),
        (
            "{kind: github, repo: a/b}",
            "4:31: SPEC106 spec.ledger.repo: unknown key; expected one of kind, repository. "
            'Did you mean "repository"?',
        ),
        (
            "{kind: githubs}",
            '4:23: SPEC104 spec.ledger.kind: found "githubs"; expected dir or github. '
            'Did you mean "github"?',
        ),
        (
            "{kind: [github]}",
            "4:23: SPEC104 spec.ledger.kind: found a list; expected dir or github. "
            "Write dir or github.",
        ),
        (
            '{on_network: "yes"}',
            '4:29: SPEC107 spec.ledger.on_network: found "yes"; expected true or false. '
            "Write true or false, without quotes.",
        ),
        (
            '{kind: github, repository: "https://github.com/acme/shop"}',
            '4:43: SPEC104 spec.ledger.repository: found "https://github.com/acme/shop"; expected '
            "owner/name. Write the repository's owner, /, its name.",
        ),
        (
            "github",
            '4:16: SPEC107 spec.ledger: found "github"; expected a mapping with kind, path, '
            "on_network, repository. Write key: value lines.",
        ),
    ],
)
def test_a_ledger_is_told_by_its_kind(ledger: str, expected: str) -> None:
    assert told(f"metadata: {{name: a}}\nspec: {{ledger: {ledger}}}\n", "Project") == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "kind: Finetune",
            [
                "1:1: SPEC102 apiVersion: missing; expected reconciler.dev/v1. "
                "Write apiVersion: reconciler.dev/v1.",
                '1:7: SPEC103 kind: found "Finetune"; expected FineTune or Project. '
                'Did you mean "FineTune"?',
            ],
        ),
        (
            "[1, 2]",
            [
                "1:1: SPEC101 the document is a list; expected a mapping with apiVersion, kind, "
                "metadata and spec. Write a document, or move the file out of the spec folders."
            ],
        ),
    ],
)
def test_a_document_of_no_known_kind_is_told(text: str, expected: list[str]) -> None:
    [document], _ = compose(text.encode(), "a.yaml")
    found = draft("a.yaml", Path("/"), document)[1]
    assert [str(problem).removeprefix("a.yaml:") for problem in found] == expected


def test_a_value_that_is_told_broken_is_not_told_twice(write: Write, problems: Problems) -> None:
    text = "metadata: {name: !!str a}\nspec: {model: *m, dataset: &d {training: *t}}\n"
    write("specs/a.yaml", HEADER.format(kind="FineTune") + text)
    assert {problem.rule for problem in problems()} == {"YAML006", "YAML007"}


@pytest.mark.parametrize("text", ["!!map {a: 1}", "kind: !!str a\napiVersion: *a"])
def test_a_header_that_is_told_broken_is_not_told_twice(
    write: Write, problems: Problems, spec: str, text: str
) -> None:
    write("specs/a.yaml", f"{spec}---\n{text}\n")
    assert {problem.rule for problem in problems()} <= {"YAML006", "YAML007"}


def test_messages_show_no_key_and_no_more_than_sixty_characters() -> None:
    secret = "sk-" + "a1b2c3d4" * 5
    long = "x" * 500
    shown = told(f"metadata: {{name: {secret}_, {secret}: 1, {long}: 1}}\nspec: {long}\n")
    assert len(shown) == 4
    assert not any("a1b2" in line for line in shown)
    assert not any("x" * 61 in line for line in shown)


# ---- laws ------------------------------------------------------------------------------------

_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
) | st.sampled_from(["", "a", "auto", "dpo", "github", "supervised", "3", "é", "x" * 70, "\u202e"])
_keys = st.sampled_from(
    [
        *Metadata.model_fields,
        *FineTuneSpec.model_fields,
        *Dataset.model_fields,
        *Hyperparameters.model_fields,
        *ProjectSpec.model_fields,
        *Price.model_fields,
        *FolderLedger.model_fields,
        *GithubLedger.model_fields,
        "x",
        "",
    ]
)
_values = st.recursive(
    _scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(_keys, v, max_size=4)
)
_specs = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries({}, optional={"name": _values, "labels": _values}),
        "spec": st.dictionaries(_keys, _values, max_size=6) | _values,
    },
)


@given(st.sampled_from(["FineTune", "Project"]), _specs)
@settings(deadline=None)
def test_any_document_is_valid_or_told_in_our_words(kind: str, parts: dict[str, object]) -> None:
    whole = {"apiVersion": "reconciler.dev/v1", "kind": kind, **parts}
    file = "reconciler.yaml" if kind == "Project" else "a.yaml"
    [document], _ = compose(json.dumps(whole, indent=1, ensure_ascii=False).encode(), file)
    item, problems = draft(file, Path("/"), document)
    assert (item.document is None) == bool(problems)
    for problem in problems:
        assert 1 <= problem.line <= json.dumps(whole, indent=1).count("\n") + 1
        assert problem.column
        assert "pydantic" not in problem.remedy


def _models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from _models(part)


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _parts(part)


def test_every_required_field_has_an_example() -> None:
    required = {
        f"{model.__name__}.{field.alias or name}"
        for kind in (FineTune, Project)
        for model in _models(kind)
        for name, field in model.model_fields.items()
        if field.is_required() and name not in ("apiVersion", "kind")
    }
    assert required | {"FineTuneSpec.dataset"} == set(EXAMPLES)  # required unless it adopts


class _Named(BaseModel):
    name: Name


@given(st.text() | st.text("-aZ ", max_size=100))
def test_a_slug_is_a_valid_name_or_empty(text: str) -> None:
    name = slug(text)
    assert name == "" or _Named(name=name).name == name


# ---- across documents ------------------------------------------------------------------------


def test_a_repeated_name_names_the_first_place(write: Write, problems: Problems, spec: str) -> None:
    write("specs/a.yaml", spec)
    write("specs/b.yaml", f"{spec}---\n{spec}")
    assert [str(problem) for problem in problems()] == [
        f'specs/b.yaml:{line}:18: SPEC108 metadata.name: "triage" again; it names the document at '
        "specs/a.yaml:3 already; expected a name used once. "
        "Choose another name; a rename trains nothing."
        for line in (3, 10)
    ]


def test_an_alias_names_the_snapshot_to_write(write: Write, problems: Problems, spec: str) -> None:
    write("specs/a.yaml", spec.replace("-2025-04-14", ""))
    assert [str(problem) for problem in problems()] == [
        'specs/a.yaml:5:10: SPEC109 spec.model: found "gpt-4.1-mini", an alias that may be '
        "re-pointed; expected a snapshot. Write model: gpt-4.1-mini-2025-04-14."
    ]


def test_a_method_names_those_that_the_base_takes(
    write: Write, problems: Problems, spec: str
) -> None:
    base = spec.replace("gpt-4.1-mini-2025-04-14", "ft:gpt-3.5-turbo-0125:org::id")
    write("specs/a.yaml", base + "  method: dpo\n")
    told = [str(problem) for problem in problems() if problem.rule == "SPEC110"]
    assert told == [
        "specs/a.yaml:7:11: SPEC110 spec.method: found dpo; expected supervised, which "
        "gpt-3.5-turbo-0125 takes. Write method: supervised, or choose another base."
    ]


@pytest.mark.parametrize("model", ["llama-3.1-8b", "gpt-5", "gpt-4", "ft:any:org::id", "ft:", "é"])
def test_a_base_that_the_catalog_does_not_know_is_no_problem(
    write: Write, problems: Problems, spec: str, model: str
) -> None:
    write("specs/a.yaml", spec.replace("gpt-4.1-mini-2025-04-14", f'"{model}"'))
    assert problems() == ()


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("gpt-4.1-mini-2025-4-14", "gpt-4.1-mini-2025-04-14"),
        ("GPT-4o-2024-08-06", "gpt-4o-2024-08-06"),
        ("gpt-4.1-mni", "gpt-4.1-mini-2025-04-14"),
    ],
)
def test_a_slip_in_a_base_is_only_a_warning(
    write: Write, problems: Problems, spec: str, model: str, meant: str
) -> None:
    write("specs/a.yaml", spec.replace("gpt-4.1-mini-2025-04-14", model))
    [problem] = problems()
    assert (problem.rule, problem.severity) == ("SPEC111", Severity.WARNING)
    assert f'Did you mean "{meant}"?' in problem.remedy
