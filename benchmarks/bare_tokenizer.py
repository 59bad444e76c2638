"""The tokenizer alone: texts that are parsed already, one process, one loop. Only that is timed.

No checker can take less CPU and count exactly the same tokens with the same tokenizer.

python benchmarks/bare_tokenizer.py FILE.jsonl     prints JSON: wall, cpu, texts, tokens
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tiktoken


def texts_of(example: dict[str, Any]) -> Iterator[str]:
    """What has to be tokenized: contents, names and arguments of calls, declared tools.

    Roles are left out: their tokens needn't be counted anew each time.
    """
    for message in example["messages"]:
        if isinstance(message.get("content"), str):
            yield message["content"]
        for call in message.get("tool_calls", ()):
            yield call["function"]["name"]
            yield call["function"]["arguments"]
    if tools := example.get("tools"):
        yield json.dumps(tools, ensure_ascii=False, separators=(",", ":"))


def main() -> None:
    """Read all texts, then tokenize them."""
    with Path(sys.argv[1]).open("rb") as lines:
        texts = [text for line in lines for text in texts_of(json.loads(line))]
    encode = tiktoken.get_encoding("o200k_base").encode_ordinary
    cpu, wall = time.process_time(), time.perf_counter()
    tokens = 0
    for text in texts:
        tokens += len(encode(text))
    timed = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    sys.stdout.write(json.dumps({**timed, "texts": len(texts), "tokens": tokens}) + "\n")


if __name__ == "__main__":
    main()
