"""Chains of specs: each is checked by the base that it rests on; no circle, no missing parent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.errors import Problem
from reconciler.load import load
from reconciler.load.chains import chain_problems, with_bases
from reconciler.load.compose import compose
from reconciler.load.documents import Draft

Write = Callable[[str, str], Path]
Problems = Callable[..., tuple[Problem, ...]]
FOUR = "gpt-4.1-mini-2025-04-14"


@pytest.fixture
def chain(write: Write, spec: str) -> Callable[..., None]:
    """Writes a spec for each name: of the base that is given, or from another spec."""

    def chain(more: str = "", **sources: str) -> None:
        for name, source in sources.items():
            model = source if "-" in source else f"{{from: {source}}}"
            text = spec.replace("triage", name).replace(FOUR, model)
            write(f"specs/{name}.yaml", text + more)

    return chain


Chain = Callable[..., None]


# ---- parents that aren't there -------------------------------------------------------------------


def test_a_parent_that_is_no_spec_is_told_where_it_is_written_with_what_may_be_meant(
    chain: Chain, problems: Problems
) -> None:
    chain(support=FOUR, triage="supports")
    (problem,) = problems()
    assert (problem.file, problem.line, problem.column) == ("specs/triage.yaml", 5, 17)
    assert (problem.rule, problem.field) == ("SPEC117", "spec.model.from")
    assert problem.found == 'found "supports", which no spec is named'
    assert problem.remedy == 'Did you mean "support"?'


def test_a_parent_that_nothing_is_like_is_to_be_added(chain: Chain, problems: Problems) -> None:
    chain(support=FOUR, triage="nobody")
    (problem,) = problems()
    assert problem.remedy == "Add that spec, or write a base."


def test_only_the_spec_that_names_a_missing_parent_is_told_of_it(
    chain: Chain, problems: Problems
) -> None:
    chain(first="nobody", second="first", third="second")
    assert [problem.file for problem in problems()] == ["specs/first.yaml"]


# ---- circles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("links", "found"),
    [
        ({"a": "a"}, ["a circle: a from a"]),
        ({"a": "b", "b": "a"}, ["a circle: a from b from a", "a circle: b from a from b"]),
        (
            {"a": "b", "b": "c", "c": "a"},
            [
                "a circle: a from b from c from a",
                "a circle: b from c from a from b",
                "a circle: c from a from b from c",
            ],
        ),
    ],
)
def test_a_circle_is_told_at_each_of_its_links(
    links: dict[str, str], found: list[str], chain: Chain, problems: Problems
) -> None:
    chain(**links)
    assert [problem.found for problem in problems()] == found
    assert {problem.rule for problem in problems()} == {"SPEC118"}


def test_what_leads_into_a_circle_is_no_part_of_it(chain: Chain, problems: Problems) -> None:
    chain(a="b", b="a", c="a", d="c")
    assert {problem.file for problem in problems()} == {"specs/a.yaml", "specs/b.yaml"}


def test_a_long_circle_is_told_in_short(chain: Chain, problems: Problems) -> None:
    names = [f"s{number}" for number in range(8)]
    chain(**dict(zip(names, [*names[1:], names[0]], strict=True)))
    assert problems()[0].found == "a circle: s0 from s1 from s2 from s3 from s4 from ... (8 specs)"


# ---- what a chain is checked by ------------------------------------------------------------------


def test_a_chain_takes_the_methods_of_its_base(chain: Chain, problems: Problems) -> None:
    chain(more="  method: dpo\n", a="gpt-3.5-turbo-0125", b="a")
    refused = [problem for problem in problems() if problem.rule == "SPEC110"]
    assert {problem.file for problem in refused} == {"specs/a.yaml", "specs/b.yaml"}


def test_a_chain_s_data_is_counted_by_the_vocabulary_of_its_base(chain: Chain, root: Path) -> None:
    chain(a="gpt-3.5-turbo-0125", b="a", c="b", d=FOUR)
    specs = load(root, count_tokens=True).specs
    counted = [spec.training.encoding for spec in specs if spec.training]
    assert counted == ["cl100k_base", "cl100k_base", "cl100k_base", "o200k_base"]


def test_a_spec_that_is_broken_still_lends_its_base_to_what_starts_from_it(
    chain: Chain, write: Write, spec: str, problems: Problems
) -> None:
    chain(b="a")
    write("specs/a.yaml", spec.replace("triage", "a") + "  suffix: 12\n")
    assert [problem.rule for problem in problems()] == ["SPEC107"]


# ---- long chains ---------------------------------------------------------------------------------


def draft(name: str, source: str) -> Draft:
    text = f"metadata: {{name: {name}}}\nspec: {{model: {source}}}\n"
    (root,), _ = compose(text.encode(), "a.yaml")
    return Draft("a.yaml", Path(), root, None)


def test_a_chain_of_thousands_does_not_overflow() -> None:
    last = 2000
    links = [draft(f"s{n}", f"{{from: s{n - 1}}}") for n in range(last, 0, -1)]
    drafts = [*links, draft("s0", "gpt-9")]
    assert {item.base for item in with_bases(drafts)} == {"gpt-9"}
    assert not list(chain_problems(drafts))
    assert len(list(chain_problems([*links, draft("s0", f"{{from: s{last}}}")]))) == last + 1
