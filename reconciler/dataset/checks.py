"""Rules for training data: a line in, findings out. Pure: bytes and parsed JSON, no disk.

    raw line   -> parse_line    -> example, findings
    example    -> check_example -> findings
    whole file -> check_file    -> findings

What the rules say is in ``rules.py``. A finding never carries a row's content: only fields, types
and counts, so that reports can be shared.
Sources: OpenAI's fine-tuning guide ("Preparing your dataset", "Direct preference optimization"),
its API document of 2026-08-21, and the errors that the service answers with. Where it is not known
whether the service takes something (a null ``weight``, part types to come), no rule speaks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Literal, TypeGuard

from reconciler.dataset.rules import Finding

Method = Literal["supervised", "dpo"]
"""The training methods whose lines can be checked."""

Example = dict[str, object]
"""One parsed line."""

ROLES = ("system", "developer", "user", "assistant", "tool", "function")
"""Who may speak in a message."""

LEAST_EXAMPLES = 10
"""The service refuses a shorter training file (``invalid_n_examples``)."""

Findings = Iterator[Finding]
"""What a check yields; nothing if all is well."""


# ---- bytes to JSON ---------------------------------------------------------------------------


# Keys of the format, which a finding may name; any other key may be a row's content.
_NAMED = ("role", "content", "messages", "weight", "name", "tools", "tool_calls", "type", "text")


class _NotStandard(Exception):
    """Python's decoder would let this pass; raised from within it."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding


def _once(pairs: list[tuple[str, object]]) -> Example:
    members = dict(pairs)
    if twice := len(pairs) - len(members):
        keys = [key for key, _ in pairs]
        named = next((key for key in _NAMED if keys.count(key) > 1), "")
        raise _NotStandard(Finding("DS116", f"{twice} repeated key(s)", "each key once", named))
    return members


def _finite(name: str) -> object:
    raise _NotStandard(Finding("DS117", name, "a JSON number"))


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_finite)
_LENIENT = json.JSONDecoder()
_MARK = b"\xef\xbb\xbf"


def parse_line(raw: bytes) -> tuple[Example | None, tuple[Finding, ...]]:
    """A line's example, or None where there is none, and what is wrong with it as JSON.

    A repeated key or a NaN is found without losing the example: its other faults are reported too.
    """
    if not raw.strip():
        return None, (Finding("DS114", "a blank line", "a JSON object"),)
    plain = raw.removeprefix(_MARK)
    marked = (Finding("DS113", "a byte-order mark", "UTF-8 without one"),) if raw != plain else ()
    if b"\0" in plain:
        return None, (*marked, Finding("DS113", "a NUL byte", "UTF-8 text"))
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        return None, (*marked, Finding("DS113", "bytes that are not UTF-8", "UTF-8 text"))
    example, faults = _parse_text(text)
    return example, (*marked, *faults)


def _parse_text(text: str) -> tuple[Example | None, tuple[Finding, ...]]:
    try:
        value, faults = _decode(text)
    except json.JSONDecodeError as error:
        found = error.msg.partition(":")[0]  # what follows a colon may quote the line
        return None, (Finding("DS101", found, "a JSON object on one line", column=error.colno),)
    except RecursionError:
        return None, (Finding("DS101", "values nested too deeply", "a JSON object"),)
    except ValueError:  # Python's guard against numbers of thousands of digits
        return None, (Finding("DS101", "a number with too many digits", "a JSON number"),)
    if not isinstance(value, dict):
        return None, (*faults, Finding("DS102", kind(value), "an object"))
    return value, faults


def _decode(text: str) -> tuple[object, tuple[Finding, ...]]:
    try:
        return _STRICT.decode(text), ()
    except _NotStandard as fault:
        return _LENIENT.decode(text), (fault.finding,)


def kind(value: object) -> str:
    """A value's type in JSON's words: all that a finding may say of it."""
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    return "null" if value is None else names.get(type(value), "a number")


# ---- one example -----------------------------------------------------------------------------


def check_example(example: Example, method: Method) -> Findings:
    """All findings of one example. A line of another method's format is one finding, no more."""
    if other := _other_format(example, method):
        yield Finding("DS103", other, f"a {method} example")
        return
    for check in _CHECKS[method]:
        yield from check(example)


