"""`/uploads`: files sent in parts, several at a time, from any number of connections.

Parts go straight to the disk. Completing an upload writes them one after another and looks at the
whole as `/files` looks at a file; until then there is no file, and after an hour no upload.
"""

from collections.abc import Mapping
from typing import Final

from reconciler.sandbox import pending
from reconciler.sandbox.bounds import (
    Range,
    reject_unknown,
    required,
    text,
    wrong_type,
)
from reconciler.sandbox.call import Call, FormContent, Json
from reconciler.sandbox.errors import ApiError, invalid, unknown_upload
from reconciler.sandbox.files import check_content, check_purpose, file_object, read_lifespan
from reconciler.sandbox.pending import UploadRecord
from reconciler.sandbox.records import FileRecord
from reconciler.sandbox.state import Sandbox
from reconciler.sandbox.upload import FileField, Form

PURPOSES: Final = ("assistants", "batch", "fine-tune", "vision")
_FIELDS: Final = ("filename", "purpose", "bytes", "mime_type", "expires_after")


def begin_upload(call: Call) -> Json:
    """`POST /uploads`: announce a file by name, purpose and size."""
    reject_unknown(call.body, _FIELDS)
    filename = required(text(call.body, "filename"), "filename")
    purpose = check_purpose(text(call.body, "purpose"), PURPOSES)
    required(text(call.body, "mime_type"), "mime_type")
    lifespan = read_lifespan(call.body, purpose)
    pending.sweep(call.sandbox.store, call.now)
    record = UploadRecord(
        id=call.sandbox.store.new_name("upload_"),
        created_at=call.now,
        expires_at=call.now + call.sandbox.limits.upload_seconds,
        purpose=purpose,
        filename=filename,
        bytes=_size(call),
        lifespan=lifespan,
    )
    pending.begin(call.sandbox.store, record)
    return _upload_object(record, call.now)


def _size(call: Call) -> int:
    size = call.body.get("bytes")
    if size is None:
        required(None, "bytes")
    return int(Range(1, call.sandbox.limits.upload).read(size, "bytes"))


class _PartForm(Form):
    """The form of a part, whose folder goes when the upload ends while the part comes in."""

    def __init__(self, sandbox: Sandbox, upload_id: str, content_type: str) -> None:
        folder = pending.folder_of(sandbox.store, upload_id)
        super().__init__(content_type, folder, FileField("data", "part", sandbox.limits.part))
        self._sandbox = sandbox
        self._upload_id = upload_id

    def write(self, piece: bytes) -> None:
        try:
            super().write(piece)
        except FileNotFoundError:
            raise _refusal(self._sandbox, self._upload_id) from None


def open_part(sandbox: Sandbox, path: Mapping[str, str], content_type: str) -> Form:
    """Return where the form of a part goes, or refuse the part of an upload that has ended."""
    return _PartForm(sandbox, _find_pending(sandbox, path["upload"]).id, content_type)


def add_part(call: Call) -> Json:
    """`POST /uploads/{id}/parts`: take a multipart form with `data`."""
    upload_id = call.path["upload"]
    try:
        return _keep_part(call.form, _find(call.sandbox, upload_id), call.sandbox)
    except FileNotFoundError:
        raise _refusal(call.sandbox, upload_id) from None


def _keep_part(form: FormContent, upload: UploadRecord, sandbox: Sandbox) -> Json:
    reject_unknown(form.fields, ())
    if form.path is None:
        raise invalid("Missing required parameter: 'data'.", "data", "missing_required_parameter")
    _find_pending(sandbox, upload.id)
    part_id = sandbox.store.new_name("part_")
    if not pending.add_part(sandbox.store, upload, part_id, form.path, sandbox.limits.upload):
        raise invalid("The parts of this Upload exceed its maximum size.", "data")
    now = int(sandbox.now())
    return {"id": part_id, "object": "upload.part", "created_at": now, "upload_id": upload.id}


