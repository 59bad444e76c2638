"""One example: which format it has, and whether it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeGuard

from reconciler.dataset.checks.messages import check_message, has_calls, has_content
from reconciler.dataset.checks.tools import check_calling, check_declared, check_names
from reconciler.dataset.rules import Finding
from reconciler.dataset.shapes import (
    ROLES,
    Example,
    Findings,
    Method,
    described,
    is_plain,
    items_of,
    kind,
    object_of,
)

MOST_IMAGES = 10
"""Images an example (OpenAI, "Vision fine-tuning")."""

_OPTIONS = frozenset({"tools", "functions", "parallel_tool_calls"})
_KEYS: dict[Method, frozenset[str]] = {
    "supervised": _OPTIONS | {"messages"},
    "dpo": frozenset({"input", "preferred_output", "non_preferred_output"}),
}
_INPUT_KEYS = _OPTIONS | {"messages"}
FORMATS: dict[str, str] = {
    "supervised": "supervised example",
    "dpo": "dpo example",
    "completion": "prompt/completion example, the format of retired bases",
    "sharegpt": "ShareGPT example",
    "alpaca": "Alpaca example",
    "pair": "chosen/rejected pair",
    "evals": "sample of OpenAI Evals",
}
"""Formats that can be told apart, in words."""

_TELLTALE = {
    "completion": {"prompt", "completion"},
    "sharegpt": {"conversations"},
    "alpaca": {"instruction", "output"},
    "pair": {"chosen", "rejected"},
    "evals": {"input", "ideal"},
}


def format_of(example: Example) -> str:
    """Which of ``FORMATS`` the line has, told by its keys; empty if none of them."""
    if "messages" in example:
        return "supervised"
    if "preferred_output" in example or "non_preferred_output" in example:
        return "dpo"
    if "input" in example and "messages" in object_of(example["input"]):
        return "dpo"
    return next((name for name, keys in _TELLTALE.items() if keys <= example.keys()), "")


def check_example(
    example: Example, method: Method, *, takes_images: bool | None = None
) -> Findings:
    """All findings of one example. A line of another method's format is one finding, no more.

    Args:
        example: a parsed line.
        method: what it must be an example of.
        takes_images: whether the base can be trained on images; None if that is not known.
    """
    found = format_of(example)
    if found not in ("", method):
        yield Finding("DS103", f"a {FORMATS[found]}", f"a {method} example")
        return
    for check in _CHECKS[method]:
        yield from check(example)
    if not example.keys() <= _KEYS[method]:
        yield Finding("DS147", "unknown key", "")
    if images := sum(map(count_images, conversations(example))):
        yield from _check_images(images, takes_images)


def conversations(example: Example) -> Iterator[list[object]]:
    """The lists of messages that an example of any method has, as far as they are lists."""
    asked = object_of(example.get("input"))
    outputs = (example.get("preferred_output"), example.get("non_preferred_output"))
    for messages in (example.get("messages"), asked.get("messages"), *outputs):
        if isinstance(messages, list):
            yield messages


def count_images(messages: list[object]) -> int:
    """The image parts of a list of messages."""
    return sum(
        object_of(part).get("type") == "image_url"
        for message in messages
        for part in items_of(object_of(message).get("content"))
    )


def _check_images(images: int, takes_images: bool | None) -> Findings:
    if images > MOST_IMAGES:
        yield Finding("DS136", f"{images} images", f"at most {MOST_IMAGES}")
    if takes_images is False:
        yield Finding("DS140", f"{images} image(s)", "a base that takes images")


# ---- supervised ------------------------------------------------------------------------------


def _check_messages(example: Example) -> Findings:
    found = described(example, "messages")
    yield from _check_conversation(example.get("messages"), example, "messages", found)


def _check_learnable(example: Example) -> Findings:
    messages = example.get("messages")
    if not _is_conversation(messages):
        return  # a role that can't be read may have been the assistant's
    answers = [row for row in messages if row["role"] == "assistant"]
    if not answers:
        yield Finding("DS108", "no assistant message", "at least one", "messages")
    elif not any(row.get("weight") != 0 for row in answers):
        found = f"weight 0 on all {len(answers)} assistant message(s)"
        yield Finding("DS108", found, "one of them to learn from", "messages")


def _is_conversation(messages: object) -> TypeGuard[list[Example]]:
    """A list with a message at least, all of a known role."""
    if not isinstance(messages, list) or not messages:
        return False
    return all(isinstance(row, dict) and row.get("role") in ROLES for row in messages)


def _check_conversation(messages: object, holder: Example, field: str, found: str) -> Findings:
    if not isinstance(messages, list) or not messages:
        found = "an empty list" if isinstance(messages, list) else found
        yield Finding("DS104", found, "a list of messages", field)
        return
    is_calling = False
    for index, message in enumerate(messages):
        if not is_plain(message):
            is_calling = is_calling or _is_calling(message)
            yield from check_message(message, f"{field}[{index}]")
    if is_calling:
        yield from check_calling(messages, holder, field)
    if not holder.keys().isdisjoint(_OPTIONS):
        yield from check_declared(holder, field.removesuffix("messages"))


def _is_calling(message: object) -> bool:
    row = object_of(message)
    return row.get("role") == "tool" or has_calls(row)


# ---- dpo -------------------------------------------------------------------------------------


def _check_input(example: Example) -> Findings:
    asked = example.get("input")
    if not isinstance(asked, dict) or "messages" not in asked:
        found = "no messages" if isinstance(asked, dict) else described(example, "input")
        yield Finding("DS109", found, "an object with messages", "input")
        return
    yield from _check_conversation(
        asked["messages"], asked, "input.messages", kind(asked["messages"])
    )
    if not asked.keys() <= _INPUT_KEYS:
        yield Finding("DS147", "unknown key", "", "input")


def _check_outputs(example: Example) -> Findings:
    for key in ("preferred_output", "non_preferred_output"):
        if (output := _only_output(example, key)) is None:
            found = _output_found(example, key)
            yield Finding("DS109", found, "a list of one assistant message", key)
        elif not has_content(output) and not has_calls(output):
            yield Finding("DS109", "no content", "a text or content parts", f"{key}[0].content")
        elif not is_plain(output):
            yield from check_message(output, f"{key}[0]")
            yield from check_names([output], object_of(example.get("input")), key)


def _check_differ(example: Example) -> Findings:
    preferred = _only_output(example, "preferred_output")
    other = _only_output(example, "non_preferred_output")
    if preferred and other and _is_same(_said(preferred), _said(other)):
        yield Finding("DS110", "two equal outputs", "two that differ", "non_preferred_output")


def _output_found(example: Example, key: str) -> str:
    rows = example.get(key)
    if not isinstance(rows, list):
        return described(example, key)
    return f"{len(rows)} messages" if len(rows) != 1 else "not an assistant message"


def _only_output(example: Example, key: str) -> Example | None:
    """The one assistant message that a dpo example has under this key; None if it hasn't."""
    rows = example.get(key)
    if not isinstance(rows, list) or len(rows) != 1 or not isinstance(rows[0], dict):
        return None
    message: Example = rows[0]
    return message if message.get("role") == "assistant" else None


def _said(message: Example) -> tuple[object, ...]:
    return tuple(message.get(key) for key in ("content", "refusal", "tool_calls", "function_call"))


def _is_same(left: object, right: object) -> bool:
    try:
        return left == right
    except RecursionError:  # what nests so deeply is no content: other rules see to it
        return False


_CHECKS: dict[Method, tuple[Callable[[Example], Findings], ...]] = {
    "supervised": (_check_messages, _check_learnable),
    "dpo": (_check_input, _check_outputs, _check_differ),
}
