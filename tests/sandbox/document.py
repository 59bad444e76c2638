"""OpenAI's document as a measure: what each call takes and answers, checked without leniency.

The schemas are closed (a field that isn't in the document is a fault), and each object must also be
valid, strictly, for the type that the SDK reads it as. Where the real service departs from its
document the sandbox follows the service: `DEPARTURES` names each way, and undoes nothing else.
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from openai import BaseModel
from openai.types import FileDeleted, FileObject, Model, ModelDeleted, Upload
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint
from openai.types.uploads import UploadPart

Json = dict[str, Any]
Departure = Callable[[Json], None]

SDK_TYPES: Final[Mapping[str, type[BaseModel]]] = {
    "DeleteFileResponse": FileDeleted,
    "DeleteModelResponse": ModelDeleted,
    "FineTuningJob": FineTuningJob,
    "FineTuningJobCheckpoint": FineTuningJobCheckpoint,
    "FineTuningJobEvent": FineTuningJobEvent,
    "Model": Model,
    "OpenAIFile": FileObject,
    "Upload": Upload,
    "UploadPart": UploadPart,
}
BEYOND_THE_DOCUMENT: Final = {
    "user_provided_suffix": (str, type(None)),
    "usage_metrics": (type(None),),
    "shared_with_openai": (bool,),
}


def _a_healthy_jobs_error_is_an_empty_object(job: Json) -> None:
    if job.get("error") == {} and job["status"] != "failed":
        job["error"] = None


def _a_preference_job_has_no_hyperparameters_of_its_own(job: Json) -> None:
    if job.get("hyperparameters", 0) is None and job["method"]["type"] == "dpo":
        job["hyperparameters"] = {}


def _a_job_held_back_has_a_status_of_its_own(job: Json) -> None:
    if job.get("status") in ("pausing", "paused"):
        job["status"] = "running"


def _a_job_carries_three_fields_more(job: Json) -> None:
    for name, types in BEYOND_THE_DOCUMENT.items():
        assert isinstance(job.pop(name), types)


def _a_file_may_be_of_the_purpose_evals(file: Json) -> None:
    """`CreateFileRequest` takes this purpose, and `OpenAIFile` knows it not."""
    if file.get("purpose") == "evals":
        file["purpose"] = "user_data"


DEPARTURES: Final[Mapping[str, tuple[Departure, ...]]] = {
    "fine_tuning.job": (
        _a_healthy_jobs_error_is_an_empty_object,
        _a_preference_job_has_no_hyperparameters_of_its_own,
        _a_job_held_back_has_a_status_of_its_own,
        _a_job_carries_three_fields_more,
    ),
    "file": (_a_file_may_be_of_the_purpose_evals,),
}
"""By the `object` of those that depart."""


def objects_of(answer: object) -> Iterator[Json]:
    """Find every API object in an answer: itself, those of a list, the file of an upload."""
    if isinstance(answer, list):
        for one in answer:
            yield from objects_of(one)
    elif isinstance(answer, dict):
        if isinstance(answer.get("object"), str):
            yield answer
        yield from objects_of([answer.get("data"), answer.get("file")])


def as_documented(answer: Json) -> Json:
    """Return an answer with the service's departures undone."""
    documented = copy.deepcopy(answer)
    for shown in objects_of(documented):
        for undo in DEPARTURES.get(shown["object"], ()):
            undo(shown)
    return documented


def _closed(schema: Any) -> Any:
    """Return a schema whose objects have the fields it names and no others."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if "properties" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


_DOCUMENT: Final[Json] = json.loads(Path(__file__).with_name("openai-schemas.json").read_text())
_COMPONENTS: Final = {"components": _closed(_DOCUMENT["components"])}


def schema_of(name: str) -> Json:
    """Return a schema of the document, closed."""
    schema: Json = _COMPONENTS["components"]["schemas"][name]
    return schema


def check(name: str, answer: Any) -> None:
    """Compare an answer with a schema of the document, and with the SDK's type of it."""
    documented = as_documented(answer)
    _validate(name, documented)
    rows = documented["data"] if documented.get("object") == "list" else [documented]
    row_name = _row_name(name)
    for row in rows:
        if row_name in SDK_TYPES:
            SDK_TYPES[row_name].model_validate(row, strict=True)


def accepts(name: str, body: object) -> bool:
    """Tell whether the document takes a request body."""
    return Draft202012Validator(_COMPONENTS | _reference(name)).is_valid(body)


def _validate(name: str, answer: Json) -> None:
    Draft202012Validator(_COMPONENTS | _reference(name)).validate(answer)


def _reference(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _row_name(name: str) -> str:
    """Return the schema of a list's rows, or the schema itself."""
    data = schema_of(name).get("properties", {}).get("data")
    reference: str = data["items"]["$ref"] if data else name
    return reference.rpartition("/")[2]


@dataclass(frozen=True)
class Operation:
    """A call of the document.

    Attributes:
        method: Its verb.
        path: Its address, with the names of what it is about in braces.
        query: Schemas of its query parameters by name.
        answer: The schema of its answer; None for the bytes of a file.
    """

    method: str
    path: str
    query: Mapping[str, Json]
    answer: str | None

    def check(self, answer: Any) -> None:
        """Compare an answer that isn't a refusal with the document."""
        if self.answer is not None:
            check(self.answer, answer)


def _operation(method: str, path: str, described: Json) -> Operation:
    (content,) = described["responses"]["200"]["content"].values()
    query = {one["name"]: one["schema"] for one in described.get("parameters", ())}
    reference = content["schema"].get("$ref")
    answer = reference.rpartition("/")[2] if reference else None
    return Operation(method.upper(), path, query, answer)


OPERATIONS: Final = tuple(
    _operation(method, path, described)
    for path, described_path in _DOCUMENT["paths"].items()
    for method, described in described_path.items()
)
