"""Files that are something else, or lines that are no JSON: bytes before examples."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import zipfile
from dataclasses import replace

from tests.dataset.corpus.case import (
    DPO,
    SUPERVISED,
    Case,
    Classes,
    assistant,
    chat,
    dumped,
    each,
    encoded,
    file_of,
    good,
    goods,
    lines_only,
    message,
    pair,
    together,
    user,
    whole,
)
from tests.dataset.corpus.corpus_images import HEAVY, embedded

VALIDATION = Case(is_training=False)
MARK = b"\xef\xbb\xbf"
TWELVE = file_of(goods(12))
ROWS = [good(number) for number in range(1, 13)]
LINE = dumped(chat(user(), assistant()))
OTHER = dumped(chat(user("Can I return it?"), assistant("Within two weeks.")))


# ---- whole files -----------------------------------------------------------------------------


def _pointer(*extra: str) -> bytes:
    lines = ["version https://git-lfs.github.com/spec/v1", *extra]
    lines += [f"oid sha256:{'4d7a2146' * 8}", "size 12345"]
    return file_of(lines)


def _archive(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, TWELVE)
    return buffer.getvalue()


def _table(separator: str, asked: str = "prompt", told: str = "completion") -> bytes:
    rows = [(asked, told), *((f"How far is {n}?", f"{n} km") for n in range(20))]
    return file_of(separator.join(row) for row in rows)


PARQUET = b"PAR1\x15\x04\x15\x20\x15\x24\x4c\x15\x04\x15\x00\x12\x00\x00" * 9 + b"PAR1"
ZSTANDARD = b"\x28\xb5\x2f\xfd\x04\x58\x41\x00\x00" + b"\x7b\x22\x6d\x65\xf1\xa0" * 30
OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + b"\x3e\x00\x03\x00\xfe\xff\x09\x00"

KOREAN = file_of(
    dumped(chat(user(f"{n}번 주문은 어디에 있나요?"), assistant(f"{n}일 뒤에 도착합니다.")))
    for n in range(1, 13)
)

WORDY = "".join(
    f"{dumped(chat(user(f'{n}번: ' + '가나다라 ' * 50), assistant()))}\n" for n in range(12)
)
"""Hardly any character of it is ASCII, so that UTF-16 shows few NUL bytes."""

WHOLE: Classes = {
    "an empty file": [
        *whole("DS112", b""),
        *whole("DS112", b"", like=DPO),
        *whole("DS112", b"", like=VALIDATION),
    ],
    "a Git LFS pointer": [
        *whole("DS122", _pointer(), _pointer().removesuffix(b"\n")),
        *whole("DS122", _pointer(f"ext-0-lock sha256:{'98ab01cd' * 8}")),
        *whole("DS122", _pointer(), like=VALIDATION),
        *whole("DS122", _pointer(), like=DPO),
    ],
    "a compressed file": [
        *whole("DS123", gzip.compress(TWELVE, mtime=0), bz2.compress(TWELVE)),
        *whole("DS123", lzma.compress(TWELVE), _archive("train.jsonl"), ZSTANDARD),
    ],
    "a spreadsheet or a table": [
        *whole("DS123", _archive("xl/workbook.xml"), OLD_EXCEL, PARQUET),
        *whole("DS123", _table(","), _table("\t")),
    ],
    "a table as a spreadsheet exports it": [
        *whole("DS123", MARK + _table(","), _table(";"), MARK + _table(";")),
        *whole("DS123", _table(",", "질문", "답변"), _table(",", '"prompt"', '"completion"')),
    ],
    "UTF-16 text": [
        *whole("DS124", b"\xff\xfe" + TWELVE.decode().encode("utf-16-le")),
        *whole("DS124", b"\xfe\xff" + TWELVE.decode().encode("utf-16-be")),
        *whole("DS124", TWELVE.decode().encode("utf-16-le")),
        *whole("DS124", TWELVE.decode().encode("utf-16-be")),
        *whole("DS124", WORDY.encode("utf-16-le")),
    ],
    "UTF-32 text": [
        *whole("DS124", b"\xff\xfe\0\0" + TWELVE.decode().encode("utf-32-le")),
        *whole("DS124", b"\0\0\xfe\xff" + TWELVE.decode().encode("utf-32-be")),
        *whole("DS124", TWELVE.decode().encode("utf-32-le")),
    ],
    "one array around all examples": [
        *whole("DS125", json.dumps(ROWS, indent=2).encode()),
        *whole("DS125", json.dumps(ROWS).encode()),
        *whole("DS125", b"[\n" + TWELVE.strip().replace(b"\n", b",\n") + b"\n]\n"),
        *whole("DS125", json.dumps(ROWS).encode() + b"\n", like=VALIDATION),
    ],
    "objects over many lines": [
        *whole("DS125", json.dumps(ROWS[0], indent=4).encode()),
        *whole("DS125", b"\n".join(json.dumps(row, indent=2).encode() for row in ROWS)),
        *whole("DS125", json.dumps({"data": ROWS}, indent="\t").encode() + b"\n"),
        *whole("DS125", json.dumps(good(1, "dpo"), indent=2).encode(), like=DPO),
    ],
    "lines that end with CR alone": [
        *whole("DS126", TWELVE.replace(b"\n", b"\r"), KOREAN.replace(b"\n", b"\r")),
        *whole("DS126", TWELVE.replace(b"\n", b"\r").removesuffix(b"\r")),
        *whole("DS126", file_of(goods(12, "dpo"), b"\r"), like=DPO),
        *whole("DS126", file_of([chat(user("order " * 20_000), assistant()), *goods(11)], b"\r")),
    ],
    "too few examples": [
        lines_only({0: "DS111"}, *goods(1)),
        lines_only({0: "DS111"}, *goods(9)),
        lines_only({0: "DS111"}, *goods(9, "dpo"), like=DPO),
        lines_only({0: "DS111", 10: "DS101"}, *goods(9), "{"),
        lines_only({0: "DS111", 1: "DS114", 2: "DS114", 3: "DS114"}, "", "", ""),
    ],
}


# ---- lines as bytes --------------------------------------------------------------------------


def _ended(*crlf: int, tail: bytes = b"") -> bytes:
    """Twelve good lines, of which these end with CR LF."""
    rows = enumerate(goods(12), start=1)
    return b"".join(encoded(r) + (b"\r\n" if n in crlf else b"\n") for n, r in rows) + tail


def _marked(lines: list[bytes], expected: str, like: Case = SUPERVISED) -> Case:
    found = tuple((rule, 1) for rule in expected.split())
    return replace(like, content=MARK + file_of(lines), expected=found, is_movable=False)


def _encoded(text: str, encoding: str) -> bytes:
    return dumped(chat(user(text), assistant())).encode(encoding)


def _with(raw: bytes) -> bytes:
    return LINE.encode().replace(b"order", raw)


BYTES: Classes = {
    "a blank line": [
        *each("DS114", "", "  \t ", " "),
        Case(TWELVE + b"\n", (("DS114", 13),)),
        together({2: "DS114", 4: "DS114"}, LINE, "", OTHER, "\t"),
    ],
    "a byte-order mark": [
        _marked([encoded(row) for row in goods(12)], "DS113"),
        _marked([encoded(row) for row in goods(12, "dpo")], "DS113", DPO),
        _marked(
            [encoded(row) for row in (chat(user(weight=1), assistant()), *goods(11))],
            "DS113 DS107",
        ),
    ],
    "text in an old encoding": each(
        "DS113",
        _encoded("Où est mon café ?", "latin-1"),
        _encoded("주문은 어디에 있나요?", "cp949"),
        _encoded("注文はどこですか", "shift-jis"),
        _encoded("“Where?”, he asked", "cp1252"),
    ),
    "bytes that are no UTF-8": each(
        "DS113",
        _with(b"or\x80der"),
        _with(b"\xc0\xafder"),
        _with(b"\xed\xa0\xbd"),
        _with("주문".encode()[:-1]),
        _with(b"\xf5\x80\x80\x80"),
    ),
    "a NUL byte": each("DS113", _with(b"or\0der"), LINE.encode() + b"\0", b"\0" + LINE.encode()),
    "lines that end with CR LF": [
        Case(file_of(goods(12), b"\r\n"), (("DS121", 1),)),
        Case(_ended(6, 7), (("DS121", 6),)),
        Case(_ended(12), (("DS121", 12),)),
        Case(_ended(tail=b"\r\n"), (("DS121", 13), ("DS114", 13))),
        Case(file_of(goods(12, "dpo"), b"\r\n"), (("DS121", 1),), method="dpo"),
    ],
    "a line of ten megabytes": each(
        "DS119",
        chat(user("a" * 10_000_000), assistant()),
        b"a" * 10_000_000,
        embedded(HEAVY),
    ),
}


# ---- lines as JSON ---------------------------------------------------------------------------


def _deep(opening: str, closing: str, depth: int) -> str:
    return f'{{"messages": [{opening * depth}1{closing * depth}]}}'


PARSED: Classes = {
    "a line that was cut": each("DS101", LINE[:-1], LINE[:40], LINE[:-20], "{", '{"messages": [{"'),
    "a line as Python writes it": each(
        "DS101",
        repr(chat(user(), assistant())),
        LINE[:-1] + ', "parallel_tool_calls": True}',
        LINE[:-1] + ', "tools": None}',
        LINE.replace('"messages"', "messages"),
    ),
    "a comment or a trailing comma": each(
        "DS101", "// for the test", f"# {LINE}", f"{LINE[:-1]}, }}", f"{LINE},", f"{LINE} // good"
    ),
    "raw control characters in a text": [
        *each("DS101", LINE.replace("Where", "Where\t"), LINE.replace("Where", "\x1bWhere")),
        together({1: "DS101", 2: "DS101"}, *LINE.replace("my", "\n").split("\n")),
        *each("DS101", LINE.replace("Where", "Where\x0b")),
    ],
    "an escape that JSON doesn't have": each(
        "DS101",
        LINE.replace("my", r"\x41"),
        LINE.replace("my", r"\'"),
        LINE.replace("my", r"\u12"),
        LINE.replace("my", r"C:\games"),
    ),
    "something after the object": each(
        "DS101", f"{LINE}]", f"{LINE}}}", f"{LINE};", f"{LINE} and so on", f'{LINE} "x"'
    ),
    "a value no reader takes": each(
        "DS101",
        "[" * 100_000,
        '{"a":' * 100_000,
        _deep("[", "]", 100_000),
        _deep('{"a":', "}", 100_000),
        f'{LINE[:-1]}, "tools": [{"9" * 5_000}]}}',
    ),
    "a line that is no object": [
        *each("DS102", f"[{LINE}]", json.dumps(LINE), "17"),
        *each("DS102", json.dumps(goods(1_000, first=100))),
        lines_only(
            {0: "DS111", **dict.fromkeys(range(1, 11), "DS102")},
            *(dumped([user(f"Is {n} even?"), assistant("Look.")]) for n in range(10)),
        ),
    ],
    "two objects on a line": each(
        "DS127", LINE + OTHER, f"{LINE} {OTHER}", f"{LINE}, {OTHER}", f"{LINE}[1]", f"{LINE}{{"
    ),
    "half of an emoji": [
        *each(
            "DS128",
            chat(user("How nice \ud83d"), assistant()),
            chat(user(), assistant("\ude00 It comes")),
            chat(message("system", "\ude00\ud83d"), user("\ud83d"), assistant()),
            chat(user(), assistant([{"type": "text", "text": "Hello \ud83d!"}])),
        ),
        *each("DS128 DS107", chat(user("\ud83d", weight=1), assistant())),
    ],
    "a key twice": [
        *each(
            "DS116",
            f"{LINE[:-1]}, {LINE[1:]}",
            LINE.replace('"role": "user"', '"role": "system", "role": "user"'),
            LINE.replace('"content"', '"content": "a", "content"'),
            LINE[:-1]
            + ', "tools": [{"type": "function", "function": {"name": "track", "parameters": '
            + '{"type": "object", "type": "object"}}}]}',
        ),
        *each(
            "DS116 DS107",
            LINE.replace('"role": "user"', '"role": "user", "role": "user", "weight": 1'),
        ),
    ],
    "a number that JSON doesn't have": [
        *each(
            "DS117",
            *(
                LINE[:-1]
                + ', "tools": [{"type": "function", "function": {"name": "track", "parameters": '
                + f'{{"type": "object", "minimum": {number}, "maximum": {number}}}}}}}]}}'
                for number in ("NaN", "Infinity", "-Infinity")
            ),
        ),
        *each("DS117 DS107", LINE[:-3] + ', "weight": NaN}]}'),
        *each("DS116 DS117 DS107", LINE[:-3] + ', "weight": 1, "weight": Infinity}]}'),
    ],
}


# ---- another method's ------------------------------------------------------------------------

COMPLETION: dict[str, object] = {"prompt": "Where is it?", "completion": "Here."}


FORMATS: Classes = {
    "another method's format": [
        lines_only({1: "DS103"}, *goods(12, "dpo")),
        lines_only({1: "DS103"}, *goods(12), like=DPO),
        lines_only({1: "DS103"}, *({**COMPLETION, "prompt": f"Is {n} even?"} for n in range(10))),
        lines_only({0: "DS111", 1: "DS103"}, *goods(3, "dpo")),
        lines_only({1: "DS114", 2: "DS103"}, "", *goods(10), like=DPO),
    ],
    "an empty user message": [
        *each("DS155", chat(user(""), assistant()), chat(user(" \n"), assistant())),
        *each("DS155", chat(user([{"type": "text", "text": " "}]), assistant())),
        *each("DS155", pair(assistant("A"), assistant("B"), user("")), like=DPO),
    ],
    "a line of another method's format": [
        *each("DS154", pair(assistant("A"), assistant("B")), COMPLETION),
        *each("DS154", chat(user(weight=1), assistant()), like=DPO),
        together({1: "DS154", 2: "DS154"}, COMPLETION, {**COMPLETION, "prompt": "?"}, like=DPO),
        together({1: "DS154", 3: "DS154"}, COMPLETION, LINE, pair(assistant("A"), user())),
    ],
    "a pair without its question": each(
        "DS109",
        {"preferred_output": [assistant("A")], "non_preferred_output": [assistant("B")]},
        {**pair(assistant("A"), assistant("B")), "input": None},
        {**pair(assistant("A"), assistant("B")), "input": "Where is my order?"},
        {**pair(assistant("A"), assistant("B")), "input": [user()]},
        {**pair(assistant("A"), assistant("B")), "input": {}},
        like=DPO,
    ),
    "a pair without one of its outputs": each(
        "DS109",
        {"input": {"messages": [user()]}, "preferred_output": [assistant()]},
        {"input": {"messages": [user()]}, "non_preferred_output": [assistant()]},
        {**pair(assistant("A"), assistant("B")), "preferred_output": []},
        {**pair(assistant("A"), assistant("B")), "non_preferred_output": None},
        like=DPO,
    ),
    "an output that is not one answer": each(
        "DS109",
        {**pair(assistant("A"), assistant("B")), "preferred_output": assistant("A")},
        {**pair(assistant("A"), assistant("B")), "preferred_output": [assistant("A"), assistant()]},
        pair(assistant("A"), user("B")),
        pair("A", assistant("B")),
        pair(assistant(None), assistant("B")),
        like=DPO,
    ),
    "a pair of equal outputs": each(
        "DS110",
        pair(assistant(), assistant()),
        pair(assistant("네"), assistant("네"), user("될까요?")),
        pair(assistant("A"), {"content": "A", "role": "assistant"}),
        pair(assistant("A", refusal=None), assistant("A")),
        like=DPO,
    ),
    "a fault in a pair's question": [
        *each("DS107", pair(assistant("A"), assistant("B"), user(weight=0)), like=DPO),
        *each("DS106", pair(assistant("A"), assistant("B"), user(None)), like=DPO),
        *each("DS105", pair(assistant("A"), assistant("B"), message("human", "?")), like=DPO),
        *each(
            "DS115", pair(assistant("A"), assistant("B"), user(), message("tool", "7")), like=DPO
        ),
    ],
}

FILES: Classes = {**WHOLE, **BYTES, **PARSED, **FORMATS}
