"""Patched copies of the product, each without one thing: a simulator that can't see that is blind.

``python -m tests.simulation.mutants`` runs each until a law is broken, and prints a table of the
seeds it took. ``VARIANTS`` are the weaker protocols that docs/never-pay-twice.md compares.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

ROOT: Final = Path(__file__).parent.parent.parent
MOST_SEEDS: Final = 2_000


@dataclass(frozen=True)
class Patch:
    """A text of a source file, and what stands in its place."""

    file: str
    before: str
    after: str


@dataclass(frozen=True)
class Copy:
    """The product without something, and a law that must be seen to break (any, if empty)."""

    name: str
    patches: tuple[Patch, ...]
    law: str = ""


_NO_CLAIM: Final = Patch(
    "ledger/__init__.py",
    "        return self._is_put(_claim_name(claim), _text(claim))",
    "        self._is_put(_claim_name(claim), _text(claim))\n        return True",
)
_NO_DEDUPE: Final = Patch(
    "plan/decide.py",
    "    return tuple(job for job in alive if job in case.marked and job.id not in case.adopted)",
    "    return ()",
)
_SDK_RETRIES: Final = Patch(
    "providers/openai/writer.py",
    "self._http.client.with_options(max_retries=0).fine_tuning.jobs.with_raw_response",
    "self._http.client.with_options(max_retries=2).fine_tuning.jobs.with_raw_response",
)
_NO_MEMORY: Final = Patch(
    "ledger/__init__.py",
    "        return _book(self.records.all(_folder(endpoint)))",
    "        return Book((), frozenset())",
)
_NO_RECORDS: Final = Patch(
    "ledger/__init__.py",
    "        if self.records.put(name, text) is Put.STORED:",
    "        if True:",
)

_WITHOUT_A_GUARD: Final = tuple(
    Copy(name, (Patch(file, before, after),), law)
    for name, file, before, after, law in (
        (
            "budget of a pass",
            "policy/budget.py",
            "    elif _usd(plan) > most:",
            "    elif False:",
            "what a pass spends is within its budget",
        ),
        (
            "budget of a month",
            "policy/budget.py",
            "    elif _usd(plan) > round(most - plan.billed_usd, USD_DIGITS):",
            "    elif False:",
            "what a month spends is within its budget",
        ),
        (
            "prune: what is needed",
            "plan/prune.py",
            "        return mark.key in self.keys or job.id in self.bound",
            "        return False",
            "nothing needed is deleted",
        ),
        (
            "prune: the second look",
            "engine/pruning.py",
            "        both = agreed(first, second)",
            "        both = first",
            "nothing needed is deleted",
        ),
        (
            "prune: doubt",
            "plan/guards.py",
            "        if claim.owner == owner and not right.closing and",
            "        if False and",
            "nothing is deleted while a create is in doubt",
        ),
        (
            "prune: the commit",
            "plan/prune.py",
            '    return "" if mark.commit in scene.history.ancestors else NOT_IN_HEAD',
            '    return ""',
            "nothing newer than the checkout is deleted",
        ),
        (
            "prune: other people's jobs",
            "plan/prune.py",
            "        if file.id in scene.observed.used_elsewhere:",
            "        if False:",
            "nothing that another's job uses is deleted",
        ),
        (
            "prune: a day",
            "plan/prune.py",
            "        elif scene.observed.taken_at - file.created_at < OLD_ENOUGH:",
            "        elif False:",
            "no file is deleted on its first day",
        ),
        (
            "prune: the data of what stays",
            "plan/prune.py",
            "        if file.name in wanted or file.id in used:",
            "        if file.name in wanted:",
            "no data of what stays is deleted",
        ),
    )
)

MUTANTS: Final = (
    Copy("claim", (_NO_CLAIM,), "a POST only under its own claim"),
    Copy("dedupe", (_NO_DEDUPE,), "duplicates are cancelled"),
    Copy(
        "fail-closed scanning",
        (
            Patch(
                "providers/objects.py",
                "    if has_more and not rows:",
                "    if has_more and not rows:\n        return rows, False\n    if False:",
            ),
        ),
        "no create on an incomplete scan",
    ),
    Copy("max_retries=0", (_SDK_RETRIES,), "one POST an attempt"),
    Copy(
        "window",
        (
            Patch(
                "plan/claims.py",
                "    left = claim.at + case.limits.doubt_window - case.now",
                "    left = 0",
            ),
        ),
        "never two live jobs of a key",
    ),
    Copy(
        "nonce check",
        (Patch("ledger/__init__.py", "        return standing == text", "        return True"),),
        "a POST only under its own claim",
    ),
    Copy(
        "owner check",
        (
            Patch(
                "plan/make.py",
                "    has_our_mark = mark is not None and mark.owner == scene.desired.owner",
                "    has_our_mark = mark is not None",
            ),
            Patch(
                "plan/case.py",
                "if mark and mark.owner == self.owner)",
                "if mark)",
            ),
        ),
        "nothing without our mark is touched",
    ),
    Copy(
        "refusal record",
        (
            Patch(
                "apply.py",
                "        return self._closed(claim, closing, "
                "Outcome(action, Result.FAILED, str(refusal)))",
                "        return Outcome(action, Result.FAILED, str(refusal))",
            ),
        ),
        "what was refused is never sent again",
    ),
    Copy(
        "prune: the complete scan",
        (
            Patch(
                "engine/pruning.py",
                "        observed = prove_absence(connection.reader, observed, desired)",
                "",
            ),
            Patch("apply.py", "(plan.creates or plan.deletes)", "plan.creates"),
        ),
        "nothing is deleted on an incomplete scan",
    ),
    *_WITHOUT_A_GUARD,
)

_NO_FREEZE: Final = Patch("policy/__init__.py", "    frozen.frozen,\n", "")
_NAIVE: Final = (_NO_CLAIM, _NO_MEMORY, _NO_RECORDS, _NO_FREEZE)
VARIANTS: Final = (
    Copy("the SDK's default", (*_NAIVE, _NO_DEDUPE, _SDK_RETRIES)),
    Copy("`max_retries=0`", (*_NAIVE, _NO_DEDUPE)),
    Copy("`max_retries=0`, later duplicates cancelled", _NAIVE),
    Copy("the claim: what `reconcile` does", ()),
)


@contextmanager
def patched(copy: Copy) -> Iterator[Path]:
    """A folder with the patched product and this simulator, to run Python in."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as name:
        folder = Path(name)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "reconciler", folder / "reconciler", ignore=ignored)
        (folder / "tests").symlink_to(ROOT / "tests")
        for patch in copy.patches:
            _apply(folder / "reconciler" / patch.file, patch)
        yield folder


