"""What a client can ask of the API, by the names of the handlers."""

from enum import StrEnum
from typing import Final


class Operation(StrEnum):
    """The calls of the API."""

    LIST_FILES = "list_files"
    UPLOAD_FILE = "upload_file"
    RETRIEVE_FILE = "retrieve_file"
    DOWNLOAD_FILE = "download_file"
    DELETE_FILE = "delete_file"
    BEGIN_UPLOAD = "begin_upload"
    ADD_PART = "add_part"
    COMPLETE_UPLOAD = "complete_upload"
    CANCEL_UPLOAD = "cancel_upload"
    CREATE_JOB = "create_job"
    LIST_JOBS = "list_jobs"
    RETRIEVE_JOB = "retrieve_job"
    CANCEL_JOB = "cancel_job"
    PAUSE_JOB = "pause_job"
    RESUME_JOB = "resume_job"
    LIST_EVENTS = "list_events"
    LIST_CHECKPOINTS = "list_checkpoints"
    LIST_MODELS = "list_models"
    RETRIEVE_MODEL = "retrieve_model"
    DELETE_MODEL = "delete_model"
    COMPLETE = "complete"


Operations = frozenset[Operation]

EVERY: Final = frozenset(Operation)
CREATES: Final = frozenset({Operation.CREATE_JOB})
MAKES_FILE: Final = frozenset({Operation.UPLOAD_FILE, Operation.COMPLETE_UPLOAD})
SHOWS_JOBS: Final = frozenset(
    {
        Operation.CREATE_JOB,
        Operation.LIST_JOBS,
        Operation.RETRIEVE_JOB,
        Operation.CANCEL_JOB,
        Operation.PAUSE_JOB,
        Operation.RESUME_JOB,
    }
)
LISTS_BY_PAGE: Final = frozenset(
    {
        Operation.LIST_FILES,
        Operation.LIST_JOBS,
        Operation.LIST_EVENTS,
        Operation.LIST_CHECKPOINTS,
    }
)
LISTS: Final = LISTS_BY_PAGE | {Operation.LIST_MODELS}
FILTERS: Final = frozenset({Operation.LIST_FILES, Operation.LIST_JOBS})
NEEDS_UPLOAD: Final = frozenset(
    {Operation.ADD_PART, Operation.COMPLETE_UPLOAD, Operation.CANCEL_UPLOAD}
)
NAMES_MODEL: Final = frozenset(
    {Operation.CREATE_JOB, Operation.LIST_MODELS, Operation.RETRIEVE_MODEL, Operation.COMPLETE}
)
