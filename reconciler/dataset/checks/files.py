"""What can be said of a whole file: by its first bytes, and once all of it was read."""

from __future__ import annotations

import re

from reconciler.dataset.rules import Finding
from reconciler.dataset.shapes import Findings

LEAST_EXAMPLES = 10
"""The service refuses a shorter training file (``invalid_n_examples``)."""

MOST_EXAMPLES_WITH_IMAGES = 50_000
"""Examples with images that a training file may hold (OpenAI, "Vision fine-tuning")."""

MOST_BYTES = 8_000_000_000
"""Bytes of a file that the service takes, by parts (OpenAI, "Uploads": 8 GB)."""

_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
    (b"PAR1", "Parquet"),
    (b"ARROW1", "Arrow"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"%PDF-", "PDF"),
)
_LFS = b"version https://git-lfs.github.com/spec/"
_MARK = b"\xef\xbb\xbf"
_WIDE = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff", b"{\0", b"\0{", b"\0\0\0{")
_TABLE_HEAD = re.compile(r'"?[^\W\d][\w .-]*"?([,;\t]"?[^\W\d][\w .-]*"?)+\r?')
_LIST = re.compile(rb"\[\s*\{|\[[ \t]*\r?\n")
_PRETTY = re.compile(rb'\{[ \t]*\r?\n\s*"')
_CR_BETWEEN = re.compile(rb"\}[ \t]*\r[ \t]*\{")


def what_else(head: bytes) -> Findings:
    """What the file is instead of JSONL, if its first bytes tell; at most one finding.

    Nothing else is said of such a file: each of its lines would only say the same again.
    """
    if name := next((name for magic, name in _MAGIC if head.startswith(magic)), ""):
        yield Finding("DS123", name, "JSONL")
    elif head.startswith(_WIDE) or _is_wide(head):
        yield Finding("DS124", "UTF-16 or UTF-32", "UTF-8")
    else:
        yield from _what_text(head.removeprefix(_MARK))


def _what_text(head: bytes) -> Findings:
    first = head.partition(b"\n")[0].decode("utf-8", "replace")
    if head.startswith(_LFS):
        yield Finding("DS122", "a Git LFS pointer", "the data")
    elif first.lower().startswith(("<!doctype", "<html", "<?xml")):
        yield Finding("DS123", "a web page or XML", "JSONL")
    elif _TABLE_HEAD.fullmatch(first):
        yield Finding("DS123", "a table with separated columns", "JSONL")
    elif _is_document(head.lstrip()):
        yield Finding("DS125", "one JSON document", "one object a line")
    elif b"\n" not in head.rstrip(b"\n") and _CR_BETWEEN.search(head):
        yield Finding("DS126", "CR line ends", "LF line ends")


def _is_wide(head: bytes) -> bool:
    """Every other byte NUL, as in English written as UTF-16 without a mark."""
    sample = head[:200]
    return len(sample) >= 4 and max(sample[::2].count(0), sample[1::2].count(0)) * 3 > len(sample)


def _is_document(head: bytes) -> bool:
    """A list that doesn't end on its line or is all there is, or an object over many lines."""
    first, _, rest = head.partition(b"\n")
    is_alone = not (first.rstrip().endswith(b"]") and rest.strip())
    return bool((_LIST.match(head) and is_alone) or _PRETTY.match(head))


def check_file(size: int, examples: int, with_images: int, is_training: bool) -> Findings:
    """What can be said at a file's end; a validation file may be as short as it likes.

    Args:
        size: bytes.
        examples: lines that hold a JSON object.
        with_images: those of them that hold images.
        is_training: whether the file is trained on.
    """
    if size > MOST_BYTES:
        yield Finding("DS129", f"{size:,} bytes", f"at most {MOST_BYTES:,}")
    if with_images > MOST_EXAMPLES_WITH_IMAGES:
        expected = f"at most {MOST_EXAMPLES_WITH_IMAGES:,}"
        yield Finding("DS139", f"{with_images:,} examples with images", expected)
    if not size:
        yield Finding("DS112", "0 bytes", "one example a line")
    elif is_training and examples < LEAST_EXAMPLES:
        yield Finding("DS111", f"{examples} example(s)", f"at least {LEAST_EXAMPLES}")


def check_length(tokens: int, limit: int | None) -> Findings:
    """Whether an example fits the base; silent where no limit is known or nothing was counted."""
    if limit is not None and tokens > limit:
        found = f"{tokens:,} tokens, the last {tokens - limit:,} are cut off"
        yield Finding("DS118", found, f"at most {limit:,}")
