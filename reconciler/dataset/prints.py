"""Fingerprints of examples: which of them are equal, or ask the same, however they are written.

Spacing, the order of keys and escapes don't count: only what a line says. A file of any size is
compared in flat memory: fingerprints wait on disk and are compared in parts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import blake2b
from struct import Struct
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

from reconciler.dataset.shapes import (
    Example,
    Method,
    Plain,
    is_learned,
    is_plain,
    items_of,
    object_of,
)

_RECORD = Struct("<QQQI")
_SEPARATOR = "\x1e"
_UNLEARNED = "assistant, not learned"
_IN_MEMORY = 4_000_000
_AT_ONCE = 100_000
"""Fingerprints that are compared together: about 30 MB."""
_OPTIONS = frozenset({"tools", "functions", "parallel_tool_calls"})


class Print(NamedTuple):
    """One example: its line, the fingerprints of all of it and of its prompt, its tokens.

    The prompt is what comes before the last answer, tools included; in dpo the input with both
    outputs, in whichever order. An example that begins with its answer has no prompt but itself.
    """

    line: int
    example: int
    prompt: int
    tokens: int


# ---- one example -----------------------------------------------------------------------------


def fingerprint(example: Example, method: Method) -> tuple[int, int] | None:
    """The fingerprints of an example and of its prompt; None for what nests too deeply."""
    try:
        asked, said = _supervised(example) if method == "supervised" else _dpo(example)
    except RecursionError:
        return None
    return digests(_SEPARATOR.join([*asked, *said]), len(_SEPARATOR.join(asked)))


def transcript(messages: list[Plain]) -> tuple[str, int]:
    """Plain messages as one text, and how much of it is the prompt: 0 where nothing is asked."""
    said: list[str] = []
    end = 0
    for message in messages:
        role = message["role"]
        if role == "assistant":
            end = len(said)
            if not is_learned(message):
                role = _UNLEARNED
        text = message["content"]
        said += (f"{role}{len(text)}", text)  # so that no character in a text can end it
    return _SEPARATOR.join(said), len(_SEPARATOR.join(said[:end]))


def digests(text: str, asked: int) -> tuple[int, int]:
    """The fingerprints of a text and of its first characters; of all of it where they are none."""
    digest = blake2b(text[:asked].encode("utf-8", "surrogatepass"), digest_size=8)
    prompt = int.from_bytes(digest.digest(), "little") if asked else 0
    digest.update(text[asked:].encode("utf-8", "surrogatepass"))
    whole = int.from_bytes(digest.digest(), "little")
    return whole, prompt or whole


def _supervised(example: Example) -> tuple[list[str], list[str]]:
    messages = items_of(example.get("messages"))
    roles = [object_of(message).get("role") for message in messages]
    end = len(roles) - 1 - roles[::-1].index("assistant") if "assistant" in roles else 0
    pieces = [_piece(message) for message in messages]
    others = [_json([key, example[key]]) for key in sorted(_OPTIONS.intersection(example))]
    return ([*others, *pieces[:end]], pieces[end:]) if end else ([], [*others, *pieces])


def _dpo(example: Example) -> tuple[list[str], list[str]]:
    outputs = [_json(example.get(key)) for key in ("preferred_output", "non_preferred_output")]
    return [_json(example.get("input")), *sorted(outputs)], outputs


def _piece(message: object) -> str:
    return transcript([message])[0] if is_plain(message) else _json(message)


_json = json.JSONEncoder(sort_keys=True).encode


pack = _RECORD.pack
"""The parts of a ``Print`` as bytes, such as ``Prints`` takes."""


# ---- one file --------------------------------------------------------------------------------


class Prints:
    """The fingerprints of a file, in the order of its lines. Close it after use."""

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        """Args: in_memory: bytes from which they wait on disk; at least 1."""
        self.count = 0
        self._file = SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115  # closed by close

    def close(self) -> None:
        """Let go of the memory and the disk."""
        self._file.close()

    def add(self, packed: bytes) -> None:
        """Append fingerprints, packed one after the other."""
        self.count += len(packed) // _RECORD.size
        self._file.write(packed)

    def __iter__(self) -> Iterator[Print]:
        self._file.seek(0)
        while chunk := self._file.read(_RECORD.size * 1_000):
            for record in _RECORD.iter_unpack(chunk):
                yield Print(*record)

    def parts(self, number: int) -> Iterator[Prints]:
        """The fingerprints in parts; those of one prompt are in one part, in their order."""
        if number == 1:
            yield self
            return
        parts = [Prints(_IN_MEMORY // number or 1) for _ in range(number)]
        try:
            for one in self:
                parts[one.prompt % number].add(pack(*one))
            yield from parts
        finally:
            for part in parts:
                part.close()


def repeats(prints: Prints) -> Iterator[tuple[bool, int, int]]:
    """Each example that stands before, and each that answers an earlier prompt otherwise.

    Yields:
        (whether it is the same example, its line, the earlier line), in no particular order.
    """
    for part in prints.parts(_number(prints)):
        examples: dict[int, int] = {}
        prompts: dict[int, int] = {}
        for line, example, prompt, _ in part:
            if (earlier := examples.setdefault(example, line)) != line:
                yield True, line, earlier
            elif (earlier := prompts.setdefault(prompt, line)) != line:
                yield False, line, earlier


def shared(validation: Prints, training: Prints) -> Iterator[tuple[int, int]]:
    """The validation examples that ask what a training example asks: (line there, line here)."""
    for asked, known in parts_of_both(validation, training):
        lines: dict[int, int] = {}
        for one in known:
            lines.setdefault(one.prompt, one.line)
        for one in asked:
            if one.prompt in lines:
                yield one.line, lines[one.prompt]


def parts_of_both(left: Prints, right: Prints) -> Iterator[tuple[Prints, Prints]]:
    """Two files in parts: examples of one prompt are in the same part of either."""
    number = max(_number(left), _number(right))
    yield from zip(left.parts(number), right.parts(number), strict=True)


def _number(prints: Prints) -> int:
    return 1 + prints.count // _AT_ONCE
