"""What stands in the texts themselves: special tokens, secrets, people's data.

Nearly all texts hold nothing of it: they are looked at together, cheaply, and one by one only where
something was seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reconciler.dataset.privacy import is_suspect, personal_in, secret_in
from reconciler.dataset.rules import Finding
from reconciler.dataset.shapes import Example, Findings
from reconciler.dataset.spoken import TOOLS, Turn

# The special tokens of cl100k_base, o200k_base and OpenAI's chat format.
_SPECIAL = re.compile(
    r"<\|(?:endoftext|fim_(?:prefix|middle|suffix)|endofprompt|im_(?:start|end|sep))\|>"
)

_DECLARATIONS = ("tools", "functions")
_PERSONAL = {
    "e-mail": ("DS149", "e-mail address(es)"),
    "phone": ("DS150", "phone number(s)"),
    "card": ("DS151", "card number(s)"),
    "resident number": ("DS152", "resident registration number(s)"),
    "IBAN": ("DS153", "IBAN(s)"),
}


def check_texts(turns: Sequence[Turn]) -> Findings:
    """All findings in the texts of one example."""
    if is_suspicious("\n".join([text for turn in turns for _, text in turn.texts])):
        for turn in turns:
            yield from _check_turn(turn)


def check_elsewhere(example: Example, turns: Sequence[Turn]) -> Findings:
    """A secret in any text that nobody says: an unknown key, an image's URL. One a line.

    Tools are looked at as they are declared; what a data URL holds is no text.
    """
    said = {text for turn in turns for _, text in turn.texts}
    others = [text for text in _strings(example) if text not in said]
    texts = [text for text in others if not text.startswith("data:")]
    if is_suspect("\n".join(texts)):
        yield from _first(_secrets([("", text) for text in texts]))


def _strings(example: Example) -> Iterator[str]:
    waiting: list[object] = [example]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, dict):
            waiting += [held for key, held in value.items() if key not in _DECLARATIONS]


def is_suspicious(texts: str) -> bool:
    """Whether any of the texts, joined, may hold something: then they are worth a closer look."""
    if "<|" in texts:
        return True
    return is_suspect(texts) and bool(secret_in(texts) or personal_in(texts))


def _check_turn(turn: Turn) -> Findings:
    """At most one special token and one secret a message; people's data with their number."""
    texts = [(_field(turn, key), text) for key, text in turn.texts]
    yield from _first(_special(texts))
    yield from _first(_secrets(texts))
    if turn.role == TOOLS:
        return  # a declaration is nobody's data: patterns and samples stand in it
    for field, text in texts:
        for what, number in personal_in(text).items():
            rule, words = _PERSONAL[what]
            yield Finding(rule, words, field=field, amount=number)


def _field(turn: Turn, key: str) -> str:
    return f"{turn.field}.{key}" if key else turn.field


def _first(findings: Iterator[Finding]) -> Findings:
    first = next(findings, None)
    if first:
        yield first


def _special(texts: list[tuple[str, str]]) -> Findings:
    for field, text in texts:
        if match := _SPECIAL.search(text):
            yield Finding("DS142", f"{match.group()} as text", "no special token", field)


def _secrets(texts: list[tuple[str, str]]) -> Findings:
    for field, text in texts:
        if what := secret_in(text):
            yield Finding("DS148", what, "no secret", field)
