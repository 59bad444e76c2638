"""A checker such as people write for one project: one process, the whole file in memory.

It does what OpenAI's cookbook notebook "Data preparation and analysis for chat model fine-tuning"
describes, and nothing else: JSON a line, six checks of the format, tokens a message, their
distribution. It knows tools and weights only so far that it doesn't call them wrong.

python benchmarks/plain_checker.py FILE.jsonl
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tiktoken

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
KEYS = {"role", "content", "name", "weight", "tool_calls", "tool_call_id", "function_call"}
LONGEST = 65_536


def faults(example: Any) -> Iterator[str]:
    """What is wrong with one example, in the notebook's words."""
    if not isinstance(example, dict):
        yield "data_type"
    elif not (messages := example.get("messages")):
        yield "missing_messages_list"
    else:
        for message in messages:
            yield from message_faults(message)
        if not any(message.get("role") == "assistant" for message in messages):
            yield "example_missing_assistant_message"


def message_faults(message: Any) -> Iterator[str]:
    """What is wrong with one message."""
    calls = message.get("tool_calls") or message.get("function_call")
    if "role" not in message or ("content" not in message and not calls):
        yield "message_missing_key"
    if not message.keys() <= KEYS:
        yield "message_unrecognized_key"
    if message.get("role") not in ROLES:
        yield "unrecognized_role"
    if not isinstance(message.get("content"), str) and not calls:
        yield "missing_content"


def tokens(messages: Any, encoding: tiktoken.Encoding) -> int:
    """The notebook's count: 3 a message, 1 a name, 3 an example."""
    count = 3
    for message in messages:
        count += 3
        for key, value in message.items():
            if isinstance(value, str):
                count += len(encoding.encode(value, disallowed_special=())) + (key == "name")
    return count


def tell(name: str, values: list[int]) -> None:
    """A distribution, as the notebook prints it."""
    cuts = statistics.quantiles(values, n=20) if len(values) > 1 else [*values, *values]
    sys.stdout.write(
        f"{name}: min / max {min(values)}, {max(values)}; mean / median "
        f"{statistics.mean(values):.1f}, {statistics.median(values)}; "
        f"p5 / p95 {cuts[0]:.1f}, {cuts[-1]:.1f}\n"
    )


def main() -> None:
    """Check one file."""
    with Path(sys.argv[1]).open(encoding="utf-8") as lines:
        dataset = [json.loads(line) for line in lines]
    found = Counter(fault for example in dataset for fault in faults(example))
    encoding = tiktoken.get_encoding("o200k_base")
    lengths = [tokens(example["messages"], encoding) for example in dataset]
    sys.stdout.write(f"{len(dataset)} examples; errors: {dict(found) or 'none'}\n")
    tell("messages", [len(example["messages"]) for example in dataset])
    tell("tokens", lengths)
    too_long = sum(length > LONGEST for length in lengths)
    sys.stdout.write(f"{too_long} over {LONGEST} tokens; {sum(lengths)} tokens in all\n")


if __name__ == "__main__":
    main()
