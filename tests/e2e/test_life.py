"""The life of a model, told step by step: each step's commands and all they print is a file.

``make golden`` writes the files anew; read their differences as a user would read the commands.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from reconciler.cli.world import token_counter
from reconciler.sandbox import embedded
from tests.e2e.conftest import SPEC, Project, git

STORY = Path(__file__).parent / "life"
HOUR = 3600
NAMED = re.compile(
    r"ftjob-[A-Za-z0-9]{24}|file-[A-Za-z0-9]{24}|(?<=:)[A-Za-z0-9]{8}(?![A-Za-z0-9])|\b[0-9a-f]{64}\b"
    r"|\b[0-9a-f]{40}\b|(?<=commit )[0-9a-f]{12}\b|(?<=Z  )[0-9a-f]{12}\b"
)
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")


@dataclass
class Life:
    """A project at a sandbox whose time goes on only when it is told to, and the story so far."""

    project: Project
    address: str
    told: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, code: int) -> str:
        """Run a command; what it printed becomes a part of the step."""
        ran = self.project.run(*arguments)
        assert ran.code == code, ran.all
        errors = f"--- stderr\n{ran.err.rstrip()}\n" if ran.err else ""
        self.told.append(
            f"$ reconcile {' '.join(arguments)}    # exit code {code}\n{ran.out.rstrip()}\n{errors}"
        )
        return ran.out

    def by_hand(self, method: str, path: str) -> None:
        """Somebody does something at the provider, past us."""
        key = {"Authorization": "Bearer sk-any"}
        asked = httpx2.request(method, f"{self.address}{path}", headers=key, timeout=20)
        asked.raise_for_status()
        self.told.append(f"# by hand: {method} /v1{path}\n")

    def later(self, seconds: int) -> None:
        """Let time pass, for jobs to end."""
        clock = f"{self.address.removesuffix('/v1')}/_sandbox/clock"
        httpx2.post(clock, json={"advance": seconds}, timeout=20).raise_for_status()

    def spec(self, name: str = "one", epochs: int = 2) -> None:
        """Write a spec whose losses are the same on every run, and commit it."""
        text = SPEC.format(name=name, epochs=epochs, data="one")
        self.project.write(f"specs/{name}.yaml", f"{text}  seed: 42\n")
        self.project.commit()

    def output(self, name: str) -> str:
        """The model that a spec has now; not a part of the story."""
        return self.project.run("output", name).out.strip()

    def asked(self, command: str) -> str:
        """What a command tells programs; not a part of the story."""
        return self.project.run(command, "-o", "json").out

    def last_job(self) -> str:
        """The job that was told last."""
        *_, last = re.finditer(r"ftjob-[A-Za-z0-9]{24}", "".join(self.told))
        return last[0]

    def ends(self, step: str) -> None:
        """The step is told: compare it with its file."""
        text = NAMED.sub(self._name, TIME.sub("YYYY-MM-DD hh:mm:ssZ", "\n".join(self.told)))
        text = text.replace(self.address, "http://sandbox/v1")
        text = text.replace(str(self.project.root), "/shop")
        self.told.clear()
        file = STORY / f"{step}.txt"
        if os.environ.get("RECONCILER_GOLDEN") == "rewrite":
            file.write_text(text, encoding="utf-8")
        assert text == file.read_text("utf-8"), step

    def _name(self, found: re.Match[str]) -> str:
        """Each random name as the number in which it came; as long as it was, for the columns."""
        text = found[0]
        prefix = next((p for p in ("ftjob-", "file-") if text.startswith(p)), "")
        number = self.names.setdefault(text[len(prefix) :][:12], str(len(self.names) + 1))
        return f"{prefix}{number.rjust(len(text) - len(prefix), '0')}"


@pytest.fixture
def life(project: Project, tmp_path: Path) -> Iterator[Life]:
    with embedded(tmp_path / "sandbox", 0.01, token_counter()) as sandbox:
        project.write(
            "reconciler.yaml",
            "apiVersion: reconciler.dev/v1\nkind: Project\nmetadata: {name: shop}\n"
            "spec: {budget: {per_pass: 1.00}}\n",
        )
        settings = {"OPENAI_BASE_URL": sandbox.base_url, "OPENAI_API_KEY": "sk-test-0123456789"}
        life = Life(Project(project.root, {**project.environment, **settings}), sandbox.base_url)
        life.spec()
        yield life


def test_the_life_of_a_model(life: Life) -> None:
    train_it(life)
    edit_and_retrain(life)
    lose_the_model(life)
    lose_the_job(life)
    rename(life)
    remove(life)
    prune(life)
    bring_it_back(life)


def train_it(life: Life) -> None:
    life.run("plan", "--detailed-exitcode", code=2)
    life.run("apply", "--auto-approve", code=0)
    life.later(HOUR)
    life.run("status", code=0)
    life.ends("1-train")


def edit_and_retrain(life: Life) -> None:
    life.spec(epochs=4)
    life.run("plan", "--out", "../plan.json", code=0)
    life.run("apply", "../plan.json", "--auto-approve", code=0)
    life.run("apply", "../plan.json", "--auto-approve", code=3)
    life.later(HOUR)
    life.run("describe", "one", code=0)
    life.ends("2-edit")


def lose_the_model(life: Life) -> None:
    life.by_hand("DELETE", f"/models/{life.output('one')}")
    life.run("drift", "--detailed-exitcode", code=2)
    life.run("apply", "--auto-approve", code=0)
    life.run("retry", "one", "--auto-approve", code=0)
    life.later(HOUR)
    life.run("plan", "--detailed-exitcode", code=0)
    life.ends("3-model-deleted-by-hand")


def lose_the_job(life: Life) -> None:
    life.spec("two", epochs=3)
    life.run("apply", "--auto-approve", code=0)
    life.by_hand("POST", f"/fine_tuning/jobs/{life.last_job()}/cancel")
    life.run("status", code=0)
    life.later(60)  # jobs of one second have no order that is the same on every run
    life.run("retry", "two", "--auto-approve", code=0)
    life.later(HOUR)
    life.ends("4-job-cancelled-by-hand")


def rename(life: Life) -> None:
    git(life.project.root, "mv", "specs/one.yaml", "specs/triage.yaml")
    text = (life.project.root / "specs/triage.yaml").read_text("utf-8")
    life.project.write("specs/triage.yaml", text.replace("name: one", "name: triage"))
    life.project.commit()
    life.run("plan", "--target", "triage", "--detailed-exitcode", code=0)
    life.ends("5-rename")


def remove(life: Life) -> None:
    git(life.project.root, "rm", "-q", "specs/two.yaml")
    life.project.commit()
    life.run("plan", "--detailed-exitcode", code=0)
    life.ends("6-remove")


def prune(life: Life) -> None:
    life.run("prune", "--keep", "0", "--auto-approve", code=0)
    life.ends("7-prune")


def bring_it_back(life: Life) -> None:
    [job] = [o["job_id"] for o in json.loads(life.asked("plan"))["orphans"] if o["model"]][-1:]
    life.run("import", job, code=0)
    life.project.commit()
    life.run("status", "--detailed-exitcode", code=0)
    life.ends("8-import")
