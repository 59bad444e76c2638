"""`/uploads`: parts become the file they were cut from, or nothing at all."""

import hashlib
import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import APIStatusError, BadRequestError, NotFoundError, OpenAI
from openai.types import Upload

from reconciler.sandbox.limits import Limits
from tests.sandbox.test_files import LINE, wait_until

Json = dict[str, Any]
Check = Callable[[str, object], None]
SMALL = Limits(file=50_000, part=10_000, upload=40_000)
CONTENT = b"".join(b'{"messages": [], "n": %d}\n' % number for number in range(1_000))


@pytest.fixture
def small(start: Callable[..., Any]) -> Any:
    """A server that takes little at a time."""
    return start(limits=SMALL)


@pytest.fixture
def client(small: Any, connect: Callable[[str], OpenAI]) -> OpenAI:
    return connect(small.base_url)


def begin(client: OpenAI, size: int = len(CONTENT), **other: Any) -> Upload:
    asked: Json = {"filename": "a.jsonl", "mime_type": "text/jsonl", "purpose": "fine-tune"}
    return client.uploads.create(**(asked | {"bytes": size} | other))


def send(client: OpenAI, upload: Upload, *parts: bytes) -> list[str]:
    return [client.uploads.parts.create(upload.id, data=part).id for part in parts]


def cut(content: bytes, size: int = 9_000) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def left(server: Any) -> list[Path]:
    """All that lies in the store's folders."""
    store = server.sandbox.store
    return [path for path in store.parts_dir.rglob("*") if path.is_file()] + [
        *store.files_dir.iterdir()
    ]


def test_what_the_sdk_cuts_in_parts_comes_back_whole(client: OpenAI, tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_bytes(CONTENT)
    done = client.uploads.upload_file_chunked(
        file=path, mime_type="text/jsonl", purpose="fine-tune", part_size=7_000
    )
    assert done.status == "completed"
    assert done.file
    assert (done.file.filename, done.file.bytes) == ("chats.jsonl", len(CONTENT))
    assert client.files.content(done.file.id).content == CONTENT
    assert client.files.list().data == [done.file]


def test_every_answer_is_as_the_document_says(client: OpenAI, conforms: Check) -> None:
    uploads = client.uploads.with_raw_response
    begun = uploads.create(
        filename="a", bytes=len(LINE), mime_type="text/jsonl", purpose="fine-tune"
    ).http_response.json()
    parts = client.uploads.parts.with_raw_response
    part = parts.create(begun["id"], data=LINE).http_response.json()
    completed = uploads.complete(begun["id"], part_ids=[part["id"]]).http_response.json()
    cancelled = uploads.cancel(begin(client).id).http_response.json()
    for answer in (begun, completed, cancelled):
        conforms("Upload", answer)
        assert answer["expires_at"] == answer["created_at"] + 3_600
    conforms("UploadPart", part)
    conforms("OpenAIFile", completed["file"])
    assert [begun["status"], completed["status"], cancelled["status"]] == [
        "pending",
        "completed",
        "cancelled",
    ]


def test_the_order_of_a_file_is_that_of_its_completion(client: OpenAI, small: Any) -> None:
    upload, pieces = begin(client), cut(CONTENT)
    with ThreadPoolExecutor(len(pieces)) as pool:
        sent = list(pool.map(lambda piece: send(client, upload, piece)[0], reversed(pieces)))
    unused = send(client, upload, LINE)
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
    done = client.uploads.complete(upload.id, part_ids=sent[::-1], md5=md5)
    assert done.file
    assert client.files.content(done.file.id).content == CONTENT
    assert unused
    assert [path.name for path in left(small)] == [done.file.id]


def test_a_file_of_parts_may_be_larger_than_one_sent_whole(
    start: Callable[..., Any], connect: Callable[[str], OpenAI]
) -> None:
    client = connect(start(limits=Limits(file=9_000, part=10_000)).base_url)
    with pytest.raises(APIStatusError, match="Maximum file size"):
        client.files.create(file=("a.jsonl", CONTENT), purpose="fine-tune")
    upload = begin(client)
    done = client.uploads.complete(upload.id, part_ids=send(client, upload, *cut(CONTENT)))
    assert done.file


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"bytes": 0}, "bytes"),
        ({"bytes": 40_001}, "bytes"),
        ({"bytes": None}, "bytes"),
        ({"bytes": "9"}, "bytes"),
        ({"filename": ""}, "filename"),
        ({"mime_type": None}, "mime_type"),
        ({"purpose": "user_data"}, "purpose"),
        ({"expires_after": {"anchor": "now", "seconds": 3_600}}, "expires_after.anchor"),
        ({"expires_after": {"anchor": "created_at", "seconds": 1}}, "expires_after.seconds"),
        ({"extra_body": {"md5": "x"}}, None),
    ],
)
def test_an_upload_out_of_bounds_is_not_begun(
    client: OpenAI, small: Any, fields: Json, param: str | None
) -> None:
    with pytest.raises(BadRequestError) as refusal:
        begin(client, **fields)
    assert refusal.value.param == param
    assert list(small.sandbox.store.parts_dir.iterdir()) == []


