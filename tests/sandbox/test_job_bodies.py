"""The body of a job: what OpenAI's document takes is taken, and nothing else."""

import copy
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, Final

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.sandbox.bases import find_base
from tests.sandbox.document import accepts
from tests.sandbox.world import CREATE, World

Json = dict[str, Any]
NUMBERS = st.sampled_from(["auto", 1, 2.0, 50])
hyperparameters = st.fixed_dictionaries(
    {},
    optional={
        "n_epochs": NUMBERS,
        "batch_size": st.sampled_from(["auto", 1, 256]),
        "learning_rate_multiplier": st.sampled_from(["auto", 1e-9, 1, 1e300]),
    },
)
methods = st.one_of(
    st.fixed_dictionaries({"type": st.just("supervised")}),
    st.fixed_dictionaries(
        {
            "type": st.just("supervised"),
            "supervised": st.fixed_dictionaries({}, optional={"hyperparameters": hyperparameters}),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("dpo"),
            "dpo": st.fixed_dictionaries(
                {"hyperparameters": st.fixed_dictionaries({"beta": st.sampled_from(["auto", 2])})}
            ),
        }
    ),
)
words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
integrations = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.just("wandb"),
            "wandb": st.fixed_dictionaries(
                {"project": words},
                optional={"name": words, "entity": words, "tags": st.lists(words, max_size=2)},
            ),
        }
    ),
    max_size=5,
)
job_bodies = st.fixed_dictionaries(
    {"model": st.sampled_from(["gpt-4o-mini", "gpt-4.1-2025-04-14"])},
    optional={
        "hyperparameters": hyperparameters,
        "method": methods,
        "suffix": words,
        "seed": st.integers(0, 2**31 - 1),
        "metadata": st.dictionaries(words, words, max_size=16),
        "integrations": integrations,
        "validation_file": st.none(),
    },
)
ODD: Final[tuple[Any, ...]] = (
    *(None, "", "auto", "x" * 65, "x" * 513, "a\ud800"),
    *(0, -1, 1, 51, 257, 1.5, 10**12, 2**31, True),
    *([], [1], {}, {"k": 1}, {"type": "dpo"}, {str(n): "v" for n in range(17)}),
    *("gpt-9", "o4-mini", "gpt-3.5-turbo", "reinforcement"),
)


def _places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Find every place in a body where a value stands, and one more in each object."""
    if isinstance(body, dict):
        yield (*path, "stray")
    for key in list(body if isinstance(body, dict) else range(len(body))):
        yield (*path, key)
        if isinstance(body[key], dict | list):
            yield from _places(body[key], (*path, key))


def _put(body: Json, place: tuple[Any, ...], value: object) -> Json:
    changed: Any = copy.deepcopy(body)
    holder = changed
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    return changed  # type: ignore[no-any-return]


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[Json, str | None]:
    """A body, perhaps with one odd value in it; and the field at the top which that is in."""
    body: Json = draw(job_bodies) | {"training_file": "the file"}
    place = draw(st.none() | st.sampled_from(sorted(_places(body), key=repr)))
    if place is None:
        return body, None
    return _put(body, place, draw(st.sampled_from(ODD))), str(place[0])


def _without_nulls(body: Any) -> Any:
    """The service reads the null of a field it knows as absence, where the document has no null."""
    if isinstance(body, list):
        return [_without_nulls(one) for one in body]
    if not isinstance(body, dict):
        return body
    return {
        key: value if key == "metadata" else _without_nulls(value)
        for key, value in body.items()
        if value is not None or key == "stray"
    }


def _strings(body: Any) -> Iterator[str]:
    """Find every string of a body: keys and values."""
    if isinstance(body, str):
        yield body
    elif isinstance(body, list):
        for one in body:
            yield from _strings(one)
    elif isinstance(body, dict):
        yield from _strings([*body.keys(), *body.values()])


def _fits_the_prose(body: Json) -> bool:
    """The bounds that the document states in words only."""
    metadata = body.get("metadata", {})
    strings = list(_strings({key: value for key, value in body.items() if key != "metadata"}))
    base = find_base(body["model"])
    return (
        "" not in strings
        and not any("\ud800" in one for one in _strings(body))
        and len(metadata) <= 16
        and all(len(key) <= 64 and len(value) <= 512 for key, value in metadata.items())
        and len(body.get("integrations", [])) <= 5
        and body["training_file"] == "the file"
        and "validation_file" not in body
        and base is not None
        and body.get("method", {"type": "supervised"})["type"] in {*base.methods} - UNTRAINED
    )


UNTRAINED: Final = {"reinforcement"}
"""In the document, and refused in words by the sandbox."""


def _is_documented(body: Json) -> bool:
    meant = _without_nulls(body)
    return accepts("CreateFineTuningJobRequest", meant) and _fits_the_prose(meant)


EDGES: Final = ("auto", True, -1, 0, 1e-9, 1, 1.5, 2, 2.01, 50, 51, 256, 257)
FIELDS: Final = ("n_epochs", "batch_size", "learning_rate_multiplier", "beta")


@pytest.mark.parametrize("method", ["supervised", "dpo", None])
def test_every_bound_of_a_number_is_the_document_s(one_world: World, method: str | None) -> None:
    for name, value in itertools.product(FIELDS, EDGES):
        given_so: Json = {"hyperparameters": {name: value}}
        if method is not None:
            given_so = {"method": {"type": method, method: given_so}}
        body = {"model": "gpt-4o", "training_file": "the file", **given_so}
        answer = _post(one_world, body)
        assert (answer.status_code == 200) == _is_documented(body), answer.text


@given(made=spoiled())
def test_a_job_is_created_from_the_bodies_of_the_document_and_from_no_other(
    one_world: World, made: tuple[Json, str | None]
) -> None:
    body, spoiled_field = made
    is_documented = _is_documented(body)
    answer = _post(one_world, body)
    job = one_world.judge(CREATE, answer)
    assert (answer.status_code == 200) == is_documented, answer.text
    if is_documented:
        asked = {name: body.get(name) for name in ("suffix", "metadata")}
        assert {"suffix": job["user_provided_suffix"], "metadata": job["metadata"]} == asked
        assert body.get("seed") in (None, job["seed"])
    else:
        assert spoiled_field in (*re.findall(r"\w+", f"{job['param']} {job['message']}"), "model")


def _post(world: World, body: Json) -> httpx2.Response:
    """Send a body, written so that it may hold half characters, as the SDK never would."""
    if body["training_file"] == "the file":
        body = body | {"training_file": world.met["file"][0]}
    return world.http.post("/v1/fine_tuning/jobs", content=json.dumps(body).encode("ascii"))
