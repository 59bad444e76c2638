"""What earlier commits say: which of them HEAD contains, and the last word of specs that are gone.

Git is asked by its command: no prompts, no lazy fetch. What it can't tell (no checkout, a shallow
clone, no Git) is left out, and whoever asks keeps what hangs on it.
"""

from __future__ import annotations

import re
import subprocess  # git is asked by its command, with fixed arguments
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from reconciler.load.compose import compose
from reconciler.load.documents import draft
from reconciler.load.revision import TIMEOUT, environment
from reconciler.state import History

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
# :100644 000000 OLD NEW D<NUL>specs/a.yaml<NUL>
_CHANGED = re.compile(rb":\d+ \d+ ([0-9a-f]+) [0-9a-f]+ [MDT]\0[^\0]+\.ya?ml\0", re.IGNORECASE)
_GIT = ("git", "-c", "protocol.allow=never")
_OFFLINE = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
_FILE = "earlier.yaml"
_RETAIN, _PRUNE = "retain", "prune"


def read_history(
    root: Path, folders: Sequence[str], commits: Collection[str], names: Collection[str]
) -> History:
    """What Git tells of these commits, and of these specs, none of which is there any more.

    Args:
        root: the project root.
        folders: where specs are looked for, relative to the root.
        commits: from the marks of jobs.
        names: specs whose last ``lifecycle.on_remove`` is asked for.
    """
    return History(
        ancestors=frozenset(_ancestors(root, commits)),
        on_remove=dict(_last_words(root, folders, names)),
    )


# ---- commits -------------------------------------------------------------------------------------


def _ancestors(root: Path, commits: Collection[str]) -> Iterator[str]:
    """Those that HEAD contains: two questions, however many there are."""
    asked = sorted(commit for commit in commits if _COMMIT.fullmatch(commit))
    told = _ask(root, "cat-file", "--batch-check=%(objectname) %(objecttype)", asked=asked)
    there = {line.split()[0] for line in _lines(told) if line.endswith(" commit")}
    known = [commit for commit in asked if commit in there]
    outside = _ask(root, "rev-list", "--stdin", asked=[*known, "^HEAD"]) if known else None
    if outside is not None:
        yield from sorted(set(known) - set(_lines(outside)))


# ---- specs that are gone -------------------------------------------------------------------------


def _last_words(
    root: Path, folders: Sequence[str], names: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Each spec's word in the newest version of a file that had it and was changed since."""
    left = set(names)
    for text in _earlier_files(root, folders) if left else ():
        words = dict(_words(text, left))
        yield from words.items()
        left -= words.keys()
        if not left:
            return


def _words(text: bytes, names: Collection[str]) -> Iterator[tuple[str, str]]:
    """The words of these specs in a file; anything but a plain ``prune`` is ``retain``."""
    if not any(name.encode() in text for name in names):
        return
    documents, problems = compose(text, _FILE)
    if problems:  # who knows what it said
        yield from ((name, _RETAIN) for name in names if name.encode() in text)
        return
    told: dict[str, set[str]] = {}
    for item in (draft(_FILE, Path(), document)[0] for document in documents):
        if item.text("kind") == "FineTune":
            word = item.text("spec", "lifecycle", "on_remove") or _RETAIN
            told.setdefault(item.text("metadata", "name") or "", set()).add(word)
    for name in told.keys() & set(names):
        yield name, _PRUNE if told[name] == {_PRUNE} else _RETAIN


def _earlier_files(root: Path, folders: Sequence[str]) -> Iterator[bytes]:
    """Every earlier version of every spec file, newest first: what a commit changed or deleted."""
    places = [f":(literal){folder}" for folder in folders]
    log = ("log", "--first-parent", "-m", "--raw", "-z", "--no-abbrev", "--no-renames", "--format=")
    told = _ask(root, *log, "HEAD", "--", *places) if places else None
    blobs = [found[1].decode() for found in _CHANGED.finditer(told or b"")]
    unique = list(dict.fromkeys(blobs))
    yield from _contents(_ask(root, "cat-file", "--batch", asked=unique) if unique else None)


def _contents(told: bytes | None) -> Iterator[bytes]:
    """The contents in an answer of ``cat-file --batch``; what is missing is left out."""
    told, place = told or b"", 0
    while place < len(told):
        end = told.index(b"\n", place)
        words = told[place:end].split()
        place = end + 1
        if len(words) == 3 and words[2].isdigit():
            size = int(words[2])
            yield told[place : place + size]
            place += size + 1


# ---- asking --------------------------------------------------------------------------------------


def _ask(root: Path, *arguments: str, asked: Iterable[str] = ()) -> bytes | None:
    """Git's answer, told these lines; None if it has none."""
    try:
        done = subprocess.run(  # noqa: S603  # no shell
            (*_GIT, *arguments),
            cwd=root,
            env={**environment(), **_OFFLINE},
            input="".join(f"{line}\n" for line in asked).encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout


def _lines(told: bytes | None) -> list[str]:
    return (told or b"").decode("ascii", "replace").splitlines()
