"""The simulator, small: no law is broken, the same seed is the same story, and it can see.

``make simulate`` is the same for an hour, ``make mutants`` the whole of what it can see.
"""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.simulation.many import run_chunk
from tests.simulation.mutants import MUTANTS, ROOT, VARIANTS, Copy, patched, simulated

FEW = 8
CAUGHT_SOON = {"claim", "max_retries=0", "nonce check"}
"""Mutants that a few seeds catch, whatever else has changed; `make mutants` is for all."""


@pytest.mark.parametrize("first", [0, 1000, 2000, 3000])
def test_whatever_breaks_no_law_is_broken(first: int) -> None:
    tally = run_chunk(first, FEW)
    assert tally.seeds == FEW
    assert tally.creates, "something was trained"
    assert tally.broken == {}


def test_the_same_seed_is_the_same_story_whatever_the_hashes() -> None:
    command = [sys.executable, "-m", "tests.simulation", "--trace", "80"]
    stories = [
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert stories[0] == stories[1]
    assert "POST /fine_tuning/jobs:" in stories[0]


@pytest.mark.parametrize("copy", [*MUTANTS, *VARIANTS], ids=lambda copy: copy.name)
def test_each_patch_still_finds_its_place(copy: Copy) -> None:
    with patched(copy) as folder:
        changed = [
            path.relative_to(folder)
            for path in (folder / "reconciler").rglob("*.py")
            if path.read_bytes() != (ROOT / path.relative_to(folder)).read_bytes()
        ]
    assert len(changed) == len({patch.file for patch in copy.patches})


@pytest.mark.parametrize(
    "mutant", [m for m in MUTANTS if m.name in CAUGHT_SOON], ids=lambda mutant: mutant.name
)
def test_the_simulator_sees_what_is_missing(mutant: Copy) -> None:
    tally = simulated(mutant, 40, "--chunk", "3", "--processes", "1", "--until-broken", mutant.law)
    laws = [law for broken in tally["broken"].values() for law in broken]
    assert [law for law in laws if law.startswith(mutant.law)]
