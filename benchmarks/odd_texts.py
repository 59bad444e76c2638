"""Lines of one repeated character beside prose: what each takes to check and count, as a ratio.

python benchmarks/odd_texts.py

Each is an example whose answer is a megabyte; the target is at most 10 x the time of prose.
"""

from __future__ import annotations

import json
import sys
import time
from pydoc_data import topics

from reconciler.dataset.examine import Block, Examiner, Question

MEGABYTE = 1_000_000
REPEATED = {
    "a space": " ",
    "a line end": "\n",
    "a": "a",
    "=": "=",
    "a Korean syllable": "가",
    "a digit": "7",
    "an emoji": "😀",
    "an @": "@",
    "a word and a space": "the ",
}
TARGET = 10


def block(text: str) -> Block:
    """The text as the answer of one example."""
    messages = [{"role": "user", "content": "?"}, {"role": "assistant", "content": f"x{text}x"}]
    return Block(1, json.dumps({"messages": messages}, ensure_ascii=False).encode() + b"\n")


def seconds(examiner: Examiner, text: str) -> tuple[float, int]:
    """The least time of three, and the tokens."""
    tokens, times = 0, []
    for _ in range(3):
        start = time.process_time()
        report = examiner.examine(block(text))
        times.append(time.process_time() - start)
        tokens = next(iter(report.tally.lengths))
    return min(times), tokens


def main() -> None:
    """Prose first, then the others beside it."""
    examiner = Examiner(Question("supervised", "o200k_base"))
    everything = "\n".join(topics.topics.values())
    prose = (everything * (1 + MEGABYTE // len(everything)))[:MEGABYTE]
    base, tokens = seconds(examiner, prose)
    sys.stdout.write(f"{'prose':22}{base:8.3f} s{tokens:10,} tokens\n")
    for name, character in REPEATED.items():
        text = character * (MEGABYTE // len(character.encode()))
        taken, tokens = seconds(examiner, text)
        ratio = f"{taken / base:6.1f} x prose (target {TARGET})"
        sys.stdout.write(f"{name:22}{taken:8.3f} s{tokens:10,} tokens{ratio}\n")


if __name__ == "__main__":
    main()
