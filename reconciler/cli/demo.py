"""``reconcile demo``: the whole story on a fresh sandbox, with the examples and no key.

Every line it prints is what happened: the answers are asked for over the API and compared with the
training file's own.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli import terminal
from reconciler.cli.exits import Exit
from reconciler.cli.options import Scope
from reconciler.cli.passes import Manner, change, plan
from reconciler.errors import SettingsError

if TYPE_CHECKING:
    from reconciler.engine import Pass
    from reconciler.providers.protocol import Reader

PACKAGED = Path(__file__).parent.parent / "examples"
"""The examples in an installed package; a checkout has them in ``specs/``."""
CHECKOUT = Path(__file__).parent.parent.parent / "specs"


@dataclass(frozen=True)
class Sample:
    """A prompt of a training set and the answer that was trained for it."""

    prompt: str
    answer: str


def run_demo() -> int:
    """Copy the examples, train them, ask each model and its base, plan again."""
    with tempfile.TemporaryDirectory(prefix="reconcile-demo-") as folder:
        shutil.copytree(_examples(), Path(folder) / "specs")
        with chdir(folder):
            return _story()


def _examples() -> Path:
    found = next((path for path in (PACKAGED, CHECKOUT) if path.is_dir()), None)
    if found is None:
        message = "the examples are missing from this installation; install reconciler again"
        raise SettingsError(message)
    return found


def _story() -> int:
    scope = Scope(sandbox=True)
    terminal.tell("== plan, apply, wait")
    code = change(scope, scope.request(), Manner(auto_approve=True, is_waiting=True))
    if code != Exit.DONE:
        return code
    terminal.tell("\n== each model, and its base, asked a prompt of its training set")
    is_right = _ask_all(scope)
    terminal.tell("\n== plan again")
    code = plan(sandbox=True, detailed_exitcode=True)
    return Exit.DONE if is_right and code == Exit.DONE else Exit.ERROR


def _ask_all(scope: Scope) -> bool:
    from reconciler.cli.world import open_world
    from reconciler.engine import look

    with terminal.screen() as screen, open_world(scope, screen) as world:
        seen = look(scope.request(), world)
        with world.connect(seen.loaded.project) as connection:
            return all([_ask(seen, name, connection.reader) for name in _names(seen)])


def _names(seen: Pass) -> list[str]:
    return [spec.document.metadata.name for spec in seen.loaded.specs]


def _ask(seen: Pass, name: str, reader: Reader) -> bool:
    from reconciler.engine import find

    training, resource = find(seen, name)
    [data, *_] = training.datasets
    sample = next(_samples(Path(seen.loaded.root) / data.path))
    tuned = reader.chat(resource.fine_tuned_model, sample.prompt).text
    base = reader.chat(resource.model, sample.prompt).text
    is_right = tuned == sample.answer and base != sample.answer
    terminal.result(
        f"{name}: {'as trained' if is_right else 'NOT AS TRAINED'}\n"
        f"  asked  {_line(sample.prompt)}\n  model  {_line(tuned)}\n  base   {_line(base)}"
    )
    return is_right


def _samples(path: Path) -> Iterator[Sample]:
    """The examples of one user message and one answer in words."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            example = json.loads(line)
            asked = example.get("input", example)["messages"]
            messages = [*asked, *example.get("preferred_output", [])]
            roles = [message["role"] for message in messages]
            if roles == ["user", "assistant"] and messages[1].get("content"):
                yield Sample(messages[0]["content"], messages[1]["content"])


def _line(text: str) -> str:
    return " / ".join(text.splitlines())
