"""What hypothesis makes datasets of: texts, plain examples, odd shapes, any bytes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from reconciler.dataset.shapes import ROLES
from tests.dataset.corpus.case import assistant, chat, encoded, pair, user

Row = dict[str, Any]

ON_DISK = settings(
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture  # each example writes its file anew
    ],
)

# ---- plain examples --------------------------------------------------------------------------

SPEAKERS = st.sampled_from(["system", "developer", "user", "assistant"])

SUSPICIOUS = st.sampled_from(
    ["<|endoftext|>", "<|", "ann@mail.org", "+82 10-2345-6789", "4242 4242 4242 4242", "a" * 30]
)
"""Texts that are worth a closer look, whether or not something is found in them."""

TEXTS = st.text(max_size=12) | st.sampled_from(["", " ", "\n", "hi", "네", "\u00a0"]) | SUSPICIOUS

PLAIN_MESSAGES = st.fixed_dictionaries({"role": SPEAKERS, "content": TEXTS})

CHATS = st.lists(PLAIN_MESSAGES, max_size=5).map(lambda messages: {"messages": messages})
"""Roles and texts and nothing else; some of them lack an answer or a text."""


# ---- odd shapes ------------------------------------------------------------------------------

KEYS = st.sampled_from(
    [
        *("messages", "input", "preferred_output", "non_preferred_output", "prompt", "completion"),
        *("role", "content", "weight", "tool_calls", "function_call", "function", "id", "name"),
        *("arguments", "tool_call_id", "type", "text", "refusal", "image_url", "url", "detail"),
        *("tools", "functions", "parameters", "parallel_tool_calls", "reference"),
    ]
)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([*ROLES, "function", "text", "image_url", "{}", "data:image/png;base64,AA"])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=30,
)
ODD_MESSAGES = st.dictionaries(KEYS, JSON | st.sampled_from(ROLES), max_size=6)
SHAPED: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {},
    optional={
        "messages": st.lists(ODD_MESSAGES, max_size=4) | JSON,
        "input": st.fixed_dictionaries({"messages": st.lists(ODD_MESSAGES, max_size=3)}) | JSON,
        "preferred_output": st.lists(ODD_MESSAGES, max_size=2) | JSON,
        "non_preferred_output": st.lists(ODD_MESSAGES, max_size=2) | JSON,
        "tools": st.lists(ODD_MESSAGES, max_size=2) | JSON,
    },
)
"""Examples of any method in which anything may stand anywhere."""


# ---- bytes -----------------------------------------------------------------------------------

LINES = [
    encoded(chat(user(), assistant())),
    encoded(pair(assistant("A"), assistant("B"))),
    encoded(chat(user("ann@mail.org", weight=1), assistant("\ud83d"))),
    b'{"prompt": "a", "completion": "b"}',
]
FRAGMENTS = st.sampled_from(
    [*LINES, b"\n", b"\n", b"\r\n", b"\r", b"\xef\xbb\xbf", b"\0", b"{", b"]", b'"', b"NaN"]
)
CONTENTS = (
    st.binary(max_size=300)
    | st.lists(FRAGMENTS | st.binary(max_size=5), max_size=40).map(b"".join)
    | st.lists(st.sampled_from(LINES) | SHAPED.map(lambda row: json.dumps(row).encode())).map(
        b"\n".join
    )
)
"""Files: any bytes, and such as are nearly right."""
