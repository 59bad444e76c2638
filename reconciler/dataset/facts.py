"""Facts about a dataset file: what identity, cost and uploads need to know of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetFacts:
    """One dataset file as it was read.

    Attributes:
        path: relative to the project root, POSIX style.
        sha256: hex digest of the file's bytes: its identity.
        bytes: its size.
        examples: lines that hold an example.
        tokens: tokens by OpenAI's counting rule under ``encoding``; 0 if they were not counted.
        encoding: tiktoken's name of the vocabulary used, or empty if tokens were not counted.
    """

    path: str
    sha256: str
    bytes: int
    examples: int
    tokens: int
    encoding: str
