"""Every error of ours, in one tree: its type says who must act.

    ReconcileError                  base of all; never shown as a traceback
    ├── UsageError                  the command line: call again, corrected
    ├── InvalidInput                specs or datasets: fix each listed Problem
    ├── SettingsError               key, endpoint, Project: fix the settings
    │   └── KeyRefused              the endpoint doesn't accept the key: set one that holds
    ├── UnreadyModel                a model or job was asked for that isn't there yet: see status
    ├── LedgerError                 the ledger can't be read or written: fix disk, token or network
    ├── WorkerLost                  a process that checked data was ended: give it more memory
    ├── StalePlan                   what was approved is no longer what would be done: plan again
    ├── Guarded                     nothing may be deleted: do what the message names, then prune
    ├── DatasetChanged              a file changed between check and upload: run again
    └── ProviderError               the endpoint
        ├── ScanIncomplete          a list may not be whole: nothing is created; run again
        ├── Unavailable             no usable answer to a read: wait, run again
        ├── NotSent                 no connection was made: a later pass may try again
        ├── ReplyLost               sent, outcome unknown: look before anything else
        └── Refused                 a definite no, with the service's status, code and message

A ``Problem`` is not an exception: all of them are collected, then raised at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_SECRET = re.compile(r"\b(sk-|gh[opsur]_|github_pat_)[A-Za-z0-9_\-]{8,}|\b(Bearer\s+)[^\s'\"]+")


def redact(text: str) -> str:
    """The text with anything shaped like an API key blanked: no message may carry one."""
    return _SECRET.sub(lambda match: (match[1] or match[2]) + "…", text)


class Severity(StrEnum):
    """How much a problem matters: an ERROR stops the pass, a WARNING is only shown."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a file of the user's. Sorted by place, what stands for more last.

    Attributes:
        file: path relative to the project root, POSIX style.
        line: 1-based; 0 where the whole file is meant.
        column: 1-based; 0 where the whole line is meant.
        rule: stable id, such as ``SPEC104``.
        field: dotted path inside the document, or empty.
        found: what is there, in words; never a row of data.
        expected: what should be there.
        remedy: what to do, as a sentence.
        severity: ERROR unless said otherwise.
        more: how many problems that are not listed it stands for; 0 for one of its own.
    """

    file: str
    line: int
    column: int
    rule: str
    field: str
    found: str
    expected: str
    remedy: str
    severity: Severity = Severity.ERROR
    more: int = 0

    def __lt__(self, other: Problem) -> bool:
        return self._rank() < other._rank()

    def _rank(self) -> tuple[str | int, ...]:
        place = (self.line, self.column, self.rule, self.field)
        words = (self.found, self.expected, self.remedy, self.severity)
        return (self.file, self.more > 0, *place, *words)

    @property
    def place(self) -> str:
        """``file:line:column``, as far as it is known: editors and terminals jump to it."""
        parts = [self.file, *(str(n) for n in (self.line, self.column) if n)]
        return ":".join(parts)

    def __str__(self) -> str:
        """One line for people: place, rule, field, found, expected, remedy."""
        subject = f"{self.field}: " if self.field else ""
        expected = f"; expected {self.expected}" if self.expected else ""
        return redact(f"{self.place}: {self.rule} {subject}{self.found}{expected}. {self.remedy}")


class ReconcileError(Exception):
    """Base of every error that we raise on purpose; ``str()`` is the message for people."""


class UsageError(ReconcileError):
    """The command line asks for something that can't be asked for."""


class InvalidInput(ReconcileError):
    """Specs or datasets have problems; nothing was sent anywhere."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} problem(s) in specs or datasets")


class SettingsError(ReconcileError):
    """The key, the endpoint or the Project's settings are missing or contradict each other."""


class KeyRefused(SettingsError):
    """The endpoint doesn't accept the key, or not for this organisation or project."""


class UnreadyModel(ReconcileError):
    """A command needs a model or a job that this spec doesn't have yet."""


class LedgerError(ReconcileError):
    """The ledger of rights to create can't be read or written, so nothing may be created."""


class StalePlan(ReconcileError):
    """A plan was approved, and by now the decisions for its trainings are others."""


class Guarded(ReconcileError):
    """Nothing is deleted, for what is known doesn't prove that it may be."""


class DatasetChanged(ReconcileError):
    """A dataset file is not the one that was checked: what is sent must be what was checked."""


class WorkerLost(ReconcileError):
    """A process that examined a part of a dataset ended by itself, mostly for want of memory."""

    def __init__(self) -> None:
        super().__init__(
            "a process that checked the data ended by itself; if the system ended it for want of "
            "memory, give it more: lines of 10 MB take up to 600 MB each"
        )


class ProviderError(ReconcileError):
    """The endpoint did not do what was asked."""


class ScanIncomplete(ProviderError):
    """A list ended in a way that doesn't prove that it is whole; absence may not be concluded."""


class Unavailable(ProviderError):
    """A read failed after its retries."""


class NotSent(ProviderError):
    """No connection could be made: the request surely did not arrive."""


class ReplyLost(ProviderError):
    """The request may have been carried out: its reply was lost or can't be understood."""


class Refused(ProviderError):
    """A definite refusal: the endpoint said no and did nothing.

    Attributes:
        status: HTTP status.
        code: the service's ``error.code``, or empty.
        message: the service's own words.
        retry_after: seconds that the service asks to wait, or None.
    """

    def __init__(self, status: int, code: str, message: str, retry_after: float | None) -> None:
        self.status = status
        self.code = code
        self.message = redact(message)
        self.retry_after = retry_after
        named = f"{status} {code}".strip()
        super().__init__(f"the endpoint refused ({named}): {self.message}")
