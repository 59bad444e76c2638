"""What the API refuses, in OpenAI's envelope and words.

    ApiError(status, message, code, param, type) -> {"error": {message, type, param, code}}

Wordings and codes are those of real answers seen in public code and threads; where none was found
the sentence follows the pattern of its neighbours.
"""

from typing import Final

INVALID_REQUEST: Final = "invalid_request_error"


class ApiError(Exception):
    """A refused call: its HTTP status and what the error envelope says."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kind: str = INVALID_REQUEST,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind
        self.retry_after = retry_after

    def envelope(self) -> dict[str, object]:
        """Return the body of the refusal: all four keys are always there."""
        return {
            "error": {
                "message": self.message,
                "type": self.kind,
                "param": self.param,
                "code": self.code,
            }
        }


def invalid(message: str, param: str | None, code: str | None = None) -> ApiError:
    """Return the 400 of a field that can't be accepted."""
    return ApiError(400, message, code=code, param=param)


def missing_key() -> ApiError:
    """Return the 401 of a request without a bearer token."""
    return ApiError(
        401,
        "You didn't provide an API key. You need to provide your API key in an Authorization "
        "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        code="invalid_api_key",
    )


def wrong_key(key: str) -> ApiError:
    """Return the 401 of a key this sandbox wasn't started with; the key itself isn't repeated."""
    shown = f"{key[:3]}***{key[-2:]}" if len(key) > 12 else "***"
    return ApiError(401, f"Incorrect API key provided: {shown}.", code="invalid_api_key")


def unknown_file(file_id: str) -> ApiError:
    """Return the 404 of a file that isn't there (any more)."""
    return ApiError(404, f"No such File object: {file_id}", param="id")


def unknown_upload(upload_id: str) -> ApiError:
    """Return the 404 of an upload that was never begun."""
    return ApiError(404, f"No such Upload object: {upload_id}", param="upload_id")


def unknown_job(job_id: str) -> ApiError:
    """Return the 404 of a job that isn't there."""
    return ApiError(
        404,
        f"Could not find fine tune: {job_id}",
        code="fine_tune_not_found",
        param="fine_tune_id",
    )


def unknown_model(name: str) -> ApiError:
    """Return the 404 of a model that isn't there (any more)."""
    return ApiError(
        404,
        f"The model `{name}` does not exist or you do not have access to it.",
        code="model_not_found",
        param="model",
    )


def unavailable_base() -> ApiError:
    """Return the 400 of a job on a model that can't be trained (any more)."""
    return invalid(
        "The specified base model does not exist or is not available for fine-tuning.",
        "model",
        "model_not_available",
    )


def unknown_route(method: str, path: str) -> ApiError:
    """Return the 404 of an address outside the API."""
    return ApiError(404, f"Invalid URL ({method} {path})", code="unknown_url")


def wrong_verb(method: str, path: str) -> ApiError:
    """Return the 405 of an address that takes other verbs."""
    return ApiError(405, f"Not allowed to {method} on {path}.", code="method_not_supported")


def server_error(status: int = 500) -> ApiError:
    """Return the 5xx of a defect: the sandbox's own, or one that was asked for."""
    return ApiError(
        status,
        "The server had an error while processing your request. Sorry about that!",
        kind="server_error",
    )


def rate_limited(retry_after: int) -> ApiError:
    """Return the 429 of too many requests; seconds until the next may come."""
    return ApiError(
        429,
        "Rate limit reached for requests. Please try again later.",
        code="rate_limit_exceeded",
        kind="requests",
        retry_after=retry_after,
    )


def out_of_quota() -> ApiError:
    """Return the 429 of an account without money."""
    return ApiError(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        code="insufficient_quota",
        kind="insufficient_quota",
    )


def revoked_key() -> ApiError:
    """Return the 401 of a key that was taken back."""
    return ApiError(401, "Incorrect API key provided: ***.", code="invalid_api_key")


def no_training() -> ApiError:
    """Return the 403 of an organisation that may create no jobs any more."""
    return ApiError(
        403,
        "Creating fine-tuning jobs is no longer available for your organization.",
        code="training_not_available",
    )
