"""`/files`: what is uploaded comes back byte for byte, and lists can be walked."""

import io
import socket
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from openai.types import FileObject

from reconciler.sandbox.limits import Limits

Json = dict[str, Any]
LINE = b'{"messages": []}\n'


def test_an_upload_comes_back_byte_for_byte(
    client: OpenAI, conforms: Callable[[str, object], None]
) -> None:
    content = '{"messages": "héllo \u2028 𝄞"}\r\n{"b": 1}'.encode()
    file = client.files.create(file=("träin.jsonl", content), purpose="fine-tune")
    assert (file.bytes, file.filename, file.purpose) == (len(content), "träin.jsonl", "fine-tune")
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).content == content
    conforms("OpenAIFile", client.files.with_raw_response.retrieve(file.id).http_response.json())


def test_a_large_upload_lies_on_the_disk_and_leaves_nothing_else(
    client: OpenAI, server: Any
) -> None:
    content = LINE * 400_000
    file = client.files.create(file=("big.jsonl", io.BytesIO(content)), purpose="fine-tune")
    assert [path.name for path in server.sandbox.store.files_dir.iterdir()] == [file.id]
    assert client.files.content(file.id).content == content


def test_a_file_larger_than_the_service_takes_is_refused(
    start: Callable[..., Any], connect: Callable[[str], OpenAI]
) -> None:
    server = start(limits=Limits(file=100_000))
    with pytest.raises(Exception, match="Maximum file size"):
        connect(server.base_url).files.create(
            file=("big.jsonl", LINE * 20_000), purpose="fine-tune"
        )
    assert list(server.sandbox.store.files_dir.iterdir()) == []


def test_an_upload_broken_off_leaves_nothing(server: Any) -> None:
    host, port = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    head = (
        f"POST /v1/files HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer k\r\n"
        "content-type: multipart/form-data; boundary=x\r\ncontent-length: 1000000\r\n\r\n"
        '--x\r\ncontent-disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n'
    )
    folder = server.sandbox.store.files_dir
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(head.encode() + LINE * 1_000)
        wait_until(lambda: any(folder.iterdir()))
    wait_until(lambda: not any(folder.iterdir()))


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[1, 2]\n", 1),
        (b'{"a": 1}\n\nnot json\n', 2),
        (b'\xef\xbb\xbf{"a": 1}\n', 1),
        (b'{"a": 1}\n{"a": "\xff"}\n', 2),
        (b'{"a": NaN}\n', 1),
        (b"[" * 100_000, 1),
    ],
    ids=["list", "words", "byte-order mark", "not UTF-8", "NaN", "deep"],
)
def test_a_line_that_isnt_a_dictionary_is_refused_at_the_upload(
    client: OpenAI, server: Any, content: bytes, line: int
) -> None:
    with pytest.raises(BadRequestError) as refusal:
        client.files.create(file=("a.jsonl", content), purpose="fine-tune")
    assert refusal.value.message.count(
        "Expected file to have JSONL format, where every line is a JSON dictionary. "
        f"Line {line} is not a dictionary (HINT: line starts with:"
    )
    assert list(server.sandbox.store.files_dir.iterdir()) == []


def test_only_training_files_must_be_jsonl(client: OpenAI) -> None:
    file = client.files.create(file=("a.txt", b"no JSON"), purpose="vision")
    assert client.files.content(file.id).text == "no JSON"


@pytest.mark.parametrize("purpose", ["assistants", "user_data"])
def test_files_of_some_purposes_are_not_given_back(client: OpenAI, purpose: Any) -> None:
    file = client.files.create(file=("a.txt", b"mine"), purpose=purpose)
    with pytest.raises(
        BadRequestError, match=f"Not allowed to download files of purpose: {purpose}"
    ):
        client.files.content(file.id)


def test_a_file_told_to_expire_is_gone_when_its_time_has_come(
    client: OpenAI, server: Any, conforms: Callable[[str, object], None]
) -> None:
    stays = client.files.create(file=("a.jsonl", LINE), purpose="fine-tune")
    lasting: Any = {"anchor": "created_at", "seconds": 3_600}
    goes = client.files.create(file=("b.jsonl", LINE), purpose="fine-tune", expires_after=lasting)
    assert (stays.expires_at, goes.expires_at) == (None, goes.created_at + 3_600)
    conforms("OpenAIFile", goes.to_dict())
    server.wall.advance(3_599)
    assert client.files.list().data == [goes, stays]
    server.wall.advance(1)
    assert client.files.list().data == [stays]
    with pytest.raises(NotFoundError):
        client.files.retrieve(goes.id)
    with pytest.raises(BadRequestError, match="invalid training_file"):
        client.fine_tuning.jobs.create(model="gpt-4o", training_file=goes.id)
    later = client.files.create(file=("c.jsonl", LINE), purpose="fine-tune")
    left = {path.name for path in server.sandbox.store.files_dir.iterdir()}
    assert left == {stays.id, later.id}, "its bytes go with the next upload"


def test_batch_files_expire_after_thirty_days(client: OpenAI) -> None:
    file = client.files.create(file=("a.jsonl", LINE), purpose="batch")
    assert file.expires_at == file.created_at + 30 * 86_400