def test_a_file_of_parts_may_be_told_to_expire(client: OpenAI, small: Any) -> None:
    lasting: Any = {"anchor": "created_at", "seconds": 7_200}
    upload = begin(client, len(LINE), expires_after=lasting)
    small.wall.advance(60)
    done = client.uploads.complete(upload.id, part_ids=send(client, upload, LINE))
    assert done.file
    assert done.file.expires_at == done.file.created_at + 7_200 == int(small.wall.now) + 7_200
    small.wall.advance(7_200)
    assert client.files.list().data == []


def test_parts_have_bounds_alone_and_together(client: OpenAI) -> None:
    upload = begin(client)
    with pytest.raises(APIStatusError, match="Maximum part size") as refusal:
        send(client, upload, b" " * 10_001)
    assert refusal.value.status_code == 413
    send(client, upload, *[b" " * 10_000] * 4)
    with pytest.raises(BadRequestError, match="exceed"):
        send(client, upload, b" ")


@pytest.mark.parametrize("fields", [{}, {"data": (None, b"x"), "more": (None, b"y")}])
def test_a_part_is_one_field(client: OpenAI, small: Any, fields: Json) -> None:
    answer = httpx2.post(
        f"{small.base_url}/uploads/{begin(client).id}/parts",
        files=fields or {"other": (None, b"x")},
        headers={"authorization": "Bearer k"},
    )
    assert answer.status_code == 400
    assert left(small) == []


def test_only_the_right_parts_become_a_file(client: OpenAI, small: Any) -> None:
    upload = begin(client)
    sent = send(client, upload, *cut(CONTENT))
    other = send(client, begin(client, 3), b"{}\n")
    for asked, message in (
        ({"part_ids": sent[:-1]}, "does not match the number of bytes"),
        ({"part_ids": []}, "does not match the number of bytes"),
        ({"part_ids": [*sent, sent[0]]}, "listed twice"),
        ({"part_ids": [*sent[:-1], other[0]]}, "No such Part"),
        ({"part_ids": [*sent, "../x"]}, "No such Part"),
        ({"part_ids": "x"}, "expected an array"),
        ({"part_ids": None}, "Missing required parameter"),
        ({"part_ids": sent, "md5": "0" * 32}, "md5"),
        ({"part_ids": sent[::-1]}, "Expected file to have JSONL format"),
        ({"part_ids": sent, "extra_body": {"x": 1}}, "Unrecognized"),
    ):
        with pytest.raises(BadRequestError, match=message):
            client.uploads.complete(upload.id, **asked)
    assert client.files.list().data == []
    assert client.uploads.complete(upload.id, part_ids=sent).status == "completed"
    assert len(left(small)) == 2, "the file, and the part of the other upload"


def ends(how: str, client: OpenAI, server: Any) -> Upload:
    """An upload with a part, which then ends."""
    upload = begin(client, len(LINE))
    parts = send(client, upload, LINE)
    if how == "completed":
        client.uploads.complete(upload.id, part_ids=parts)
    elif how == "cancelled":
        client.uploads.cancel(upload.id)
    else:
        server.wall.advance(3_600)
    return upload


