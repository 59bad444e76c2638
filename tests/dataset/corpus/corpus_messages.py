"""Conversations that the format doesn't allow, or that teach what nobody wants."""

from __future__ import annotations

from dataclasses import replace

from tests.dataset.corpus.case import (
    DPO,
    SUPERVISED,
    Case,
    Classes,
    Line,
    Row,
    assistant,
    chat,
    dumped,
    each,
    good,
    message,
    pair,
    together,
    user,
)

SHORT = chat(user("hi"), assistant("hello"))
"""13 tokens by OpenAI's rule: 3 an example, 3 a message, and four texts of one token each."""

TOOLS = [{"type": "function", "function": {"name": "track"}}]
CALL = {"id": "call_1", "type": "function", "function": {"name": "track", "arguments": "{}"}}


def text(content: object) -> dict[str, object]:
    return {"type": "text", "text": content}


# ---- the shape of a conversation -------------------------------------------------------------

SHAPES: Classes = {
    "no messages": each(
        "DS104",
        {},
        {"tools": []},
        {"messages": None},
        {"messages": []},
        {"messages": "Where is my order?"},
    ),
    "messages that are no list": each(
        "DS104", {"messages": user()}, {"messages": {}}, {"messages": 2}, {"messages": False}
    ),
    "a message that is no object": each(
        "DS105",
        chat("Where is my order?", assistant()),
        chat(user(), assistant(), None),
        chat(user(), [assistant()], assistant()),
        chat(3, user(), assistant()),
    ),
    "an unknown role": each(
        "DS105",
        chat(message("human", "Where is it?"), assistant()),
        chat(user(), assistant(), message("gpt", "Here."), assistant("There.")),
        chat(message("User", "Where is it?"), assistant()),
        chat(message("", "Where is it?"), assistant()),
    ),
    "a role that is missing or no text": each(
        "DS105",
        chat({"content": "Where is it?"}, assistant()),
        chat({"role": None, "content": "Where is it?"}, assistant()),
        chat({"role": ["user"], "content": "Where is it?"}, assistant()),
        chat({"role": 1, "content": "Where is it?"}, assistant()),
    ),
    "no assistant message": each(
        "DS108",
        chat(user()),
        chat(message("system", "Be brief."), user()),
        chat(message("developer", "Be brief.")),
        chat(user("Where?"), user("Hello?")),
    ),
    "weight 0 on every answer": each(
        "DS108",
        chat(user(), assistant(weight=0)),
        chat(user(), assistant("A", weight=0), user("And now?"), assistant("B", weight=0)),
        chat(user(), assistant(weight=0.0)),
    ),
}


# ---- content and weights ---------------------------------------------------------------------

