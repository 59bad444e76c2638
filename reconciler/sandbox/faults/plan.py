"""A fault plan: a seed and faults, read from JSON, with every problem said at once."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from reconciler.sandbox.faults.kinds import Fault

_LONGEST_SHOWN: Final = 40


class WrongPlan(ValueError):
    """A document that is no fault plan; a line for each problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("the fault plan is wrong:\n" + "\n".join(f"  {line}" for line in problems))
        self.problems = problems


class FaultPlan(BaseModel):
    """The faults of a sandbox; those that strike the same call act together.

    Attributes:
        seed: Where chance begins: the same seed and the same calls, the same faults.
        faults: In the order in which they are asked whether they strike.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    seed: int = 0
    faults: Annotated[
        tuple[Annotated[Fault, Field(discriminator="what")], ...], Field(strict=False)
    ] = ()


def read_plan(document: object) -> FaultPlan:
    """Return the plan that a JSON value is; raise `WrongPlan` with all that is wrong with it."""
    try:
        return FaultPlan.model_validate(document)
    except ValidationError as error:
        raise WrongPlan(list(_problems(error))) from None


def parse_plan(text: str | bytes) -> FaultPlan:
    """Return the plan that a JSON text is; raise `WrongPlan`."""
    try:
        return read_plan(json.loads(text))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise WrongPlan([f"found no JSON ({error}), expected an object"]) from None


def load_plan(path: Path) -> FaultPlan:
    """Return the plan of a file; raise `WrongPlan`, or `OSError` if it can't be read."""
    return parse_plan(path.read_bytes())


def _problems(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        yield f"{_place(detail['loc'])}: {_said(detail)}"


def _place(loc: tuple[int | str, ...]) -> str:
    """Return where in the document, without the names of kinds that pydantic puts in."""
    named = [part for place, part in enumerate(loc) if not (place == 2 and loc[0] == "faults")]
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    return "".join(steps).lstrip(".") or "plan"


def _said(detail: ErrorDetails) -> str:
    context: Mapping[str, object] = detail.get("ctx", {})
    match detail["type"]:
        case "elsewhere":
            return detail["msg"]
        case "extra_forbidden":
            return "found a field that no fault of this kind has, expected none of this name"
        case "missing":
            return "found nothing, expected a value"
        case "union_tag_not_found":
            return "found no kind, expected a field 'what'"
        case "union_tag_invalid":
            found, expected = context["tag"], f"one of {context['expected_tags']}"
        case "model_type" | "model_attributes_type":
            found, expected = _shown(detail["input"]), "an object"
        case _:
            found, expected = _shown(detail["input"]), _expected(detail["msg"])
    return f"found {found}, expected {expected}"


def _expected(message: str) -> str:
    words = message.removeprefix("Input should ").removeprefix("be ")
    return words[:1].lower() + words[1:]


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
