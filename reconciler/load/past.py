"""What earlier commits say: which of them HEAD contains, and the last word of specs that are gone.

And what of HEAD itself the checkout doesn't show.

Git is asked by its command: no prompts, no lazy fetch. What it can't tell (no checkout, a shallow
clone, no Git) is left out, and whoever asks keeps what hangs on it.
"""

from __future__ import annotations

import os
import re
import subprocess  # git is asked by its command, with fixed arguments
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path

from reconciler.load.compose import compose, text_at
from reconciler.load.flaw import printable
from reconciler.load.revision import TIMEOUT, environment
from reconciler.state import History

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_LOG = ("log", "--first-parent", "-m", "--raw", "-z", "--no-abbrev", "--no-renames", "--format=%H")
# COMMIT<NUL><LF>:100644 000000 OLD NEW D<NUL>specs/a.yaml<NUL>...
_CHANGED = re.compile(rb":\d+ \d+ ([0-9a-f]+) ([0-9a-f]+) [AMDT]\0[^\0]+\.ya?ml\0", re.IGNORECASE)
# S specs/a.yaml<NUL>: skip-worktree; a small letter: assume-unchanged
_FLAGGED = re.compile(rb"(?:S|[a-z]) ([^\0]+)")
_GIT = ("git", "-c", "protocol.allow=never")
_OFFLINE = {"GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0"}
_FILE = "earlier.yaml"
_NAMELESS = ""
_RETAIN, _PRUNE = "retain", "prune"


def read_history(
    root: Path, folders: Sequence[str], commits: Collection[str], names: Collection[str]
) -> History:
    """What Git tells of these commits, and of these specs, none of which is there any more.

    Args:
        root: the project root.
        folders: where specs are looked for, relative to the root.
        commits: from the marks of jobs.
        names: specs that jobs bear the names of, whose last ``lifecycle.on_remove`` is asked for.
    """
    return History(
        ancestors=frozenset(_ancestors(root, commits)),
        on_remove=dict(_last_words(_changes(root, folders), names)) if names else {},
        overlooked=tuple(sorted(set(_overlooked(root, folders)))),
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


@dataclass(frozen=True)
class _Change:
    """What a commit did: the specs in the files that it touched, with their words."""

    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def is_rename(self) -> bool:
        """Whether it brought a spec: what went by the same commit may go on under that name."""
        return bool(self.after.keys() - self.before.keys())


def _last_words(changes: Iterable[_Change], names: Collection[str]) -> Iterator[tuple[str, str]]:
    """The last word of each of these specs that is gone; ``prune`` if nothing speaks against it.

    A job bears the name of one spec, and others may have shared its training or gone on with it.
    So a spec that was renamed retains, and so does one with which, or after which, a spec went that
    retains and of which no job bears the name.
    """
    seen: set[str] = set()
    is_retained = False
    for change in changes:
        gone = {n: w for n, w in change.before.items() if n not in seen and n not in change.after}
        is_retained |= any(word == _RETAIN for name, word in gone.items() if name not in names)
        for name in gone.keys() & set(names):
            yield name, _RETAIN if is_retained or change.is_rename else gone[name]
        seen |= change.before.keys() | change.after.keys()
        if seen.issuperset(names):
            return


def _changes(root: Path, folders: Sequence[str]) -> Iterator[_Change]:
    """The commits that touched spec files, newest first, as far as Git has the contents."""
    commits = list(_commits(root, folders))
    blobs = dict.fromkeys(blob for commit in commits for pair in commit for blob in pair)
    told = _ask(root, "cat-file", "--batch", asked=blobs) if blobs else None
    texts = dict(_contents(told or b""))
    read = cache(lambda blob: tuple(_specs(texts[blob])))
    for commit in commits:
        sides = [[blob for blob in side if blob.strip("0")] for side in zip(*commit, strict=True)]
        if not all(blob in texts for side in sides for blob in side):
            return  # a partial clone: what lies further back may not be the last word
        before, after = (_merged(chain.from_iterable(map(read, side))) for side in sides)
        yield _Change(before, after)


def _merged(specs: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    told: dict[str, set[str]] = {}
    for name, word in specs:
        told.setdefault(name, set()).add(word)
    return {name: _PRUNE if words == {_PRUNE} else _RETAIN for name, words in told.items()}


def _specs(text: bytes) -> Iterator[tuple[str, str]]:
    """Each spec in a file, and its word; anything but a plain ``prune`` is ``retain``."""
    documents, problems = compose(text, _FILE)
    if problems:  # who knows which specs these are, and what they say
        yield _NAMELESS, _RETAIN
        return
    for document in documents:
        if text_at(document, "kind") == "FineTune":
            word = text_at(document, "spec", "lifecycle", "on_remove")
            yield text_at(document, "metadata", "name") or _NAMELESS, word or _RETAIN


def _commits(root: Path, folders: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
    """Each commit that touched spec files, newest first: their blobs before it and after it."""
    places = _places(folders)
    told = _ask(root, *_LOG, "HEAD", "--", *places) if places else None
    for commit in (told or b"").split(b"\0\n"):  # what follows the line of each
        if touched := _CHANGED.findall(commit):
            yield [(old.decode(), new.decode()) for old, new in touched]


def _contents(told: bytes) -> Iterator[tuple[str, bytes]]:
    """Object and content in an answer of ``cat-file --batch``; what is missing is left out."""
    place = 0
    while place < len(told):
        end = told.index(b"\n", place)
        name, *words = told[place:end].decode("ascii", "replace").split()
        place = end + 1
        if len(words) == 2 and words[1].isdigit():
            size = int(words[1])
            yield name, told[place : place + size]
            place += size + 1


# ---- what the checkout doesn't show --------------------------------------------------------------


def _overlooked(root: Path, folders: Sequence[str]) -> Iterator[str]:
    """Specs that a sparse checkout may leave out, and files that Git doesn't look at for changes.

    Other files that are left out are missed by the specs that need them. Where Git can't tell, it
    may be any spec.
    """
    specs, files = _flagged(root, _places(folders)), _flagged(root, ["."])
    if specs is None or files is None:
        yield from folders
        return
    yield from (printable(file) for file in specs if file.lower().endswith((".yaml", ".yml")))
    yield from (printable(file) for file in files if (root / file).exists())


def _flagged(root: Path, places: Sequence[str]) -> list[str] | None:
    """Files of the index that ``git status`` takes for unchanged without a look."""
    told = _ask(root, "ls-files", "-v", "-z", "--", *places)
    if told is None:
        return None
    found = map(_FLAGGED.fullmatch, told.split(b"\0"))
    return [os.fsdecode(flagged[1]) for flagged in found if flagged]


def _places(folders: Sequence[str]) -> list[str]:
    return [f":(literal){folder}" for folder in folders]


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
