"""Pydantic's errors in our words: the rule, what was found, what was expected, what to do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from reconciler.errors import Problem
from reconciler.load.compose import (
    Broken,
    Node,
    describe,
    locate,
    read_scalar,
)
from reconciler.load.flaw import Flaw, clip, did_you_mean
from reconciler.spec import (
    CHAIN_TAG,
    NAME_PATTERN,
    REPOSITORY_PATTERN,
    RUN_KEY_PATTERN,
    TEXT_TAG,
    Document,
)

EXAMPLES: Mapping[str, str] = {
    "FineTune.metadata": "metadata: {name: support-triage}",
    "FineTune.spec": "spec: with model and dataset under it",
    "Project.metadata": "metadata: {name: my-team}",
    "Metadata.name": "name: support-triage",
    "FineTuneSpec.model": "model: gpt-4.1-mini-2025-04-14",
    "ParentModel.from": "from: support-triage",
    "Adopt.job": "job: ftjob-...",
    "Adopt.run_key": "run_key: with the 64 hex digits that the plan names",
    "FineTuneSpec.dataset": "dataset: data/train.jsonl",
    "Dataset.training": "training: data/train.jsonl",
    "Price.training": "training: 5.00",
    "Price.source": "source: https://example.com/contract",
}
"""From ``Model.field`` to how a required field is written."""


@dataclass(frozen=True)
class _Fault:
    """One of pydantic's errors beside what is written there.

    Attributes:
        kind: pydantic's name of the error.
        key: the last key of its location.
        context: pydantic's bounds, or ``expected`` and ``found`` of our own checks.
        node: the value at the deepest part of the location that is written.
        document, part: the model of the whole document, and of the mapping that holds the key.
        kinds: all models that this mapping may have.
    """

    kind: str
    key: str
    context: Mapping[str, Any]
    node: Node
    document: type[Document]
    part: type[BaseModel] | None
    kinds: tuple[type[BaseModel], ...] = ()


def explain(error: ErrorDetails, root: Node, document: type[Document], file: str) -> Problem | None:
    """The problem behind a pydantic error; None where the value's own problem is told already."""
    kind = error["type"]
    path = [name for name in error["loc"] if name not in (TEXT_TAG, CHAIN_TAG)]
    home = _written(document, [*path, *_INNER.get(kind, ())])
    names = [name for name in home.path if name != "[key]"]
    entry, _ = locate(root, names)
    if isinstance(entry.node.value, Broken):
        return None
    fault = _Fault(
        kind,
        clip(str(names[-1])) if names else "",
        error.get("ctx", {}),
        entry.node,
        document,
        home.part,
        home.kinds,
    )
    at_key = kind in ("missing", "extra_forbidden") or "[key]" in home.path
    place = entry.key_place(file) if at_key else entry.value_place(file)
    return _EXPLAIN.get(kind, _other)(fault).at(place, ".".join(clip(str(n)) for n in names))


_INNER: Mapping[str, tuple[str, ...]] = {
    "beta_without_dpo": ("beta",),
    "union_tag_invalid": ("kind",),
}
"""Errors that pydantic reports one level above the key that they are about."""


class _Home(NamedTuple):
    """The mapping that holds a key.

    Attributes:
        path: the key's path as it is written.
        part: the mapping's model.
        kinds: all models that it may have.
    """

    path: list[str | int]
    part: type[BaseModel] | None
    kinds: tuple[type[BaseModel], ...]


def _written(model: type[BaseModel], path: Sequence[str | int]) -> _Home:
    """Where the key at the end of one of pydantic's paths is written.

    Where a mapping has several kinds, pydantic puts the kind into the path, and nobody wrote it
    there. A key of a free mapping keeps the model behind it.
    """
    here: type[BaseModel] | None = model
    kinds: tuple[type[BaseModel], ...] = ()
    names: list[str | int] = []
    for name in path[:-1]:
        if len(kinds) > 1 and (chosen := _of_kind(kinds, name)):
            here = chosen
            continue
        names.append(name)
        if here and (field := here.model_fields.get(str(name))):
            kinds = _models_in(field.annotation)
            here = kinds[0] if kinds else None
    return _Home([*names, *path[-1:]], here, kinds)


def _of_kind(models: Iterable[type[BaseModel]], kind: str | int) -> type[BaseModel] | None:
    """Of the models of a mapping with several kinds that of one kind."""
    return next((model for model in models if _kind_of(model) == kind), None)


def _kind_of(model: type[BaseModel]) -> str:
    """What a mapping of that model writes as its kind."""
    return str(get_args(model.model_fields["kind"].annotation)[0])


def _models_in(annotation: object) -> tuple[type[BaseModel], ...]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return (annotation,)
    return tuple(model for part in get_args(annotation) for model in _models_in(part))


def _home(model: type[BaseModel], key: str, path: tuple[str, ...] = ()) -> str | None:
    """Where in the document a key would be right, as a dotted path."""
    for name, field in _keys(model).items():
        if name == key:
            return ".".join((*path, name))
        inner = () if get_origin(field.annotation) is dict else _models_in(field.annotation)
        for part in inner:
            if home := _home(part, key, (*path, name)):
                return home
    return None


