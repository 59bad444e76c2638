"""One message: who speaks, what is said, and what is learned from it."""

from __future__ import annotations

import re

from reconciler.dataset.checks.tools import check_calls
from reconciler.dataset.images import check_image
from reconciler.dataset.rules import Finding
from reconciler.dataset.shapes import ROLES, Example, Findings, described, items_of, kind

_KEYS = frozenset({"role", "content", "name", "weight", "refusal", "audio"})
_KEYS |= {"tool_calls", "function_call", "tool_call_id"}
_SPEAKER_NAME = re.compile(r"[^\s<|>/\\]{1,64}")


def check_message(message: object, field: str) -> Findings:
    """All findings of one message by itself."""
    if not isinstance(message, dict):
        yield Finding("DS105", kind(message), "an object", field)
    elif not isinstance(message.get("role"), str) or message["role"] not in ROLES:
        yield Finding("DS105", _role_found(message), ", ".join(ROLES), f"{field}.role")
    else:
        for check in (_check_content, _check_silence, _check_weight, check_calls, _check_name):
            yield from check(message, field)
        if not message.keys() <= _KEYS:
            yield Finding("DS147", "unknown key", "", field)


def _role_found(message: Example) -> str:
    role = message.get("role")
    return "an unknown role" if isinstance(role, str) else described(message, "role")


def _check_name(message: Example, field: str) -> Findings:
    name = message.get("name")
    if name is None:
        return
    if not isinstance(name, str):
        yield Finding("DS143", kind(name), "a text", f"{field}.name")
    elif not _SPEAKER_NAME.fullmatch(name):
        expected = "1 to 64 characters, none of white space < | > / \\"
        yield Finding("DS143", "another name", expected, f"{field}.name")


def _check_weight(message: Example, field: str) -> Findings:
    weight, field = message.get("weight"), f"{field}.weight"
    if weight is None:
        return
    if message["role"] != "assistant":
        yield Finding("DS107", f"a weight on a {message['role']} message", "none", field)
    elif isinstance(weight, bool) or weight not in (0, 1):
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        yield Finding("DS107", "another number" if number else kind(weight), "0 or 1", field)


# ---- content ---------------------------------------------------------------------------------


def _check_content(message: Example, field: str) -> Findings:
    content, field = message.get("content"), f"{field}.content"
    if content is not None and not isinstance(content, str | list):
        yield Finding("DS106", kind(content), "a string or a list of parts", field)
    elif _lacks_content(message):
        expected = "content or tool calls" if message["role"] == "assistant" else "content"
        found = "an empty text" if content == "" else "no content"
        yield Finding("DS106", found, expected, field)
    elif isinstance(content, list):
        for index, part in enumerate(content):
            yield from _check_part(part, message, f"{field}[{index}]")


def _lacks_content(message: Example) -> bool:
    """An assistant must say or call something; others may be empty, but not without content."""
    content = message.get("content")
    if message["role"] == "assistant":
        return not has_content(message) and not has_calls(message)
    return content == [] or (content is None and message["role"] != "function")


def has_content(message: Example) -> bool:
    """Whether the message says anything."""
    return bool(message.get("content") or message.get("refusal"))


def has_calls(message: Example) -> bool:
    """Whether the message calls a tool."""
    return bool(message.get("tool_calls") or message.get("function_call"))


def _check_part(part: object, message: Example, field: str) -> Findings:
    if not _is_part(part):
        yield Finding("DS106", kind(part), "a typed content part", field)
    elif isinstance(part, dict) and part["type"] == "image_url":
        if message["role"] != "user":
            found = f"an image in a message of role {message['role']}"
            yield Finding("DS135", found, "images from the user only", field)
        yield from check_image(part, field)


def _is_part(part: object) -> bool:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return False
    return part["type"] != "text" or isinstance(part.get("text"), str)


def _check_silence(message: Example, field: str) -> Findings:
    """An answer that consists of white space (none at all is no content), or an empty question."""
    said, field = _said(message.get("content")), f"{field}.content"
    if message["role"] == "user" and (message.get("content") == "" or said.isspace()):
        yield Finding("DS155", "only white space" if said else "an empty text", "a text", field)
    elif said.isspace() and message["role"] == "assistant" and not _says_otherwise(message):
        yield Finding("DS141", "only white space", "an answer", field)


def _says_otherwise(message: Example) -> bool:
    return has_calls(message) or bool(message.get("refusal"))


def _said(content: object) -> str:
    """The text of the content; empty if any of it is no text."""
    if isinstance(content, str):
        return content
    texts = [part.get("text") if isinstance(part, dict) else None for part in items_of(content)]
    spoken = [text for text in texts if isinstance(text, str)]
    return "".join(spoken) if len(spoken) == len(texts) else ""
