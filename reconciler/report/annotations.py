"""Problems and conditions as GitHub's workflow commands: its runner shows them beside the lines.

    ::error file=specs/a.yaml,line=3,col=9,title=SPEC104::model: found an alias ...

Escaping is the documented one: ``%``, CR and LF everywhere, ``:`` and ``,`` in properties too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.errors import Problem
from reconciler.plan import Duplicate, Plan, Resource
from reconciler.report.plain import listed, plain
from reconciler.report.summary import TROUBLE, standing
from reconciler.report.words import made_twice, unfreeze


def problem_annotations(problems: Iterable[Problem]) -> str:
    """One command a problem, at its line; empty if there is none.

    GitHub shows the first ten errors and warnings of a step: the first of each rule and file go
    before all others.
    """
    seen: set[tuple[str, str]] = set()
    first: list[Problem] = []
    rest: list[Problem] = []
    for problem in sorted(problems):
        kind = (problem.file, problem.rule)
        (rest if kind in seen else first).append(problem)
        seen.add(kind)
    return "\n".join(map(_problem, [*first, *rest]))


def plan_annotations(plan: Plan) -> str:
    """One command a training made twice, or a resource that failed, is held or has drifted."""
    troubled = (_resource(r) for r in plan.resources if standing(r) in TROUBLE)
    return "\n".join([*(_duplicate(each, plan) for each in plan.duplicates), *troubled])


def warning_annotations(warnings: Iterable[str]) -> str:
    """One command a warning that is about no file; empty if there is none."""
    return "\n".join(_command("warning", {"title": "reconcile"}, plain(w)) for w in warnings)


def _problem(problem: Problem) -> str:
    expected = f"; expected {problem.expected}" if problem.expected else ""
    subject = f"{problem.field}: " if problem.field else ""
    properties: dict[str, str | int] = {
        "file": plain(problem.file),
        "line": problem.line,
        "col": problem.column,
        "title": problem.rule,
    }
    return _command(
        problem.severity,
        properties,
        plain(f"{subject}{problem.found}{expected}. {problem.remedy}"),
    )


def _duplicate(duplicate: Duplicate, plan: Plan) -> str:
    message = f"{made_twice(duplicate)}\n→ {unfreeze(plan)}"
    return _command("warning", {"title": "creates are frozen"}, message)


def _resource(resource: Resource) -> str:
    condition = resource.condition
    word = standing(resource)
    return _command(
        "error" if word == "failed" else "warning",
        {"title": f"{listed(resource.used_by)}: {word} ({condition.reason})"},
        "\n→ ".join(filter(None, map(plain, (condition.message, condition.remedy)))),
    )


def _command(level: str, properties: Mapping[str, str | int], message: str) -> str:
    told = ",".join(f"{name}={_property(str(v))}" for name, v in properties.items() if v)
    return f"::{level} {told}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