def _keys(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the names that are written."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _missing(fault: _Fault) -> Flaw:
    field = _keys(fault.part).get(fault.key) if fault.part else None
    example = EXAMPLES.get(f"{fault.part.__name__}.{fault.key}" if fault.part else "", fault.key)
    expected = (field.description if field else None) or "this required key"
    return Flaw("SPEC105", "missing", expected, f"Add {example}.")


def _unknown_key(fault: _Fault) -> Flaw:
    known = list(_keys(fault.part)) if fault.part else []
    remedy = did_you_mean(fault.key, known, _elsewhere(fault))
    return Flaw("SPEC106", "unknown key", "one of " + ", ".join(known), remedy)


def _elsewhere(fault: _Fault) -> str:
    """What to do with a key that can't be where it is."""
    for model in fault.kinds:
        if fault.key in _keys(model):
            return f"Remove it, or write kind: {_kind_of(model)}."
    home = _home(fault.document, fault.key)
    return f"It belongs at {home}." if home else "Remove it."


def _kind(fault: _Fault) -> Flaw:
    return _choice(replace(fault, context={"expected": fault.context["expected_tags"]}))


def _choice(fault: _Fault) -> Flaw:
    choices = re.split(r", | or ", str(fault.context["expected"]).replace("'", ""))
    expected = " or ".join(choices)
    text = fault.node.value if isinstance(fault.node.value, str) else ""
    remedy = did_you_mean(text, choices, f"Write {expected}.")
    return Flaw("SPEC104", f"found {describe(fault.node)}", expected, remedy)


def _text(fault: _Fault) -> Flaw:
    is_scalar = not isinstance(fault.node.value, dict | tuple) and fault.node.raw
    quoted = f'Write it in quotes: {fault.key}: "{clip(fault.node.raw)}".'
    remedy = quoted if is_scalar else "Write text there."
    return Flaw("SPEC107", f"found {describe(fault.node)}", "text", remedy)


def _typed(expected: str, remedy: str) -> Callable[[_Fault], Flaw]:
    def words(fault: _Fault) -> Flaw:
        return Flaw("SPEC107", f"found {describe(fault.node)}", expected, remedy)

    return words


def _number(expected: str) -> Callable[[_Fault], Flaw]:
    def words(fault: _Fault) -> Flaw:
        value = fault.node.value
        is_quoted = isinstance(value, str) and type(read_scalar(value)) in (int, float)
        remedy = f"Write {clip(fault.node.raw)} without quotes." if is_quoted else "Write a number."
        return Flaw("SPEC107", f"found {describe(fault.node)}", expected, remedy)

    return words


def _mapping(fault: _Fault) -> Flaw:
    keys = ", ".join(_model_keys(fault))
    path_or = "the path of a file, or " if fault.key == "dataset" else ""
    expected = f"{path_or}a mapping" + (f" with {keys}" if keys else "")
    return Flaw("SPEC107", f"found {describe(fault.node)}", expected, "Write key: value lines.")


def _model_keys(fault: _Fault) -> list[str]:
    field = fault.part.model_fields.get(fault.key) if fault.part else None
    models = _models_in(field.annotation) if field else ()
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _bound(limit: str, words: str) -> Callable[[_Fault], Flaw]:
    def flaw(fault: _Fault) -> Flaw:
        expected = words.format(fault.context[limit])
        found = f"found {describe(fault.node)}"
        return Flaw("SPEC104", found, expected, "Write a value within this bound.")

    return flaw


def _pattern(fault: _Fault) -> Flaw:
    found = f"found {describe(fault.node)}"
    if fault.context["pattern"] == REPOSITORY_PATTERN:
        return Flaw("SPEC104", found, "owner/name", "Write the repository's owner, /, its name.")
    if fault.context["pattern"] == RUN_KEY_PATTERN:
        return Flaw("SPEC104", found, "64 hex digits", "Copy the run key that the plan names.")
    if fault.context["pattern"] != NAME_PATTERN:
        return Flaw("SPEC104", found, f"text like {fault.context['pattern']}", "Write such text.")
    expected = "1 to 63 of a-z, 0-9 and -, with no - at the ends"
    name = clip(slug(str(fault.node.value)))
    return Flaw("SPEC104", found, expected, f"Write {name}." if name else "Choose such a name.")


def slug(text: str) -> str:
    """The nearest text that is a valid name; empty if nothing of it can be kept."""
    return re.sub(r"[^a-z0-9]+", "-", text[:1000].lower()).strip("-")[:63].rstrip("-")


def _hyperparameter(fault: _Fault) -> Flaw:
    remedy = f"Write such a value, or leave {fault.key} out: the service then chooses."
    found = f"found {describe(fault.node)}"
    return Flaw("SPEC104", found, str(fault.context["expected"]), remedy)


def _other_method(fault: _Fault) -> Flaw:
    found = f"found {fault.context['found']}"
    return Flaw("SPEC115", found, str(fault.context["expected"]), f"Remove {fault.key}.")


def _other(fault: _Fault) -> Flaw:
    """An error that has no words yet; the law tests show that none is left without a place."""
    expected = str(fault.context.get("expected", "another value"))
    remedy = f"Correct {fault.key}; pydantic calls this {fault.kind}."
    return Flaw("SPEC104", f"found {describe(fault.node)}", expected, remedy)


_EXPLAIN: Mapping[str, Callable[[_Fault], Flaw]] = {
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "literal_error": _choice,
    "string_type": _text,
    "int_type": _number("a whole number"),
    "int_from_float": _number("a whole number"),
    "float_type": _number("a number"),
    "finite_number": _number("a finite number"),
    "list_type": _typed("a list", "Write it as a list: [one, two]."),
    "dict_type": _mapping,
    "model_type": _mapping,
    "model_attributes_type": _mapping,
    "union_tag_invalid": _kind,
    "bool_type": _typed("true or false", "Write true or false, without quotes."),
    "string_too_short": _bound("min_length", "at least {} character"),
    "string_too_long": _bound("max_length", "at most {} characters"),
    "string_pattern_mismatch": _pattern,
    "greater_than_equal": _bound("ge", "at least {}"),
    "less_than_equal": _bound("le", "at most {}"),
    "bound": _hyperparameter,
    "beta_without_dpo": _other_method,
}
