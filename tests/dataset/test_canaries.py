"""The law of privacy: no word of a row is in anything that we say or keep, however broken it is.

Each text, name, key and number of the rows below is a canary: one that stands nowhere else. All
that we write is searched for them.
"""

from __future__ import annotations

import base64
import copy
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.dataset.cache import FactsCache
from reconciler.dataset.checks.examples import format_of
from reconciler.dataset.compare import compare
from reconciler.dataset.examine import Question
from reconciler.dataset.facts import DataDiff, Reading
from reconciler.dataset.read import read_dataset
from reconciler.dataset.report import problems
from reconciler.dataset.rules import RULES
from reconciler.dataset.shapes import Method
from reconciler.errors import InvalidInput, Problem
from reconciler.report.annotations import problem_annotations
from reconciler.report.data import Subject, diff_json, diff_line, diff_text, stats_json, stats_text
from reconciler.report.markdown import problems_markdown
from reconciler.report.problems import problems_json, problems_text
from reconciler.report.sarif import sarif_log
from tests.dataset.corpus.case import Line, assistant, chat, encoded, file_of, goods, pair, user
from tests.dataset.corpus.corpus_privacy import GERMAN, VISA, grouped, resident
from tests.dataset.strategies import Row

CANARY = re.compile("qzvanary|86753|8,675,309|900101|45399812|4539 9812|50010517", re.IGNORECASE)
WORD, NUMBER = "Qzvanary", 8675309

# ---- rows full of canaries -------------------------------------------------------------------

SECRET = "gh" + "p_" + "Qzvanary4bTn7Rw2Kp9Xc5Md8Jf3Lg6Hs1Ya"
PERSON = "Qzvanary.Kim@qzvanary-mail.net, +1 212 867 5309, 010-8675-3091"
NUMBERS = f"{grouped(VISA)}, {resident('900101', '123456')}, {GERMAN}"
CALL: Row = {
    "id": "call_Qzvanary",
    "type": "function",
    "function": {"name": "Qzvanary_call", "arguments": '{"Qzvanary": 8675309}'},
}
SCHEMA: Row = {
    "type": "object",
    "properties": {"Qzvanary": {"type": "Qzvanary"}},
    "maximum": NUMBER,
}
TOOL: Row = {
    "type": "function",
    "function": {"name": "Qzvanary_call", "description": "Qzvanary", "parameters": SCHEMA},
}
IMAGE: Row = {
    "type": "image_url",
    "image_url": {"url": "https://qzvanary.example/Qzvanary.png?k=8675309", "detail": "high"},
}
DATA: Row = {
    "type": "image_url",
    "image_url": {"url": "data:image/qzvanary;base64,Qzvanary8675309"},
}
NO_PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"Qzvanary" + bytes(8)).decode()
EMPTY: Row = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{NO_PIXEL}"}}
TWICE: Row = {"name": "Qzvanary_call", "arguments": '"{\\"Qzvanary\\": 8675309}"'}
TALK: list[Row] = [
    {"role": "system", "content": "Qzvanary <|im_start|> 8675309"},
    {
        "role": "user",
        "content": [{"type": "text", "text": PERSON}, IMAGE, DATA],
        "name": "Qzvanary",
    },
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_Qzvanary", "content": "Qzvanary"},
    {"role": "assistant", "content": SECRET, "weight": 1, "refusal": None, "Qzvanary": NUMBER},
]
ROWS: list[Row] = [
    {"messages": TALK, "tools": [TOOL], "parallel_tool_calls": True, "Qzvanary": "Qzvanary"},
    {
        "messages": [
            {"role": "user", "content": "Qzvanary"},
            {"role": "assistant", "function_call": CALL["function"]},
            {"role": "function", "name": "Qzvanary_call", "content": "Qzvanary"},
        ],
        "functions": [TOOL["function"]],
    },
    {
        "input": {"messages": TALK[:2], "tools": [TOOL], "Qzvanary": 1},
        "preferred_output": [{"role": "assistant", "content": "Qzvanary"}],
        "non_preferred_output": [{"role": "assistant", "tool_calls": [CALL]}],
        "Qzvanary": [NUMBER],
    },
    chat(user([IMAGE] * 11 + [EMPTY]), {"role": "assistant", "content": [IMAGE]}),
    chat(user(NUMBERS), {"role": "assistant", "tool_calls": [{**CALL, "function": TWICE}]}),
    chat(user("Qzvanary"), assistant(" ")),
    chat(user(""), assistant("Qzvanary")),
    chat(user("Qzvanary")),
    pair(assistant("Qzvanary"), assistant("Qzvanary"), user("8675309")),
    {"prompt": "Qzvanary", "completion": "Qzvanary 8675309"},
    {"conversations": [{"from": "human", "value": "Qzvanary"}]},
    {"instruction": "Qzvanary", "input": "Qzvanary", "output": "Qzvanary"},
    {"chosen": "Qzvanary", "rejected": "Qzvanary"},
]


