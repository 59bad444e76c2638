"""The faults a plan can ask for: data, each with the fields that it alone has.

    before the call   it is refused, or lost: nothing is done
    twisted           it is carried out otherwise than it was asked for
    fated             what it makes comes to a bad end, for everybody and for good
    shown             it is carried out; the answer says something else
    spoiled           it is carried out; the answer doesn't arrive as it is

Pure: what each one does is in `exchange` and the modules beside it.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)
from pydantic_core import PydanticCustomError

from reconciler.sandbox.faults import operations
from reconciler.sandbox.faults.operations import Operation, Operations

Seconds = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
ServerError = Annotated[int, Field(ge=500, le=599)]
ClientError = Annotated[int, Field(ge=400, le=499)]
RetryAfter = Annotated[int, Field(ge=0, le=86_400)]


def _as_list(on: object) -> object:
    return [] if on == "*" else [on] if isinstance(on, str) else on


def _as_written(on: tuple[Operation, ...]) -> object:
    return "*" if not on else on[0] if len(on) == 1 else list(on)


class Struck(BaseModel):
    """What all faults have: which calls they strike, and how often.

    Attributes:
        on: The operations; empty (written "*") is every one that this kind can strike.
        chance: How likely a call is struck.
        skip: Calls that go by before the first is struck.
        times: How many calls are struck at most.
        after: Simulated seconds, from when the plan was put in force, until it begins to strike.
        until: The same, until it strikes no more.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    where: ClassVar[Operations] = operations.EVERY

    on: Annotated[
        tuple[Annotated[Operation, Field(strict=False)], ...],
        Field(strict=False),
        BeforeValidator(_as_list),
        PlainSerializer(_as_written),
    ] = ()
    chance: Annotated[float, Field(ge=0, le=1)] = 1.0
    skip: Annotated[int, Field(ge=0)] = 0
    times: Annotated[int, Field(ge=1)] | None = None
    after: Seconds = 0.0
    until: Seconds | None = None

    @model_validator(mode="after")
    def _can_strike(self) -> Self:
        elsewhere = [operation.value for operation in self.on if operation not in self.where]
        if elsewhere:
            raise PydanticCustomError(
                "elsewhere",
                "found {found}, expected {expected}",
                {
                    "found": ", ".join(elsewhere),
                    "expected": "some of " + ", ".join(sorted(self.where)),
                },
            )
        return self

    def may_strike(self, operation: Operation) -> bool:
        """Tell whether calls of an operation are meant."""
        return operation in (self.on or self.where)


# ---- before the call -----------------------------------------------------------------------------


class LoseRequest(Struck):
    """The connection ends before anything is done."""

    what: Literal["lose_request"]


class ErrorBefore(Struck):
    """A 5xx, and nothing done."""

    what: Literal["error_before"]
    status: ServerError = 500


class Refuse(Struck):
    """A 4xx, and nothing done."""

    what: Literal["refuse"]
    status: ClientError
    code: str | None = None
    message: str = "Your request was refused."
    retry_after: RetryAfter | None = None


class RateLimit(Struck):
    """The 429 of too many requests."""

    what: Literal["rate_limit"]
    retry_after: RetryAfter = 1


class Quota(Struck):
    """The 429 of an account without money, which no waiting ends."""

    what: Literal["quota"]


class KeyRevoked(Struck):
    """The 401 of a key that was taken back."""

    what: Literal["key_revoked"]


class TrainingNotAvailable(Struck):
    """The 403 of an organisation that may create no jobs any more."""

    what: Literal["training_not_available"]
    where: ClassVar[Operations] = operations.CREATES


class BaseRetired(Struck):
    """A base is gone: no job is created on it, and no list of models names it."""

    what: Literal["base_retired"]
    where: ClassVar[Operations] = operations.NAMES_MODEL
    model: str


# ---- twisted -------------------------------------------------------------------------------------


class Duplicate(Struck):
    """The request is delivered, and carried out, twice."""

    what: Literal["duplicate"]
    answer: Literal["first", "second"] = "second"


class IgnoreCursor(Struck):
    """`after` has no effect: each page is the first."""

    what: Literal["ignore_cursor"]
    where: ClassVar[Operations] = operations.LISTS_BY_PAGE


class IgnoreFilter(Struck):
    """`metadata[k]=v` and `purpose` have no effect: the list holds everything."""

    what: Literal["ignore_filter"]
    where: ClassVar[Operations] = operations.FILTERS


class DropMetadata(Struck):
    """A job that is created loses its metadata; one that is shown shows none."""

    what: Literal["drop_metadata"]
    where: ClassVar[Operations] = operations.SHOWS_JOBS


class Md5Mismatch(Struck):
    """The bytes of an upload don't have the MD5 that they should have."""

    what: Literal["md5_mismatch"]
    where: ClassVar[Operations] = frozenset({Operation.COMPLETE_UPLOAD})


