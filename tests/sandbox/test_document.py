"""Every call, right or wrong, is answered as OpenAI's document says: objects, lists and refusals.

Driven in the process, over a folder in which jobs of every kind have been made; each example works
on a copy of it.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sandbox.document import OPERATIONS, Operation
from tests.sandbox.world import BY_NAME, CHATS, DPO, JOB, PAIRS, RIGHT, Call, World, upload_body

Json = dict[str, Any]
MOST_ROWS: Final = {"/files": 10_000}
"""Rows of a page, at most; of the other lists a hundred."""

# Whatever is called, in whatever order

names = st.integers(0, 30)
waits = st.sampled_from([0.0, 0.0, 0.0, 1.0, 5.0, 20.0, 3_600.0])
limits = st.sampled_from(
    ["1", "2", "20", "100", "101", "10000", "10001", "0", "-1", "--5", "x", ""]
)
queries: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {},
    optional={
        "limit": limits,
        "order": st.sampled_from(["asc", "desc", "up"]),
        "purpose": st.sampled_from(["fine-tune", "fine-tune-results", "fun"]),
        "metadata[k]": st.sampled_from(["v", "", "w"]),
        "metadata": st.sampled_from(["null", "v"]),
    },
)
contents = st.sampled_from([CHATS, CHATS, PAIRS, b"[]\n", b"", CHATS[: len(CHATS) // 2]])
ends = st.fixed_dictionaries(
    {
        "anchor": st.sampled_from(["created_at", "created_at", "now"]),
        "seconds": st.sampled_from([3_600, 7_200, 3_599, 2_592_001]),
    }
)
purposes = st.sampled_from(
    ["fine-tune", "fine-tune", "batch", "evals", "assistants", "user_data", "vision", "fun"]
)


def _form(purpose: str, end: Json | None) -> Json:
    told = {f"expires_after[{key}]": str(value) for key, value in (end or {}).items()}
    return {"purpose": purpose, **told}


bodies: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "POST /files": st.fixed_dictionaries(
        {"form": st.builds(_form, purposes, st.none() | ends), "content": contents}
    ),
    "POST /uploads": st.fixed_dictionaries(
        {
            "body": st.builds(
                upload_body,
                purposes,
                st.sampled_from([len(CHATS), len(CHATS), 1, 0, 2**40]),
                st.none() | ends,
            )
        }
    ),
    "POST /fine_tuning/jobs": st.fixed_dictionaries(
        {
            "body": st.sampled_from([{"model": "gpt-4o"}, {"model": "gpt-4o", "method": DPO}]),
            "file": names,
        }
    ),
    "POST /uploads/{upload_id}/parts": st.fixed_dictionaries(
        {"form": st.just({}), "content": contents}
    ),
    "POST /uploads/{upload_id}/complete": st.fixed_dictionaries(
        {
            "body": st.sampled_from([{"part_ids": []}, {"part_ids": [], "md5": "0"}, {}]),
            "parts": st.lists(names, max_size=2).map(tuple),
        }
    ),
}


CHANGES: Final = (f"POST {JOB}/pause", f"POST {JOB}/resume", f"GET {JOB}")
"""Calls made more often than the others: what they do depends most on what was before."""


@st.composite
def calls(draw: st.DrawFn) -> Call:
    name = draw(st.sampled_from([*BY_NAME, *CHANGES]))
    operation = BY_NAME[name]
    fields = draw(bodies.get(name, st.just({})))
    if operation.query:
        fields |= {"query": draw(queries), "after": draw(st.none() | names)}
    return Call(operation, about=draw(names), wait=draw(waits), **fields)


@given(made=st.lists(calls(), min_size=5, max_size=25))
def test_every_answer_in_any_order_of_calls_is_one_of_the_document(
    furnished: Callable[[], World], made: list[Call]
) -> None:
    with furnished() as world:
        for call in made:
            answer = world.make(call)
            if call.operation.query:
                assert_page(call, answer)


def assert_page(call: Call, answer: Json) -> None:
    """A page is as long as was asked for, and every bound that is overstepped is named."""
    asked, known = call.query, {*call.operation.query}
    wrong = {
        "limit": not _is_limit(call.operation, asked.get("limit", "1")),
        "order": "order" in known and asked.get("order") == "up",
        "metadata": "metadata" in known and "metadata" in asked and _is_mixed(asked),
    }
    overstepped = {name for name, is_wrong in wrong.items() if is_wrong}
    if "refused" in answer:
        cursors = {"after"} if call.after is not None else set()
        missing = {"id", "fine_tune_id"} if answer["refused"] == 404 else set()
        assert answer["param"] in overstepped | cursors | missing
        return
    assert not overstepped
    default = 10 if "checkpoints" in call.operation.path else 20
    default = MOST_ROWS.get(call.operation.path, default)
    assert len(answer["data"]) <= int(asked.get("limit", default))
    if answer["has_more"]:
        assert len(answer["data"]) == int(asked.get("limit", default))
    if "first_id" in answer and answer["data"]:
        ends = [answer["data"][0]["id"], answer["data"][-1]["id"]]
        assert [answer["first_id"], answer["last_id"]] == ends


def _is_limit(operation: Operation, written: str) -> bool:
    most = MOST_ROWS.get(operation.path, 100)
    return written.isdecimal() and 1 <= int(written) <= most


def _is_mixed(query: Mapping[str, str]) -> bool:
    return query["metadata"] != "null" or "metadata[k]" in query


# Every call of the document, made rightly


@pytest.mark.parametrize("name", BY_NAME)
def test_every_call_of_the_document_is_there(furnished: Callable[[], World], name: str) -> None:
    with furnished() as world:
        answer = world.make(Call(BY_NAME[name], **RIGHT.get(name, {})))
        assert not (isinstance(answer, dict) and "refused" in answer)
        if name in (f"GET {JOB}/events", f"GET {JOB}/checkpoints", "GET /models"):
            assert len(answer["data"]) >= 3


# Whatever comes over the wire

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS: Final = ("model", "training_file", "method", "messages", "bytes", "purpose", "part_ids")
JSON_BODIES = (anything | st.dictionaries(st.sampled_from(FIELDS), anything)).map(
    lambda body: json.dumps(body).encode("ascii")
)
METHODS: Final = ("GET", "POST", "DELETE", "PUT", "PATCH", "OPTIONS")
TYPES: Final = ("application/json", "multipart/form-data; boundary=x", "text/plain", "")


@given(
    method=st.sampled_from(METHODS),
    operation=st.sampled_from(OPERATIONS),
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    query=st.dictionaries(
        st.sampled_from(["limit", "order", "after", "purpose", "metadata", "metadata[", "x"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
    ),
    content=st.binary(max_size=40) | JSON_BODIES,
    kind=st.sampled_from(TYPES),
)
def test_no_call_whatever_finds_a_defect(
    one_world: World,
    method: str,
    operation: Operation,
    name: str,
    query: Json,
    content: bytes,
    kind: str,
) -> None:
    address = "/v1" + re.sub(r"\{.*?\}", lambda _: quote(name, safe=""), operation.path)
    answer = one_world.http.request(
        method, address, params=query, content=content, headers={"content-type": kind}
    )
    assert answer.status_code in (200, 400, 403, 404, 405), answer.text
    if answer.status_code != 200:
        one_world.refusal(answer)
