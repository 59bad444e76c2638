"""`reconcile doctor` as a process: by its exit code a script knows whether a pass could end."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.conftest import Project
from tests.test_remedies import parsed


@contextmanager
def guarded_sandbox(project: Project, key: str) -> Iterator[str]:
    """A served sandbox that takes one key alone; its base URL."""
    process = project.start("sandbox", "--port", "0", "--key", key)
    assert process.stderr is not None
    try:
        yield process.stderr.readline().split()[2].rstrip(";")
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def test_a_wrong_key_is_a_failure_that_does_not_show_it(project: Project) -> None:
    with guarded_sandbox(project, "the-right-key") as url:
        ran = project.run("doctor", OPENAI_BASE_URL=url, OPENAI_API_KEY="the-wrong-key")
    assert ran.code == 1
    assert "FAIL  key" in ran.out
    assert ran.out.endswith("1 failure.\n")
    assert "the-wrong-key" not in ran.all


def test_the_embedded_sandbox_needs_no_key_and_its_remedies_lead_there(project: Project) -> None:
    assert project.run("apply", "--sandbox", "--auto-approve").code == 0
    ran = project.run("doctor", "--sandbox", "-o", "json")
    told = json.loads(ran.out)
    assert (ran.code, told["kind"], told["summary"]["failures"]) == (0, "doctor", 0)
    for check in told["checks"]:
        parsed(check["remedy"] or "")
    found = {check["name"]: check["found"] for check in told["checks"]}
    assert found["settings"].startswith("the embedded sandbox")
    assert found["ledger"] == "folder .reconciler/ledger; 1 claim, 0 in doubt"