# ---- and what can become of them -------------------------------------------------------------

ODD: list[Any] = [
    None,
    NUMBER,
    WORD,
    f"{WORD}: <|endoftext|>",
    f"{WORD}\x00\u202e\ud83d",
    f"data:{WORD}",
    [WORD],
    {WORD: WORD},
    [{WORD: {WORD: [NUMBER]}}],
]

Place = tuple[Any, Any]
"""What holds a value, and under which key or number."""


def places(value: Any) -> Iterator[Place]:
    """Every place within a row."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from places(inner)


def replaced(row: Row) -> Iterator[Line]:
    """The row with something odd in each place."""
    for number in range(len(list(places(row)))):
        other = copy.deepcopy(row)
        holder, key = list(places(other))[number]
        for odd in ODD:
            holder[key] = odd
            yield encoded(other)


def renamed(row: Row) -> Iterator[Line]:
    """The row with each key called otherwise, or gone, or beside one that it doesn't know."""
    for number in range(len(list(places(row)))):
        for name in (WORD, None):
            other = copy.deepcopy(row)
            holder, key = list(places(other))[number]
            if isinstance(holder, dict):
                value = holder.pop(key)
                holder.update({name: value} if name else {})
                yield other


def broken(row: Row) -> Iterator[bytes]:
    """The row as a line that is no JSON, or not such as it should be."""
    line = encoded(row)
    yield from (line[:end] for end in range(1, len(line), 61))
    yield from (line[start:] for start in range(1, len(line), 83))
    yield from (line[:at] + b"\\" + line[at:] for at in range(5, len(line), 71))
    yield from (line[:at] + b"\t\x1b" + line[at:] for at in range(5, len(line), 97))
    yield from (
        b"\xef\xbb\xbf" + line,
        line + b"\0",
        line + line,
        line + b", Qzvanary",
        b"[" + line,
    )
    yield line.replace(b"Qzvanary", "Qzvanaryé".encode("latin-1"))
    yield line.replace(b'"Qzvanary"', b'"Qzvanary": 8675309, "Qzvanary"')
    yield line.replace(b"8675309", b"NaN").replace(
        b'"content": ', b'"content": "Qzvanary", "content": '
    )
    yield from (repr(row).encode(), b"[8675309]", b'"Qzvanary"', b" ")
    yield line.replace(b'"', b"'")


def rows_for(method: Method) -> list[Row]:
    """All but the rows of the other method, of which only one is taken: they are one finding."""
    other = [row for row in ROWS if format_of(row) in {"supervised", "dpo"} - {method}]
    return [row for row in ROWS if row not in other[1:]]


# ---- all that we write -----------------------------------------------------------------------


def reports(found: tuple[Problem, ...]) -> Iterator[str]:
    yield from map(str, found)
    yield from map(repr, found)
    yield problems_json(found)
    yield problems_text(found)
    yield problems_markdown(found)
    yield problem_annotations(found)
    yield sarif_log(found, RULES, "1.0")