class ExpireUpload(Struck):
    """The upload has expired when the call comes."""

    what: Literal["expire_upload"]
    where: ClassVar[Operations] = operations.NEEDS_UPLOAD


class LostPart(Struck):
    """A part is acknowledged, and lost."""

    what: Literal["lost_part"]
    where: ClassVar[Operations] = frozenset({Operation.ADD_PART})


# ---- fated ---------------------------------------------------------------------------------------


class FileStuck(Struck):
    """The file is never ready to be used."""

    what: Literal["file_stuck"]
    where: ClassVar[Operations] = operations.MAKES_FILE
    status: Literal["uploaded", "pending", "processing"] = "pending"


class FileError(Struck):
    """The file is found to be unusable."""

    what: Literal["file_error"]
    where: ClassVar[Operations] = operations.MAKES_FILE
    details: str = "The file could not be processed."


class JobStuck(Struck):
    """The job never leaves a status."""

    what: Literal["job_stuck"]
    where: ClassVar[Operations] = operations.CREATES
    status: Literal["validating_files", "queued", "running"] = "running"


class JobFails(Struck):
    """The job fails when its files are checked, for the data, a policy or the server."""

    what: Literal["job_fails"]
    where: ClassVar[Operations] = operations.CREATES
    why: Literal["data", "policy", "server_error"] = "data"
    code: str | None = None
    message: str | None = None


class JobCancelled(Struck):
    """Somebody else cancels the job, unless it has ended by then."""

    what: Literal["job_cancelled"]
    where: ClassVar[Operations] = operations.CREATES
    seconds: Seconds = 0.0


class JobDeleted(Struck):
    """The job is gone, with its model, as if it had never been."""

    what: Literal["job_deleted"]
    where: ClassVar[Operations] = operations.CREATES
    seconds: Seconds = 0.0


class ModelDeleted(Struck):
    """Somebody else deletes the model after the job has succeeded."""

    what: Literal["model_deleted"]
    where: ClassVar[Operations] = operations.CREATES
    seconds: Seconds = 0.0


# ---- shown ---------------------------------------------------------------------------------------


class Stale(Struck):
    """A list doesn't show yet what was made in the last seconds (simulated ones)."""

    what: Literal["stale"]
    where: ClassVar[Operations] = operations.LISTS
    seconds: Seconds = 60.0


class EmptyPage(Struck):
    """A page without rows that says that there are more."""

    what: Literal["empty_page"]
    where: ClassVar[Operations] = operations.LISTS_BY_PAGE


class LoopCursor(Struck):
    """The last page says that there are more, and the one after it is the first again."""

    what: Literal["loop_cursor"]
    where: ClassVar[Operations] = operations.LISTS_BY_PAGE


class ShowStatus(Struck):
    """Jobs are shown in another status, one that no document names for instance."""

    what: Literal["status"]
    where: ClassVar[Operations] = operations.SHOWS_JOBS
    value: str


class Nulls(Struck):
    """Fields of the objects in the answer are null."""

    what: Literal["nulls"]
    fields: Annotated[list[str], Field(min_length=1)]


class ClockSkew(Struck):
    """The `Date` of the answer is wrong by so many seconds, which may be negative."""

    what: Literal["clock_skew"]
    seconds: Annotated[float, Field(ge=-1e9, le=1e9)]


# ---- spoiled -------------------------------------------------------------------------------------


class LoseReply(Struck):
    """The call is carried out, and the connection ends without an answer."""

    what: Literal["lose_reply"]


class Delay(Struck):
    """The call is carried out at once; the answer comes after so many real seconds."""

    what: Literal["delay"]
    seconds: Annotated[float, Field(ge=0, le=3600)]


class ErrorAfter(Struck):
    """The call is carried out, and the answer is a 5xx."""

    what: Literal["error_after"]
    status: ServerError = 500


class Truncate(Struck):
    """The call is carried out, and the connection ends in the middle of the answer."""

    what: Literal["truncate"]


class Garble(Struck):
    """The call is carried out, and the answer is a 200 whose body is no JSON."""

    what: Literal["garble"]
    content_type: str = "application/json"


RefusingAsUsual = RateLimit | Quota | KeyRevoked | TrainingNotAvailable
Refusing = ErrorBefore | Refuse | BaseRetired | RefusingAsUsual
Twisting = IgnoreCursor | IgnoreFilter | DropMetadata | Md5Mismatch | ExpireUpload
FatingJobs = JobStuck | JobFails | JobCancelled | JobDeleted | ModelDeleted
Fating = FileStuck | FileError | FatingJobs
ShowingFields = ShowStatus | Nulls | DropMetadata
Showing = Stale | EmptyPage | LoopCursor | BaseRetired | LostPart | ShowingFields
Spoiling = LoseRequest | LoseReply | Delay | ErrorAfter | Truncate | Garble
Fault = Refusing | Duplicate | Twisting | Fating | Showing | Spoiling | ClockSkew
