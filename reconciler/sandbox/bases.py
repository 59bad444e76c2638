"""The base models of the sandbox: what can be trained, how, and with which vocabulary.

Source: OpenAI's model and fine-tuning pages as of 2026-11-22. No base of the sandbox has a shutdown
date, whatever OpenAI's calendar says: examples and tests are to outlive it. `released` is the date
in the snapshot's name (or of its announcement) and only fills `Model.created`.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

ORGANIZATION: Final = "sandbox"
ORGANIZATION_ID: Final = "org-sandbox"


@dataclass(frozen=True)
class Base:
    """A base model.

    Attributes:
        name: The snapshot.
        released: Its date.
        methods: Training methods it takes.
        encoding: Name of its vocabulary, as tiktoken calls it.
        example_tokens: Longest example; the service cuts a longer one at its end, silently.
        alias: The moving name that is answered as this snapshot.
        is_chat: Whether it takes chats; the two oldest take prompt and completion.
    """

    name: str
    released: date
    methods: tuple[str, ...]
    encoding: str = "o200k_base"
    example_tokens: int = 65_536
    alias: str | None = None
    is_chat: bool = True

    @property
    def created(self) -> int:
        """Midnight of its date, as the API's `created`."""
        return int(datetime.combine(self.released, datetime.min.time(), UTC).timestamp())


_BOTH: Final = ("supervised", "dpo")
_CHAT: Final = ("supervised",)
_OLD: Final = "cl100k_base"

BASES: Final = (
    Base("gpt-4.1-2025-04-14", date(2025, 4, 14), _BOTH, alias="gpt-4.1"),
    Base("gpt-4.1-mini-2025-04-14", date(2025, 4, 14), _BOTH, alias="gpt-4.1-mini"),
    Base("gpt-4.1-nano-2025-04-14", date(2025, 4, 14), _BOTH, alias="gpt-4.1-nano"),
    Base("gpt-4o-2024-08-06", date(2024, 8, 6), _BOTH, alias="gpt-4o"),
    Base("gpt-4o-mini-2024-07-18", date(2024, 7, 18), _BOTH, alias="gpt-4o-mini"),
    Base("o4-mini-2025-04-16", date(2025, 4, 16), ("reinforcement",), alias="o4-mini"),
    Base("gpt-3.5-turbo-0125", date(2024, 1, 25), _CHAT, _OLD, 16_385, "gpt-3.5-turbo"),
    Base("gpt-3.5-turbo-1106", date(2023, 11, 6), _CHAT, _OLD, 16_385),
    Base("gpt-3.5-turbo-0613", date(2023, 6, 13), _CHAT, _OLD, 16_385),
    Base("gpt-4-0613", date(2023, 6, 13), _CHAT, _OLD, 16_385, "gpt-4"),
    Base("davinci-002", date(2023, 8, 22), _CHAT, _OLD, 16_385, is_chat=False),
    Base("babbage-002", date(2023, 8, 22), _CHAT, _OLD, 16_385, is_chat=False),
)

_BY_NAME: Final = {base.name: base for base in BASES} | {
    base.alias: base for base in BASES if base.alias is not None
}


def base_named(name: str) -> Base:
    """Return the base of a name that is known to be one."""
    return _BY_NAME[name]


def find_base(name: str) -> Base | None:
    """Return the base of a snapshot's name or of its alias, if the sandbox has one."""
    return _BY_NAME.get(name)
