"""The benchmarks measure what they print, on data that has no fault."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
ROW = re.compile(
    r"^  ([a-z ,-]+?) +(-?[\d.]+) s +(-?[\d.]+) s +([\d.]+ MB|Linux only)$", re.MULTILINE
)
RATIO = re.compile(r"^  (wall|CPU|memory|again) +(\d+\.\d+) x of (.+)$", re.MULTILINE)


PLAN = re.compile(
    r"^  (\d+ specs, [a-z ]+?) +([\d.]+) s +([\d.]+) s +([\d.]+) MB +(\d+) calls$", re.MULTILINE
)


def run(script: str, *arguments: str | Path) -> str:
    """What a benchmark prints."""
    command = [sys.executable, str(BENCHMARKS / script), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=100).stdout


def made(path: Path, size: str, *options: str | Path) -> Path:
    run("conversations.py", size, path, *options)
    return path


def test_the_ratios_are_those_of_figures_measured_on_data_without_a_finding() -> None:
    printed = run("datasets.py", "12ex", "--repeat", "1")
    (_, part) = re.split(r"^[\d,]+ examples, .* MB$", printed, flags=re.MULTILINE)
    rows = {name: float(wall) for name, wall, _cpu, _memory in ROW.findall(part)}
    ratios = {name: float(value) for name, value, _of in RATIO.findall(part)}
    assert len(rows) == 7
    assert rows["plain checker"] > 0
    assert rows["bare tokenizer"] > 0
    assert ratios["wall"] == pytest.approx(rows["ours"] / rows["plain checker"], abs=0.02)
    assert (" MB (target 350)" in part) == ("Linux only" not in part)


def test_the_data_are_of_the_size_asked_for_and_the_same_each_time(tmp_path: Path) -> None:
    one, two = (made(tmp_path / name, "30kB").read_bytes() for name in ("a", "b"))
    assert one == two
    assert len(one) - len(one.splitlines()[-1]) - 1 < 30_000 <= len(one)
    assert len(made(tmp_path / "c", "17ex", "--seed", "2").read_bytes().splitlines()) == 17


def test_the_data_have_all_kinds_of_examples(tmp_path: Path) -> None:
    text = made(tmp_path / "data.jsonl", "600ex").read_text("utf-8")
    for sign in ('"tools"', '"weight"', "```python", "습니다", "\\uc2b5", '"system"'):
        assert sign in text


def test_real_data_are_mixed_in_each_line_with_a_number_of_its_own(tmp_path: Path) -> None:
    folder = tmp_path / "real"
    folder.mkdir()
    messages = [{"role": "user", "content": "Real?"}, {"role": "assistant", "content": "Yes."}]
    (folder / "real.jsonl").write_text(json.dumps({"messages": messages}) + "\n", "utf-8")
    lines = made(tmp_path / "mixed.jsonl", "100ex", "--data", folder).read_text("utf-8")
    assert "Real? [" in lines
    assert len(set(lines.splitlines())) == 100


def test_plans_are_measured_against_jobs_that_make_them_say_what_they_must() -> None:
    printed = run(*("plans.py", "--specs", "3", "--jobs", "250", "--files", "12", "--repeat", "1"))
    rows = {name: (float(cpu), calls) for name, _wall, cpu, _memory, calls in PLAN.findall(printed)}
    assert printed.startswith("250 jobs, 12 files, made in ")
    assert list(rows) == ["3 specs, cold", "3 specs, nothing to do", "3 specs, one to train"]
    assert all(cpu > 0 for cpu, _calls in rows.values())
    filtered, scanned = (int(calls) for _cpu, calls in list(rows.values())[1:])
    assert filtered >= 2, "our jobs, which are on one page, and the models"
    assert scanned >= filtered + 3, "the three pages of everybody's"
