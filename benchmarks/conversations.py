"""Chat-like training data from a seed: as much as is asked for, and nothing wrong with it.

python benchmarks/conversations.py SIZE FILE.jsonl [--data FOLDER] [--seed N]

SIZE is a number of examples (1000ex) or of bytes (100MB; 1 MB is 1,000,000 bytes).

The prose is that of Python's own manual and docstrings, the code that of its library, so that words
and their frequencies are natural without a word list here; names are made up, so that the tokenizer
meets words that it doesn't know. The same seed gives the same bytes on the same Python.
"""

from __future__ import annotations

import argparse
import ast
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

Message = dict[str, Any]
Example = dict[str, Any]

LIBRARY = (
    *("contextlib", "csv", "difflib", "doctest", "fractions", "functools", "heapq", "pickletools"),
    *("pprint", "random", "shelve", "statistics", "subprocess", "textwrap", "threading", "turtle"),
)
"""Modules of the standard library with much prose in them; one that is missing is left out."""

KOREAN = (
    "안녕하세요, 주문한 상품이 아직 도착하지 않았습니다.",
    "배송 상태를 확인해 주시면 감사하겠습니다.",
    "환불은 영업일 기준으로 사흘 안에 처리됩니다.",
    "죄송하지만 그 날짜에는 예약이 모두 찼습니다.",
    "회의는 다음 주 화요일 오후에 시작합니다.",
    "이 문장을 자연스러운 영어로 번역해 주세요.",
    "비밀번호를 잊으셨다면 설정 화면에서 새로 만들 수 있습니다.",
    "자세한 내용은 안내 문서를 참고하시기 바랍니다.",
    "오늘 서울의 날씨는 맑고 바람이 조금 붑니다.",
    "그 기능은 현재 버전에서 지원되지 않습니다.",
    "먼저 프로그램을 종료한 뒤 다시 실행해 보세요.",
    "제가 확인한 결과 문제는 이미 해결되었습니다.",
)
SYLLABLES = (
    *("ka", "lo", "mer", "vin", "tos", "ri", "zen", "dra", "mu", "pel", "berg", "wick", "su", "no"),
    *(
        "bri",
        "go",
        "shan",
        "el",
        "qua",
        "fen",
        "ry",
        "tov",
        "is",
        "chen",
        "ald",
        "um",
        "yo",
        "ster",
    ),
)
TOPICS = ("orders", "returns", "travel", "billing", "software", "grammar", "recipes", "contracts")
TOOLS = ("get_weather", "find_order", "search_articles", "book_table", "convert_currency")

# Sentences and code without what a checker of data looks for: addresses, long numbers, tokens.
_SENTENCE = re.compile(r"[A-Z][\w ,;:'\"()*\-.=+/\[\]]{30,260}[.?!]")
_SUSPECT = re.compile(r"@|://|<\||\d{5}|[\w+/=-]{30}|[^\n\x20-\x7e]")
_SIZE = re.compile(r"(\d+)(ex|kB|MB)")


class Size(NamedTuple):
    """How much is wanted: as many examples, or at least as many bytes; 0 is no bound."""

    examples: int
    bytes: int

    def is_reached(self, examples: int, size: int) -> bool:
        """Whether this much is enough."""
        return examples >= self.examples if self.examples else size >= self.bytes


def parse_size(text: str) -> Size:
    """``1000ex`` or ``100MB``."""
    match = _SIZE.fullmatch(text)
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 1000ex or 100MB")
    number = int(match[1])
    unit = {"ex": 0, "kB": 1_000, "MB": 1_000_000}[match[2]]
    return Size(0, number * unit) if unit else Size(number, 0)


# ---- the words -----------------------------------------------------------------------------------


def library_sources() -> Iterator[str]:
    """The sources of ``LIBRARY``."""
    for name in LIBRARY:
        spec = find_spec(name)
        if spec and spec.origin and spec.origin.endswith(".py"):
            yield Path(spec.origin).read_text("utf-8")


def prose_of(module: ast.Module) -> Iterator[str]:
    """The docstrings of a module."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            yield ast.get_docstring(node) or ""


def code_of(module: ast.Module, lines: list[str]) -> Iterator[str]:
    """The short functions of a module."""
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef) and node.end_lineno:
            body = lines[node.lineno - 1 : node.end_lineno]
            if 4 <= len(body) <= 25:
                yield "\n".join(body)


def sentences_of(texts: Iterable[str]) -> list[str]:
    """The sentences that are plain prose, each once."""
    found: dict[str, None] = {}
    for text in texts:
        for paragraph in re.split(r"\n\s*\n", text):
            parts = re.split(r"(?<=[.?!])\s+", " ".join(paragraph.split()))
            found.update((part, None) for part in parts if _SENTENCE.fullmatch(part))
    return [sentence for sentence in found if not _SUSPECT.search(sentence)]


def manual() -> list[str]:
    """Python's own manual, as ``help()`` shows it."""
    from pydoc_data.topics import topics

    return list(topics.values())


def real_examples(folder: Path | None) -> list[str]:
    """The supervised lines of a folder's JSONL files."""
    files = sorted(folder.rglob("*.jsonl")) if folder else []
    lines = (line for file in files for line in file.read_text("utf-8").splitlines())
    return [line for line in lines if isinstance(json.loads(line).get("messages"), list)]


# ---- the conversations ---------------------------------------------------------------------------


