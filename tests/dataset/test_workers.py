"""Laws of the processes that examine big files: none is lost unsaid, none is left over."""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from socket import socketpair

import pytest

from reconciler.dataset.examine import Block, Examiner, Question, Report
from reconciler.dataset.workers import _Worker, examined, processors
from reconciler.errors import ReconcileError, SettingsError, WorkerLost
from tests.dataset.corpus.case import file_of, goods

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

SUPERVISED = Question("supervised")
SMALL = Block(1, file_of(goods(2)))


# ---- processes -------------------------------------------------------------------------------

MARK = "STARTED_BY_THE_TEST"


def read(place: str) -> bytes:
    """What /proc says; nothing of what has ended."""
    with suppress(OSError):
        return Path(place).read_bytes()
    return b""


def is_running(process: int) -> bool:
    state = read(f"/proc/{process}/stat").rpartition(b")")[2].split()[:1]
    return bool(state) and state[0] not in (b"Z", b"X")


def workers() -> set[int]:
    """The processes that examine for the test, whoever their parent is by now."""
    mark = f"{MARK}={os.environ[MARK]}".encode()
    everybody = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return {
        one
        for one in everybody
        if mark in read(f"/proc/{one}/environ")
        and b"dataset.workers import" in read(f"/proc/{one}/cmdline")
        and is_running(one)
    }


def have_ended(processes: set[int], seconds: float = 10) -> bool:
    """Whether they end soon: a process that was killed may be seen for a moment."""
    until = time.monotonic() + seconds
    while any(map(is_running, processes)):
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def none_is_left() -> bool:
    return have_ended(workers(), 2)


@pytest.fixture(autouse=True)
def mark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Nothing that was started for a test is left after it."""
    monkeypatch.setenv(MARK, str(tmp_path))
    yield
    assert none_is_left()


# ---- reports ---------------------------------------------------------------------------------


def blocks_of(*sizes: int) -> list[Block]:
    """Blocks of so many lines."""
    starts = [1 + sum(sizes[:number]) for number in range(len(sizes))]
    return [
        Block(start, file_of(goods(size, first=start)))
        for start, size in zip(starts, sizes, strict=True)
    ]


def test_reports_come_in_the_order_of_the_file_however_long_each_takes() -> None:
    blocks = [*blocks_of(3_000, 1, 2, 1_000, 3, *range(1, 20)), Block(9_999, None)]
    expected = list(map(Examiner(SUPERVISED).examine, blocks))
    assert list(examined(blocks, SUPERVISED, 2)) == expected
    assert list(examined(blocks, SUPERVISED, 1)) == expected
    assert none_is_left()


def test_blocks_are_not_read_far_ahead_of_what_is_asked_for() -> None:
    taken = 0

    def endless() -> Iterator[Block]:
        nonlocal taken
        while True:
            taken += 1
            yield SMALL

    with closing(examined(endless(), SUPERVISED, 2)) as reports:
        for _ in range(3):
            next(reports)
        assert taken <= 3 + 2 * 3
    assert none_is_left()


def test_more_workers_than_blocks_are_no_trouble() -> None:
    assert len(list(examined([SMALL], SUPERVISED, 3))) == 1
    assert none_is_left()


def test_processors_are_at_least_one() -> None:
    assert processors() >= 1


# ---- what goes wrong -------------------------------------------------------------------------


def test_a_missing_vocabulary_is_the_same_error_across_the_pipe() -> None:
    told = []
    for number in (1, 2):
        with pytest.raises(SettingsError) as raised:
            list(examined([SMALL] * 5, Question("supervised", "gpt2"), number))
        told.append(str(raised.value))
    assert told[0] == told[1]
    assert "no vocabulary is installed for 'gpt2'" in told[0]
    assert none_is_left()


def killing(how_many: int) -> Iterator[Block]:
    """Blocks without end; after the first some of the workers are killed."""
    yield SMALL
    for worker in sorted(workers(), reverse=True)[:how_many]:
        os.kill(worker, signal.SIGKILL)
    for _ in range(1_000):
        yield SMALL


@pytest.mark.parametrize("how_many", [1, 2])
def test_a_killed_worker_is_said_in_plain_words(how_many: int) -> None:
    with pytest.raises(WorkerLost) as raised:
        list(examined(killing(how_many), SUPERVISED, 2))
    assert isinstance(raised.value, ReconcileError)
    assert "ended by itself" in str(raised.value)
    assert "for want of memory" in str(raised.value)
    assert none_is_left()


def broken() -> Iterator[Block]:
    yield SMALL
    raise OSError("the disk")


def test_no_process_is_left_where_the_file_cannot_be_read_further() -> None:
    with pytest.raises(OSError, match="the disk"):
        list(examined(broken(), SUPERVISED, 2))
    assert none_is_left()


def test_no_process_is_left_where_the_reports_are_not_all_asked_for() -> None:
    reports = examined([SMALL] * 100, SUPERVISED, 2)
    assert isinstance(next(reports), Report)
    running = workers()
    assert len(running) == 2
    reports.close()
    assert have_ended(running, 2)


# ---- half a message --------------------------------------------------------------------------

HALF = struct.pack("!i", 1_000) + b"of which this is all"
BREAKS_OFF = f"import os; os.read(0, 9_999); os.write(0, {HALF!r}); os.kill(os.getpid(), 9)"
SERVES = "from reconciler.dataset.workers import serve; serve([0])"


@contextmanager
def process_with(code: str) -> Iterator[tuple[subprocess.Popen[bytes], Connection]]:
    """A process with one end of a pipe as its input, and our end."""
    ours, theirs = socketpair()
    command = [sys.executable, "-c", code]
    with (
        theirs,
        Connection(ours.detach()) as connection,
        subprocess.Popen(command, stdin=theirs.fileno(), stderr=subprocess.PIPE) as process,
    ):
        theirs.close()
        yield process, connection
        process.kill()


def test_a_worker_that_is_killed_while_it_reports_is_lost_in_plain_words() -> None:
    with process_with(BREAKS_OFF) as (process, connection), pytest.raises(WorkerLost):
        _Worker(connection, process).examine(SMALL)


def test_a_worker_ends_in_silence_when_we_end_in_the_midst_of_a_block() -> None:
    with process_with(SERVES) as (process, connection):
        connection.send(SUPERVISED)
        os.write(connection.fileno(), HALF)
        connection.close()
        assert process.communicate()[1] == b""


# ---- signals, and the end of ours ------------------------------------------------------------

READING = """
import sys
from pathlib import Path
from reconciler.dataset.examine import Question
from reconciler.dataset.read import read_dataset

