"""``python -m tests.simulation.table``: how often weaker protocols pay twice, by the same seeds.

Each row is a patched copy of the product (``mutants.VARIANTS``) under the same scenes.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tests.simulation.mutants import VARIANTS, simulated

HEAD = "| protocol | simulations | paid twice | share |\n|---|---|---|---|"


def main(seeds: Annotated[int, typer.Option(help="Simulations a row.")] = 3_000) -> None:
    """Print the table as Markdown."""
    print(HEAD)  # noqa: T201
    for variant in VARIANTS:
        tally = simulated(variant, seeds)
        twice = len(tally["paid_twice"])
        share = f"{twice / tally['seeds']:.2%}" if twice else "0"
        print(f"| {variant.name} | {tally['seeds']:,} | {twice:,} | {share} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
