"""The body of `POST /fine_tuning/jobs`: its fields, what each takes, and what is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from reconciler.sandbox import bounds
from reconciler.sandbox.bounds import Range
from reconciler.sandbox.errors import ApiError, invalid

Json = dict[str, object]

_FIELDS: Final = (
    "model",
    "training_file",
    "validation_file",
    "method",
    "hyperparameters",
    "suffix",
    "seed",
    "metadata",
    "integrations",
)
_SUPERVISED: Final = {
    "n_epochs": Range(1, 50),
    "batch_size": Range(1, 256),
    "learning_rate_multiplier": Range(0, is_whole=False, is_open=True),
}
_HYPERPARAMETERS: Final[Mapping[str, Mapping[str, Range]]] = {
    "supervised": _SUPERVISED,
    "dpo": _SUPERVISED | {"beta": Range(0, 2, is_whole=False, is_open=True)},
}
_METHODS: Final = ("supervised", "dpo", "reinforcement")
MOST_INTEGRATIONS: Final = 5
_SEED: Final = Range(0, 2_147_483_647)


@dataclass(frozen=True)
class JobRequest:
    """A body whose fields are within bounds; whether its files and model exist isn't asked."""

    model: str
    training_file: str
    validation_file: str | None
    method: str
    hyperparameters: dict[str, float | str]
    suffix: str | None
    seed: int | None
    metadata: dict[str, str] | None
    integrations: list[object]


def read_job_request(body: Json) -> JobRequest:
    """Check a body field by field; the first wrong one is refused."""
    bounds.reject_unknown(body, _FIELDS)
    model = bounds.required(bounds.text(body, "model"), "model")
    training_file = bounds.required(bounds.text(body, "training_file"), "training_file")
    method, hyperparameters = _method(body)
    seed = body.get("seed")
    return JobRequest(
        model=model,
        training_file=training_file,
        validation_file=bounds.text(body, "validation_file"),
        method=method,
        hyperparameters=hyperparameters,
        suffix=bounds.text(body, "suffix", 64),
        seed=None if seed is None else int(_SEED.read(seed, "seed")),
        metadata=bounds.metadata(body),
        integrations=_integrations(body),
    )


def unsupported_method(method: str, model: str) -> ApiError:
    """Return the refusal of a method that a base isn't trained with."""
    return invalid(
        f"The specified method '{method}' is not supported for model {model}.",
        "method",
        "unsupported_method",
    )


def _method(body: Json) -> tuple[str, dict[str, float | str]]:
    """Return the method and its hyperparameters; those at the top are the deprecated place."""
    at_top = bounds.mapping(body, "hyperparameters")
    deprecated = _hyperparameters("supervised", at_top, "hyperparameters.")
    method = bounds.mapping(body, "method")
    if method is None:
        return "supervised", deprecated
    name = bounds.choice(method, "type", _METHODS, "method.")
    if name == "reinforcement":
        raise invalid(
            "The sandbox does not train by reinforcement: it has no grader to measure with.",
            "method.type",
            "unsupported_method",
        )
    bounds.reject_unknown(method, ("type", name), "method.")
    settings = bounds.mapping(method, name, "method.") or {}
    bounds.reject_unknown(settings, ("hyperparameters",), f"method.{name}.")
    given = bounds.mapping(settings, "hyperparameters", f"method.{name}.")
    return name, _hyperparameters(name, given or at_top, f"method.{name}.hyperparameters.")


def _hyperparameters(method: str, given: Json | None, path: str) -> dict[str, float | str]:
    ranges = _HYPERPARAMETERS[method]
    bounds.reject_unknown(given or {}, ranges, path)
    asked = {name: (given or {}).get(name) for name in ranges}
    return {
        name: "auto" if value in (None, "auto") else ranges[name].read(value, f"{path}{name}")
        for name, value in asked.items()
    }


def _integrations(body: Json) -> list[object]:
    entries = bounds.items(body, "integrations")
    if len(entries) > MOST_INTEGRATIONS:
        raise invalid(
            f"Invalid 'integrations': array too long. Expected an array with maximum length "
            f"{MOST_INTEGRATIONS}, but got an array with length {len(entries)} instead.",
            "integrations",
            "array_above_max_length",
        )
    return [_integration(entry, f"integrations[{place}].") for place, entry in enumerate(entries)]


def _integration(entry: object, path: str) -> Json:
    if not isinstance(entry, dict):
        raise bounds.wrong_type(path.rstrip("."), "an object")
    bounds.reject_unknown(entry, ("type", "wandb"), path)
    kind = bounds.choice(entry, "type", ("wandb",), path)
    given, path = bounds.mapping(entry, "wandb", path) or {}, f"{path}wandb."
    bounds.reject_unknown(given, ("project", "name", "entity", "tags"), path)
    settings: Json = {
        "project": bounds.required(bounds.text(given, "project", path=path), f"{path}project"),
        "name": bounds.text(given, "name", path=path),
        "entity": bounds.text(given, "entity", path=path),
        "tags": _tags(given, path),
    }
    return {"type": kind, "wandb": settings}


def _tags(given: Json, path: str) -> list[str]:
    tags = bounds.items(given, "tags", path)
    names = [f"tags[{place}]" for place in range(len(tags))]
    named = dict(zip(names, tags, strict=True))
    return [bounds.required(bounds.text(named, name, path=path), path + name) for name in names]
