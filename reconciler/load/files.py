"""The spec files of a project: which there are, and their bytes, each read once."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from reconciler.errors import Problem
from reconciler.load.documents import PROJECT_FILE
from reconciler.load.flaw import Flaw, Place, printable
from reconciler.load.guard import MAX_BYTES
from reconciler.load.paths import absent, regular_file, replaced, unreachable

_SUFFIXES = (".yaml", ".yml")
# What turned into a FIFO or a link since it was looked at is neither waited for nor followed.
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def find_root(start: Path) -> Path:
    """The nearest folder upwards with ``reconciler.yaml`` or ``.git``, else ``start``; absolute."""
    here = start.resolve()
    marks = (PROJECT_FILE, ".git")
    return next((d for d in (here, *here.parents) if any((d / m).exists() for m in marks)), here)


def given_paths(root: Path, given: Iterable[Path]) -> tuple[list[Path], list[Problem]]:
    """The files and folders of the command line, and those that are outside or not there."""
    paths: list[Path] = []
    problems: list[Problem] = []
    for path in given:
        flaw = _given_flaw(root, path)
        if flaw:
            problems.append(flaw.at(Place(printable(path.as_posix()))))
        else:
            paths.append(path.resolve())
    return paths, problems


def _given_flaw(root: Path, path: Path) -> Flaw | None:
    try:
        resolved = path.resolve(strict=True)
    except OSError as error:
        is_circle = error.errno == errno.ELOOP  # how Python 3.13 says that links lead in a circle
        return absent(path) if is_circle else unreachable(path, error)
    except RuntimeError:  # how Python 3.11 and 3.12 say it
        return absent(path)
    if resolved.is_relative_to(root):
        return None
    remedy = "Run reconcile in the project that it belongs to."
    return Flaw("PATH202", "outside of the project root", "a path inside it", remedy)


def spec_files(root: Path, places: Sequence[Path]) -> tuple[list[Path], list[Problem]]:
    """All spec files at these files and folders, sorted, without the Project's own.

    Names that begin with a dot are skipped (editors lock and swap under such names), and so are
    folders behind a symbolic link.
    """
    problems: list[Problem] = []

    def unlisted(error: OSError) -> None:
        path = Path(str(error.filename))
        problems.append(unreachable(path, error).at(Place(_shown(root, path))))

    files: set[Path] = set()
    for place in places:
        if place.is_dir():
            files.update(_walk(place, unlisted))
        else:
            files.add(place)
    return sorted(files - {root / PROJECT_FILE}), problems


def _walk(folder: Path, unlisted: Callable[[OSError], None]) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder, onerror=unlisted):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.lower().endswith(_SUFFIXES) and not name.startswith("."):
                yield Path(parent, name)


def _shown(root: Path, path: Path) -> str:
    return printable(path.relative_to(root).as_posix())


def read_file(root: Path, path: Path) -> bytes | Flaw:
    """The bytes of a spec file, no more of them than the guard wants to see."""
    target = regular_file(root, path.parent, path.name)
    if isinstance(target, Flaw):
        return target
    try:
        with os.fdopen(os.open(target, _OPEN), "rb") as stream:
            is_regular = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
            return stream.read(MAX_BYTES + 1) if is_regular else replaced(target)
    except OSError as error:
        return unreachable(target, error)
