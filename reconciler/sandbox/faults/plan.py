"""A fault plan: a seed and faults, read from JSON, with every problem said at once."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from reconciler.sandbox.faults.kinds import Fault

_LONGEST_SHOWN: Final = 40
FAULTS: Final = {
    get_args(kind.model_fields["what"].annotation)[0]: kind for kind in get_args(Fault)
}
"""Every kind by its name in a plan."""
_IN_WORDS: Final = {
    "model_type": "an object",
    "model_attributes_type": "an object",
    "tuple_type": "a list",
    "list_type": "a list",
    "too_short": "a list that isn't empty",
    "int_type": "a whole number",
    "float_type": "a number",
    "string_type": "a string",
}


class WrongPlan(ValueError):
    """A document that is no fault plan; a line for each problem."""

    def __init__(self, problems: list[str], name: str = "the fault plan") -> None:
        super().__init__("\n  ".join([f"{name} is wrong:", *problems]))
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
    try:
        return parse_plan(path.read_bytes())
    except WrongPlan as wrong:
        raise WrongPlan(wrong.problems, f"the fault plan {path}") from None


def _problems(error: ValidationError) -> Iterator[str]:
    for detail in error.errors(include_url=False):
        yield f"{_place(detail)}: {_said(detail)}"


def _place(detail: ErrorDetails) -> str:
    """Return where in the document, without the names of kinds that pydantic puts in."""
    loc = detail["loc"]
    named = [part for place, part in enumerate(loc) if not (place == 2 and loc[0] == "faults")]
    if detail["type"] == "elsewhere":
        named.append("on")
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in named)
    return "".join(steps).lstrip(".") or "plan"


def _said(detail: ErrorDetails) -> str:
    context: Mapping[str, object] = detail.get("ctx", {})
    match detail["type"]:
        case "elsewhere":
            return detail["msg"]
        case "missing":
            return "found nothing, expected a value"
        case "extra_forbidden":
            known = ", ".join(_fields_beside(detail["loc"]))
            return f"found a field of this name, expected one of {known}"
        case "union_tag_not_found":
            return "found no kind, expected a field 'what'"
        case "union_tag_invalid":
            return f"found '{context['tag']}', expected one of {context['expected_tags']}"
        case _:
            return f"found {_shown(detail['input'])}, expected {_expected(detail)}"


def _fields_beside(loc: tuple[int | str, ...]) -> list[str]:
    """Return the fields of the object in which an unknown one was found."""
    kind = FAULTS.get(str(loc[2])) if len(loc) > 3 else None
    return list((kind or FaultPlan).model_fields)


def _expected(detail: ErrorDetails) -> str:
    words = detail["msg"].removeprefix("Input should ").removeprefix("be ")
    return _IN_WORDS.get(detail["type"], words[:1].lower() + words[1:])


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"
