"""What the doctor found, for people and for programs.

As JSON, of a shape that is promised as that of a plan is (``report/json.py``):

    doctor    schema_version, kind "doctor", summary, checks
    summary   checks, ok, notes, warnings, failures
    check     name, status ("ok", "note", "warn" or "fail"), found, remedy (or null)
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.report.json import SCHEMA_VERSION
from reconciler.report.plain import counted, plain


class Status(StrEnum):
    """How grave it is: a NOTE needs nobody, a WARN somebody soon, and with a FAIL no pass ends."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAIL = "fail"


WORDS = {Status.OK: "ok", Status.NOTE: "note", Status.WARN: "WARN", Status.FAIL: "FAIL"}
COUNTED = {Status.NOTE: "note", Status.WARN: "warning", Status.FAIL: "failure"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: its name, how it is, what was found, what to do about it."""

    name: str
    status: Status
    found: str
    remedy: str = ""


def doctor_text(checks: Sequence[Check]) -> str:
    """A line a check, its remedy below it, and a sentence at the end."""
    width = max(len(check.name) for check in checks)
    return "\n".join([*(line for check in checks for line in _lines(check, width)), _sum(checks)])


def doctor_json(checks: Sequence[Check]) -> str:
    """The same for programs."""
    count = Counter(check.status for check in checks)
    document = {
        "schema_version": SCHEMA_VERSION,
        "kind": "doctor",
        "summary": {
            "checks": len(checks),
            "ok": count[Status.OK],
            "notes": count[Status.NOTE],
            "warnings": count[Status.WARN],
            "failures": count[Status.FAIL],
        },
        "checks": [_check(check) for check in checks],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _lines(check: Check, width: int) -> Iterator[str]:
    yield f"{WORDS[check.status]:<4}  {check.name:<{width}}  {plain(check.found)}"
    if check.remedy:
        yield f"      {'':<{width}}  → {plain(check.remedy)}"


def _sum(checks: Sequence[Check]) -> str:
    """``12 checks: 10 ok, 1 warning, 1 failure.``"""
    count = Counter(check.status for check in checks)
    others = [counted(count[status], noun) for status, noun in COUNTED.items() if count[status]]
    return f"{counted(len(checks), 'check')}: {', '.join([f'{count[Status.OK]} ok', *others])}."


def _check(check: Check) -> dict[str, str | None]:
    return {
        "name": check.name,
        "status": check.status,
        "found": plain(check.found),
        "remedy": plain(check.remedy) or None,
    }
