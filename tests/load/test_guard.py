"""Any bytes give values or problems; what we don't take is told at its place."""

from __future__ import annotations

import re

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.load.compose import compose, plain
from reconciler.load.guard import MAX_BYTES, MAX_DEPTH, MAX_NODES

LOADERS = [yaml.CSafeLoader, yaml.SafeLoader]
MEGABYTE = 1_000_000

_pieces = st.sampled_from(
    [
        *"[]{}:,?-&*!|>'\"%@`#~<=\\\n\té\x00\ufeff\u2028",
        "  ",
        "- ",
        ": ",
        "a",
        "1",
        "---\n",
        "...\n",
        "!!",
        "<<",
        "\\x00",
        "\\uD800",
        "\\U00110000",
        "%YAML 1.2\n",
        "%TAG ! !\n",
    ]
)
_yamlish = st.lists(_pieces, max_size=40).map(lambda parts: "".join(parts).encode())


@pytest.mark.parametrize("loader", LOADERS)
@given(st.binary(max_size=200) | _yamlish)
@example(b"\xff\xfea\x00")
@example("é: 1\n".encode("utf-16"))
@example(b"a: \xed\xa0\x80")
@example(b'a: "\\U00110000"')
@settings(deadline=None)
def test_any_bytes_give_values_or_problems_with_a_line(loader: type, data: bytes) -> None:
    documents, problems = compose(data, "specs/a.yaml", loader)
    lines = data.count(b"\n") + data.count(b"\r") + 1
    assert all(1 <= problem.line <= lines + 1 for problem in problems)
    assert not re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "".join(map(str, problems)))
    assert None not in [plain(document) for document in documents]


@given(_yamlish)
@settings(deadline=None)
def test_both_parsers_read_the_same(data: bytes) -> None:
    (fast, fast_problems), (slow, slow_problems) = (
        compose(data, "f", loader) for loader in LOADERS
    )
    if not fast_problems and not slow_problems:
        assert repr([plain(d) for d in fast]) == repr([plain(d) for d in slow])


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("nest", ["[", "{", "- ", "? ", "[{", "- ? ", "[a: "])
def test_a_megabyte_of_nesting_ends_at_the_limit(loader: type, nest: str) -> None:
    data = (nest * MEGABYTE).encode()[:MEGABYTE]
    documents, [problem] = compose(data, "f", loader)
    assert (documents, problem.rule) == ((), "YAML004")


@pytest.mark.parametrize(("depth", "rules"), [(MAX_DEPTH, []), (MAX_DEPTH + 1, ["YAML004"])])
def test_the_depth_limit_is_exact(depth: int, rules: list[str]) -> None:
    _, problems = compose(b"[" * depth + b"]" * depth, "f")
    assert [problem.rule for problem in problems] == rules


@pytest.mark.parametrize(("nodes", "rules"), [(MAX_NODES, []), (MAX_NODES + 1, ["YAML005"])])
def test_the_limit_of_values_is_exact(nodes: int, rules: list[str]) -> None:
    _, problems = compose(b"[" + b"1," * (nodes - 1) + b"]", "f")
    assert [problem.rule for problem in problems] == rules


@pytest.mark.parametrize(("size", "rules"), [(MAX_BYTES, []), (MAX_BYTES + 1, ["YAML003"])])
def test_the_limit_of_bytes_is_exact(size: int, rules: list[str]) -> None:
    _, problems = compose(b"#" * size, "f")
    assert [problem.rule for problem in problems] == rules


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    ("data", "rule", "line", "column"),
    [
        (b"\xef\xbb\xbfa: 1", "YAML001", 1, 1),
        ("a: 1".encode("utf-16"), "YAML001", 1, 1),
        (b"a: 1\r\nb: \xff", "YAML001", 2, 4),
        (b"a: \xed\xa0\x80", "YAML001", 1, 4),  # a lone surrogate
        ("é: 1\nb: \x00".encode(), "YAML002", 2, 4),
        ("a: 1\nb: \u2028".encode(), "YAML002", 2, 4),  # YAML 1.1 would count a line here
        (b'a:\n  "x\\0y"', "YAML002", 2, 3),
        (b"a: [&x 1]", "YAML006", 1, 5),
        (b"a: *x", "YAML006", 1, 4),
        (b"a: !!python/object/apply:os.system [x]", "YAML007", 1, 4),
        (b"a: !x b", "YAML007", 1, 4),
        (b"a: ! b", "YAML007", 1, 4),
        (b"a: 1\n<<: {b: 1}", "YAML008", 2, 1),
        (b"a:\n\t- b", "YAML009", 2, 1),
        (b"a: 'b", "YAML009", 1, 6),
        (b"a: b: c", "YAML009", 1, 5),
        (b"1: a", "YAML010", 1, 1),
        (b"{[a]: b}", "YAML010", 1, 2),
        (b"? \n: b", "YAML010", 1, 2),
        (b'a: 1\nb: 2\n"a": 3', "YAML011", 3, 1),
    ],
)
def test_what_is_not_taken_is_told_at_its_place(
    loader: type, data: bytes, rule: str, line: int, column: int
) -> None:
    _, [problem] = compose(data, "f", loader)
    assert (problem.rule, problem.line) == (rule, line)
    assert abs(problem.column - column) <= 1  # the two parsers differ by one at the end of a text


def test_a_repeated_key_names_both_lines_and_the_first_holds() -> None:
    [document], [problem] = compose(b"a: 1\nb: 2\na: 3\n", "specs/a.yaml")
    assert str(problem) == (
        'specs/a.yaml:3:1: YAML011 "a" for the second time; the first is in line 1; '
        "expected every key once. Remove one of the two."
    )
    assert plain(document) == {"a": 1, "b": 2}


def test_documents_before_a_syntax_error_are_kept() -> None:
    documents, problems = compose(b"a: 1\n---\nb: ]\n", "f")
    assert [plain(document) for document in documents] == [{"a": 1}]
    assert [problem.rule for problem in problems] == ["YAML009"]


def test_no_message_repeats_a_key_or_much_of_the_file() -> None:
    secret = b"sk-" + b"abcdefgh" * 40
    _, problems = compose(b"&" + secret + b" a: !" + b"x" * 900 + b" 1\n", "f")
    shown = "\n".join(map(str, problems))
    assert len(problems) == 2
    assert "abcdefgh" not in shown
    assert max(map(len, shown.splitlines())) < 250
