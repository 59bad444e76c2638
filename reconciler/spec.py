"""The two documents that a team writes: ``FineTune`` and ``Project``.

Field names inside ``spec`` are the API's own where it has one. The JSON Schemas under ``schemas/``
are generated from these models. Bounds: OpenAI's API document of 2026-08-21.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Annotated, Final, Literal, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, PydanticKnownError

API_VERSION: Final = "reconciler.dev/v1"
NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
REPOSITORY_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]*/\.*[A-Za-z0-9_-][A-Za-z0-9._-]*$"
RUN_KEY_PATTERN = r"^[0-9a-f]{64}$"
AUTO = "auto"

Name = Annotated[str, Field(pattern=NAME_PATTERN, description="[a-z0-9-], 1..63 characters")]
Text = Annotated[str, Field(min_length=1)]


class Document(BaseModel):
    """Base of all parts of a document: immutable, no unknown keys, nothing bent to fit."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_by_name=True
    )


def _bound_error(expected: str, found: object) -> PydanticCustomError:
    return PydanticCustomError(
        "bound", "expected {expected}", {"expected": expected, "found": repr(found)}
    )


def _whole(low: int, high: int) -> Callable[[object], object]:
    """``"auto"`` or a whole number within bounds; 3.0 is 3. One error, not one a union member."""

    def check(value: object) -> object:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value == AUTO or (type(value) is int and low <= value <= high):
            return value
        raise _bound_error(f'"auto" or a whole number from {low} to {high}', value)

    return check


def _positive(high: float = inf) -> Callable[[object], object]:
    """``"auto"`` or a finite number above 0, up to ``high``; 3 is 3.0."""
    limit = f", at most {high:g}" if high < inf else ""

    def check(value: object) -> object:
        if value == AUTO:
            return value
        if type(value) in (int, float) and 0 < cast(float, value) <= high and value != inf:
            return float(cast(float, value))
        raise _bound_error(f'"auto" or a number above 0{limit}', value)

    return check


def _last_or_step(value: object) -> object:
    if value == "last" or (type(value) is int and value >= 1):
        return value
    raise _bound_error('"last" or the number of a step', value)


def _auto_or(bounds: JsonSchemaValue) -> WithJsonSchema:
    return WithJsonSchema({"oneOf": [{"const": AUTO}, bounds]})


Epochs = Annotated[
    int | Literal["auto"],
    BeforeValidator(_whole(1, 50)),
    _auto_or({"type": "integer", "minimum": 1, "maximum": 50}),
]
BatchSize = Annotated[
    int | Literal["auto"],
    BeforeValidator(_whole(1, 256)),
    _auto_or({"type": "integer", "minimum": 1, "maximum": 256}),
]
LearningRate = Annotated[
    float | Literal["auto"],
    BeforeValidator(_positive()),
    _auto_or({"type": "number", "exclusiveMinimum": 0}),
]
Beta = Annotated[
    float | Literal["auto"],
    BeforeValidator(_positive(2.0)),
    _auto_or({"type": "number", "exclusiveMinimum": 0, "maximum": 2}),
]


class Hyperparameters(Document):
    """The API's hyperparameters; absent or "auto" lets the service choose."""

    n_epochs: Epochs | None = Field(None, description='passes over the data: "auto" or 1..50')
    batch_size: BatchSize | None = Field(None, description='examples a step: "auto" or 1..256')
    learning_rate_multiplier: LearningRate | None = Field(None, description='"auto" or above 0')
    beta: Beta | None = Field(None, description='dpo only: "auto" or above 0, at most 2')

    def declared(self) -> dict[str, int | float | str]:
        """The fields that were written, "auto" included, by the API's names."""
        return self.model_dump(exclude_none=True)


class Lint(Document):
    """How findings in the data are taken."""

    level: Literal["error", "warning"] = Field(
        "error", description='what stops a pass: errors alone, or "warning"s too'
    )
    accept: list[Annotated[str, Field(pattern=r"^DS[0-9]{3}$")]] = Field(
        default_factory=list, description="ids of rules whose findings are accepted, not told"
    )


class Dataset(Document):
    """Paths of the JSONL files, relative to the spec file and inside the project."""

    training: Text = Field(description="the training file")
    validation: Text | None = Field(None, description="held-out examples, never trained on")
    # Written out in full: the schema of a dataset is put, as a whole, beside its shorthand.
    lint: Annotated[Lint, WithJsonSchema(Lint.model_json_schema())] = Field(
        default_factory=Lint, description="which findings stop a pass"
    )


def _dataset_shorthand(value: object) -> object:
    return {"training": value} if isinstance(value, str) else value


