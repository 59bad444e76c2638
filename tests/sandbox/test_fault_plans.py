"""Which faults strike: chance, counting and time, without a server; and plans that are none."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.sandbox.faults import (
    FAULTS,
    Faults,
    Operation,
    WrongPlan,
    load_plan,
    parse_plan,
    read_plan,
)
from reconciler.sandbox.routes import ROUTES

Json = dict[str, Any]
REQUIRED: dict[str, Json] = {
    "refuse": {"status": 409},
    "base_retired": {"model": "gpt-4o"},
    "status": {"value": "odd"},
    "nulls": {"fields": ["status"]},
    "delay": {"seconds": 1},
    "clock_skew": {"seconds": 1},
}
"""What a kind can't do without."""

calls = st.lists(st.tuples(st.sampled_from(Operation), st.floats(0, 1000)), max_size=40)
plans = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32),
        "faults": st.lists(
            st.fixed_dictionaries(
                {"what": st.sampled_from(sorted(set(FAULTS) - set(REQUIRED)))},
                optional={
                    "chance": st.floats(0, 1),
                    "skip": st.integers(0, 5),
                    "times": st.integers(1, 5),
                    "after": st.floats(0, 500),
                    "until": st.floats(0, 1000),
                },
            ),
            max_size=4,
        ),
    }
)


def drawn(faults: Faults, asked: Sequence[tuple[Operation, float]]) -> list[list[str]]:
    return [[fault.what for fault in faults.draw(operation, now)] for operation, now in asked]


def struck_by(fault: Json, n_calls: int = 20, seed: int = 0) -> list[int]:
    """Which of so many creates are struck by a lost reply."""
    faults = Faults(read_plan({"seed": seed, "faults": [{"what": "lose_reply", **fault}]}))
    asked = [(Operation.CREATE_JOB, float(number)) for number in range(n_calls)]
    return [number for number, what in enumerate(drawn(faults, asked)) if what]


@settings(deadline=None)
@given(plans, calls)
def test_the_same_seed_and_the_same_calls_draw_the_same_faults(
    plan: Json, asked: list[tuple[Operation, float]]
) -> None:
    one, two = (Faults(read_plan(plan)) for _ in range(2))
    assert drawn(one, asked) == drawn(two, asked)
    assert one.struck() == two.struck()


@settings(deadline=None)
@given(plans, calls)
def test_a_plan_survives_json_and_strikes_as_before(
    plan: Json, asked: list[tuple[Operation, float]]
) -> None:
    read = read_plan(plan)
    again = parse_plan(read.model_dump_json())
    assert drawn(Faults(read), asked) == drawn(Faults(again), asked)


@settings(deadline=None)
@given(plans, calls)
def test_what_has_struck_is_counted_call_by_call(
    plan: Json, asked: list[tuple[Operation, float]]
) -> None:
    faults = Faults(read_plan(plan))
    n_drawn = sum(len(what) for what in drawn(faults, asked))
    counted = faults.struck()
    assert sum(strike.times for strike in counted) == n_drawn
    for strike in counted:
        assert read_plan(plan).faults[strike.fault].what == strike.what
        assert strike.on in FAULTS[strike.what].where


def test_another_seed_draws_others() -> None:
    assert len({tuple(struck_by({"chance": 0.5}, seed=seed)) for seed in range(5)}) == 5


def test_chance_is_kept_to() -> None:
    assert struck_by({"chance": 0}) == []
    assert struck_by({"chance": 1}) == list(range(20))
    assert len(struck_by({"chance": 0.3}, 2000)) == pytest.approx(600, abs=80)


def test_skip_and_times_count_the_calls_that_are_meant() -> None:
    assert struck_by({"skip": 3}) == list(range(3, 20))
    assert struck_by({"times": 2}) == [0, 1]
    assert struck_by({"skip": 3, "times": 2}) == [3, 4]
    assert len(struck_by({"chance": 0.5, "times": 4}, 100)) == 4
    assert struck_by({"on": "list_jobs"}) == []
    assert struck_by({"on": ["list_jobs", "create_job"], "times": 1}) == [0]


def test_a_fault_strikes_from_after_to_until_counted_from_when_it_was_put_in_force() -> None:
    assert struck_by({"after": 5, "until": 8}) == [5, 6, 7]
    faults = Faults(read_plan({"faults": [{"what": "quota", "until": 10}]}), since=1_000)
    asked = [(Operation.LIST_JOBS, now) for now in (1_000.0, 1_009.0, 1_010.0)]
    assert drawn(faults, asked) == [["quota"], ["quota"], []]


def test_every_kind_is_a_plan_and_says_so_again() -> None:
    for what in FAULTS:
        plan: Json = {"faults": [{"what": what, **REQUIRED.get(what, {})}]}
        assert read_plan(plan).model_dump(mode="json", exclude_unset=True) == plan
        if what in REQUIRED:
            with pytest.raises(WrongPlan, match="found nothing"):
                read_plan({"faults": [{"what": what}]})


def test_every_call_of_the_api_can_be_struck() -> None:
    operations = [route.operation for route in ROUTES]
    assert len(operations) == len(set(operations))
    assert set(operations) == set(Operation)


def test_a_wrong_plan_is_told_all_that_is_wrong_with_it() -> None:
    with pytest.raises(WrongPlan) as wrong:
        read_plan(
            {
                "seed": "x",
                "extra": 1,
                "faults": [
                    {"what": "lose_reply", "on": "creat_job", "chance": 2},
                    {"what": "lose_rely"},
                    {"chance": 1},
                    7,
                    {"what": "job_stuck", "status": "tired", "how": 3},
                    {"what": "job_stuck", "on": ["list_jobs", "create_job"]},
                    {"what": "delay", "seconds": "3", "times": 1.5},
                    {"what": "nulls", "fields": []},
                    {"what": "error_after", "status": 404, "on": 4},
                ],
            }
        )
    beginnings = [
        'seed: found "x", expected a whole number',
        "faults[0].on[0]: found \"creat_job\", expected 'list_files', ",
        "faults[0].chance: found 2, expected less than or equal to 1",
        "faults[1]: found 'lose_rely', expected one of ",
        "faults[2]: found no kind, expected a field 'what'",
        "faults[3]: found 7, expected an object",
        "faults[4].status: found \"tired\", expected 'validating_files', 'queued' or 'running'",
        "faults[4].how: found a field of this name, expected one of on, chance, ",
        "faults[5].on: found list_jobs, expected some of create_job",
        'faults[6].seconds: found "3", expected a number',
        "faults[6].times: found 1.5, expected a whole number",
        "faults[7].fields: found [], expected a list that isn't empty",
        "faults[8].on: found 4, expected a list",
        "faults[8].status: found 404, expected greater than or equal to 500",
        "extra: found a field of this name, expected one of seed, faults",
    ]
    assert len(wrong.value.problems) == len(beginnings)
    for beginning in beginnings:
        assert any(problem.startswith(beginning) for problem in wrong.value.problems), beginning


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"7", b"null", b'"x"', b"\xff", b"[" * 100_000, b'{"faults": {}}']
)
def test_what_is_no_plan_at_all_is_refused_in_words(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(text)
    with pytest.raises(
        WrongPlan, match=r"the fault plan .*plan\.json is wrong:\n  .*found "
    ) as said:
        load_plan(path)
    assert len(str(said.value)) < 400


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda values: (
            st.lists(values)
            | st.dictionaries(st.sampled_from(["faults", "what", "on", "seed"]), values)
        ),
    )
)
def test_no_document_breaks_the_reader(document: object) -> None:
    with contextlib.suppress(WrongPlan):
        read_plan(document)
