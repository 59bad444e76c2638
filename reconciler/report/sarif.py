"""Problems as SARIF 2.1.0, the format of GitHub code scanning and of editors' problem lists.

    run      tool.driver (name, version, the rules that are used), results in the order of places
    result   ruleId, ruleIndex, level, message, one location: file, line and column as far as known,
             and the field as its logical location

What GitHub asks beyond the schema: a location and a text in every result, relative URIs, texts for
every rule, and no more than 25,000 results, else it refuses the whole log. No fingerprints: GitHub
computes them from the lines themselves, which no report of ours may hold.
"""

from __future__ import annotations

import json
import string
from collections.abc import Iterable, Mapping

from reconciler.dataset.rules import Rule
from reconciler.errors import Problem, Severity, redact
from reconciler.report.plain import plain

RuleText = Rule | str
"""What a rule table says of a rule: a Rule, or one sentence where a table has no more."""

MOST_RESULTS = 25_000
"""Results that GitHub takes in a log."""

Json = dict[str, object]

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_ROOT = "%SRCROOT%"
_LITERAL = frozenset(f"{string.ascii_letters}{string.digits}-._~/".encode())


def sarif_log(problems: Iterable[Problem], rules: Mapping[str, RuleText], version: str) -> str:
    """A log of one run: the problems by place, with the rules that they break.

    Args:
        problems: in any order. Of more than 25,000 the errors are kept first, and a notification
            says how many are left off.
        rules: from rule id to its text, of all tables at once. A rule without one is named only.
        version: ours.
    """
    found = sorted(problems)
    shown = _most_severe(found)
    severities = {problem.rule: problem.severity for problem in shown}
    used = sorted(severities)
    described = [_rule(rule, rules.get(rule, rule), severities[rule]) for rule in used]
    index = {rule: number for number, rule in enumerate(used)}
    run: Json = {
        "tool": {"driver": {"name": "reconcile", "version": version, "rules": described}},
        **_notified(len(found) - len(shown)),
        "originalUriBaseIds": {_ROOT: {"description": _text("The root of the project.")}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(problem, index[problem.rule]) for problem in shown],
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, indent=2, ensure_ascii=False) + "\n"


def _most_severe(found: list[Problem]) -> list[Problem]:
    """As many as a log may hold, in the same order."""
    if len(found) <= MOST_RESULTS:
        return found
    ranked = sorted(found, key=lambda problem: problem.severity is not Severity.ERROR)
    return sorted(ranked[:MOST_RESULTS])


def _notified(left_off: int) -> Json:
    if not left_off:
        return {}
    message = _text(f"{left_off:,} more problem(s) are left off: correct these, then run again.")
    notification = {"level": "warning", "message": message}
    invocation = {"executionSuccessful": True, "toolExecutionNotifications": [notification]}
    return {"invocations": [invocation]}


def _rule(rule: str, text: RuleText, severity: Severity) -> Json:
    """The severity is that of its problems, for a table that knows none."""
    if isinstance(text, str):
        text = Rule(text, "", severity)
    told = plain(text.summary)
    return {
        "id": plain(rule),
        "shortDescription": _text(told),
        "fullDescription": _text(f"{told} {plain(text.remedy)}".strip()),
        "help": _text(plain(text.remedy) or told),
        "defaultConfiguration": {"level": text.severity.value},
    }


def _result(problem: Problem, rule_index: int) -> Json:
    return {
        "ruleId": plain(problem.rule),
        "ruleIndex": rule_index,
        "level": problem.severity.value,
        "message": _text(_message(problem)),
        "locations": [_location(problem)],
    }


def _message(problem: Problem) -> str:
    subject = f"{problem.field}: " if problem.field else ""
    expected = f"; expected {problem.expected}" if problem.expected else ""
    told = plain(f"{subject}{problem.found}{expected}. {problem.remedy}")
    return told.replace("](", "] (")  # else a viewer makes a link of the user's own words


def _location(problem: Problem) -> Json:
    location: Json = {"physicalLocation": _place(problem)}
    if field := plain(problem.field):
        location["logicalLocations"] = [{"fullyQualifiedName": field}]
    return location


def _place(problem: Problem) -> Json:
    place: Json = {"artifactLocation": _artifact(redact(problem.file))}
    if problem.line > 0:
        column = {"startColumn": problem.column} if problem.column > 0 else {}
        place["region"] = {"startLine": problem.line, **column}
    return place


def _artifact(path: str) -> Json:
    """A path outside the project's root has no relative URI, and none is made up."""
    if path.startswith("/"):
        return {"uri": f"file://{_quoted(path)}"}
    return {"uri": _quoted(path) or ".", "uriBaseId": _ROOT}


def _quoted(path: str) -> str:
    """The path as a URI writes it: all but the unreserved characters as bytes in hexadecimal."""
    return "".join(chr(byte) if byte in _LITERAL else f"%{byte:02X}" for byte in _bytes(path))


def _bytes(path: str) -> bytes:
    try:
        return path.encode("utf-8", "surrogateescape")  # the bytes of a name that is not UTF-8
    except UnicodeEncodeError:
        return path.encode("utf-8", "replace")


def _text(text: str) -> Json:
    return {"text": text}
