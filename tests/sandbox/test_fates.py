"""What comes to a bad end: the same in every answer, for every client, after every restart."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from openai.types import FileObject
from openai.types.fine_tuning import FineTuningJob

from tests.sandbox.conftest import BASE, LONG, Control, Server
from tests.sandbox.world import Wall, to_jsonl

Json = dict[str, Any]
Upload = Callable[..., FileObject]
Train = Callable[..., FineTuningJob]


@pytest.fixture
def restarted(
    start: Callable[..., Server], server: Server, connect: Callable[..., OpenAI]
) -> Callable[[], OpenAI]:
    """A client of another server on the same folder, which has no plan."""
    return lambda: connect(start(wall=server.wall).base_url)


@contextmanager
def refused(code: str | None = None, match: str | None = None) -> Iterator[None]:
    with pytest.raises(openai.BadRequestError, match=match) as refusal:
        yield
    assert refusal.value.code == code


def shown(client: OpenAI, job: str) -> set[tuple[str, str | None, str | None]]:
    """What retrieving and listing say of a job: one thing, if they agree."""
    listed = [each for each in client.fine_tuning.jobs.list() if each.id == job]
    return {
        (each.status, each.fine_tuned_model, each.error.code if each.error else None)
        for each in (client.fine_tuning.jobs.retrieve(job), *listed)
    }


def test_a_stuck_file_is_never_ready_for_anybody(
    client: OpenAI, control: Control, upload: Upload, chats: list[Json], restarted: Any
) -> None:
    control.break_with({"on": "upload_file", "what": "file_stuck", "times": 1})
    stuck, usable = upload(chats), upload(chats)
    for each in (client, restarted()):
        assert str(each.files.retrieve(stuck.id).status) == "pending"
        assert {file.id: str(file.status) for file in each.files.list()} == {
            stuck.id: "pending",
            usable.id: "processed",
        }
        with refused(match="still being processed"):
            each.fine_tuning.jobs.create(model=BASE, training_file=stuck.id)
    assert client.fine_tuning.jobs.create(model=BASE, training_file=usable.id).id


def test_a_file_in_error_says_why_and_is_of_no_use(
    client: OpenAI, control: Control, upload: Upload, chats: list[Json], restarted: Any
) -> None:
    control.break_with({"what": "file_error", "details": "It is burnt."})
    broken = upload(chats)
    for each in (client, restarted()):
        file = each.files.retrieve(broken.id)
        assert (file.status, file.status_details) == ("error", "It is burnt.")
        with refused("invalid_file"):
            each.fine_tuning.jobs.create(model=BASE, training_file=broken.id)


def begin(client: OpenAI, content: bytes) -> tuple[str, str]:
    """An upload with all its bytes in one part."""
    upload = client.uploads.create(
        filename="a.jsonl", purpose="fine-tune", bytes=len(content), mime_type="text/jsonl"
    )
    return upload.id, client.uploads.parts.create(upload.id, data=content).id


def test_a_lost_part_is_missed_when_the_upload_is_completed(
    client: OpenAI, control: Control, chats: list[Json]
) -> None:
    control.break_with({"what": "lost_part", "times": 1})
    content = to_jsonl(chats)
    upload, lost = begin(client, content)
    with refused("invalid_value", f"No such Part object: {lost}"):
        client.uploads.complete(upload, part_ids=[lost])
    sent_again = client.uploads.parts.create(upload, data=content).id
    assert client.uploads.complete(upload, part_ids=[sent_again]).status == "completed"


def test_an_upload_expires_when_told(client: OpenAI, control: Control, chats: list[Json]) -> None:
    upload, part = begin(client, to_jsonl(chats))
    control.break_with({"on": "complete_upload", "what": "expire_upload", "times": 1})
    for _ in range(2):
        with refused(match="its status is 'expired'"):
            client.uploads.complete(upload, part_ids=[part])
    control.break_with({"on": "add_part", "what": "expire_upload"})
    with refused(match="its status is 'expired'"):
        begin(client, to_jsonl(chats))
    assert client.files.list().data == []


def test_a_mismatch_refuses_the_upload_and_makes_no_file(
    client: OpenAI, control: Control, chats: list[Json]
) -> None:
    upload, part = begin(client, to_jsonl(chats))
    control.break_with({"what": "md5_mismatch", "times": 1})
    with refused(match="md5"):
        client.uploads.complete(upload, part_ids=[part])
    assert client.files.list().data == []
    assert client.uploads.complete(upload, part_ids=[part]).status == "completed"


def test_a_part_delivered_twice_is_two_parts(
    client: OpenAI, control: Control, chats: list[Json]
) -> None:
    control.break_with({"on": "add_part", "what": "duplicate"})
    upload, part = begin(client, to_jsonl(chats))
    assert control.calls("add_part") == (1, 2)
    assert client.uploads.complete(upload, part_ids=[part]).status == "completed"


@pytest.mark.parametrize("status", ["validating_files", "queued", "running"])
def test_a_stuck_job_never_leaves_its_status_and_can_be_cancelled(
    client: OpenAI,
    control: Control,
    train: Train,
    wall: Wall,
    chats: list[Json],
    restarted: Any,
    status: str,
) -> None:
    control.break_with({"what": "job_stuck", "status": status})
    job = train(chats)
    wall.advance(1_000_000)
    for each in (client, restarted()):
        assert shown(each, job.id) == {(status, None, None)}
        said = [event.message for event in each.fine_tuning.jobs.list_events(job.id)]
        assert "The job has successfully completed" not in said
        assert each.fine_tuning.jobs.checkpoints.list(job.id).data == []
        assert not [model for model in each.models.list() if model.id.startswith("ft:")]
    client.fine_tuning.jobs.cancel(job.id)
    assert shown(client, job.id) == {("cancelled", None, None)}


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_stuck_job_that_is_paused_and_resumed_is_stuck_as_before(
    client: OpenAI, control: Control, train: Train, wall: Wall, chats: list[Json], status: str
) -> None:
    control.break_with({"what": "job_stuck", "status": status})
    job = train(chats)
    client.fine_tuning.jobs.pause(job.id)
    wall.advance(LONG)
    assert shown(client, job.id) == {("paused", None, None)}
    assert client.fine_tuning.jobs.resume(job.id).status == status
    wall.advance(1_000_000)
    assert shown(client, job.id) == {(status, None, None)}
    assert [file.purpose for file in client.files.list()] == ["fine-tune"]


@pytest.mark.parametrize(
    ("fields", "code", "param"),
    [
        ({}, "invalid_training_file", "training_file"),
        ({"why": "policy"}, "invalid_training_file", "training_file"),
        ({"why": "server_error"}, "server_error", None),
        ({"why": "data", "code": "odd", "message": "Odd."}, "odd", "training_file"),
    ],
)
def test_a_job_fails_as_told_whatever_its_files_are(
    client: OpenAI,
    control: Control,
    train: Train,
    chats: list[Json],
    restarted: Any,
    fields: Json,
    code: str,
    param: str | None,
) -> None:
    control.break_with({"what": "job_fails", **fields})
    job = train(chats)
    assert job.error is not None
    assert job.error.param == param
    for each in (client, restarted()):
        assert shown(each, job.id) == {("failed", None, code)}
        last = each.fine_tuning.jobs.list_events(job.id).data[0]
        assert (last.level, last.message) == ("error", job.error.message)
    assert fields.get("message", job.error.message) == job.error.message


def test_a_job_is_cancelled_behind_our_back_at_its_time(
    client: OpenAI, control: Control, upload: Upload, chats: list[Json], wall: Wall, restarted: Any
) -> None:
    control.break_with({"what": "job_cancelled", "seconds": 12})
    file = upload(chats).id
    job = client.fine_tuning.jobs.create(model=BASE, training_file=file)
    wall.advance(11)
    assert shown(client, job.id) == {("running", None, None)}
    wall.advance(LONG)
    for each in (restarted(), client):
        assert shown(each, job.id) == {("cancelled", None, None)}
        assert each.fine_tuning.jobs.retrieve(job.id).finished_at == job.created_at + 12
        newest = each.fine_tuning.jobs.list_events(job.id).data[0]
        assert newest.message == "The job has been cancelled"


def test_a_job_that_has_ended_by_then_is_not_cancelled(
    client: OpenAI, control: Control, train: Train, chats: list[Json]
) -> None:
    control.break_with({"what": "job_cancelled", "seconds": 1000})
    job = train(chats)
    assert shown(client, job.id) == {("succeeded", job.fine_tuned_model, None)}
    assert job.fine_tuned_model


def test_a_deleted_job_is_nowhere(
    client: OpenAI, control: Control, train: Train, chats: list[Json], restarted: Any
) -> None:
    control.break_with({"what": "job_deleted", "seconds": 100, "times": 1})
    file, metadata = chats, {"a": "b"}
    with pytest.raises(openai.NotFoundError) as gone:
        train(file, metadata=metadata)
    assert gone.value.code == "fine_tune_not_found"
    for each in (client, restarted()):
        assert each.fine_tuning.jobs.list(metadata=metadata).data == []
        assert [found.purpose for found in each.files.list()] == ["fine-tune"]
        assert not [model for model in each.models.list() if model.id.startswith("ft:")]
    assert train(file, metadata=metadata).status == "succeeded"


def test_a_deleted_job_leaves_nothing_behind_though_it_was_paused(
    client: OpenAI,
    control: Control,
    upload: Upload,
    chats: list[Json],
    wall: Wall,
    tmp_path: Path,
) -> None:
    control.break_with({"what": "job_deleted", "seconds": 100})
    file = upload(chats).id
    job = client.fine_tuning.jobs.create(model=BASE, training_file=file, metadata={"a": "b"}).id
    wall.advance(20)
    client.fine_tuning.jobs.pause(job)
    rows = [table for table in TABLES if rows_of(tmp_path, table, job)]
    assert rows == [*TABLES]
    wall.advance(100)
    assert client.fine_tuning.jobs.list().data == []
    assert [table for table in TABLES if rows_of(tmp_path, table, job)] == []


TABLES = {"jobs": "id", "marks": "job", "outcomes": "job", "pauses": "job", "fated_jobs": "job"}
"""Where the store knows a job, and by which column."""


def rows_of(folder: Path, table: str, job: str) -> int:
    with closing(sqlite3.connect(folder / "data" / "sandbox.sqlite3")) as connection:
        query = f"SELECT count(*) FROM {table} WHERE {TABLES[table]} = ?"  # noqa: S608
        return int(connection.execute(query, (job,)).fetchone()[0])


def test_a_deleted_model_is_gone_while_its_job_says_succeeded(
    client: OpenAI,
    control: Control,
    upload: Upload,
    chats: list[Json],
    wall: Wall,
    restarted: Any,
) -> None:
    control.break_with({"what": "model_deleted", "seconds": 100})
    job = client.fine_tuning.jobs.create(model=BASE, training_file=upload(chats).id)
    wall.advance(60)
    model = client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model
    assert model
    assert client.models.retrieve(model).id == model
    wall.advance(100)
    for each in (client, restarted()):
        with pytest.raises(openai.NotFoundError):
            each.models.retrieve(model)
        assert model not in [known.id for known in each.models.list()]
        assert shown(each, job.id) == {("succeeded", model, None)}
