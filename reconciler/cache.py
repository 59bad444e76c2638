"""What is kept between runs to save work: safe to delete, and never the truth.

An entry is a file of JSON under a digest of itself. It is written whole and renamed into place, so
any number of processes may share a folder; what can't be read counts as not there.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from platformdirs import user_cache_path

VARIABLE = "RECONCILER_CACHE"
"""Environment variable that names another folder; empty for no cache at all."""

Told = dict[str, Any]
"""An entry as JSON tells it."""

_T = TypeVar("_T")


def cache_folder(environment: Mapping[str, str], part: str) -> Path | None:
    """The folder for one kind of entries, under the user's cache or where ``VARIABLE`` says.

    None where it is empty, and for a user without a home.
    """
    chosen = environment.get(VARIABLE)
    if chosen == "":
        return None
    try:
        return (Path(chosen) if chosen else user_cache_path("reconciler")) / part
    except RuntimeError:  # nobody's home: a user without a home folder
        return None


def read_entry(place: Path, build: Callable[[Told], _T]) -> _T | None:
    """An entry; None for what is missing, damaged, or of another time: the same to us."""
    try:
        digest, _, text = place.read_bytes().partition(b"\n")
        is_whole = digest == _sum(text)
        return build(json.loads(text)) if is_whole else None
    except (OSError, ValueError, TypeError, LookupError):
        return None


def write_entry(place: Path, value: object) -> None:
    """Whole or not at all; a folder that can't be written keeps nothing."""
    text = json.dumps(value).encode()
    with suppress(OSError):
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryDirectory(dir=place.parent, prefix=".") as writing:
            file = Path(writing, place.name)
            file.write_bytes(_sum(text) + b"\n" + text)
            file.replace(place)


def _sum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()
