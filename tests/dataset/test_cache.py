"""Laws of the cache: it says what a fresh reading says, and looks no more than it must."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PosixPath
from typing import IO, Any

import pytest

from reconciler.dataset.breaches import Breach
from reconciler.dataset.cache import FactsCache, open_cache
from reconciler.dataset.examine import Question
from reconciler.dataset.facts import Reading
from reconciler.dataset.prints import Prints
from reconciler.dataset.read import read_dataset
from reconciler.dataset.rules import Finding
from tests.dataset.corpus import CLASSES, VALID, Case, file_of, goods

SUPERVISED = Question("supervised")
TWELVE = file_of(goods(12))
ALIKE = TWELVE.replace(b"weeks", b"month")  # as many bytes
OLD = 0.12  # seconds after which no change can hide behind the file's times


class Watched(PosixPath):
    """A path that notes how often its file is opened."""

    opened: list[str] = []  # noqa: RUF012  # of all of them: pathlib makes new ones as it likes

    def open(self, *args: Any, **options: Any) -> IO[Any]:  # type: ignore[override]
        self.opened.append(os.fspath(self))
        stream: IO[Any] = super().open(*args, **options)
        return stream


@dataclass
class Cached:
    """A dataset, a cache, and what looking it up costs."""

    path: Path
    cache: FactsCache
    examined: list[int] = field(default_factory=list)

    def read(self, question: Question = SUPERVISED, **options: Any) -> Reading:
        return self.cache.reading(self.path, question, progress=self.examined.append, **options)

    def effort(self, question: Question = SUPERVISED) -> tuple[bool, bool]:
        """Whether a reading takes opening the file, and whether its lines are examined."""
        Watched.opened.clear()
        self.examined.clear()
        assert self.read(question) == read_dataset(Path(self.path), question)
        return bool(Watched.opened), bool(self.examined)


NOTHING, HASHED, EXAMINED = (False, False), (True, False), (True, True)


@pytest.fixture
def cached(tmp_path: Path) -> Cached:
    path = Watched(tmp_path, "train.jsonl")
    path.write_bytes(TWELVE)
    return Cached(path, FactsCache(tmp_path / "cache"))


@pytest.fixture(scope="module")
def aged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that is old enough already; let nobody touch it."""
    path = Watched(tmp_path_factory.mktemp("data"), "train.jsonl")
    path.write_bytes(TWELVE)
    time.sleep(OLD)
    return path


@pytest.fixture
def known(aged: Path, tmp_path: Path) -> Cached:
    """An old file, read once."""
    cached = Cached(aged, FactsCache(tmp_path / "cache"))
    cached.read()
    return cached


def grown_old(cached: Cached) -> Cached:
    """A file that is old enough, and read once."""
    time.sleep(OLD)
    cached.read()
    return cached


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# ---- what is known ---------------------------------------------------------------------------


def test_an_unchanged_file_is_not_even_opened(known: Cached) -> None:
    assert [known.effort(), known.effort()] == [NOTHING, NOTHING]


def test_another_process_knows_it_too(known: Cached, tmp_path: Path) -> None:
    known.cache = FactsCache(tmp_path / "cache")
    assert known.effort() == NOTHING


def test_changed_content_of_the_same_size_is_seen(cached: Cached) -> None:
    grown_old(cached)
    cached.path.write_bytes(ALIKE)
    assert cached.effort() == EXAMINED
    cached.path.write_bytes(TWELVE)
    assert cached.effort() == HASHED


