"""A multipart form as it comes in: its fields in memory, its file straight to the disk.

Starlette's own parser would spool the file in the system's temporary folder, which may be memory;
here every piece goes to the folder where the file is to stay.
"""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from reconciler.sandbox.call import FormContent
from reconciler.sandbox.errors import ApiError, invalid
from reconciler.sandbox.incoming import Content

MEGABYTE: Final = 1024 * 1024
_LARGEST_FIELD: Final = 64 * 1024


@dataclass(frozen=True)
class FileField:
    """The field of a form that is a file.

    Attributes:
        name: What the form calls it.
        kind: What it is called in a refusal.
        most: The bytes it may have.
    """

    name: str
    kind: str
    most: int

    def too_large(self) -> ApiError:
        """Return the 413 of more bytes than that."""
        return ApiError(
            413,
            f"Maximum {self.kind} size is {self.most / MEGABYTE:g} MB.",
            code=f"{self.kind}_too_large",
        )


class Form:
    """The parts received so far; `discard` removes what nobody took.

    It is fed by `write`, piece by piece, and read once `end` has seen that it is whole.
    """

    def __init__(self, content_type: str, folder: Path, file_field: FileField) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data" or b"boundary" not in options:
            raise invalid("Expected a multipart/form-data request.", None)
        self._fields: dict[str, str] = {}
        self._filename: str | None = None
        self._path: Path | None = None
        self._size = 0
        self._folder = folder
        self._file_field = file_field
        self._file: BinaryIO | None = None
        self._name = self._header = self._disposition = b""
        self._field = bytearray()
        self._is_file = self._is_complete = False
        self._parser = MultipartParser(
            options[b"boundary"],
            {
                "on_header_field": self._take_header,
                "on_header_value": self._take_disposition,
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_part,
                "on_part_data": self._take_data,
                "on_part_end": self._end_part,
                "on_end": self._end,
            },
        )

    def write(self, piece: bytes) -> None:
        """Take the next piece of the body, or refuse it."""
        try:
            self._parser.write(piece)
        except FormParserError as error:
            raise invalid(f"Could not parse multipart form: {error}", None) from error

    def end(self) -> Content:
        """Return the form when its body has come in, or refuse one that has no end."""
        if not self._is_complete:
            raise invalid("Could not parse multipart form: it has no end.", None)
        form = FormContent(self._fields, self._filename, self._path, self._size)
        return Content(form=form)

    def discard(self) -> None:
        """Close the file, and remove it unless it has been moved away."""
        if self._file is not None:
            self._file.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def _take_header(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _take_disposition(self, data: bytes, start: int, end: int) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition += data[start:end]

    def _end_header(self) -> None:
        self._header = b""

    def _begin_part(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._disposition = b""
        if b"name" not in options:
            raise FormParserError("a part has no name")
        self._name = options[b"name"]
        self._is_file = self._name == self._file_field.name.encode()
        self._field.clear()
        if self._is_file:
            self._open(options.get(b"filename", b"file").decode("utf-8", "replace"))

    def _open(self, filename: str) -> None:
        if self._file is not None:
            raise FormParserError("there are two files")
        handle, path = tempfile.mkstemp(prefix=".incoming-", dir=self._folder)
        self._filename, self._path = filename, Path(path)
        self._file = os.fdopen(handle, "wb")

    def _take_data(self, data: bytes, start: int, end: int) -> None:
        if not self._is_file or self._file is None:
            self._field += data[start:end]
            if len(self._field) > _LARGEST_FIELD:
                raise FormParserError("a field is too large")
            return
        self._size += end - start
        if self._size > self._file_field.most:
            raise self._file_field.too_large()
        self._file.write(data[start:end])

    def _end_part(self) -> None:
        if not self._is_file:
            name = self._name.decode("utf-8", "replace")
            self._fields[name] = self._field.decode("utf-8", "replace")
        elif self._file is not None:
            self._file.close()

    def _end(self) -> None:
        self._is_complete = True
