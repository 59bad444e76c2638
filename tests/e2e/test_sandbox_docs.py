"""docs/sandbox.md: its commands are run, its plans read, its tables compared with the faults."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import pytest

from reconciler.sandbox.faults import FAULTS, Operation, load_plan
from reconciler.sandbox.faults.kinds import Struck
from tests.e2e.conftest import Project
from tests.e2e.test_docs import CHECKOUT, shown

PAGE = (CHECKOUT / "docs/sandbox.md").read_text("utf-8")
SHOWN_ADDRESS = "127.0.0.1:8000"
PLANS = dict(re.findall(r"`([a-z-]+\.json)`:\n\n```json\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = list(shown(PAGE))
PIPELINE = ("reconcile plan", "reconcile apply --auto-approve --max-cost 5")
COMMON = {*Struck.model_fields, "what"}


def commands(beginning: str) -> list[str]:
    return [command for command, _ in COMMANDS if command.startswith(beginning)]


@pytest.fixture
def shop(project: Project) -> Project:
    """A committed project with the page's plans in its folder."""
    for name, plan in PLANS.items():
        project.write(name, plan)
    project.commit()
    return project


@contextmanager
def serving(shop: Project, command: str) -> Iterator[str]:
    """Run a `reconcile sandbox` of the page on a free port, until the block ends; its address."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = shop.start(*shlex.split(command)[1:], "--port", str(port))
    try:
        assert process.stderr is not None
        assert f"127.0.0.1:{port}/v1" in process.stderr.readline()
        yield f"127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0, errors


def curl(shop: Project, command: str, address: str) -> str:
    done = subprocess.run(
        shlex.split(command.replace(SHOWN_ADDRESS, address)),
        cwd=shop.root,
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    return done.stdout.strip()


def settings_of(address: str) -> dict[str, str]:
    (command,) = commands("export ")
    pairs = [pair.split("=", 1) for pair in shlex.split(command)[1:]]
    return {name: value.replace(SHOWN_ADDRESS, address) for name, value in pairs}


def test_the_story_of_the_lost_reply_ends_with_one_job(shop: Project) -> None:
    (command,) = commands("reconcile sandbox --faults")
    with serving(shop, command) as address:
        for run in PIPELINE:
            ran = shop.run(*shlex.split(run)[1:], **settings_of(address))
            assert ran.code in (0, 3), ran.all  # it may hold what is in doubt
        (asking,) = commands(f"curl -s http://{SHOWN_ADDRESS}/_sandbox/calls")
        counted = json.loads(curl(shop, asking, address))["calls"]["create_job"]
        assert counted == {"came": 1, "carried_out": 1}


def test_the_control_api_answers_as_the_page_shows(shop: Project) -> None:
    (command,) = commands("reconcile sandbox --speed")
    with serving(shop, command) as address:
        for asking, output in COMMANDS:
            if asking.startswith("curl"):
                said = curl(shop, asking, address)
                assert said.startswith("{"), asking
                assert not output or said == output, asking
        plan = httpx2.get(f"http://{address}/_sandbox/faults").json()["plan"]
        assert plan == json.loads(PLANS["end-of-training.json"])


def test_every_command_of_the_page_is_run_by_a_test_here() -> None:
    run = [
        *commands("reconcile sandbox --speed"),
        *commands("reconcile sandbox --faults"),
        *commands("export "),
        *commands("curl "),
    ]
    rest = [command for command, _ in COMMANDS if command not in run]
    assert set(rest) == set(PIPELINE)
    assert len(PLANS) == 3


def test_the_python_that_is_shown_runs(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(shop.root)
    exec(compile(program, "docs/sandbox.md", "exec"), {})  # noqa: S102 - it is ours, and shown
    assert (shop.root / "state/sandbox.sqlite3").exists()


def test_the_flaky_network_fails_about_three_calls_in_ten(shop: Project) -> None:
    survive = 1.0
    for fault in load_plan(shop.root / "flaky.json").faults:
        survive *= 1 - fault.chance
    assert 1 - survive == pytest.approx(0.3, abs=0.05)


def test_the_tables_name_every_fault_with_its_own_fields_and_defaults() -> None:
    tables = dict(re.findall(r"^\| `([a-z0-9_]+)` \|([^|]*)\|[^|]*\|$", PAGE, re.MULTILINE))
    for what, kind in FAULTS.items():
        own = {name: field for name, field in kind.model_fields.items() if name not in COMMON}
        shown_fields = dict(re.findall(r"`(\w+)`(?: \(([^)]+)\))?", tables[what]))
        assert set(shown_fields) == set(own), what
        for name, default in shown_fields.items():
            if default:
                assert own[name].default == json.loads(default), (what, name)
    assert set(tables) - set(FAULTS) <= COMMON


def test_the_page_lists_every_operation_and_every_common_field() -> None:
    (operations,) = re.findall(r"^Operations: (.*)$", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", operations) == [operation.value for operation in Operation]
    for field in COMMON:
        assert f"`{field}`" in PAGE


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ('{"faults": [{"what": "delay"}]}', "faults[0].seconds: found nothing"),
        (None, "No such file"),
    ],
    ids=["wrong", "missing"],
)
def test_a_wrong_plan_is_a_wrong_usage_said_in_words(
    project: Project, plan: str | None, words: str
) -> None:
    if plan is not None:
        project.write("plan.json", plan)
    ran = project.run("sandbox", "--faults", "plan.json")
    assert (ran.code, ran.out) == (64, "")
    assert words in ran.err
    assert "plan.json" in ran.err
