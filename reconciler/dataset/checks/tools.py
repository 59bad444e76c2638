"""Tools: what an example declares, calls, and answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from reconciler.dataset.rules import Finding
from reconciler.dataset.shapes import (
    Example,
    Findings,
    described,
    items_of,
    kind,
    object_of,
)

_FUNCTION_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME_EXPECTED = "1 to 64 of a-z, A-Z, 0-9, _ and -"


# ---- declared --------------------------------------------------------------------------------


def check_declared(holder: Example, field: str) -> Findings:
    """The tools, the functions and the switch that an example (or a dpo input) declares."""
    declared: set[str] = set()
    for key in ("tools", "functions"):
        value = holder.get(key)
        if value is not None and not isinstance(value, list):
            yield Finding("DS130", kind(value), "a list", f"{field}{key}")
        for index, entry in enumerate(items_of(value)):
            yield from _check_entry(entry, key, f"{field}{key}[{index}]", declared)
    switch = holder.get("parallel_tool_calls")
    if switch is not None and not isinstance(switch, bool):
        yield Finding("DS130", kind(switch), "true or false", f"{field}parallel_tool_calls")


def _check_entry(entry: object, key: str, field: str, declared: set[str]) -> Findings:
    if not isinstance(entry, dict):
        yield Finding("DS130", kind(entry), "an object", field)
    elif key == "functions":
        yield from _check_definition(entry, field, declared)
    elif entry.get("type") != "function":
        found = "another type" if isinstance(entry.get("type"), str) else described(entry, "type")
        yield Finding("DS130", found, "function", f"{field}.type")
    else:
        yield from _check_definition(entry.get("function"), f"{field}.function", declared)


def _check_definition(definition: object, field: str, declared: set[str]) -> Findings:
    if not isinstance(definition, dict):
        yield Finding("DS130", kind(definition), "an object", field)
        return
    name, parameters = definition.get("name"), definition.get("parameters")
    if not isinstance(name, str):
        yield Finding("DS130", described(definition, "name"), "a string", f"{field}.name")
    elif name in declared:
        yield Finding("DS130", "a name that is declared twice", "each name once", f"{field}.name")
    else:
        declared.add(name)
        yield from _check_function_name(name, f"{field}.name")
    if parameters is not None and not isinstance(parameters, dict):
        yield Finding("DS130", kind(parameters), "a JSON Schema object", f"{field}.parameters")


def _check_function_name(name: str, field: str) -> Findings:
    if not _FUNCTION_NAME.fullmatch(name):
        yield Finding("DS143", "another name", _NAME_EXPECTED, field)


def _declared_names(holder: Example) -> set[str]:
    entries = [object_of(tool).get("function") for tool in items_of(holder.get("tools"))]
    entries += items_of(holder.get("functions"))
    names = (object_of(entry).get("name") for entry in entries)
    return {name for name in names if isinstance(name, str)}


# ---- called ----------------------------------------------------------------------------------


def check_calls(message: Example, field: str) -> Findings:
    """The calls of one message, each by itself."""
    calls, old = message.get("tool_calls"), message.get("function_call")
    if calls is not None and not isinstance(calls, list):
        yield Finding("DS115", kind(calls), "a list of calls", f"{field}.tool_calls")
    for index, call in enumerate(items_of(calls)):
        yield from _check_call(call, f"{field}.tool_calls[{index}]")
    if old is not None:
        yield from _check_function(old, f"{field}.function_call")


def _check_call(call: object, field: str) -> Findings:
    if not isinstance(call, dict):
        yield Finding("DS115", kind(call), "an object", field)
        return
    if not isinstance(call.get("id"), str):
        yield Finding("DS115", described(call, "id"), "a string", f"{field}.id")
    if call.get("type", "function") != "function":
        yield Finding("DS115", "another type", "function", f"{field}.type")
    yield from _check_function(call.get("function"), f"{field}.function")


def _check_function(function: object, field: str) -> Findings:
    if not isinstance(function, dict):
        yield Finding("DS115", kind(function), "an object", field)
        return
    name = function.get("name")
    if not isinstance(name, str):
        yield Finding("DS115", described(function, "name"), "a string", f"{field}.name")
    else:
        yield from _check_function_name(name, f"{field}.name")
    yield from _check_arguments(function, f"{field}.arguments")


def _check_arguments(function: Example, field: str) -> Findings:
    written = function.get("arguments")
    value = _decoded(written)
    if isinstance(value, str) and isinstance(_decoded(value), dict):
        yield Finding("DS132", "a string in the string", "a JSON object in a string", field)
    elif not isinstance(value, dict):
        is_text = isinstance(written, str)
        found = "a string that is none" if is_text else described(function, "arguments")
        yield Finding("DS115", found, "a JSON object in a string", field)


def _decoded(value: object) -> object:
    """What the text says as JSON; None where there is no text, or no JSON in it."""
    try:
        return json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return None


# ---- calls, declarations and answers together ------------------------------------------------


def check_calling(messages: list[object], holder: Example, field: str) -> Findings:
    """Whether calls name declared tools, bear ids of their own, and are answered."""
    yield from _check_answers(messages, field)
    yield from check_names(messages, holder, field)
    yield from _check_unanswered(messages, field)


def _check_answers(messages: list[object], field: str) -> Findings:
    """Each call has the id of no call still open, and each tool message names an earlier call."""
    made: set[str] = set()
    unanswered: set[str] = set()
    for index, message in enumerate(map(object_of, messages)):
        for number, call_id in _call_ids(message):
            if call_id in unanswered:
                place = f"{field}[{index}].tool_calls[{number}].id"
                yield Finding("DS115", "the id of another call", "an id of its own", place)
            made.add(call_id)
            unanswered.add(call_id)
        if message.get("role") == "tool":
            yield from _check_answer(message, made, f"{field}[{index}].tool_call_id")
            unanswered.discard(str(message.get("tool_call_id")))


def _check_answer(message: Example, made: set[str], field: str) -> Findings:
    answered = message.get("tool_call_id")
    if not isinstance(answered, str):
        yield Finding("DS115", described(message, "tool_call_id"), "a call's id", field)
    elif answered not in made:
        yield Finding("DS115", "an id that no earlier call has", "a call's id", field)


def _call_ids(message: Example) -> Iterator[tuple[int, str]]:
    for number, call in enumerate(items_of(message.get("tool_calls"))):
        call_id = object_of(call).get("id")
        if isinstance(call_id, str):
            yield number, call_id


def check_names(messages: Sequence[object], holder: Example, field: str) -> Findings:
    """The first call of a tool that the holder doesn't declare: one finding an example."""
    declared = _declared_names(holder)
    for index, message in enumerate(map(object_of, messages)):
        for name, place in _called(message):
            if name not in declared:
                found = "another name" if declared else "no declared tools"
                yield Finding("DS131", found, "a declared tool", f"{field}[{index}].{place}")
                return


def _called(message: Example) -> Iterator[tuple[str, str]]:
    functions = {
        f"tool_calls[{index}].function.name": object_of(call).get("function")
        for index, call in enumerate(items_of(message.get("tool_calls")))
    }
    functions["function_call.name"] = message.get("function_call")
    for place, function in functions.items():
        name = object_of(function).get("name")
        if isinstance(name, str):
            yield name, place


def _check_unanswered(messages: list[object], field: str) -> Findings:
    """The first message whose calls lack an answer where the conversation goes on."""
    rows = [object_of(message) for message in messages]
    for index, message in enumerate(rows[:-1]):
        wanted = {call_id for _, call_id in _call_ids(message)}
        for answer in rows[index + 1 :] if wanted else ():
            if answer.get("role") != "tool":
                break
            wanted.discard(str(answer.get("tool_call_id")))
        if wanted:
            place = f"{field}[{index}].tool_calls"
            yield Finding("DS133", f"{len(wanted)} call(s) without an answer", "an answer", place)
            return
