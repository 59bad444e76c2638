"""schemas/ says what the models say, and the examples satisfy both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from reconciler.spec import FineTune, Project

CHECKOUT = Path(__file__).parent.parent
MODELS: dict[str, type[FineTune] | type[Project]] = {"finetune": FineTune, "project": Project}
EXAMPLES = sorted((CHECKOUT / "specs").glob("*.yaml"))


def schema(kind: str) -> Any:
    return json.loads((CHECKOUT / f"schemas/{kind}.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("kind", MODELS)
def test_a_committed_schema_is_what_its_model_says(kind: str) -> None:
    written = schema(kind)
    assert written.pop("$schema") == "https://json-schema.org/draft/2020-12/schema"
    assert written == MODELS[kind].model_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_and_names_its_schema_for_editors(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=../schemas/finetune.schema.json\n")
    document = yaml.safe_load(text)
    jsonschema.validate(document, schema("finetune"))
    assert FineTune.model_validate(document).metadata.name == path.stem


GOOD: dict[str, Any] = {
    "apiVersion": "reconciler.dev/v1",
    "kind": "FineTune",
    "metadata": {"name": "a"},
    "spec": {"model": "m", "dataset": "d.jsonl"},
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"hyperparameters": {"n_epochs": 0}},
        {"hyperparameters": {"n_epochs": 51}},
        {"hyperparameters": {"batch_size": 257}},
        {"hyperparameters": {"learning_rate_multiplier": 0}},
        {"hyperparameters": {"beta": 2.1}},
        {"suffix": ""},
        {"suffix": "x" * 65},
        {"seed": -1},
        {"seed": 2_147_483_648},
        {"method": "reinforcement"},
        {"dataset": {"validation": "v.jsonl"}},
        {"epochs": 3},
    ],
)
def test_schema_and_model_refuse_the_same(wrong: dict[str, Any]) -> None:
    document = {**GOOD, "spec": {**GOOD["spec"], **wrong}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema("finetune"))
    with pytest.raises(ValueError, match="validation error"):
        FineTune.model_validate(document)