def _other_format(example: Example, method: Method) -> str:
    """What the line is instead, in words; empty if it isn't recognisably something else."""
    own = {"supervised": ("messages",), "dpo": ("input", "preferred_output")}[method]
    if any(key in example for key in own):
        return ""
    if "preferred_output" in example or "non_preferred_output" in example:
        return "a dpo example" if method == "supervised" else ""
    if "prompt" in example and "completion" in example:
        return "a prompt/completion example, the format of retired bases"
    return "a supervised example" if "messages" in example else ""


def _check_messages(example: Example) -> Findings:
    yield from _check_conversation(example.get("messages"), "messages")


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


def _check_input(example: Example) -> Findings:
    asked = example.get("input")
    if not isinstance(asked, dict) or "messages" not in asked:
        found = "no messages" if isinstance(asked, dict) else _described(example, "input")
        yield Finding("DS109", found, "an object with messages", "input")
    else:
        yield from _check_conversation(asked["messages"], "input.messages")


def _check_outputs(example: Example) -> Findings:
    for key in ("preferred_output", "non_preferred_output"):
        if (output := _only_output(example, key)) is None:
            found = _output_found(example, key)
            yield Finding("DS109", found, "a list of one assistant message", key)
        elif not _has_content(output) and not _has_calls(output):
            yield Finding("DS109", "no content", "a text or content parts", f"{key}[0].content")
        else:
            yield from _check_message(output, f"{key}[0]")


def _check_differ(example: Example) -> Findings:
    preferred = _only_output(example, "preferred_output")
    other = _only_output(example, "non_preferred_output")
    if preferred and other and _is_same(_said(preferred), _said(other)):
        yield Finding("DS110", "two equal outputs", "two that differ", "non_preferred_output")


_CHECKS: dict[Method, tuple[Callable[[Example], Findings], ...]] = {
    "supervised": (_check_messages, _check_learnable),
    "dpo": (_check_input, _check_outputs, _check_differ),
}


# ---- messages --------------------------------------------------------------------------------


def _check_conversation(messages: object, field: str) -> Findings:
    if not isinstance(messages, list) or not messages:
        found = "an empty list" if isinstance(messages, list) else kind(messages)
        yield Finding("DS104", found, "a list of messages", field)
        return
    for index, message in enumerate(messages):
        yield from _check_message(message, f"{field}[{index}]")
    yield from _check_answers(messages, field)


def _check_message(message: object, field: str) -> Findings:
    if not isinstance(message, dict):
        yield Finding("DS105", kind(message), "an object", field)
    elif message.get("role") not in ROLES:
        yield Finding("DS105", _role_found(message), ", ".join(ROLES), f"{field}.role")
    else:
        for check in (_check_content, _check_weight, _check_calls):
            yield from check(message, field)


def _role_found(message: Example) -> str:
    role = message.get("role")
    return "an unknown role" if isinstance(role, str) else _described(message, "role")


def _check_content(message: Example, field: str) -> Findings:
    content, field = message.get("content"), f"{field}.content"
    if content is not None and not isinstance(content, str | list):
        yield Finding("DS106", kind(content), "a string or a list of parts", field)
    elif isinstance(content, list) and not all(map(_is_part, content)):
        bad = next(index for index, part in enumerate(content) if not _is_part(part))
        yield Finding("DS106", kind(content[bad]), "a typed content part", f"{field}[{bad}]")
    elif _lacks_content(message):
        expected = "content or tool calls" if message["role"] == "assistant" else "content"
        yield Finding("DS106", "no content", expected, field)


def _is_part(part: object) -> bool:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        return False
    return part["type"] != "text" or isinstance(part.get("text"), str)


def _lacks_content(message: Example) -> bool:
    """An assistant must say or call something; others may be empty, but not without content."""
    if message["role"] == "assistant":
        return not _has_content(message) and not _has_calls(message)
    return message.get("content") is None and message["role"] != "function"


def _has_content(message: Example) -> bool:
    return bool(message.get("content") or message.get("refusal"))


