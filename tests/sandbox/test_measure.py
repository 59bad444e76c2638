"""The measure that the sandbox is held to must be able to see: the document, and its departures."""

from typing import Any

import pytest
from jsonschema import ValidationError as NotAsDocumented
from pydantic import ValidationError as NotAsTyped

from tests.sandbox.document import check
from tests.sandbox.world import (
    BY_NAME,
    BY_PREFERENCE,
    DONE,
    HELD,
    JOB,
    RIGHT,
    UPLOAD,
    Call,
    World,
)

Json = dict[str, Any]


def _shown(world: World, number: int) -> Json:
    shown: Json = world.make(Call(BY_NAME[f"GET {JOB}"], about=number))
    return shown


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        (DONE, {"error": {"code": "a"}}),
        (DONE, {"error": {}, "status": "failed"}),
        (DONE, {"hyperparameters": None}),
        (BY_PREFERENCE, {"hyperparameters": 1}),
        (HELD, {"status": "pending"}),
        (DONE, {"created_at": 1.5}),
        (DONE, {"created_at": "1"}),
        (DONE, {"seed": None}),
        (DONE, {"one_more": None}),
        (DONE, {"usage_metrics": {}}),
        (DONE, {"method": {"type": "supervised", "supervised": {"hyperparameters": {"x": 1}}}}),
        (DONE, {"result_files": None}),
        (DONE, {"metadata": {"k": 1}}),
        (DONE, {"object": "job"}),
    ],
    ids=str,
)
def test_the_document_departs_in_the_named_ways_only(
    one_world: World, number: int, fault: Json
) -> None:
    job = _shown(one_world, number)
    check("FineTuningJob", job)
    with pytest.raises((NotAsDocumented, NotAsTyped, AssertionError)):
        check("FineTuningJob", job | fault)


def test_every_field_of_the_document_s_job_is_missed(one_world: World) -> None:
    job = _shown(one_world, DONE)
    optional = {"estimated_finish", "integrations", "metadata", "method"}
    for name in job.keys() - optional:
        with pytest.raises((NotAsDocumented, NotAsTyped, KeyError)):
            check("FineTuningJob", {key: value for key, value in job.items() if key != name})


def test_the_measure_sees_into_lists_and_uploads(one_world: World) -> None:
    page = one_world.make(Call(BY_NAME["GET /fine_tuning/jobs"]))
    page["data"][-1]["status"] = "unheard of"
    file = one_world.make(Call(UPLOAD, form={"purpose": "vision"}, content=b"a"))
    upload = one_world.make(Call(BY_NAME["POST /uploads"], **RIGHT["POST /uploads"]))
    for name, wrong in (
        ("ListPaginatedFineTuningJobsResponse", page),
        ("Upload", upload | {"file": file | {"purpose": "fun"}}),
        ("ErrorResponse", {"error": {"message": "a", "type": "b", "param": None}}),
    ):
        with pytest.raises((NotAsDocumented, NotAsTyped)):
            check(name, wrong)
