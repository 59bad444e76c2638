"""Parsed JSON, seen with care: its parts may have any shape."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeGuard, get_args

from reconciler.dataset.rules import Finding

Method = Literal["supervised", "dpo"]
"""The training methods whose lines can be checked."""

METHODS: Mapping[str, Method] = {name: name for name in get_args(Method)}
"""The same by their names in a spec."""

Example = dict[str, object]
"""One parsed line, or an object within it."""

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
"""Who may speak in a message."""

_PLAIN_SPEAKERS = frozenset({"system", "developer", "user", "assistant"})

Findings = Iterator[Finding]
"""What a check yields; nothing if all is well."""

_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}


def kind(value: object) -> str:
    """A value's type in JSON's words: all that a finding may say of it."""
    return "null" if value is None else _KINDS.get(type(value), "a number")


def described(holder: Example, key: str) -> str:
    """What stands under a key, or that nothing does."""
    return kind(holder[key]) if key in holder else f"no {key}"


def object_of(value: object) -> Example:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items_of(value: object) -> list[object]:
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


Plain = dict[str, Any]
"""A message that is a role and a text, and on an answer perhaps a weight of 0 or 1."""


def plain_messages(example: Example) -> list[Plain]:
    """The messages of an example that has nothing but plain ones, one of them to be learned.

    Nearly all examples are so, and nothing but what stands in their texts can be wrong with them:
    they take a short way. Empty for every other example.
    """
    messages = example.get("messages")
    if len(example) != 1 or type(messages) is not list:
        return []
    is_learnable = False
    for message in messages:
        if not is_plain(message):
            return []
        if not is_learnable and message["role"] == "assistant":
            is_learnable = is_learned(message)
    return messages if is_learnable else []


def is_plain(message: object) -> TypeGuard[Plain]:
    """Whether nothing in the message can be wrong, short of what its text says."""
    if type(message) is not dict:
        return False
    role, content = message.get("role"), message.get("content")
    if type(content) is not str or type(role) is not str or role not in _PLAIN_SPEAKERS:
        return False
    if content == "" or content.isspace():
        return False
    return len(message) == 2 or (len(message) == 3 and role == "assistant" and _is_weighed(message))


def _is_weighed(message: Example) -> bool:
    weight = message.get("weight")
    return type(weight) is int and weight in (0, 1)


def is_learned(answer: Example) -> bool:
    """Whether training learns this answer: not if its weight is 0."""
    return answer.get("weight") != 0