CONTENTS: Classes = {
    "an answer without content": each(
        "DS106",
        chat(user(), {"role": "assistant"}),
        chat(user(), assistant(None)),
        chat(user(), assistant("")),
        chat(user(), assistant([])),
        chat(user(), assistant(None, tool_calls=[])),
    ),
    "a question without content": each(
        "DS106",
        chat({"role": "user"}, assistant()),
        chat(user(None), assistant()),
        chat(message("system", None), user(), assistant()),
        chat(message("developer", None), user(), assistant()),
        chat(user([]), assistant()),
    ),
    "a tool's result without content": each(
        "DS106",
        chat(
            user(),
            assistant(None, tool_calls=[CALL]),
            {"role": "tool", "tool_call_id": "call_1"},
            assistant(),
            tools=TOOLS,
        ),
        chat(
            user(),
            assistant(None, tool_calls=[CALL]),
            message("tool", None, tool_call_id="call_1"),
            assistant(),
            tools=TOOLS,
        ),
        chat(
            user(),
            assistant(None, tool_calls=[CALL]),
            message("tool", {"day": "Friday"}, tool_call_id="call_1"),
            assistant(),
            tools=TOOLS,
        ),
    ),
    "content of a wrong type": each(
        "DS106",
        chat(user(5), assistant()),
        chat(user(), assistant({"text": "Friday"})),
        chat(user(True), assistant()),
        chat(user(), assistant(3.5)),
    ),
    "a malformed content part": each(
        "DS106",
        chat(user(["Where is it?"]), assistant()),
        chat(user([{"text": "Where is it?"}]), assistant()),
        chat(user([text("Where is it?"), {"type": "text"}]), assistant()),
        chat(user(), assistant([text(None)])),
        chat(user([{"type": 1, "text": "Where is it?"}]), assistant()),
    ),
    "a weight on a message that is not the assistant's": [
        *each(
            "DS107",
            chat(user(weight=1), assistant()),
            chat(message("system", "Be brief.", weight=0), user(), assistant()),
            chat(user(weight=0), assistant()),
        ),
        *each("DS107", pair(assistant("A"), assistant("B"), user(weight=1)), like=DPO),
    ],
    "a weight that is not 0 or 1": each(
        "DS107",
        chat(user(), assistant(weight=0.5)),
        chat(user(), assistant(weight="1")),
        chat(user(), assistant(weight=True)),
        chat(user(), assistant(weight=-1)),
        chat(user(), assistant(weight=[1])),
    ),
    "an answer of white space": [
        *each(
            "DS141",
            chat(user(), assistant(" ")),
            chat(user(), assistant("\n\t\r\n")),
            chat(user(), assistant("\u3000", weight=0), user("Pardon?"), assistant()),
            chat(user(), assistant([text(" "), text("\n")])),
        ),
        *each("DS141", pair(assistant("Friday"), assistant("  ")), like=DPO),
    ],
}


# ---- texts and names -------------------------------------------------------------------------

TOKENS: Classes = {
    "a special token in a text": [
        *each(
            "DS142",
            chat(user("Where?<|endoftext|>"), assistant()),
            chat(user(), assistant("<|im_start|>assistant\nFriday<|im_end|>")),
            chat(user([text("def f(<|fim_suffix|>)")]), assistant()),
            dumped(chat(user("Where?<|im_sep|>"), assistant())).replace("<", r"\u003c"),
        ),
        *each("DS142 DS142", chat(user("a<|fim_prefix|>"), assistant("b<|fim_middle|>c"))),
    ],
    "a special token beside the texts": [
        *each(
            "DS142",
            chat(
                user(),
                assistant(
                    None,
                    tool_calls=[
                        {
                            **CALL,
                            "function": {"name": "track", "arguments": '{"a": "<|endofprompt|>"}'},
                        }
                    ],
                ),
                tools=TOOLS,
            ),
            chat(
                user(),
                assistant(),
                tools=[
                    {
                        "type": "function",
                        "function": {"name": "track", "description": "x<|endoftext|>"},
                    }
                ],
            ),
        ),
        *each("DS142 DS143", chat(user(name="<|im_end|>"), assistant())),
        *each("DS142", pair(assistant("A"), assistant("B<|endoftext|>")), like=DPO),
    ],
    "a speaker's name the API doesn't take": each(
        "DS143",
        chat(user(name="Kim Minsu"), assistant()),
        chat(user(name=""), assistant()),
        chat(user(name="a" * 65), assistant()),
        chat(user(), assistant(name="a/b")),
        chat(user(name=7), assistant()),
    ),
    "a speaker's name with a forbidden character": each(
        "DS143",
        chat(user(name="<minsu"), assistant()),
        chat(user(name="minsu|kim"), assistant()),
        chat(message("system", "Be brief.", name="a\\b"), user(), assistant()),
        chat(user(name="minsu\n"), assistant()),
        chat(user(name="민수\u3000김"), assistant()),
    ),
}


# ---- lengths, keys, repeats ------------------------------------------------------------------


def _limited(limit: int, *lines: Line, like: Case = SUPERVISED) -> Case:
    counted = replace(like, encoding="o200k_base", example_limit=limit)
    long = {number: "DS118" for number in range(1, len(lines) + 1)}
    return together(long, *lines, like=counted)


def _turned(row: Row) -> str:
    """The example with the keys of its messages in another order, and nothing escaped."""
    return dumped({"messages": [dict(reversed(said.items())) for said in row["messages"]]})


def _respelled(row: Row) -> str:
    """The example with other white space and escapes."""
    return "  " + dumped(row).replace(" ", "   ").replace("h", r"\u0068")


