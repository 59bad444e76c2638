"""The server as others start it: embedded in a process, or on its own until a signal."""

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from openai import OpenAI

from reconciler import sandbox

Connect = Callable[[str], OpenAI]
PROGRAM = """
import sys
from pathlib import Path
from reconciler.sandbox import serve

serve("127.0.0.1", 0, Path(sys.argv[1]), 50.0, lambda encoding, text: len(text), None,
      lambda url: print(url, flush=True))
print("ended", flush=True)
"""


def count(encoding: str, text: str) -> int:
    return len(text)


def test_an_embedded_sandbox_starts_and_stops_quickly_and_leaves_no_thread(
    tmp_path: Path, connect: Connect
) -> None:
    threads = set(threading.enumerate())
    began = time.perf_counter()
    with sandbox.embedded(tmp_path, 60, count) as running:
        started = time.perf_counter() - began
        assert running.base_url.startswith("http://127.0.0.1:")
        assert running.base_url.endswith("/v1")
        assert connect(running.base_url).models.list().data
        first = running.id
    assert set(threading.enumerate()) <= threads
    assert started < 2, "0.05 s on an idle machine"
    with sandbox.embedded(tmp_path, 1, count) as running:
        assert running.id == first


def test_two_embedded_sandboxes_on_one_folder_see_the_same(
    tmp_path: Path, connect: Connect
) -> None:
    with sandbox.embedded(tmp_path, 1, count) as one, sandbox.embedded(tmp_path, 1, count) as two:
        assert one.id == two.id
        file = connect(one.base_url).files.create(file=("a", b"{}"), purpose="fine-tune")
        assert connect(two.base_url).files.retrieve(file.id) == file


def test_an_embedded_sandbox_stops_in_the_middle_of_a_training(
    tmp_path: Path, connect: Connect
) -> None:
    line = b'{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b c"}]}\n'
    with sandbox.embedded(tmp_path, 1, count) as running:
        client = connect(running.base_url)
        file = client.files.create(file=("a.jsonl", line * 50_000), purpose="fine-tune")
        client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id)
        began = time.perf_counter()
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.org", ""])  # noqa: S104
def test_only_loopback_addresses_are_served(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="loopback addresses only"):
        sandbox.serve(host, 0, tmp_path, 1, count)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_serving_in_good_order(
    tmp_path: Path, connect: Connect, end: signal.Signals
) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(sandbox.__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert connect(url).models.retrieve("gpt-4o").id
        process.send_signal(end)
        output, errors = process.communicate(timeout=20)
    assert (output, errors, process.returncode) == ("ended\n", "", 0)


def test_importing_the_package_imports_no_server() -> None:
    program = (
        "import sys, reconciler.sandbox\n"
        "heavy = {'starlette', 'uvicorn', 'sqlite3', 'rapidfuzz'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(sandbox.__file__).parents[2])}
    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, b"")


def test_the_names_of_the_package_are_there_and_no_others() -> None:
    for name in sandbox.__all__:
        assert getattr(sandbox, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        sandbox.other  # noqa: B018 - asking is the test


def test_a_short_answer_comes_at_once_also_on_a_connection_that_is_kept(
    tmp_path: Path, connect: Connect
) -> None:
    took = []
    with sandbox.embedded(tmp_path, 1, count) as running:
        client = connect(running.base_url)
        for _ in range(15):
            began = time.perf_counter()
            client.models.retrieve("gpt-4o")
            took.append(time.perf_counter() - began)
    assert statistics.median(took) < 0.03, "0.002 s on an idle machine, 0.044 s with Nagle's delay"
