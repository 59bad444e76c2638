"""Calls, their answers, and the tools that an example declares."""

from __future__ import annotations

import json

from tests.dataset.corpus.case import (
    DPO,
    Classes,
    Row,
    assistant,
    chat,
    each,
    message,
    pair,
    user,
)

SCHEMA: Row = {"type": "object", "properties": {"order": {"type": "integer"}}}
ARGUMENTS = '{"order": 7}'


# ---- rows ------------------------------------------------------------------------------------


def function(name: object = "track", **more: object) -> Row:
    return {"name": name, "parameters": SCHEMA, **more}


def tool(name: object = "track", **more: object) -> Row:
    return {"type": "function", "function": function(name, **more)}


def call(identity: object = "call_1", name: object = "track", arguments: object = ARGUMENTS) -> Row:
    inner = {"name": name, "arguments": arguments}
    return {"id": identity, "type": "function", "function": inner}


def calling(*calls: object, content: object = None) -> Row:
    return assistant(content, tool_calls=list(calls))


def result(identity: object = "call_1", content: object = "on its way") -> Row:
    return message("tool", content, tool_call_id=identity)


def tooled(*messages: object, **more: object) -> Row:
    """A conversation after a question, in which `track` is declared."""
    return chat(user(), *messages, **{"tools": [tool()], **more})


def without(row: Row, key: str) -> Row:
    return {name: value for name, value in row.items() if name != key}


def called_with(arguments: object) -> Row:
    return tooled(calling(call(arguments=arguments)))


OLD: Row = {"name": "track", "arguments": ARGUMENTS}
"""A call of the old kind."""


# ---- calls -----------------------------------------------------------------------------------

CALLS: Classes = {
    "tool calls that are no list": each(
        "DS115",
        tooled(assistant(tool_calls=call())),
        tooled(assistant(tool_calls="track")),
        tooled(assistant(tool_calls=1)),
        tooled(assistant(tool_calls={})),
    ),
    "a call that is no object": each(
        "DS115",
        tooled(calling("track")),
        tooled(calling(None)),
        tooled(calling([call()])),
        tooled(assistant(function_call="track")),
    ),
    "a call without its parts": [
        *each(
            "DS115",
            tooled(calling(without(call(), "id"))),
            tooled(calling(call(7))),
            tooled(calling(without(call(), "function"))),
            tooled(calling({**call(), "function": {"arguments": "{}"}})),
        ),
        *each("DS115", tooled(calling({**call(), "type": "tool"}))),
    ],
    "a call whose arguments are missing or no text": [
        *each(
            "DS115",
            tooled(calling({**call(), "function": {"name": "track"}})),
            called_with(None),
            called_with({"order": 7}),
            tooled(assistant(None, function_call={"name": "track", "arguments": {"order": 7}})),
        ),
        *each("DS115", pair(calling(call(arguments=7)), assistant(), tools=[tool()]), like=DPO),
    ],
    "a call whose arguments are no object": each(
        "DS115",
        called_with("[7]"),
        called_with('{"order": 7'),
        called_with(""),
        called_with("{'order': 7}"),
        called_with("null"),
    ),
    "arguments that are encoded twice": [
        *each(
            "DS132",
            called_with(json.dumps(ARGUMENTS)),
            called_with(json.dumps("{}")),
            tooled(assistant(None, function_call={**OLD, "arguments": json.dumps(ARGUMENTS)})),
        ),
        *each(
            "DS132",
            pair(assistant(), calling(call(arguments=json.dumps(ARGUMENTS))), tools=[tool()]),
            like=DPO,
        ),
    ],
    "two calls with one id": each(
        "DS115",
        tooled(calling(call(), call(arguments='{"order": 8}'))),
        tooled(calling(call(), call()), result(), calling(call("call_2"))),
        tooled(calling(call("a"), call("b"), call("a"))),
    ),
    "a tool message that answers no call": [
        *each(
            "DS115",
            tooled(result(), assistant()),
            tooled(calling(call()), result(), result("call_2"), assistant()),
            tooled(result(), calling(call())),
            tooled(assistant(None, function_call=OLD), result(), assistant()),
        ),
        *each("DS115", pair(assistant("A"), assistant("B"), user(), result()), like=DPO),
    ],
    "a tool message without its call's id": each(
        "DS115",
        tooled(calling(call()), result(), message("tool", "there"), assistant()),
        tooled(calling(call()), result(), result(None), assistant()),
        tooled(calling(call()), result(), result(1), assistant()),
        tooled(message("tool", "there"), assistant()),
    ),
    "a call to a tool that isn't declared": [
        *each(
            "DS131",
            chat(user(), calling(call())),
            tooled(calling(call(name="tracks"))),
            tooled(calling(call("a", "find"), call("b", "send"))),
            chat(user(), assistant(None, function_call=OLD), functions=[function("find")]),
        ),
        *each("DS131", pair(calling(call()), assistant("B"), tools=[]), like=DPO),
    ],
    "a call that is not answered": [
        *each(
            "DS133",
            tooled(calling(call()), assistant()),
            tooled(calling(call("a"), call("b")), result("b"), assistant()),
            tooled(calling(call()), user("Well?"), assistant()),
            tooled(calling(call()), user("Well?"), calling(call("b")), user("So?"), assistant()),
        ),
        *each(
            "DS133",
            pair(
                assistant("A"), assistant("B"), user(), calling(call()), user("So?"), tools=[tool()]
            ),
            like=DPO,
        ),
    ],
}