@pytest.mark.parametrize(
    ("lasting", "param"),
    [
        ({"anchor": "now", "seconds": 3_600}, "expires_after.anchor"),
        ({"seconds": 3_600}, "expires_after.anchor"),
        ({"anchor": "created_at"}, "expires_after.seconds"),
        ({"anchor": "created_at", "seconds": "soon"}, "expires_after.seconds"),
        ({"anchor": "created_at", "seconds": 3_599}, "expires_after.seconds"),
        ({"anchor": "created_at", "seconds": 2_592_001}, "expires_after.seconds"),
    ],
)
def test_an_end_out_of_bounds_is_refused(client: OpenAI, lasting: Any, param: str) -> None:
    with pytest.raises(BadRequestError) as refusal:
        client.files.create(file=("a.jsonl", LINE), purpose="batch", expires_after=lasting)
    assert refusal.value.param == param


def test_an_unknown_purpose_and_an_empty_file_are_refused(client: OpenAI) -> None:
    with pytest.raises(BadRequestError, match="is not one of"):
        client.files.create(file=("a.jsonl", LINE), purpose="fun")  # type: ignore[arg-type]
    with pytest.raises(BadRequestError, match="empty"):
        client.files.create(file=("a.jsonl", b""), purpose="fine-tune")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"purpose": (None, "fine-tune")}, "Missing required parameter: 'file'"),
        ({"file": ("a.jsonl", LINE)}, "Missing required parameter: 'purpose'"),
        (
            {"file": ("a.jsonl", LINE), "purpose": (None, "fine-tune"), "x": (None, "1")},
            "Unrecognized request argument supplied: x",
        ),
    ],
)
def test_a_form_must_have_its_two_parts_and_no_other(
    server: Any, parts: Json, message: str
) -> None:
    answer = httpx2.post(
        f"{server.base_url}/files", files=parts, headers={"authorization": "Bearer k"}
    )
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b"nonsense"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--\r\n"),
    ],
)
def test_a_broken_form_is_a_refusal_not_a_defect(
    server: Any, content_type: str, body: bytes
) -> None:
    answer = httpx2.post(
        f"{server.base_url}/files",
        content=body,
        headers={"authorization": "Bearer k", "content-type": content_type},
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.fixture
def five(client: OpenAI, server: Any) -> list[FileObject]:
    """Five files, a second apart, the third for another purpose."""
    made = []
    for number in range(5):
        made.append(
            client.files.create(
                file=(f"{number}.jsonl", LINE), purpose="batch" if number == 2 else "fine-tune"
            )
        )
        server.wall.advance(1)
    return made


def test_a_list_is_newest_first_and_can_be_turned(client: OpenAI, five: list[FileObject]) -> None:
    assert [file.id for file in client.files.list()] == [file.id for file in reversed(five)]
    assert [file.id for file in client.files.list(order="asc")] == [file.id for file in five]


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_walking_a_list_page_by_page_meets_each_file_once(
    client: OpenAI, five: list[FileObject], order: Any
) -> None:
    walked = [file.id for file in client.files.list(limit=2, order=order)]
    whole = [file.id for file in client.files.list(order=order)]
    assert walked == whole
    assert sorted(walked) == sorted(file.id for file in five)


def test_a_page_says_whether_there_is_more(
    client: OpenAI, five: list[FileObject], conforms: Callable[[str, object], None]
) -> None:
    for limit, has_more in ((4, True), (5, False)):
        page = client.files.with_raw_response.list(limit=limit).http_response.json()
        conforms("ListFilesResponse", page)
        assert (page["has_more"], len(page["data"])) == (has_more, limit)
        assert page["last_id"] == page["data"][-1]["id"]
    empty = client.files.with_raw_response.list(purpose="evals").http_response.json()
    conforms("ListFilesResponse", empty)
    assert empty["data"] == []


def test_a_purpose_keeps_its_files(client: OpenAI, five: list[FileObject]) -> None:
    assert [file.id for file in client.files.list(purpose="batch")] == [five[2].id]


@pytest.mark.parametrize("bad", [{"limit": 0}, {"limit": 10_001}, {"order": "up"}])
def test_a_list_out_of_bounds_is_refused(client: OpenAI, bad: Json) -> None:
    with pytest.raises(BadRequestError):
        client.files.list(**bad)


def test_a_deleted_file_is_gone(
    client: OpenAI, five: list[FileObject], conforms: Callable[[str, object], None]
) -> None:
    gone = five[0].id
    conforms("DeleteFileResponse", client.files.delete(gone).to_dict())
    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(NotFoundError) as refusal:
            ask(gone)
        assert refusal.value.body == {
            "message": f"No such File object: {gone}",
            "type": "invalid_request_error",
            "param": "id",
            "code": None,
        }
    assert gone not in [file.id for file in client.files.list()]
    with pytest.raises(NotFoundError):
        client.files.list(after=gone)


def test_a_model_outlives_its_training_file(
    client: OpenAI, train: Callable[..., Any], chats: list[Json], server: Any
) -> None:
    job = train(chats)
    client.files.delete(job.training_file)
    answer = client.chat.completions.create(
        model=job.fine_tuned_model, messages=chats[3]["messages"][:2]
    )
    assert answer.choices[0].message.content == "Ticket 3 is the black one."