def progress(count):
    print("goes on", flush=True)
    sys.stdin.read()  # until we are told to go on, or never

reading = read_dataset(Path(sys.argv[1]), Question("supervised"), workers=2, progress=progress)
print(reading.examples, flush=True)
"""
"""A plain script: nothing guards it against being run again by its own processes."""


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the midst of reading a big file, in a session of its own."""
    path, script = tmp_path / "train.jsonl", tmp_path / "script.py"
    path.write_bytes((file_of(goods(1)) + b" " * 99_999 + b"\n") * 90)
    script.write_text(READING)
    with subprocess.Popen(
        [sys.executable, "-W", "error", str(script), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "goes on\n"
        yield process
        process.kill()


def test_a_script_without_a_guard_reads_with_many_workers(
    reading: subprocess.Popen[str],
) -> None:
    running = workers()
    out, err = reading.communicate()
    assert (out.splitlines()[-1], err, reading.returncode) == ("90", "", 0)
    assert len(running) == 2
    assert have_ended(running)


def test_ctrl_c_is_for_us_alone_and_ends_all(reading: subprocess.Popen[str]) -> None:
    running = workers()
    assert len(running) == 2
    assert {os.getsid(one) for one in running}.isdisjoint({os.getsid(reading.pid)})
    os.killpg(reading.pid, signal.SIGINT)
    _, err = reading.communicate()
    assert err.count("Traceback") == 1  # ours: no worker says anything
    assert err.endswith("KeyboardInterrupt\n")
    assert have_ended(running)


def test_workers_end_when_nobody_is_left_to_end_them(reading: subprocess.Popen[str]) -> None:
    running = workers()
    assert len(running) == 2
    reading.kill()
    reading.communicate()
    assert have_ended(running)