def _apply(path: Path, patch: Patch) -> None:
    text = path.read_text("utf-8")
    if text.count(patch.before) != 1:
        raise ValueError(f"{patch.file} no longer holds, once: {patch.before!r}")
    path.write_text(text.replace(patch.before, patch.after), encoding="utf-8")


def simulated(copy: Copy, seeds: int, *options: str) -> dict[str, Any]:
    """The tally of a patched copy over some seeds."""
    with patched(copy) as folder:
        command = [sys.executable, "-m", "tests.simulation", "--json", "--seeds", str(seeds)]
        ran = subprocess.run(
            [*command, *options], cwd=folder, capture_output=True, text=True, check=False
        )
        if ran.returncode not in (0, 1):
            raise RuntimeError(ran.stderr)
        tally: dict[str, Any] = json.loads(ran.stdout)
        return tally


def main(
    seeds: Annotated[int, typer.Option(help="The most a mutant gets.")] = MOST_SEEDS,
    only: Annotated[str, typer.Option(help="The name of one mutant.")] = "",
) -> None:
    """Run every mutant until it is caught; exit with 1 if one isn't."""
    missed = 0
    print("| without | caught after | a law that was broken |\n|---|---|---|")  # noqa: T201
    for mutant in (mutant for mutant in MUTANTS if only in mutant.name):
        tally = simulated(mutant, seeds, "--until-broken", mutant.law)
        laws = [law for broken in tally["broken"].values() for law in broken]
        is_caught = any(law.startswith(mutant.law) for law in laws)
        missed += not is_caught
        said = f"{tally['seeds']:,} seeds | {mutant.law}" if is_caught else "**never** | -"
        print(f"| {mutant.name} | {said} |", flush=True)  # noqa: T201
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    typer.run(main)
