"""Files of which nothing must be said, however odd they look."""

from __future__ import annotations

import json
from dataclasses import replace

from tests.dataset.corpus.case import (
    DPO,
    SUPERVISED,
    Case,
    Row,
    assistant,
    chat,
    dumped,
    file_of,
    goods,
    message,
    pair,
    user,
    valid,
)
from tests.dataset.corpus.corpus_images import (
    JPEG,
    PNG,
    WEBP,
    data_url,
    drawn,
    embedded,
    many,
    part,
    saved,
    seen,
)
from tests.dataset.corpus.corpus_messages import SHORT, text
from tests.dataset.corpus.corpus_texts import TEXTS
from tests.dataset.corpus.corpus_tools import (
    OLD,
    call,
    calling,
    function,
    result,
    tool,
    tooled,
)

VALIDATION = Case(is_training=False)


def alone(content: bytes, like: Case = SUPERVISED) -> Case:
    return replace(like, content=content, is_movable=False)


# ---- files -----------------------------------------------------------------------------------

TWELVE = file_of(goods(12))

FILES: dict[str, Case] = {
    "ten examples": alone(file_of(goods(10))),
    "ten pairs": alone(file_of(goods(10, "dpo")), DPO),
    "no line end after the last line": alone(TWELVE.removesuffix(b"\n")),
    "a CR after the last line": alone(TWELVE.removesuffix(b"\n") + b"\r"),
    "a validation file of one example": alone(file_of(goods(1)), VALIDATION),
    "a validation file of one pair": alone(
        file_of(goods(1, "dpo")), replace(DPO, is_training=False)
    ),
    "an example exactly as long as its base takes": alone(
        file_of([SHORT]), replace(VALIDATION, encoding="o200k_base", example_limit=13)
    ),
    "a long example where no limit is known": valid(
        chat(user("order " * 20_000), assistant()), like=Case(encoding="o200k_base")
    ),
    "a long example that is not counted": valid(
        chat(user("order " * 20_000), assistant()), like=Case(example_limit=100)
    ),
    "a long line": valid(chat(user("Summarise: " + "lorem ipsum " * 100_000), assistant())),
    "a thousand examples": alone(file_of(goods(1_000))),
}


# ---- JSON ------------------------------------------------------------------------------------

LINE = dumped(SHORT)

WRITING: dict[str, Case] = {
    "white space around and within": valid(f" \t{LINE.replace(':', ' : ')}  "),
    "no white space at all": valid(json.dumps(SHORT, separators=(",", ":"))),
    "an unusual order of keys": valid(
        {
            "tools": [tool()],
            "messages": [
                {"content": "Where?", "role": "user"},
                {"weight": 1, "content": "Here.", "role": "assistant"},
            ],
        }
    ),
    "Korean as it is": valid(
        dumped(chat(user("주문은 어디에 있나요?"), assistant("금요일에 도착합니다.")))
    ),
    "Korean in escapes": valid(chat(user("주문은 어디에 있나요?"), assistant("금요일에요."))),
    "emoji as they are": valid(dumped(chat(user("👋🏽 👨‍👩‍👧‍👦 🇰🇷"), assistant("🎉")))),
    "emoji in pairs of escapes": valid(chat(user("👋🏽 👨‍👩‍👧‍👦 🇰🇷"), assistant("🎉"))),
    "escapes of plain letters": valid(LINE.replace("hello", r"\u0068\u0065llo\/\b\f")),
    "line breaks in escapes": valid(chat(user("One\r\ntwo\rthree\n"), assistant("a\n\n\tb"))),
    "Unicode's line breaks as they are": valid(
        dumped(chat(user("One\u2028two\u2029three\u0085four"), assistant("\x7f and so on")))
    ),
    "a NUL in an escape": valid(chat(user("What is \0?"), assistant("The end of a C string."))),
    "combining and right-to-left letters": valid(
        dumped(chat(user("e\u0301 \u05e9\u05dc\u05d5\u05dd مرحبا"), assistant("\u200fOK")))
    ),
    "a mark in the middle of a text": valid(dumped(chat(user("a\ufeffb"), assistant("\ufeffYes")))),
}


# ---- messages --------------------------------------------------------------------------------

FULL = {"refusal": None, "audio": None, "function_call": None, "tool_calls": None}
"""What the SDK's dump of an answer carries along."""

