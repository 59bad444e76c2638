"""Golden request bodies: for every field of a spec, what is sent; each valid by OpenAI's document.

``RECONCILER_GOLDEN=rewrite`` writes the bodies anew; the test then fails, so that it is seen.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.e2e.conftest import Project, lines_of
from tests.e2e.relay import Relay

BODIES = Path(__file__).parent / "bodies"
SCHEMA = json.loads((BODIES / "openai-create-job.schema.json").read_text("utf-8"))

HEAD = "apiVersion: reconciler.dev/v1\nkind: FineTune\nmetadata: {{name: {name}}}\nspec:\n{spec}"

CASES = {
    "least": "  model: gpt-4o-mini-2024-07-18\n  dataset: ../data/one.jsonl\n",
    "supervised-all": """\
  model: gpt-4.1-mini-2025-04-14
  method: supervised
  dataset: {training: ../data/one.jsonl, validation: ../data/held-out.jsonl}
  hyperparameters: {n_epochs: 3, batch_size: 8, learning_rate_multiplier: 1e-1}
  suffix: 분류 v2
  seed: 0
""",
    "all-auto": """\
  model: gpt-4.1-2025-04-14
  dataset: ../data/one.jsonl
  hyperparameters: {n_epochs: auto, batch_size: auto, learning_rate_multiplier: auto}
""",
    "whole-as-float": """\
  model: gpt-4.1-2025-04-14
  dataset: ../data/one.jsonl
  hyperparameters: {n_epochs: 4.0, learning_rate_multiplier: 2}
""",
    "dpo-all": """\
  model: gpt-4o-2024-08-06
  method: dpo
  dataset: {training: ../data/pairs.jsonl, validation: ../data/pairs-held-out.jsonl}
  hyperparameters: {n_epochs: 1, batch_size: 256, learning_rate_multiplier: 0.5, beta: 0.1}
  suffix: tone
  seed: 2147483647
""",
    "dpo-least": """\
  model: gpt-4o-2024-08-06
  method: dpo
  dataset: ../data/pairs.jsonl
""",
}


def pairs(examples: int, word: str) -> str:
    def line(number: int) -> str:
        return json.dumps(
            {
                "input": {"messages": [{"role": "user", "content": f"Say {number}"}]},
                "preferred_output": [{"role": "assistant", "content": f"{word} {number}"}],
                "non_preferred_output": [{"role": "assistant", "content": "no"}],
            }
        )

    return "".join(f"{line(number)}\n" for number in range(examples))


@pytest.fixture
def bodies(remote: Project, relay: Relay) -> dict[str, dict[str, Any]]:
    """Spec name -> the body of its create."""
    (remote.root / "specs/one.yaml").unlink()
    remote.write("data/held-out.jsonl", "".join(lines_of(3, "held out")))
    remote.write("data/pairs.jsonl", pairs(11, "yes"))
    remote.write("data/pairs-held-out.jsonl", pairs(2, "sure"))
    for name, spec in CASES.items():
        remote.write(f"specs/{name}.yaml", HEAD.format(name=name, spec=spec))
    commit = remote.commit()
    ran = remote.run("apply", "--auto-approve", "--max-cost", "5")
    assert ran.code == 0, ran.all
    sent = [create.json for create in relay.creates]
    for body in sent:
        jsonschema.validate(
            body, {**SCHEMA, "$ref": "#/components/schemas/CreateFineTuningJobRequest"}
        )
        assert body["metadata"]["reconciler.commit"] == commit
        assert len(body["metadata"]["reconciler.claim"]) == 32
    return {body["metadata"]["reconciler.name"]: settled(body) for body in sent}


def settled(body: dict[str, Any]) -> dict[str, Any]:
    """The body without what differs from run to run."""
    for name in ("training_file", "validation_file"):
        if name in body:
            assert body[name].startswith("file-")
            body[name] = "file-ID"
    body["metadata"] |= {"reconciler.commit": "COMMIT", "reconciler.claim": "CLAIM"}
    return body


def test_what_is_sent_is_what_the_spec_says(bodies: dict[str, dict[str, Any]]) -> None:
    assert set(bodies) == set(CASES)
    if os.environ.get("RECONCILER_GOLDEN") == "rewrite":
        for name, body in bodies.items():
            text = json.dumps(body, indent=2, ensure_ascii=False, sort_keys=True)
            (BODIES / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        pytest.fail("golden bodies were rewritten: look at the diff and commit it")
    golden = {name: json.loads((BODIES / f"{name}.json").read_text("utf-8")) for name in CASES}
    assert bodies == golden