def complete_upload(call: Call) -> Json:
    """`POST /uploads/{id}/complete`: join the parts in the order given, and make them a file."""
    upload = _find_pending(call.sandbox, call.path["upload"])
    reject_unknown(call.body, ("part_ids", "md5"))
    part_ids, md5 = _part_ids(call.body), text(call.body, "md5")
    try:
        _check_parts(call.sandbox, upload, part_ids)
        return _make_file(call, upload, part_ids, md5)
    except (FileNotFoundError, ApiError):
        # Cancelled, or completed by another request, meanwhile: its parts are gone.
        _find_pending(call.sandbox, upload.id)
        raise


def _part_ids(body: Json) -> list[str]:
    part_ids = body.get("part_ids")
    if part_ids is None:
        required(None, "part_ids")
    if not isinstance(part_ids, list) or not all(isinstance(one, str) for one in part_ids):
        raise wrong_type("part_ids", "an array of strings")
    if len(set(part_ids)) < len(part_ids):
        raise invalid("Invalid 'part_ids': a Part is listed twice.", "part_ids", "invalid_value")
    return part_ids


def _check_parts(sandbox: Sandbox, upload: UploadRecord, part_ids: list[str]) -> None:
    sizes = pending.part_sizes(sandbox.store, upload.id)
    for part_id in part_ids:
        if part_id not in sizes:
            raise invalid(f"No such Part object: {part_id}", "part_ids", "invalid_value")
    total = sum(sizes[part_id] for part_id in part_ids)
    if total != upload.bytes:
        raise invalid(
            f"The number of bytes uploaded ({total}) does not match the number of bytes of the "
            f"Upload ({upload.bytes}).",
            "part_ids",
            "invalid_value",
        )


def _make_file(call: Call, upload: UploadRecord, part_ids: list[str], md5: str | None) -> Json:
    store = call.sandbox.store
    file_id = store.new_name("file-")
    joined, found = pending.join(store, upload.id, part_ids, file_id)
    try:
        if md5 is not None and md5.lower() != found:
            raise invalid("The md5 checksum does not match the uploaded bytes.", "md5")
        check_content(joined, upload.purpose)
        file = FileRecord(
            id=file_id,
            created_at=call.now,
            purpose=upload.purpose,
            filename=upload.filename,
            bytes=upload.bytes,
            lifespan=upload.lifespan,
            fate=call.file_fate,
        )
        if not pending.complete(store, upload, file, joined):
            raise _refusal(call.sandbox, upload.id)
    finally:
        joined.unlink(missing_ok=True)
    return _upload_object(_find(call.sandbox, upload.id), call.now) | {"file": file_object(file)}


def cancel_upload(call: Call) -> Json:
    """`POST /uploads/{id}/cancel`: no part is taken after this."""
    upload = _find_pending(call.sandbox, call.path["upload"])
    if not pending.cancel(call.sandbox.store, upload):
        raise _refusal(call.sandbox, upload.id)
    return _upload_object(_find(call.sandbox, upload.id), call.now)


def _find(sandbox: Sandbox, upload_id: str) -> UploadRecord:
    upload = pending.find(sandbox.store, upload_id)
    if upload is None:
        raise unknown_upload(upload_id)
    return upload


def _find_pending(sandbox: Sandbox, upload_id: str) -> UploadRecord:
    upload = _find(sandbox, upload_id)
    if upload.status(sandbox.now()) != "pending":
        raise _refusal(sandbox, upload_id)
    return upload


def _refusal(sandbox: Sandbox, upload_id: str) -> ApiError:
    """Return the 400 of an upload that has ended, or expired."""
    status = _find(sandbox, upload_id).status(sandbox.now())
    return invalid(f"Upload {upload_id} is not pending: its status is '{status}'.", "upload_id")


def _upload_object(record: UploadRecord, now: float) -> Json:
    return {
        "id": record.id,
        "object": "upload",
        "bytes": record.bytes,
        "created_at": int(record.created_at),
        "filename": record.filename,
        "purpose": record.purpose,
        "status": record.status(now),
        "expires_at": int(record.expires_at),
    }