def _dataset_schema() -> WithJsonSchema:
    text = {"type": "string", "minLength": 1}
    return WithJsonSchema({"anyOf": [text, Dataset.model_json_schema()]})


class ParentModel(Document):
    """Another spec's model, to be trained further."""

    from_: Name = Field(alias="from", description="metadata.name of the spec to start from")
    checkpoint: Annotated[
        int | Literal["last"],
        BeforeValidator(_last_or_step),
        WithJsonSchema({"oneOf": [{"const": "last"}, {"type": "integer", "minimum": 1}]}),
    ] = Field("last", description='"last" for the finished model, or the step of a checkpoint')


TEXT_TAG, CHAIN_TAG = "(a base)", "(a chain)"
"""What pydantic puts into the path of an error to say which of the two a model was read as."""


def _written_as(value: object) -> str:
    return CHAIN_TAG if isinstance(value, dict | ParentModel) else TEXT_TAG


ModelSource = Annotated[
    Annotated[Text, Tag(TEXT_TAG)] | Annotated[ParentModel, Tag(CHAIN_TAG)],
    Discriminator(_written_as),
]


class Adopt(Document):
    """Git's word that a job which exists is the training of a run key."""

    job: Text = Field(description="the job's id")
    run_key: Annotated[str, Field(pattern=RUN_KEY_PATTERN)] = Field(
        description="the run key that it stands for; `reconcile import` and a held plan name it"
    )


OnLoss = Literal["report", "retrain", "ignore"]
OnChange = Literal["report", "ignore"]


class OnDrift(Document):
    """What is done when the provider moved away from Git, by what happened there."""

    model_deleted: OnLoss = "report"
    job_cancelled: OnLoss = "report"
    job_paused: OnChange = "report"
    file_deleted: OnChange = "report"
    fields_changed: OnChange = "report"


class Lifecycle(Document):
    """What may happen to a model over time; nothing here ever causes a training by itself."""

    on_drift: OnDrift = Field(default_factory=OnDrift)
    on_remove: Literal["retain", "prune"] = Field(
        "retain", description="whether `reconcile prune` deletes its models once the spec is gone"
    )
    prevent_retrain: bool = Field(
        False, description="true: once it has a model, a change of the spec trains no other"
    )


class Metadata(Document):
    """A document's name, and labels to select by; neither ever causes a training."""

    name: Name
    labels: dict[Text, str] = Field(default_factory=dict, description="free; selectable with -l")


