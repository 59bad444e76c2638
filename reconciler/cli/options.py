"""The options that commands share, and what they mean together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reconciler.engine import Request


class Format(StrEnum):
    """How a result is written to stdout."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"


Folders = Annotated[
    list[Path] | None,
    typer.Option("--specs", "-f", help="Spec file or folder; may be repeated. [default: specs]"),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", "-l", metavar="KEY=VALUE", help="Only specs with this label."),
]
Targets = Annotated[
    list[str] | None, typer.Option("--target", metavar="NAME", help="Only the spec of this name.")
]
Output = Annotated[Format, typer.Option("--output", "-o", help="Format of the result.")]
InSandbox = Annotated[
    bool,
    typer.Option("--sandbox", help="Use the embedded sandbox: no key, no bill, nothing leaves."),
]
Speed = Annotated[
    float, typer.Option(min=0.01, help="How fast the clock of --sandbox runs.", show_default=True)
]
AutoApprove = Annotated[bool, typer.Option("--auto-approve", help="Don't ask before applying.")]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", min=0, metavar="USD", help="Refuse a pass that costs more."),
]
AllowDirty = Annotated[
    bool, typer.Option("--allow-dirty", help="Let uncommitted changes spend with nobody asked.")
]
AllowShortLived = Annotated[
    bool,
    typer.Option("--allow-short-lived", help="Train models whose base is shut down soon, too."),
]
Detailed = Annotated[
    bool, typer.Option("--detailed-exitcode", help="Exit with 2 if there are changes or drift.")
]
SpecName = Annotated[str, typer.Argument(metavar="NAME", help="metadata.name of a spec.")]

DEFAULT_SPEED = 20.0
"""A job of some 40 seconds takes about 2 in the embedded sandbox."""


@dataclass(frozen=True)
class Scope:
    """Where a command works and on which specs, as it was given."""

    folders: list[Path] | None = None
    labels: list[str] | None = None
    targets: list[str] | None = None
    sandbox: bool = False
    speed: float = DEFAULT_SPEED

    @property
    def root(self) -> Path:
        """The project root above the working directory."""
        from reconciler.load import find_root

        return find_root(Path.cwd())

    def request(self, **more: object) -> Request:
        """The engine's request for this scope."""
        from reconciler.engine import Request

        return Request(
            root=self.root,
            folders=tuple(path.absolute() for path in self.folders) if self.folders else None,
            targets=tuple(self.targets or ()),
            labels=dict(map(_label, self.labels or ())),
            **more,  # type: ignore[arg-type]  # the callers' keywords are Request's
        )


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        message = f"{text!r} is not KEY=VALUE"
        raise typer.BadParameter(message, param_hint="-l")
    return key, value