MESSAGES: dict[str, Case] = {
    "every early role": valid(
        chat(message("system", "Be brief."), user(), assistant()),
        chat(message("developer", "Be brief."), user(), assistant()),
    ),
    "an empty system message": valid(chat(message("system", ""), user(), assistant())),
    "an assistant that speaks first": valid(chat(assistant("Hello, I can help."))),
    "a conversation of many turns": valid(
        chat(*(turn(f"Step {n}?") for n in range(30) for turn in (user, assistant)))
    ),
    "weights": valid(
        chat(user(), assistant("A", weight=0), user("Sure?"), assistant("Yes.", weight=1)),
        chat(user("One?"), assistant(weight=1.0)),
    ),
    "a weight of null": valid(chat(user(weight=None), assistant(weight=None))),
    "speakers' names": valid(
        chat(message("system", "x", name="rules"), user(name="민수"), assistant(name="shop-bot_2")),
        chat(user("Two?", name="a" * 64), assistant()),
    ),
    "a refusal": valid(
        chat(user("How do I pick a lock?"), assistant(None, refusal="I can't help with that.")),
        chat(user("And a safe?"), assistant([{"type": "refusal", "refusal": "Nor with that."}])),
    ),
    "an answer as the SDK dumps it": valid(chat(user(), assistant(**FULL))),
    "content in parts": valid(
        chat(message("system", [text("Be brief.")]), user([text("A"), text("")]), assistant()),
        chat(user("Two?"), assistant([text("It is "), text(" "), text("here.")])),
    ),
    "one answer to many questions": valid(
        chat(user("One?"), assistant("Yes.")), chat(user("Two?"), assistant("Yes."))
    ),
    "a conversation and what follows it": valid(
        chat(user(), assistant("A")),
        chat(user(), assistant("A"), user("Sure?"), assistant("Yes.")),
    ),
    "one question under different orders": valid(
        chat(message("system", "Be brief."), user(), assistant("A")),
        chat(message("system", "Be polite."), user(), assistant("B")),
        chat(user(), assistant("C")),
        chat(user(), assistant("D"), tools=[tool()]),
    ),
}


# ---- tools -----------------------------------------------------------------------------------


def _nested(depth: int) -> Row:
    schema: Row = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"inner": schema}, "required": ["inner"]}
    return schema


TOOLS: dict[str, Case] = {
    "a call, its result, and an answer": valid(tooled(calling(call()), result(), assistant())),
    "parallel calls answered in another order": valid(
        tooled(
            calling(call("a"), call("b"), call("c")),
            *(result("c"), result("a"), result("b")),
            assistant(),
            parallel_tool_calls=True,
        )
    ),
    "a last call that is not answered": valid(
        tooled(calling(call())), chat(user("And?"), calling(call("a"), call("b")), tools=[tool()])
    ),
    "two rounds of calls": valid(
        tooled(calling(call("a")), result("a"), calling(call("b")), result("b"), assistant()),
        tooled(calling(call()), result(), calling(call()), result(), assistant()),
    ),
    "words beside a call": valid(
        tooled(calling(call(), content="One moment."), result(), assistant()),
        chat(user("Two?"), calling(call(), content=""), result(), assistant(), tools=[tool()]),
    ),
    "calls that are null or none": valid(
        chat(user(), assistant(tool_calls=None, function_call=None)),
        chat(user("Two?"), assistant(tool_calls=[])),
    ),
    "a call without a type": valid(
        tooled(calling({"id": "a", "function": OLD}), result("a"), assistant())
    ),
    "arguments that are empty, nested, or spaced": valid(
        tooled(
            calling(
                call("a", arguments="{}"),
                call("b", arguments='{"q": "{\\"x\\": [1, {}]}", "at": {"day": null}}'),
                call("c", arguments=' {\n  "order" : 7 }\n'),
            )
        )
    ),
    "a function call of the old kind": valid(
        chat(
            user(),
            assistant(None, function_call=OLD),
            message("function", "on its way", name="track"),
            assistant(),
            functions=[function(description="Where a parcel is.")],
        ),
        chat(
            user("Two?"),
            assistant(None, function_call=OLD),
            message("function", None, name="track"),
            assistant(),
            functions=[function()],
        ),
    ),
    "a result that is empty or in parts": valid(
        tooled(calling(call()), result(content=""), assistant()),
        chat(
            user("Two?"),
            calling(call()),
            result(content=[text("here")]),
            assistant(),
            tools=[tool()],
        ),
    ),
    "tools that are never called": valid(
        tooled(assistant(), tools=[tool(), tool("find"), tool("A-z_09")]),
        chat(user("Two?"), assistant(), tools=[], parallel_tool_calls=False),
    ),
    "a tool without parameters": valid(
        tooled(
            calling(call(arguments="{}")),
            tools=[{"type": "function", "function": {"name": "track", "description": "Now."}}],
        )
    ),
    "a strict tool with the longest name": valid(
        tooled(
            calling(call(name="a" * 64)),
            tools=[tool("a" * 64, strict=True, description="Where is it? 주문 조회")],
        )
    ),
    "a schema twenty levels deep": valid(
        tooled(
            assistant(), tools=[{"type": "function", "function": function(parameters=_nested(20))}]
        )
    ),
    "weight 0 on a call": valid(tooled(calling(call()), result(), assistant(weight=1))),
}


