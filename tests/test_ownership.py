"""Marks: they fit the API's bounds, survive the round trip, and damage reads as absence."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.ownership import (
    ATTEMPT,
    KEY,
    OWNER,
    SPEC,
    TOKENS,
    VALUE_LIMIT,
    earliest_usable,
    file_name,
    is_our_file,
    is_same_file,
    metadata_for,
    read_mark,
    training_fields,
)
from reconciler.state import Job, Training
from tests.make import CLEAN, make_claim, make_facts, make_file, make_job, make_training
from tests.make import OWNER as ACME

PAIRS_LIMIT, KEY_LIMIT = 16, 64
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64)
TRAININGS = st.builds(
    make_training,
    name=NAMES,
    model=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=2000),
    method=st.sampled_from(["supervised", "dpo"]),
    hyperparameters=st.dictionaries(
        st.sampled_from(["n_epochs", "batch_size", "learning_rate_multiplier", "beta"]),
        st.integers(1, 256) | st.floats(1e-300, 1e300) | st.just("auto"),
    ),
    validation=st.none() | st.just(make_facts("validation")),
    suffix=st.none() | TEXTS,
    seed=st.none() | st.integers(0, 2**31 - 1),
)


def marked(metadata: dict[str, str]) -> Job:
    return replace(make_job(make_training()), metadata=metadata)


@given(training=TRAININGS, nonce=st.uuids(), tokens=st.integers(0, 10**11))
def test_a_mark_fits_the_api_and_survives_the_round_trip(
    training: Training, nonce: UUID, tokens: int
) -> None:
    claim = make_claim(training, attempt=3, nonce=str(nonce))
    metadata = metadata_for(training, claim, CLEAN.commit, tokens)
    assert len(metadata) <= PAIRS_LIMIT
    assert all(len(name) <= KEY_LIMIT for name in metadata)
    assert all(len(value) <= VALUE_LIMIT for value in metadata.values())
    mark = read_mark(marked(metadata))
    assert mark is not None
    assert (mark.owner, mark.key, mark.name) == (ACME, training.key, training.name)
    assert (mark.attempt, mark.claim, mark.tokens) == (3, str(nonce), tokens)
    assert mark.commit == CLEAN.commit
    assert set(mark.fields) == set(training_fields(training))


@given(
    metadata=st.dictionaries(
        st.sampled_from([KEY, OWNER, ATTEMPT, TOKENS, SPEC]),
        st.text() | st.sampled_from(["{", "[]", '{"suffix": "\\ud800"}', "null", "9" * 5000]),
    )
)
def test_damaged_metadata_never_raises(metadata: dict[str, str]) -> None:
    mark = read_mark(marked(metadata))
    assert mark is None or (mark.key and mark.owner and mark.attempt >= 0)


def test_fields_that_nest_without_end_read_as_none() -> None:
    mark = read_mark(marked({KEY: "k", OWNER: "o", SPEC: "[" * 100_000}))
    assert mark is not None
    assert mark.fields == {}


@pytest.mark.parametrize("missing", [KEY, OWNER])
def test_a_job_without_key_or_owner_bears_no_mark_of_ours(missing: str) -> None:
    metadata = {name: value for name, value in {KEY: "k", OWNER: "o"}.items() if name != missing}
    assert read_mark(marked(metadata)) is None


def test_a_short_mark_tells_the_fields_as_they_are_written() -> None:
    training = make_training(hyperparameters={"n_epochs": 3, "batch_size": "auto"}, suffix="tone")
    mark = read_mark(make_job(training))
    assert mark is not None
    assert mark.fields == training_fields(training)
    assert mark.fields["hyperparameters"] == {"n_epochs": 3}


def test_what_is_too_long_for_the_mark_stands_there_by_its_digest() -> None:
    training = make_training(model="ft:" + "m" * 600)
    mark = read_mark(make_job(training))
    assert mark is not None
    assert str(mark.fields["model"]).startswith("digest:")
    assert mark.fields["method"] == "supervised"


# ---- files -------------------------------------------------------------------------------------


def test_the_same_bytes_have_the_same_file_name_whatever_their_path() -> None:
    names = {file_name(ACME, make_facts(path=path)) for path in ("a.jsonl", "b/c.jsonl")}
    assert len(names) == 1
    assert file_name(ACME, make_facts("other")) not in names


def test_an_upload_is_the_dataset_if_name_size_and_status_agree() -> None:
    facts = make_facts()
    upload = make_file(facts)
    assert is_same_file(upload, ACME, facts)
    assert not is_same_file(upload, "another", facts)
    assert not is_same_file(replace(upload, bytes=facts.bytes - 1), ACME, facts)
    assert not is_same_file(replace(upload, is_usable=False), ACME, facts)
    assert not is_same_file(upload, ACME, make_facts("other"))


def test_of_files_that_are_alike_every_runner_takes_the_earliest() -> None:
    upload = make_file(make_facts())
    first, twin = (replace(upload, id=f"file-{n}", created_at=5) for n in (1, 2))
    others = [
        replace(upload, id="file-0", created_at=9),
        replace(upload, created_at=1, is_usable=False),
        replace(upload, created_at=1, bytes=upload.bytes + 1),
        replace(upload, created_at=1, name="another"),
    ]
    for files in ([first, twin, *others], [*others, twin, first]):
        assert earliest_usable(files, upload.name, upload.bytes) == first
    assert earliest_usable(others[1:], upload.name, upload.bytes) is None


@given(owner=NAMES)
def test_a_file_that_we_name_is_ours(owner: str) -> None:
    assert is_our_file(make_file(make_facts(), owner=owner), owner)


@pytest.mark.parametrize(
    "name",
    [
        "acme.jsonl",
        "acme.0123456789abcde.jsonl",
        "acme.0123456789abcdef0.jsonl",
        "acme.0123456789ABCDEF.jsonl",
        "acme.0123456789abcdef.json",
        "acme.0123456789abcdef",
        "acme-prod.0123456789abcdef.jsonl",
        "my.acme.0123456789abcdef.jsonl",
        "acme.x.0123456789abcdef.jsonl",
        "",
    ],
)
def test_a_file_of_any_other_name_is_not_ours(name: str) -> None:
    assert not is_our_file(replace(make_file(make_facts()), name=name), "acme")
