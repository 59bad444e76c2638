"""What is said in an example: every text that the tokenizer will see, who says it, and where.

Three readers walk along it: the count of tokens, the checks of texts, and the fingerprints. Odd
shapes say nothing here; the checks report them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from reconciler.dataset.shapes import ROLES, Example, is_learned, is_plain, items_of, object_of

TOOLS = "tools"
"""Stands for a role where tools are declared rather than anything said."""

UNKNOWN = "unknown"
"""Stands for a role that is missing or unreadable."""

Text = tuple[str, str]
"""Where a text stands within its turn (``content[0].text``), and the text."""


class Turn(NamedTuple):
    """One message, or one declaration of tools.

    Attributes:
        field: where it stands in the example, such as ``messages[2]``.
        role: who speaks; ``tools`` for a declaration.
        texts: what is said, in the order of the line, the role's own word among them.
        is_learned: whether training learns it: an answer without weight 0, or an output of dpo.
    """

    field: str
    role: str
    texts: tuple[Text, ...]
    is_learned: bool


def turns_of(example: Example) -> Iterator[Turn]:
    """All turns of an example of any method; what an example declares comes last."""
    yield from _conversation(example.get("messages"), "messages")
    if len(example) > 1:  # nearly all examples are messages and nothing else
        asked = object_of(example.get("input"))
        yield from _conversation(asked.get("messages"), "input.messages")
        for key in ("preferred_output", "non_preferred_output"):
            yield from _conversation(example.get(key), key)
        for holder, prefix in ((example, ""), (asked, "input.")):
            for key in ("tools", "functions"):
                if declared := holder.get(key):
                    texts = (("", compact(declared)),)
                    yield Turn(f"{prefix}{key}", TOOLS, texts, is_learned=False)


def _conversation(messages: object, field: str) -> Iterator[Turn]:
    is_output, is_input = field.endswith("output"), field.startswith("input")
    for index, message in enumerate(items_of(messages)):
        row = object_of(message)
        role = row.get("role")
        is_answer = role == "assistant" and is_learned(row)
        is_taught = is_output or (is_answer and not is_input)
        texts: Iterable[Text] = _texts(row)
        if is_plain(message):
            texts = (("role", message["role"]), ("content", message["content"]))
        speaker = role if isinstance(role, str) and role in ROLES else UNKNOWN
        yield Turn(f"{field}[{index}]", speaker, tuple(texts), is_taught)


_TEXT_KEYS = frozenset({"role", "content", "name", "refusal", "tool_call_id"})


def _texts(message: Example) -> Iterator[Text]:
    for key, value in message.items():
        if isinstance(value, str):
            yield (key if key in _TEXT_KEYS else ""), value  # any other key may be data itself
        elif key == "content":
            yield from _part_texts(value)
        elif key == "tool_calls":
            for index, call in enumerate(items_of(value)):
                yield from _call_texts(object_of(call).get("function"), f"{key}[{index}].function")
        elif key == "function_call":
            yield from _call_texts(value, key)


def _part_texts(parts: object) -> Iterator[Text]:
    for index, part in enumerate(items_of(parts)):
        for key in ("text", "refusal"):
            text = object_of(part).get(key)
            if isinstance(text, str):
                yield f"content[{index}].{key}", text


def _call_texts(function: object, field: str) -> Iterator[Text]:
    for key in ("name", "arguments"):
        text = object_of(function).get(key)
        if isinstance(text, str):
            yield f"{field}.{key}", text


_COMPACT = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def compact(value: object) -> str:
    """Compact JSON, keys sorted; empty for what can't be written: nested too deeply, not JSON."""
    try:
        return _COMPACT.encode(value)
    except (TypeError, ValueError, RecursionError):
        return ""
