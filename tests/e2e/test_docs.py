"""Every command that README and docs show is run here; what they print is what is printed."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from reconciler.load import load
from tests.e2e.conftest import Project
from tests.e2e.relay import Relay

CHECKOUT = Path(__file__).parent.parent.parent
README = (CHECKOUT / "README.md").read_text("utf-8")
PAGES = [CHECKOUT / "README.md", CHECKOUT / "specs/README.md", *CHECKOUT.glob("docs/*.md")]
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)


def shown(page: str) -> Iterator[tuple[str, str]]:
    """Each command of a page's console blocks, with the output shown below it."""
    for block in BLOCK.findall(page):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            yield command, output.rstrip()


def settled(text: str) -> str:
    """The text without what differs from run to run: the commit."""
    return re.sub(r"commit [0-9a-f]{12}", "commit ID", text.rstrip())


@pytest.fixture
def shop(remote: Project) -> Project:
    """The examples in a committed project called shop, with a provider."""
    for old in ("specs", "data"):
        shutil.rmtree(remote.root / old)
    shutil.copytree(CHECKOUT / "specs", remote.root / "specs")
    shutil.copytree(CHECKOUT / "schemas", remote.root / "schemas")
    remote.commit()
    return remote


def test_the_readme_says_what_happens(shop: Project, relay: Relay) -> None:
    targets = re.findall(r"^([a-z]+):", (CHECKOUT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for command, output in shown(README):
        program, *arguments = shlex.split(command)
        if program == "make":
            assert arguments[0] in targets
        elif program == "reconcile":
            ran = shop.run(*arguments)
            assert ran.code == 0, (command, ran.all)
            if output:
                assert settled(ran.out) == settled(output), command
        else:
            assert command in ("pip install .", "export OPENAI_API_KEY=...")
    assert len(relay.creates) == 3


def test_the_examples_readme_says_what_happens(shop: Project) -> None:
    for command, output in shown((CHECKOUT / "specs/README.md").read_text("utf-8")):
        ran = shop.run(*shlex.split(command)[1:])
        assert ran.code == 0, (command, ran.all)
        assert not output or settled(ran.out) == output, command


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


@pytest.mark.parametrize("page", ["README.md", "docs/spec.md"])
def test_documents_that_are_shown_are_valid(project: Project, page: str) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (CHECKOUT / page).read_text("utf-8"), re.DOTALL)
    documents = [block for block in blocks if "kind: FineTune" in block]
    shutil.copytree(CHECKOUT / "specs/data", project.root / "specs/data")
    for block in documents:
        (project.root / "specs/one.yaml").write_text(block)
        assert load(project.root, count_tokens=False).specs
    for block in (block for block in blocks if "kind: Project" in block):
        (project.root / "reconciler.yaml").write_text(block)
        assert load(project.root, count_tokens=False).owner == "shop-prod"
    assert documents


def test_the_workflow_that_is_shown_uses_inputs_that_exist() -> None:
    action = yaml.safe_load((CHECKOUT / "action.yml").read_text("utf-8"))
    block = next(b for b in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "uses:" in b)
    workflow = yaml.safe_load(block)
    step = workflow["jobs"]["models"]["steps"][1]
    assert set(step["with"]) <= set(action["inputs"])
    assert len(block.splitlines()) <= 10
    for output in action["outputs"]:
        assert f"`{output}`" in README


def test_every_command_has_help(project: Project) -> None:
    commands = re.findall(r"^  ([a-z]+) {2,}", project.run("--help").out, re.MULTILINE)
    assert {"run", "plan", "apply", "validate", "status", "describe", "events", "wait"} <= set(
        commands
    )
    for command in commands:
        assert project.run(command, "--help").code == 0
