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
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param
        self.kind = kind

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


def unknown_route(method: str, path: str) -> ApiError:
    """Return the 404 of an address outside the API."""
    return ApiError(404, f"Invalid URL ({method} {path})", code="unknown_url")


def wrong_verb(method: str, path: str) -> ApiError:
    """Return the 405 of an address that takes other verbs."""
    return ApiError(405, f"Not allowed to {method} on {path}.", code="method_not_supported")


def server_error() -> ApiError:
    """Return the 500 of a defect of the sandbox itself."""
    return ApiError(
        500,
        "The server had an error while processing your request. Sorry about that!",
        kind="server_error",
    )