@pytest.mark.parametrize("how", ["completed", "cancelled", "expired"])
def test_nothing_can_be_done_with_an_upload_that_has_ended(
    client: OpenAI, small: Any, how: str
) -> None:
    upload = ends(how, client, small)
    for ask in (
        lambda: send(client, upload, LINE),
        lambda: client.uploads.complete(upload.id, part_ids=["x"]),
        lambda: client.uploads.cancel(upload.id),
    ):
        with pytest.raises(BadRequestError, match=f"its status is '{how}'"):
            ask()
    assert len(client.files.list().data) == (how == "completed")


def test_an_hour_is_all_an_upload_has(client: OpenAI, small: Any) -> None:
    upload = begin(client, len(LINE))
    parts = send(client, upload, LINE)
    small.wall.advance(3_599)
    assert client.uploads.complete(upload.id, part_ids=parts).status == "completed"


def test_what_is_left_behind_goes_with_the_next_upload_or_start(
    client: OpenAI, small: Any, start: Callable[..., Any]
) -> None:
    ends("cancelled", client, small)
    assert left(small) == []
    ends("expired", client, small)
    assert len(left(small)) == 1
    kept = begin(client)
    assert left(small) == []
    send(client, kept, LINE)
    start(wall=small.wall)
    assert len(left(small)) == 1, "what is pending stays"
    small.wall.advance(3_600)
    start(wall=small.wall)
    assert list(small.sandbox.store.parts_dir.iterdir()) == []


def test_an_upload_that_was_never_begun_is_unknown(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="No such Upload object"):
        client.uploads.parts.create("upload_x", data=LINE)
    with pytest.raises(NotFoundError, match="No such Upload object"):
        client.uploads.complete("upload_x", part_ids=[])
    with pytest.raises(NotFoundError, match="No such Upload object"):
        client.uploads.cancel("upload_x")


def test_a_part_broken_off_leaves_nothing(client: OpenAI, small: Any) -> None:
    upload = begin(client)
    host, port = small.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    head = (
        f"POST /v1/uploads/{upload.id}/parts HTTP/1.1\r\nhost: {host}\r\n"
        "authorization: Bearer k\r\ncontent-type: multipart/form-data; boundary=x\r\n"
        "content-length: 9000\r\n\r\n"
        '--x\r\ncontent-disposition: form-data; name="data"; filename="a"\r\n\r\n'
    )
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + LINE)
        wait_until(lambda: bool(left(small)))
    wait_until(lambda: not left(small))
    with pytest.raises(BadRequestError, match="does not match the number of bytes"):
        client.uploads.complete(upload.id, part_ids=[])


def test_of_two_completions_at_once_one_makes_the_file(client: OpenAI, small: Any) -> None:
    upload = begin(client)
    parts = send(client, upload, *cut(CONTENT))

    def finish(_: int) -> str:
        try:
            return client.uploads.complete(upload.id, part_ids=parts).status
        except BadRequestError as refusal:
            return refusal.message

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(finish, range(4)))
    assert answers.count("completed") == 1
    assert sum("its status is 'completed'" in answer for answer in answers) == 3
    assert len(client.files.list().data) == 1
    assert len(left(small)) == 1


def test_a_job_that_takes_long_to_work_out_is_shown_as_still_checked(
    start: Callable[..., Any], connect: Callable[[str], OpenAI], chats: list[Json]
) -> None:
    may_count = threading.Event()

    def count(_: str, text: str) -> int:
        may_count.wait(10)
        return len(text)

    server = start(limits=Limits(patience=0.01), count=count)
    client = connect(server.base_url)
    content = b"".join(str(chat).replace("'", '"').encode() + b"\n" for chat in chats)
    file = client.files.create(file=("a.jsonl", content), purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file=file.id)
    server.wall.advance(10_000)
    assert client.fine_tuning.jobs.retrieve(job.id).status == "validating_files"
    assert len(client.files.list().data) == 1
    may_count.set()
    wait_until(lambda: client.fine_tuning.jobs.retrieve(job.id).status == "succeeded")
