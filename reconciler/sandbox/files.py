"""`/files`: upload, list, retrieve, read and delete.

An upload goes straight to the disk, in pieces as they come in; a fine-tune file is then read once,
line by line, to see that it is JSONL. A file that was told to expire is gone when its time comes,
and its bytes with the next upload.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from reconciler.sandbox.bounds import (
    Range,
    choice,
    mapping,
    query_number,
    reject_unknown,
    required,
    whole_number,
)
from reconciler.sandbox.call import Call, FormContent, Json, Raw, listed
from reconciler.sandbox.errors import ApiError, invalid, unknown_file
from reconciler.sandbox.examples import check_upload
from reconciler.sandbox.records import FileRecord, Page
from reconciler.sandbox.state import Sandbox
from reconciler.sandbox.upload import FileField, Form

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
KEPT_FROM_READERS: Final = ("assistants", "user_data")
"""Purposes whose files are never given back."""
_ANCHOR: Final = "expires_after[anchor]"
_SECONDS: Final = "expires_after[seconds]"
_FIELDS: Final = ("purpose", _ANCHOR, _SECONDS)
_PAGE: Final = Range(1, 10_000)
_LIFESPAN: Final = Range(3_600, 2_592_000)
_BATCH_LIFESPAN: Final = 2_592_000


def open_file(sandbox: Sandbox, _: Mapping[str, str], content_type: str) -> Form:
    """Return where the form of `POST /files` goes."""
    expected = FileField("file", "file", sandbox.limits.file)
    return Form(content_type, sandbox.store.files_dir, expected)


def upload_file(call: Call) -> Json:
    """`POST /files`: take a multipart form with `purpose` and `file`."""
    sandbox, form = call.sandbox, call.form
    reject_unknown(form.fields, _FIELDS)
    path, purpose = _parts(form)
    lifespan = read_lifespan(_nested(form.fields), purpose)
    if not form.size:
        raise invalid("The uploaded file is empty.", "file", "empty_file")
    check_content(path, purpose)
    now = sandbox.now()
    sandbox.store.delete_expired_files(now)
    record = FileRecord(
        id=sandbox.store.new_name("file-"),
        created_at=now,
        purpose=purpose,
        filename=form.filename or "",
        bytes=form.size,
        lifespan=lifespan,
        fate=call.file_fate,
    )
    sandbox.store.add_file(record, path)
    return file_object(record)


def check_content(path: Path, purpose: str) -> None:
    """Refuse content that no file of this purpose can have."""
    if purpose == "fine-tune":
        check_upload(path)


def _parts(form: FormContent) -> tuple[Path, str]:
    """Return where the file lies and its purpose, or refuse a form that lacks one."""
    if form.path is None:
        raise invalid("Missing required parameter: 'file'.", "file", "missing_required_parameter")
    return form.path, check_purpose(form.fields.get("purpose"), PURPOSES)


def check_purpose(given: str | None, known: Collection[str]) -> str:
    """Return the purpose of a file to be made, or refuse it."""
    purpose = required(given, "purpose")
    if purpose not in known:
        choices = ", ".join(f"'{choice}'" for choice in known)
        raise invalid(
            f"'{purpose}' is not one of [{choices}] - 'purpose'", "purpose", "invalid_value"
        )
    return purpose


def _nested(fields: Mapping[str, str]) -> Json:
    """Return what a form says of its file's end as a JSON body would say it."""
    given = {"anchor": fields.get(_ANCHOR), "seconds": whole_number(fields.get(_SECONDS))}
    return {"expires_after": given} if {_ANCHOR, _SECONDS} & fields.keys() else {}


def read_lifespan(body: Json, purpose: str) -> int | None:
    """Return for how many seconds a file is there, by `expires_after`; None if it stays."""
    asked = mapping(body, "expires_after")
    if asked is None:
        return _BATCH_LIFESPAN if purpose == "batch" else None
    reject_unknown(asked, ("anchor", "seconds"), "expires_after.")
    choice(asked, "anchor", ("created_at",), "expires_after.")
    return int(_LIFESPAN.read(asked.get("seconds"), "expires_after.seconds"))


def list_files(call: Call) -> Json:
    """`GET /files`: by age, `purpose` keeps those of one purpose."""
    limit = query_number(call.query, "limit", 10_000, _PAGE)
    order = choice({"order": "desc", **call.query}, "order", ("asc", "desc"))
    call.sandbox.settle(call.now)
    after = call.query.get("after")
    if after is not None:
        _find(call, after)
    page = Page(after, limit + 1, order == "asc")
    records = call.sandbox.store.files(page, call.query.get("purpose"), call.now)
    return listed([file_object(record) for record in records], limit, has_ends=True)


def retrieve_file(call: Call) -> Json:
    """`GET /files/{id}`."""
    return file_object(_find(call, call.path["file"]))


def download_file(call: Call) -> Raw:
    """`GET /files/{id}/content`: the very bytes; files of some purposes are kept back."""
    record = _find(call, call.path["file"])
    if record.purpose in KEPT_FROM_READERS:
        raise ApiError(400, f"Not allowed to download files of purpose: {record.purpose}")
    return Raw(call.sandbox.store.path_of(record.id), "application/octet-stream")


def delete_file(call: Call) -> Json:
    """`DELETE /files/{id}`; models trained on it stay."""
    record = _find(call, call.path["file"])
    call.sandbox.store.delete_file(record.id)
    return {"id": record.id, "object": "file", "deleted": True}


def _find(call: Call, file_id: str) -> FileRecord:
    """Return a file; one that isn't there yet may be the result of a job that isn't settled."""
    store = call.sandbox.store
    record = store.file(file_id, call.now)
    if record is None:
        call.sandbox.settle(call.now)
        record = store.file(file_id, call.now)
    if record is None:
        raise unknown_file(file_id)
    return record


def file_object(record: FileRecord) -> Json:
    """Return a file as the API shows it; one that stays has no `expires_at`."""
    details = record.fate.details
    shown: Json = {
        "object": "file",
        "id": record.id,
        "purpose": record.purpose,
        "filename": record.filename,
        "bytes": record.bytes,
        "created_at": int(record.created_at),
        "status": record.fate.status,
        **({} if details is None else {"status_details": details}),
    }
    if record.lifespan is not None:
        shown["expires_at"] = int(record.created_at) + record.lifespan
    return shown
