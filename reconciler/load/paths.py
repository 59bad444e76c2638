"""Paths as a spec writes them, to places inside the project root; everything else is a flaw.

A path is resolved component by component, so that neither ``..`` nor a symbolic link leaves the
root on the way, not even to come back. Nothing is opened: a FIFO or a device is told by its type.
"""

from __future__ import annotations

import re
import stat
from collections import deque
from itertools import islice
from pathlib import Path, PurePosixPath

from reconciler.load.flaw import Flaw, clip, did_you_mean

MAX_LINKS = 40
"""Symbolic links followed on one path: as many as Linux follows."""

_MAX_NAMES = 10_000  # names of a folder that are looked at for a suggestion
_UNWRITABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def regular_file(root: Path, folder: Path, text: str) -> Path | Flaw:
    """The regular file that a path written in ``folder`` leads to, without any link."""
    return _of_type(stat.S_IFREG, root, folder, text)


def existing_folder(root: Path, folder: Path, text: str) -> Path | Flaw:
    """The folder that a path written in ``folder`` leads to, without any link."""
    return _of_type(stat.S_IFDIR, root, folder, text)


def name_flaw(text: str) -> Flaw | None:
    """The flaw of a name that can't be shown, sent or written as it is."""
    if not _UNWRITABLE.search(text):
        return None
    expected = "a name without control characters, in UTF-8"
    return Flaw("PATH207", f'the name "{clip(text)}"', expected, "Rename the file.")


def absent(path: Path) -> Flaw:
    """The flaw of a path that leads to nothing, with the name that was probably meant."""
    try:
        names = sorted(p.name for p in islice(path.parent.iterdir(), _MAX_NAMES))
    except OSError:
        names = []
    remedy = did_you_mean(path.name, names, "Create it, or correct the path.")
    return Flaw("PATH204", f'"{clip(path.name)}" is not there', "an existing path", remedy)


def replaced(path: Path) -> Flaw:
    """The flaw of a regular file that became something else while it was looked at."""
    return Flaw("PATH205", f'"{clip(path.name)}" was replaced', "a file", "Run again.")


def unreachable(asked: Path, error: OSError) -> Flaw:
    """The flaw of a place that the system doesn't let us come to, by its answer."""
    path = Path(error.filename) if error.filename else asked
    if isinstance(error, FileNotFoundError):
        return absent(path)
    if isinstance(error, NotADirectoryError):
        found = f'"{clip(path.parent.name)}" is not a folder'
        return Flaw("PATH205", found, "a folder", "Correct the path.")
    found = f'"{clip(path.name)}" can\'t be read: {error.strerror}'
    return Flaw("PATH208", found, "a path that can be read", "Correct the path, or its rights.")


def _of_type(wanted: int, root: Path, folder: Path, text: str) -> Path | Flaw:
    if flaw := name_flaw(text):
        return flaw
    if PurePosixPath(text).is_absolute():
        remedy = "Write it relative to the file that names it."
        return Flaw("PATH201", f'the absolute path "{clip(text)}"', "a relative path", remedy)
    try:
        path, kind = _walk(root, folder, text)
    except _Strayed as strayed:
        return strayed.flaw
    except OSError as error:
        return unreachable(folder / text, error)
    if kind != wanted:
        remedy = f"Name {_KINDS[wanted]}."
        return Flaw("PATH205", f'"{clip(text)}" is {_KINDS[kind]}', _KINDS[wanted], remedy)
    # A link may lead to a name that nobody wrote.
    return name_flaw(path.relative_to(root).as_posix()) or path


def _walk(root: Path, folder: Path, text: str) -> tuple[Path, int]:
    """Where the path leads and what is there, by ``stat.S_IFMT``; _Strayed, OSError."""
    here, kind, links = folder, stat.S_IFDIR, 0
    todo = deque(PurePosixPath(text).parts)
    while todo:
        part = todo.popleft()
        if part == "..":
            if here == root:
                raise _Strayed(_outside(text, links))
            here, kind = here.parent, stat.S_IFDIR
            continue
        here = here / part
        kind = stat.S_IFMT(here.lstat().st_mode)
        if kind == stat.S_IFLNK:
            links += 1
            here, kind = _follow(root, here, todo, links), stat.S_IFDIR
    return here, kind


def _follow(root: Path, link: Path, todo: deque[str], links: int) -> Path:
    """Puts the link's target before what is left to walk; the folder to go on from."""
    target = link.readlink()
    if links > MAX_LINKS or (target.is_absolute() and not target.is_relative_to(root)):
        raise _Strayed(_outside(link.name, links))
    start = root if target.is_absolute() else link.parent
    inside = target.relative_to(root) if target.is_absolute() else target
    todo.extendleft(reversed(inside.parts))
    return start


class _Strayed(Exception):
    """A path left the root."""

    def __init__(self, flaw: Flaw) -> None:
        self.flaw = flaw
        super().__init__(flaw.found)


def _outside(text: str, links: int) -> Flaw:
    if links > MAX_LINKS:
        found = f'"{clip(text)}" is a symbolic link that leads in a circle'
    elif links:
        found = f'"{clip(text)}" leads out of the project root by a symbolic link'
    else:
        found = f'"{clip(text)}" leads out of the project root'
    rule = "PATH203" if links else "PATH202"
    return Flaw(rule, found, "a path inside it", "Move or copy the data into the project.")