# ---- pairs -----------------------------------------------------------------------------------

PAIRS: dict[str, Case] = {
    "a pair": valid(pair(assistant("A"), assistant("B")), like=DPO),
    "a pair after a conversation": valid(
        pair(
            assistant("A"),
            assistant("B"),
            *(message("system", "Be brief."), user("Hi"), assistant("Hello"), user()),
        ),
        like=DPO,
    ),
    "a pair after a call and its result": valid(
        pair(
            *(assistant("A"), assistant("B"), user(), calling(call()), result()),
            tools=[tool()],
            parallel_tool_calls=False,
        ),
        like=DPO,
    ),
    "a call preferred to an answer": valid(
        pair(calling(call()), assistant("I don't know."), tools=[tool()]), like=DPO
    ),
    "two calls that differ": valid(
        pair(calling(call()), calling(call(arguments='{"order": 8}')), tools=[tool()]),
        like=DPO,
    ),
    "a refusal preferred to an answer": valid(
        pair(assistant(None, refusal="No."), assistant("Take a hook."), user("A lock?")), like=DPO
    ),
    "a pair in parts": valid(
        pair(assistant([text("A")]), assistant([text("B")]), user([text("Which?")])), like=DPO
    ),
    "one question with many pairs": valid(
        pair(assistant("A"), assistant("B")),
        pair(assistant("A"), assistant("C")),
        pair(assistant("C"), assistant("D")),
        like=DPO,
    ),
    "a pair in Korean": valid(
        dumped(pair(assistant("네, 됩니다."), assistant("아니요."), user("교환되나요?"))), like=DPO
    ),
}


# ---- images ----------------------------------------------------------------------------------

IMAGES: dict[str, Case] = {
    "an image from the web": valid(seen(part("https://example.com/a?w=10&h=20#x"))),
    "images in each detail": valid(
        *(seen(part(detail=level), said=level) for level in ("low", "high", "auto"))
    ),
    "an embedded PNG": valid(embedded(PNG), embedded(saved(drawn("RGBA"), "PNG"))),
    "an embedded JPEG": valid(
        embedded(JPEG, "image/jpeg"),
        embedded(saved(drawn(), "JPEG", progressive=True), "image/jpeg"),
    ),
    "an embedded WEBP": valid(
        embedded(WEBP, "image/webp"),
        embedded(saved(drawn("RGBA"), "WEBP", lossless=True), "image/webp"),
    ),
    "ten images": valid(seen(*many(10))),
    "ten images in two messages": valid(
        chat(user(many(5)), assistant("Five."), user(many(5)), assistant("Five."))
    ),
    "images for a base that takes them": valid(
        seen(part(), part(data_url(PNG))), like=Case(takes_images=True)
    ),
    "no images for a base that takes none": valid(SHORT, like=Case(takes_images=False)),
    "an image in a pair's question": valid(
        pair(assistant("A"), assistant("B"), user([part()])), like=DPO
    ),
}


VALID: dict[str, Case] = {
    **FILES,
    **WRITING,
    **MESSAGES,
    **TOOLS,
    **PAIRS,
    **IMAGES,
    **TEXTS,
}