def test_changed_content_with_the_size_and_the_time_that_it_had_is_seen(cached: Cached) -> None:
    grown_old(cached)
    before = cached.path.stat()
    cached.path.write_bytes(ALIKE)
    os.utime(cached.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cached.effort() == EXAMINED


def test_a_touched_file_is_hashed_but_not_examined(cached: Cached) -> None:
    grown_old(cached)
    os.utime(cached.path)
    assert cached.effort() == HASHED
    time.sleep(OLD)
    assert [cached.effort(), cached.effort()] == [HASHED, NOTHING]


def test_a_copy_is_hashed_but_not_examined(cached: Cached) -> None:
    cached.read()
    copy = cached.path.with_name("copy.jsonl")
    shutil.copy(cached.path, copy)
    cached.path = copy
    assert cached.effort() == HASHED


def test_a_young_file_is_not_taken_for_unchanged(cached: Cached) -> None:
    cached.path.write_bytes(TWELVE)
    assert cached.effort() == EXAMINED
    assert cached.effort() == HASHED


def test_a_file_with_whole_seconds_is_young_for_longer(cached: Cached) -> None:
    second = time.time_ns() // 10**9 * 10**9
    os.utime(cached.path, ns=(second, second))
    grown_old(cached)
    assert cached.effort() == HASHED


def test_a_file_that_changed_while_it_was_read_is_not_remembered(cached: Cached) -> None:
    def touch(_: int) -> None:
        os.utime(cached.path, ns=(1, 1))

    reading = cached.cache.reading(cached.path, SUPERVISED, progress=touch)
    assert "DS120" in reading.breaches
    assert cached.effort() == EXAMINED


OTHER_QUESTIONS = [
    Question("dpo"),
    replace(SUPERVISED, encoding="o200k_base"),
    replace(SUPERVISED, example_limit=7),
    replace(SUPERVISED, takes_images=False),
    replace(SUPERVISED, takes_images=True),
    replace(SUPERVISED, is_training=False),
]


@pytest.mark.parametrize("question", OTHER_QUESTIONS)
def test_another_question_has_an_answer_of_its_own(known: Cached, question: Question) -> None:
    assert [known.effort(question), known.effort(question)] == [EXAMINED, NOTHING]
    assert known.effort() == NOTHING


def test_other_rules_know_nothing(known: Cached, tmp_path: Path) -> None:
    (rules,) = (tmp_path / "cache").iterdir()
    rules.rename(rules.with_name("0" * 32))
    assert [known.effort(), known.effort()] == [EXAMINED, NOTHING]


def test_fingerprints_are_taken_only_where_the_file_is_examined(cached: Cached) -> None:
    counts = []
    for _ in range(2):
        prints = Prints()
        cached.read(prints=prints)
        counts.append(prints.count)
        prints.close()
    assert counts == [12, 0]


# ---- what comes out is what went in ----------------------------------------------------------

CASES = {f"{name} {n}": case for name, cases in CLASSES.items() for n, case in enumerate(cases)}


def asked(case: Case) -> Question:
    return Question(
        case.method, case.encoding, case.example_limit, case.takes_images, case.is_training
    )


@pytest.mark.parametrize("cases", [CASES, VALID], ids=["bad", "valid"])
def test_a_reading_from_the_cache_is_the_fresh_one(cases: dict[str, Case], tmp_path: Path) -> None:
    cache, path = FactsCache(tmp_path / "cache"), tmp_path / "train.jsonl"
    for name, case in cases.items():
        if len(case.content) < 1_000_000:
            path.write_bytes(case.content)
            fresh = cache.reading(path, asked(case))
            examined: list[int] = []
            assert cache.reading(path, asked(case), progress=examined.append) == fresh, name
            assert not examined


def test_what_was_found_between_files_is_found_once(tmp_path: Path) -> None:
    cache = FactsCache(tmp_path)

    def never() -> Breach:
        raise AssertionError("it was known")

    found = [Breach(2, 2, [(1, Finding("DS145", "a")), (2, Finding("DS145", "b"))]), Breach()]
    for digests, breach in zip((("a", "b"), ("ab", "")), found, strict=True):
        assert cache.breach("DS145", digests, partial(replace, breach)) == breach
        assert cache.breach("DS145", digests, never) == breach


# ---- a folder that is not as it should be ----------------------------------------------------


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def halved(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def of_another_kind(file: Path) -> None:
    file.write_bytes(b'{"sha256": 7}')


def overwritten(file: Path) -> None:
    file.write_bytes(b"\xff\0" * 100)


def made_a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES: list[Callable[[Path], None]] = [
    emptied,
    halved,
    of_another_kind,
    made_a_folder,
    overwritten,
    Path.unlink,
]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["seen", "readings"])
def test_a_damaged_entry_counts_as_not_there(
    known: Cached, tmp_path: Path, damage: Callable[[Path], None], kind: str
) -> None:
    entries = files(tmp_path / "cache")
    assert len(entries) == 2
    (entry,) = [file for file in entries if (file.parent.name == "seen") == (kind == "seen")]
    damage(entry)
    assert known.effort() == (HASHED if kind == "seen" else EXAMINED)


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_folder_that_cannot_be_written_keeps_nothing_and_breaks_nothing(
    cached: Cached, tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    cached.cache = FactsCache(tmp_path / place)
    assert [cached.effort(), cached.effort()] == [EXAMINED, EXAMINED]


def test_the_folder_may_be_deleted_at_any_time(known: Cached, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "cache")
    assert [known.effort(), known.effort()] == [EXAMINED, NOTHING]


def test_nobody_else_can_look_into_it_and_nothing_half_is_left(
    known: Cached, tmp_path: Path
) -> None:
    entries = files(tmp_path / "cache")
    assert {entry.parent.stat().st_mode & 0o777 for entry in entries} == {0o700}
    assert not list((tmp_path / "cache").rglob(".*"))


READ = """
import sys
from pathlib import Path
from reconciler.dataset.cache import FactsCache
from reconciler.dataset.examine import Question
for _ in range(20):
    for path in sorted(Path(sys.argv[2]).iterdir()):
        print(FactsCache(Path(sys.argv[1])).reading(path, Question("supervised")).examples)
"""


def test_many_processes_at_once_all_read_what_is_there(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(10, 15):
        (data / f"{number}.jsonl").write_bytes(file_of(goods(number)))
    command = [sys.executable, "-W", "error", "-c", READ, str(tmp_path / "cache"), str(data)]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(3)
    ]
    told = [process.communicate()[0].split() for process in running]
    assert told == [["10", "11", "12", "13", "14"] * 20] * 3
    assert len(files(tmp_path / "cache")) in range(5, 11)


# ---- which folder ----------------------------------------------------------------------------


def test_an_empty_variable_means_no_cache() -> None:
    assert open_cache({"RECONCILER_CACHE": ""}) is None


def test_the_variable_names_the_folder(cached: Cached, tmp_path: Path) -> None:
    cache = open_cache({"RECONCILER_CACHE": str(tmp_path / "chosen")})
    assert cache
    cache.reading(cached.path, SUPERVISED)
    assert files(tmp_path / "chosen")


def test_without_the_variable_it_is_the_users_own(
    cached: Cached, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("XDG_CACHE_HOME", "HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    cache = open_cache({})
    assert cache
    cache.reading(cached.path, SUPERVISED)
    assert files(tmp_path / "home")