def figures(reading: Reading, difference: DataDiff, method: Method) -> Iterator[str]:
    subject = Subject("train.jsonl", method, "gpt-4.1-2025-04-14", 25.0)
    yield from (repr(reading), stats_text(subject, reading), stats_json(subject, reading))
    yield from (diff_line(difference), diff_text(subject, "HEAD", difference))
    yield diff_json(subject, "HEAD", difference)


def written(path: Path, before: Path, method: Method, cache: FactsCache) -> str:
    """All that is said of a file, and of what changed in it."""
    question = Question(method, "o200k_base", example_limit=3, takes_images=False)
    reading = cache.reading(path, question)
    found = problems(reading, "train.jsonl")
    assert found
    try:
        difference = compare(before, path, method, None)
    except InvalidInput as error:  # not one example of the method is in it
        return "\n".join([*reports(found), *reports(error.problems)])
    return "\n".join([*reports(found), *figures(reading, difference, method)])


def kept(folder: Path) -> str:
    """All that stands in the cache, the names of its files too."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return "\n".join(f"{path}\n{path.read_text('latin-1')}" for path in files)


def canaries(text: str) -> list[str]:
    """Each canary with what stands around it."""
    return [text[max(0, m.start() - 80) : m.end() + 20] for m in CANARY.finditer(text)]


def without_digests(text: str) -> str:
    return re.sub(r"[0-9a-f]{32,64}", "", text)


def few_at_a_time(lines: list[Line], size: int) -> Iterator[bytes]:
    """Files of few lines each, so that of each rule all that is found is kept."""
    for start in range(0, len(lines), size):
        yield file_of([*lines[start : start + size], *goods(10)])


@pytest.mark.parametrize("text", ["<|endoftext|>", SECRET, PERSON])
def test_a_key_that_the_format_does_not_have_is_no_field(tmp_path: Path, text: str) -> None:
    """Rules DS142, DS148 and DS149 to DS153 name the field of a text."""
    path = tmp_path / "train.jsonl"
    messages = [{"role": "user", "content": "?", WORD: text}, {"role": "assistant", "content": "!"}]
    path.write_bytes(file_of([{"messages": messages}, *goods(10)]))
    found = problems(read_dataset(path, Question("supervised")), "train.jsonl")
    assert len(found) >= 2
    assert canaries("\n".join(map(str, found))) == []


@pytest.mark.parametrize("method", ["supervised", "dpo"])
@pytest.mark.parametrize("variants", [broken, replaced, renamed])
def test_no_word_of_a_row_is_said_or_kept(
    tmp_path: Path, variants: Callable[[Row], Iterator[Line]], method: Method
) -> None:
    lines = [line for row in rows_for(method) for line in variants(row)]
    cache, before, path = FactsCache(tmp_path / "cache"), tmp_path / "before", tmp_path / "after"
    before.write_bytes(file_of(goods(10)))
    for content in few_at_a_time(lines, 80):
        path.write_bytes(content)
        assert canaries(without_digests(written(path, before, method, cache))) == []
        before.write_bytes(content)
    assert canaries(without_digests(kept(tmp_path / "cache"))) == []


def test_the_canaries_break_nearly_every_rule_about_lines(tmp_path: Path) -> None:
    """Else the law above would hold of nothing."""
    path, told = tmp_path / "train.jsonl", set[str]()
    for method in METHODS:
        question = Question(method, "o200k_base", example_limit=3, takes_images=False)
        for variants in (broken, replaced):
            path.write_bytes(file_of(line for row in rows_for(method) for line in variants(row)))
            told |= read_dataset(path, question).breaches.keys()
    assert told >= RULES.keys() - OF_FILES


METHODS: tuple[Method, ...] = ("supervised", "dpo")
OF_FILES = {f"DS{number}" for number in (100, 103, 111, 112, 119, 120, *range(121, 127))}
OF_FILES |= {"DS129", "DS139", "DS145"}