class FineTuneSpec(Document):
    """What shall be trained: base, data, method, hyperparameters."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["dataset"]}, {"required": ["adopt"]}]}
    )

    model: ModelSource = Field(
        description="a snapshot such as gpt-4.1-mini-2025-04-14, never an alias; or {from: NAME}"
    )
    adopt: Adopt | None = Field(None, description="a job that exists and is this training")
    dataset: Annotated[Dataset, BeforeValidator(_dataset_shorthand), _dataset_schema()] | None = (
        Field(
            None,
            validate_default=True,
            description="the data; optional only beside adopt",
        )
    )
    method: Literal["supervised", "dpo"] = "supervised"
    hyperparameters: Hyperparameters = Field(default_factory=Hyperparameters)
    suffix: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(
        None, description="shown in the model's name"
    )
    seed: Annotated[int, Field(ge=0, le=2_147_483_647)] | None = None
    suspend: bool = Field(False, description="true: the spec stays, and nothing is done for it")
    lifecycle: Lifecycle = Field(default_factory=Lifecycle)

    @field_validator("dataset")
    @classmethod
    def _data_or_a_job(cls, value: Dataset | None, info: ValidationInfo) -> Dataset | None:
        if value is None and info.data.get("adopt", ...) is None:
            raise PydanticKnownError("missing")
        return value

    @field_validator("hyperparameters")
    @classmethod
    def _beta_is_for_dpo(cls, value: Hyperparameters, info: ValidationInfo) -> Hyperparameters:
        method = info.data.get("method", "dpo")
        if method != "dpo" and value.beta is not None:
            raise PydanticCustomError(
                "beta_without_dpo",
                "expected {expected}",
                {"expected": "beta only with method: dpo", "found": f"beta, method: {method}"},
            )
        return value


class FineTune(Document):
    """One model that shall exist."""

    apiVersion: Literal["reconciler.dev/v1"]  # noqa: N815  # Kubernetes' own spelling
    kind: Literal["FineTune"]
    metadata: Metadata
    spec: FineTuneSpec


class ProviderPin(Document):
    """The endpoint that this project lives on; any other is refused."""

    base_url: Text | None = Field(None, description="such as https://api.openai.com/v1")
    organization: Text | None = None
    project: Text | None = None


Usd = Annotated[float, Field(ge=0)]


class Budget(Document):
    """Limits in US dollars; an estimate above them is refused."""

    per_job: Usd | None = Field(None, description="one training")
    per_pass: Usd | None = Field(None, description="all new trainings of a pass")
    per_month: Usd | None = Field(
        None, description="a pass, and what was billed to this owner since the month began (UTC)"
    )
    approval_above: Usd | None = Field(
        None, description="a pass above this sum needs a person's yes, whatever else allows it"
    )


class Policy(Document):
    """What this project trains at all; a policy only ever takes trainings away."""

    allowed_models: list[Text] | None = Field(None, description="bases, as snapshots")
    allowed_methods: list[Literal["supervised", "dpo"]] | None = None
    max_epochs: Annotated[int, Field(ge=1, le=50)] | None = Field(
        None, description='"auto" counts as what it is expected to come to'
    )
    require_validation: bool = Field(False, description="true: each training has a validation file")
    require_labels: list[Text] = Field(default_factory=list, description="keys that specs carry")
    min_useful_days: Annotated[int, Field(ge=0)] = Field(
        14, description="days that a model must have before its base is shut down"
    )


class Prune(Document):
    """What `reconcile prune` leaves alone."""

    keep: Annotated[int, Field(ge=0)] = Field(
        1, description="earlier models of a spec that stay, so that a revert costs nothing"
    )
    per_run: Annotated[int, Field(ge=1)] = Field(20, description="objects deleted in one run")
    max_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5,
        description="share of the specs with a model that may be gone before it looks a mistake",
    )


class Fuses(Document):
    """What stops a runaway: a pass that wants more creates nothing, and says so."""

    jobs_per_pass: Annotated[int, Field(ge=1)] = Field(20, description="new jobs in one pass")
    creates_per_day: Annotated[int, Field(ge=1)] = Field(
        5, description="creates of one spec, by its name, in any 24 hours"
    )


class FolderLedger(Document):
    """Rights to create are kept in a folder that all runners of the project share."""

    kind: Literal["dir"] = "dir"
    path: Text = Field(".reconciler/ledger", description="relative to the project root")
    on_network: bool = Field(
        False, description="true: the folder may be on a network file system, at your own risk"
    )


class GithubLedger(Document):
    """Rights to create are kept in a GitHub repository, as git refs under refs/reconciler/."""

    kind: Literal["github"]
    repository: Annotated[str, Field(pattern=REPOSITORY_PATTERN)] | None = Field(
        None, description="owner/name; without it the one that GITHUB_REPOSITORY names"
    )


def _ledger_default(value: object) -> object:
    return {"kind": "dir", **value} if isinstance(value, dict) else value


LedgerSettings = Annotated[
    FolderLedger | GithubLedger, Field(discriminator="kind"), BeforeValidator(_ledger_default)
]
"""Where rights to create are kept. All runners of one project must share it."""


class Price(Document):
    """An override of a catalog price, for a contract of one's own or another endpoint."""

    training: Annotated[float, Field(ge=0)] = Field(description="US dollars a million tokens")
    source: Text = Field(description="where the figure comes from")


class ProjectSpec(Document):
    """Settings of the whole project."""

    specs: list[Text] = Field(default_factory=lambda: ["specs"], description="folders of specs")
    provider: ProviderPin = Field(default_factory=ProviderPin)
    budget: Budget = Field(default_factory=Budget)
    policy: Policy = Field(default_factory=Policy, description="what may be trained at all")
    prune: Prune = Field(default_factory=Prune)
    fuses: Fuses = Field(default_factory=Fuses, description="limits that a mistake runs into")
    doubt_budget: Annotated[float, Field(ge=0)] = Field(
        0.0, description="a training below this may be sent again when its first reply was lost"
    )
    doubt_window: Annotated[int, Field(ge=300)] = Field(
        900, description="seconds by the server's clock before a lost reply may be judged"
    )
    ledger: LedgerSettings = Field(default_factory=FolderLedger)
    prices: dict[Text, Price] = Field(default_factory=dict, description="by base model")


class Project(Document):
    """``reconciler.yaml`` at the root: the owner's name, the pinned endpoint, the limits."""

    apiVersion: Literal["reconciler.dev/v1"]  # noqa: N815  # Kubernetes' own spelling
    kind: Literal["Project"]
    metadata: Metadata
    spec: ProjectSpec = Field(default_factory=ProjectSpec)
