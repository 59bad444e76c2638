"""Training files: JSONL of chats, of preferences, or of prompts and completions.

    fine-tune-chat         {"messages": [...]}                                       supervised
    fine-tune-preference   {"input": {"messages"}, "preferred_output", "non_preferred_output"}   dpo
    fine-tune-completions  {"prompt", "completion"}                    supervised, oldest bases

An example is checked as far as the sandbox reads it; messages about it are worded as OpenAI's are.
Files are read line by line, never as a whole.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from reconciler.sandbox.errors import ApiError

Json = dict[str, object]
CountTokens = Callable[[str], int]

_DEFINITIONS: Final = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
ROLES: Final = ("system", "developer", "user", "assistant", "tool", "function")


class Format(StrEnum):
    """What a line looks like, by OpenAI's name for it."""

    CHAT = "fine-tune-chat"
    PREFERENCE = "fine-tune-preference"
    COMPLETIONS = "fine-tune-completions"


class ExampleError(Exception):
    """A line that can't be trained on; the text says which and why."""


@dataclass(frozen=True)
class Line:
    """A line of a file: its number among the lines that aren't blank, and where it starts."""

    number: int
    offset: int
    raw: bytes


@dataclass(frozen=True)
class Lesson:
    """One answer to learn, after the messages that lead to it.

    Attributes:
        context: Messages before the answer.
        answer: The assistant's message.
        rejected: The answer it is preferred to (dpo only).
    """

    context: tuple[Json, ...]
    answer: Json
    rejected: Json | None = None


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the lines of a file that aren't blank."""
    number = offset = 0
    with path.open("rb") as file:
        for raw in file:
            if raw.strip():
                number += 1
                yield Line(number, offset, raw)
            offset += len(raw)


def parse(raw: bytes) -> Json | None:
    """Return the dictionary of a line, or None if it is anything else."""
    try:
        value = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} isn't JSON")


def check_upload(path: Path) -> None:
    """Refuse a fine-tune file with a line that isn't a JSON dictionary, as the upload does."""
    for line in read_lines(path):
        if parse(line.raw) is None:
            start = line.raw[:4].decode("utf-8", "replace").strip()
            raise ApiError(
                400,
                "Expected file to have JSONL format, where every line is a JSON dictionary. "
                f'Line {line.number} is not a dictionary (HINT: line starts with: "{start}...").',
            )


def format_of(example: Json) -> Format | None:
    """Return the format an example is written in, by its keys."""
    if "messages" in example:
        return Format.CHAT
    if "preferred_output" in example or "non_preferred_output" in example:
        return Format.PREFERENCE
    if "prompt" in example and "completion" in example:
        return Format.COMPLETIONS
    return None


def lessons_of(example: Json, number: int) -> tuple[Lesson, ...]:
    """Return what an example teaches, or raise ExampleError.

    Every assistant message is an answer after the messages before it, unless its weight is 0.
    """
    match format_of(example):
        case Format.CHAT:
            return _chat_lessons(example, number)
        case Format.PREFERENCE:
            return (_preference(example, number),)
        case Format.COMPLETIONS:
            return (_completion(example, number),)
        case None:
            raise ExampleError(f"Example {number} is missing key 'messages'")


def _chat_lessons(example: Json, number: int) -> tuple[Lesson, ...]:
    messages = _messages(example.get("messages"), f"Example {number}")
    lessons = tuple(
        Lesson(messages[:index], message)
        for index, message in enumerate(messages)
        if message["role"] == "assistant" and message.get("weight", 1) != 0
    )
    if not lessons:
        raise ExampleError(f"Example {number} has no assistant message to learn from")
    return lessons


def _preference(example: Json, number: int) -> Lesson:
    given = example.get("input")
    context = _messages(
        given.get("messages") if isinstance(given, dict) else None, f"Example {number}, input"
    )
    answers = [
        _messages(example.get(key), f"Example {number}, {key}")
        for key in ("preferred_output", "non_preferred_output")
    ]
    if any(len(answer) != 1 or answer[0]["role"] != "assistant" for answer in answers):
        raise ExampleError(f"Example {number} outputs must be exactly one assistant message each")
    return Lesson(context, answers[0][0], answers[1][0])


def _completion(example: Json, number: int) -> Lesson:
    prompt, completion = example["prompt"], example["completion"]
    if not isinstance(prompt, str) or not isinstance(completion, str):
        raise ExampleError(f"Example {number} 'prompt' and 'completion' must be strings")
    answer: Json = {"role": "assistant", "content": completion}
    return Lesson(({"role": "user", "content": prompt},), answer)


def _messages(value: object, where: str) -> tuple[Json, ...]:
    if not isinstance(value, list) or not value:
        raise ExampleError(f"{where} 'messages' must be a non-empty list")
    for position, message in enumerate(value, 1):
        problem = _problem(message)
        if problem is not None:
            raise ExampleError(f"{where}, message {position} {problem}")
    return tuple(value)


def _problem(message: object) -> str | None:
    if not isinstance(message, dict):
        return "is not a dictionary"
    role = message.get("role")
    if role is None:
        return "Discriminator 'role' is missing in value"
    if role not in ROLES:
        return f"Input tag {role!r} found using 'role' does not match any of the expected tags"
    if message.get("weight", 1) not in (0, 1):
        return "'weight' must be 0 or 1"
    makes_calls = bool(message.get("tool_calls") or message.get("function_call"))
    has_content = message.get("content") is not None or (role == "assistant" and makes_calls)
    return None if has_content else "'content' is missing in value"


def text_of(message: Json) -> str:
    """Return the text of a message: its content (text parts joined), then the calls it makes."""
    return " ".join(text for text in (_content(message), *_calls(message)) if text)


def _content(message: Json) -> str:
    content = message.get("content")
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return " ".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _calls(message: Json) -> Iterator[str]:
    calls = message.get("tool_calls")
    functions = [call.get("function") for call in calls] if isinstance(calls, list) else []
    for function in (*functions, message.get("function_call")):
        if isinstance(function, dict):
            yield f"{function.get('name', '')} {function.get('arguments', '')}"


def count_message(message: Json, count: CountTokens) -> int:
    """Return the tokens of a message, by the rule of OpenAI's notebook.

    3 a message, the tokens of every value, 1 more for a name. Where the notebook knows only texts:
    parts count by their text, calls by name and arguments, and `weight` isn't text.
    """
    fields = {key: value for key, value in message.items() if isinstance(value, str)}
    tokens = 3 + sum(count(value) for value in fields.values()) + ("name" in fields)
    if isinstance(message.get("content"), list):
        tokens += count(_content(message))
    return tokens + sum(count(call) for call in _calls(message))


def count_messages(messages: tuple[Json, ...], count: CountTokens) -> int:
    """Return the tokens of a chat: its messages, and 3 for the answer's start."""
    return 3 + sum(count_message(message, count) for message in messages)


def count_example(example: Json, lessons: tuple[Lesson, ...], count: CountTokens) -> int:
    """Return the tokens of a checked example, the definitions of its tools included."""
    first = lessons[0]
    if format_of(example) is Format.COMPLETIONS:
        return count(text_of(first.context[0])) + count(text_of(first.answer))
    holder, messages = example, example.get("messages")
    if first.rejected is not None:
        given = example["input"]
        holder = given if isinstance(given, dict) else {}
        messages = [*first.context, first.answer, first.rejected]
    tools = holder.get("tools") or holder.get("functions")
    definitions = count(_DEFINITIONS.encode(tools)) if tools else 0
    return definitions + count_messages(
        tuple(messages if isinstance(messages, list) else ()), count
    )
