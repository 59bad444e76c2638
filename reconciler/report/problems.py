"""Problems for a terminal and for programs; commands that make no plan need nothing else.

As JSON, of a shape that is promised as that of a plan is (``report/json.py``):

    problems  schema_version, kind "problems", errors, warnings, not_listed, problems
    problem   file, line, column, rule, severity, field, found, expected, remedy
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from reconciler.errors import Problem, Severity, redact
from reconciler.report.plain import counted, plain

SCHEMA_VERSION = 1


def problems_text(problems: Iterable[Problem]) -> str:
    """One line a problem, by place, and how many there are."""
    found = sorted(problems)
    errors = sum(problem.severity is Severity.ERROR for problem in found)
    kinds = ((errors, "error"), (len(found) - errors, "warning"))
    counts = [counted(count, noun) for count, noun in kinds if count]
    more = sum(problem.more for problem in found)
    told = f"{' and '.join(counts) or 'no problems'}{f', {more:,} more not listed' if more else ''}"
    return "\n".join([*(problem_line(p) for p in found), told])


def problem_line(problem: Problem) -> str:
    """``file:line:column: RULE field: found; expected. Remedy``; a warning says that it is one."""
    mark = "" if problem.severity is Severity.ERROR else "warning: "
    return plain(f"{mark}{problem}")


def problems_json(problems: Iterable[Problem]) -> str:
    """Every problem, by place."""
    found = sorted(problems)
    errors = sum(problem.severity is Severity.ERROR for problem in found)
    document = {
        "schema_version": SCHEMA_VERSION,
        "kind": "problems",
        "errors": errors,
        "warnings": len(found) - errors,
        "not_listed": sum(problem.more for problem in found),
        "problems": [_problem(problem) for problem in found],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _problem(problem: Problem) -> dict[str, object]:
    return {
        "file": plain(problem.file),
        "line": problem.line,
        "column": problem.column,
        "rule": problem.rule,
        "severity": problem.severity,
        "field": problem.field,
        "found": redact(problem.found),
        "expected": problem.expected,
        "remedy": problem.remedy,
    }
