"""A large file from the first pass to the model, with a runner killed in the middle of its upload.

`make big` does the same with a gigabyte and the installed command.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

from reconciler.engine import Pass, Request, World, reconcile, wait
from reconciler.ledger import FolderRecords, Ledger
from reconciler.load import read_revision
from reconciler.providers.openai import OpenAIProvider
from reconciler.providers.protocol import Connection
from reconciler.providers.uploads import UploadLimits
from reconciler.state import Endpoint, Health
from tests.e2e.conftest import Project
from tests.e2e.relay import Forward, Relay, Reply, Sent

CHECKOUT = Path(__file__).parents[2]
SMALL = UploadLimits(single=50_000, part=60_000, total=1_000_000, at_once=2)


def runner(root: Path, base_url: str) -> tuple[OpenAIProvider, Request, World]:
    """All that a pass needs, with an upload by parts from 50 kB on."""
    endpoint = Endpoint("large", base_url)
    provider = OpenAIProvider(endpoint, "sk-any", SMALL)
    world = World(
        connect=lambda _project: nullcontext(Connection(endpoint, provider, provider, provider)),
        ledger=lambda _loaded: Ledger(FolderRecords(root.parent / "ledger")),
        revision=lambda: read_revision(root),
        nonce=lambda: os.urandom(16).hex(),
        sleep=lambda _seconds: None,
        progress=lambda _upload, _count: None,
    )
    return provider, Request(root, is_attended=True), world


def one_pass(root: Path, base_url: str) -> Pass:
    provider, request, world = runner(root, base_url)
    try:
        return reconcile(request, world, approve=lambda _plan: True, tell=lambda _outcome: None)
    finally:
        provider.close()


def killed_at_its_third_part(project: Project, relay: Relay) -> None:
    program = (
        "import sys; from pathlib import Path; from tests.e2e.test_large_files import one_pass"
    )
    command = [sys.executable, "-c", f"{program}; one_pass(Path(sys.argv[1]), sys.argv[2])"]
    seen = iter(range(10))

    def kill(sent: Sent, forward: Forward) -> Reply:
        if sent.path.endswith("/parts") and next(seen) == 2:
            running.send_signal(signal.SIGKILL)
        return forward(sent)

    relay.spoil = kill
    running = subprocess.Popen([*command, str(project.root), relay.base_url], cwd=CHECKOUT)
    assert running.wait(60) == -signal.SIGKILL
    relay.spoil = Relay.spoil


def test_a_runner_killed_in_the_middle_of_an_upload_leaves_one_file_and_one_job_in_the_end(
    project: Project, relay: Relay
) -> None:
    project.data(examples=2_500)
    project.commit()
    killed_at_its_third_part(project, relay)
    provider, request, world = runner(project.root, relay.base_url)
    assert list(provider.files()) == []
    applied = one_pass(project.root, relay.base_url)
    done, _ = wait(request, world, lambda _job, _events: None, pause=0)
    assert [resource.condition.health for resource in done.plan.resources] == [Health.READY]
    assert [file.is_usable for file in provider.files()] == [True]
    estimate = applied.plan.creates[0].estimate.trained_tokens
    assert [job.trained_tokens for job in provider.jobs()] == [estimate]
    assert one_pass(project.root, relay.base_url).outcomes == ()
    assert len(relay.creates) == 1
    provider.close()