LONG = "order " * 200
ACCENTS = chat(user("Où ?"), assistant("Là."))
ASKED = user("Can I return it?")

REPEATS: Classes = {
    "an example longer than its base takes": [
        _limited(100, chat(user(LONG), assistant())),
        _limited(100, chat(user(), assistant([text(LONG)])), chat(user(LONG + "?"), assistant())),
        _limited(100, pair(assistant(LONG), assistant("B")), like=DPO),
        Case(
            dumped(SHORT).encode(),
            (("DS118", 1),),
            encoding="o200k_base",
            is_training=False,
            example_limit=12,
            is_movable=False,
        ),
    ],
    "a key that the format doesn't have": [
        *each("DS147", chat(user(), assistant(), reference="Friday")),
        *each("DS147", chat(user(), assistant(timestamp=1, weights=0))),
        *each("DS147", pair(assistant("A"), assistant("B"), user(), tool=[]), like=DPO),
        *each("DS147", {**pair(assistant("A"), assistant("B")), "score": 3}, like=DPO),
        together(
            {2: "DS147"},
            chat(user("One?"), assistant()),
            chat(user("Two?"), assistant(), id=2),
            chat(user("Three?", at="noon"), assistant(), id=3),
        ),
    ],
    "an example that is the same as an earlier one": [
        together({2: "DS144"}, SHORT, SHORT),
        together({3: "DS144"}, ACCENTS, SHORT, _turned(ACCENTS)),
        together({2: "DS144"}, SHORT, _respelled(SHORT)),
        together({4: "DS144", 5: "DS144"}, SHORT, good(90), good(91), SHORT, SHORT),
        together(
            {2: "DS144"},
            pair(assistant("A"), assistant("B")),
            pair(assistant("A"), assistant("B")),
            like=DPO,
        ),
    ],
    "a prompt with different answers": [
        together({1: "DS147", 2: "DS146"}, {**SHORT, "id": 1}, chat(user("hi"), assistant(), id=2)),
        together(
            {3: "DS146", 4: "DS146"},
            chat(message("system", "Be brief."), ASKED, assistant("Yes.")),
            chat(ASKED, assistant("No.")),
            chat(message("system", "Be brief."), ASKED, assistant("No.")),
            chat(message("system", "Be brief."), ASKED, assistant("Perhaps.")),
        ),
        together(
            {2: "DS146"},
            chat(ASKED, assistant("A"), user("Sure?"), assistant("Yes.")),
            chat(ASKED, assistant("A"), user("Sure?"), assistant("No.")),
        ),
        together(
            {3: "DS146", 4: "DS144"},
            SHORT,
            chat(user("hi!"), assistant("hello")),
            chat(user("hi"), assistant("hey")),
            SHORT,
        ),
        together(
            {2: "DS146"},
            pair(assistant("A"), assistant("B")),
            pair(assistant("B"), assistant("A")),
            like=DPO,
        ),
    ],
    "many faults in one file": [
        together(
            {1: "DS107", 2: "DS114", 3: "DS101", 4: "DS106", 5: "DS141"},
            chat(user("One?", weight=1), assistant()),
            "",
            "{'messages': []}",
            chat(user("Four?"), assistant(None)),
            chat(user("Five?"), assistant(" ")),
        ),
        together(
            {1: "DS147 DS107 DS105", 3: "DS102", 4: "DS154"},
            chat(message("bot", "x"), user("One?"), assistant(weight=2), id=1),
            SHORT,
            "[]",
            pair(assistant("A"), assistant("B")),
        ),
        together(
            {1: "DS110 DS107", 2: "DS109 DS105", 3: "DS116"},
            pair(assistant("A"), assistant("A"), user("One?", weight=1)),
            pair(assistant("A"), "B", user("Two?"), message("bot", "x")),
            '{"input": {}, ' + dumped(pair(assistant("A"), assistant("B"), user("3?")))[1:],
            like=DPO,
        ),
    ],
}

MESSAGES: Classes = {**SHAPES, **CONTENTS, **TOKENS, **REPEATS}