def _has_calls(message: Example) -> bool:
    return bool(message.get("tool_calls") or message.get("function_call"))


def _check_weight(message: Example, field: str) -> Findings:
    weight, field = message.get("weight"), f"{field}.weight"
    if weight is None:
        return
    if message["role"] != "assistant":
        yield Finding("DS107", f"a weight on a {message['role']} message", "none", field)
    elif isinstance(weight, bool) or weight not in (0, 1):
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        yield Finding("DS107", "another number" if number else kind(weight), "0 or 1", field)


# ---- tools -----------------------------------------------------------------------------------


def _check_calls(message: Example, field: str) -> Findings:
    calls, old = message.get("tool_calls"), message.get("function_call")
    if calls is not None and not isinstance(calls, list):
        yield Finding("DS115", kind(calls), "a list of calls", f"{field}.tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        yield from _check_call(call, f"{field}.tool_calls[{index}]")
    if old is not None:
        yield from _check_function(old, f"{field}.function_call")


def _check_call(call: object, field: str) -> Findings:
    if not isinstance(call, dict):
        yield Finding("DS115", kind(call), "an object", field)
        return
    if not isinstance(call.get("id"), str):
        yield Finding("DS115", _described(call, "id"), "a string", f"{field}.id")
    yield from _check_function(call.get("function"), f"{field}.function")


def _check_function(function: object, field: str) -> Findings:
    if not isinstance(function, dict):
        yield Finding("DS115", kind(function), "an object", field)
        return
    if not isinstance(function.get("name"), str):
        yield Finding("DS115", _described(function, "name"), "a string", f"{field}.name")
    if not _is_object_text(function.get("arguments")):
        is_text = isinstance(function.get("arguments"), str)
        found = "a string that is none" if is_text else _described(function, "arguments")
        yield Finding("DS115", found, "a JSON object in a string", f"{field}.arguments")


def _is_object_text(value: object) -> bool:
    try:
        return isinstance(value, str) and isinstance(_LENIENT.decode(value), dict)
    except (ValueError, RecursionError):
        return False


def _check_answers(messages: list[object], field: str) -> Findings:
    """Each tool message names a call that was made before it."""
    made: set[str] = set()
    for index, message in enumerate(messages):
        if isinstance(message, dict):
            made.update(_call_ids(message))
            if message.get("role") == "tool":
                yield from _check_answer(message, made, f"{field}[{index}].tool_call_id")


def _check_answer(message: Example, made: set[str], field: str) -> Findings:
    answered = message.get("tool_call_id")
    if not isinstance(answered, str):
        yield Finding("DS115", _described(message, "tool_call_id"), "a call's id", field)
    elif answered not in made:
        yield Finding("DS115", "an id that no earlier call has", "a call's id", field)


def _call_ids(message: Example) -> Iterator[str]:
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict) and isinstance(call.get("id"), str):
            yield call["id"]


# ---- shapes ----------------------------------------------------------------------------------


def _described(holder: Example, key: str) -> str:
    return kind(holder[key]) if key in holder else f"no {key}"


def _output_found(example: Example, key: str) -> str:
    rows = example.get(key)
    if not isinstance(rows, list):
        return _described(example, key)
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


def _is_conversation(messages: object) -> TypeGuard[list[Example]]:
    """A list with a message at least, all of a known role."""
    if not isinstance(messages, list) or not messages:
        return False
    return all(isinstance(row, dict) and row.get("role") in ROLES for row in messages)


# ---- measures --------------------------------------------------------------------------------


def check_length(tokens: int, limit: int | None) -> Findings:
    """Whether an example fits the base; silent where no limit is known or nothing was counted."""
    if limit is not None and tokens > limit:
        yield Finding("DS118", f"{tokens} tokens", f"at most {limit}")


def check_file(size: int, examples: int, is_training: bool) -> Findings:
    """What can be said of a whole file only; a validation file may be as short as it likes."""
    if not size:
        yield Finding("DS112", "0 bytes", "one example a line")
    elif is_training and examples < LEAST_EXAMPLES:
        yield Finding("DS111", f"{examples} example(s)", f"at least {LEAST_EXAMPLES}")