# ---- declarations ----------------------------------------------------------------------------


def _declared(*tools: object) -> Row:
    return chat(user(), assistant(), tools=list(tools))


DECLARED: Classes = {
    "tools that are no list": [
        *each(
            "DS130",
            chat(user(), assistant(), tools=tool()),
            chat(user(), assistant(), tools="track"),
            chat(user(), assistant(), tools=1),
        ),
        *each("DS130", pair(assistant("A"), assistant("B"), tools=tool()), like=DPO),
    ],
    "a malformed declaration": each(
        "DS130",
        _declared("track"),
        _declared(tool(), {**tool("find"), "type": "retrieval"}),
        _declared({"type": "function", **function()}),
        _declared({"type": "function"}),
        _declared({"type": "function", "function": {"parameters": SCHEMA}}),
    ),
    "parameters that are no schema": [
        *each(
            "DS130",
            _declared(tool(parameters="order: integer")),
            _declared(tool(parameters=["order"])),
            chat(user(), assistant(), functions=[function(parameters=json.dumps(SCHEMA))]),
        ),
        *each("DS130", pair(assistant("A"), assistant("B"), tools=[tool(parameters=1)]), like=DPO),
    ],
    "a tool that is declared twice": each(
        "DS130",
        _declared(tool(), tool()),
        _declared(tool(), tool("find"), tool(description="another")),
        chat(user(), assistant(), functions=[function(), function()]),
    ),
    "malformed functions of the old kind": each(
        "DS130",
        chat(user(), assistant(), functions=function()),
        chat(user(), assistant(), functions=[tool()]),
        chat(user(), assistant(), functions=["track"]),
        chat(user(), assistant(), functions=[{"description": "x", "parameters": SCHEMA}]),
    ),
    "parallel calls neither allowed nor forbidden": [
        *each(
            "DS130",
            tooled(assistant(), parallel_tool_calls="true"),
            tooled(assistant(), parallel_tool_calls=1),
            tooled(assistant(), parallel_tool_calls=[False]),
        ),
        *each(
            "DS130",
            pair(assistant("A"), assistant("B"), tools=[tool()], parallel_tool_calls="no"),
            like=DPO,
        ),
    ],
    "a function's name the API doesn't take": [
        *each(
            "DS143",
            _declared(tool("track order")),
            _declared(tool("a" * 65)),
            _declared(tool("배송조회")),
            chat(user(), assistant(), functions=[function("orders.track")]),
        ),
        *each("DS143 DS131", tooled(calling(call(name="track order")))),
    ],
}

TOOLS: Classes = {**CALLS, **DECLARED}