class Conversations:
    """Examples one after the other; each holds a number of its own, so none comes twice."""

    def __init__(self, seed: int, real: list[str]) -> None:
        self._random = random.Random(seed)  # noqa: S311 (reproducible, not secret)
        sources = [(ast.parse(source), source.splitlines()) for source in library_sources()]
        docstrings = (text for module, _ in sources for text in prose_of(module))
        self._prose = sentences_of([*manual(), *docstrings])
        code = (text for module, lines in sources for text in code_of(module, lines))
        self._code = [text for text in code if not _SUSPECT.search(text)]
        self._systems = [f"You help with {topic}. {self._said(1)}" for topic in TOPICS * 4]
        self._real = real

    def lines(self) -> Iterator[bytes]:
        """JSONL without an end."""
        for number in count(1):
            is_real = self._real and self._random.random() < 0.25
            example = self._real_example(number) if is_real else self._example(number)
            is_escaped = self._random.random() < 0.3  # half of the tools in use escape
            yield json.dumps(example, ensure_ascii=is_escaped).encode() + b"\n"

    def _real_example(self, number: int) -> Example:
        example: Example = json.loads(self._random.choice(self._real))
        users = (row for row in example["messages"] if row.get("role") == "user")
        asked: Message = next(users, {})
        if isinstance(asked.get("content"), str):
            asked["content"] += f" [{number}]"
        return example

    def _example(self, number: int) -> Example:
        chance = self._random.random()
        opening = f"{self._name()} asks in case {number}: "
        if chance < 0.05:
            return self._tool_example(opening)
        turns = self._random.choices((1, 2, 3, 4), (70, 15, 10, 5))[0]
        messages = self._system()
        for turn in range(turns):
            messages += self._turn(opening if turn == 0 else "", self._voice(chance))
        if chance > 0.95:
            self._weigh(messages)
        return {"messages": messages}

    def _voice(self, chance: float) -> Callable[[int], str]:
        if chance < 0.12:
            return self._korean
        if chance < 0.20:
            return self._coded
        return self._figured if chance < 0.32 else self._said

    def _system(self) -> list[Message]:
        if self._random.random() < 0.15:
            return []
        return [{"role": "system", "content": self._random.choice(self._systems)}]

    def _turn(self, opening: str, voice: Callable[[int], str]) -> list[Message]:
        is_long = self._random.random() < 0.03
        asked = self._said(self._random.randint(15, 60) if is_long else self._random.randint(1, 2))
        answer = f"{self._name()}: {voice(self._random.randint(1, 3))}"  # no answer comes twice
        return [
            {"role": "user", "content": opening + asked},
            {"role": "assistant", "content": answer},
        ]

    @staticmethod
    def _weigh(messages: list[Message]) -> None:
        answers = [message for message in messages if message["role"] == "assistant"]
        for answer in answers:
            answer["weight"] = 0
        answers[-1]["weight"] = 1

    def _tool_example(self, opening: str) -> Example:
        tool = self._random.choice(TOOLS)
        call_id = f"call_{self._random.randrange(10_000)}"
        arguments = {"query": self._name(), "limit": self._random.randint(1, 20)}
        result = {"matches": [self._name(), self._name()], "score": self._random.randint(1, 99)}
        function = {"name": tool, "arguments": json.dumps(arguments)}
        call = {"id": call_id, "type": "function", "function": function}
        messages = [
            *self._system(),
            {"role": "user", "content": opening + self._said(1)},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call_id, "content": json.dumps(result)},
            {"role": "assistant", "content": self._said(2)},
        ]
        return {
            "messages": messages,
            "tools": [declared(name) for name in dict.fromkeys((TOOLS[0], tool))],
        }

    # ---- texts ----

    def _said(self, sentences: int) -> str:
        return " ".join(self._random.choices(self._prose, k=sentences))

    def _korean(self, sentences: int) -> str:
        return " ".join(self._random.choices(KOREAN, k=sentences + 1))

    def _coded(self, sentences: int) -> str:
        code = self._random.choice(self._code)
        return f"{self._said(1)}\n\n```python\n{code}\n```\n\n{self._said(sentences)}"

    def _figured(self, sentences: int) -> str:
        rows = (
            f"{self._name()}: {self._random.randint(1, 9_999) / 100} %" for _ in range(sentences)
        )
        return f"{self._said(1)}\n" + "\n".join(rows)

    def _name(self) -> str:
        first, last = (self._random.choices(SYLLABLES, k=2) for _ in range(2))
        return f"{''.join(first).capitalize()} {''.join(last).capitalize()}"


def declared(tool: str) -> dict[str, Any]:
    """A tool's declaration."""
    properties = {"query": {"type": "string"}, "limit": {"type": "integer", "minimum": 1}}
    parameters = {"type": "object", "properties": properties, "required": ["query"]}
    described = f"Looks up what is asked for: {tool.replace('_', ' ')}."
    function = {"name": tool, "description": described, "parameters": parameters}
    return {"type": "function", "function": function}


def write(path: Path, size: Size, *, data: Path | None = None, seed: int = 1) -> tuple[int, int]:
    """Write a file of this size; its examples and its bytes."""
    examples = written = 0
    lines = Conversations(seed, real_examples(data)).lines()
    with path.open("wb", buffering=1 << 20) as file:
        while not size.is_reached(examples, written):
            written += file.write(next(lines))
            examples += 1
    return examples, written


def main() -> None:
    """Write one file."""
    parser = argparse.ArgumentParser(description="Write valid chat-like training data.")
    parser.add_argument("size", type=parse_size)
    parser.add_argument("file", type=Path)
    parser.add_argument("--data", type=Path, help="a folder of real chat JSONL to mix in")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write(given.file, given.size, data=given.data, seed=given.seed)


if __name__ == "__main__":
    main()
