"""Pausing and resuming: a job held back loses nothing, and its time away counts for nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from openai.types.fine_tuning import FineTuningJob

Json = dict[str, Any]
QUEUED, RUNNING = 5.0, 25.0
"""Seconds after its creation at which a small job has this status."""
PAUSING, AWAY = 5.0, 86_400.0


@pytest.fixture
def job(client: OpenAI, upload: Any, chats: list[Json]) -> FineTuningJob:
    return client.fine_tuning.jobs.create(model="gpt-4o", training_file=upload(chats).id, seed=7)


def messages(client: OpenAI, job: FineTuningJob) -> list[tuple[int, str]]:
    """The story of a job, its steps left out, oldest first."""
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=100))[::-1]
    return [(event.created_at, event.message) for event in events if event.type == "message"]


def status(client: OpenAI, job: FineTuningJob) -> str:
    return client.fine_tuning.jobs.retrieve(job.id).status


@pytest.mark.parametrize(("age", "before"), [(QUEUED, "queued"), (RUNNING, "running")])
def test_a_paused_job_waits_until_it_is_resumed_and_goes_on_where_it_was(
    client: OpenAI, wall: Any, job: FineTuningJob, age: float, before: str
) -> None:
    wall.advance(age)
    assert status(client, job) == before
    paused: list[str] = [client.fine_tuning.jobs.pause(job.id).status]
    for seconds in (PAUSING - 1, 1, AWAY):
        wall.advance(seconds)
        paused.append(status(client, job))
    assert paused == ["pausing", "pausing", "paused", "paused"]
    assert client.fine_tuning.jobs.retrieve(job.id).estimated_finish is None
    assert client.fine_tuning.jobs.resume(job.id).status == before
    assert status(client, job) == before


def test_a_pause_changes_when_a_job_ends_and_nothing_else(
    client: OpenAI, wall: Any, train: Any, chats: list[Json], job: FineTuningJob
) -> None:
    wall.advance(RUNNING)
    client.fine_tuning.jobs.pause(job.id)
    wall.advance(AWAY)
    resumed = client.fine_tuning.jobs.resume(job.id)
    wall.advance(AWAY)
    done = client.fine_tuning.jobs.retrieve(job.id)
    other = train(chats, model="gpt-4o")
    assert resumed.estimated_finish == done.finished_at
    assert (done.finished_at or 0) - done.created_at - AWAY == other.finished_at - other.created_at
    assert done.trained_tokens == other.trained_tokens
    content, expected = (client.files.content(one.result_files[0]).text for one in (done, other))
    assert content == expected


def test_events_tell_of_a_pause_and_no_step_is_done_in_it(
    client: OpenAI, wall: Any, job: FineTuningJob
) -> None:
    wall.advance(RUNNING)
    asked_at = int(wall.now)
    client.fine_tuning.jobs.pause(job.id)
    seen = client.fine_tuning.jobs.list_events(job.id, limit=100).data
    wall.advance(AWAY)
    held = client.fine_tuning.jobs.list_events(job.id, limit=100).data
    assert [event.message for event in held[:1]] == ["Fine-tuning job paused"]
    assert held[1:] == seen, "what has happened keeps its name and its time"
    client.fine_tuning.jobs.resume(job.id)
    wall.advance(AWAY)
    story = messages(client, job)
    assert story[4:6] == [
        (asked_at + PAUSING, "Fine-tuning job paused"),
        (asked_at + AWAY, "Fine-tuning job resumed"),
    ]
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=100))
    steps = [event.created_at for event in events if event.type == "metrics"]
    assert not [moment for moment in steps if asked_at < moment < asked_at + AWAY]
    assert len(steps) > 50


def test_the_result_file_comes_when_the_job_ends_and_never_while_it_is_paused(
    client: OpenAI, wall: Any, job: FineTuningJob
) -> None:
    wall.advance(RUNNING)
    client.fine_tuning.jobs.pause(job.id)
    wall.advance(AWAY)
    assert [file.purpose for file in client.files.list()] == ["fine-tune"]
    client.fine_tuning.jobs.resume(job.id)
    assert [file.purpose for file in client.files.list()] == ["fine-tune"]
    wall.advance(AWAY)
    done = client.fine_tuning.jobs.retrieve(job.id)
    assert client.files.retrieve(done.result_files[0]).created_at == done.finished_at


def test_a_job_may_be_paused_again_and_cancelled_while_it_is_paused(
    client: OpenAI, wall: Any, job: FineTuningJob
) -> None:
    jobs = client.fine_tuning.jobs
    wall.advance(QUEUED)
    for change in (jobs.pause, jobs.resume, jobs.pause):
        assert change(job.id).id == job.id
        wall.advance(PAUSING)
    cancelled = jobs.cancel(job.id)
    assert (cancelled.status, cancelled.finished_at) == ("cancelled", int(wall.now))
    wall.advance(AWAY)
    assert jobs.retrieve(job.id) == cancelled
    assert [text for _, text in messages(client, job)][3:] == [
        "Fine-tuning job paused",
        "Fine-tuning job resumed",
        "Fine-tuning job paused",
        "The job has been cancelled",
    ]


def test_a_restart_forgets_no_pause(
    client: OpenAI, wall: Any, job: FineTuningJob, start: Callable[..., Any], connect: Any
) -> None:
    wall.advance(RUNNING)
    client.fine_tuning.jobs.pause(job.id)
    wall.advance(AWAY)
    again = connect(start(wall=wall).base_url)
    assert status(again, job) == "paused"
    assert again.fine_tuning.jobs.resume(job.id).status == "running"
    assert status(client, job) == "running"


@pytest.mark.parametrize(
    ("change", "before", "age", "found"),
    [
        ("pause", (), 1, "validating_files"),
        ("pause", ("pause",), PAUSING - 1, "pausing"),
        ("pause", ("pause",), AWAY, "paused"),
        ("pause", (), AWAY, "succeeded"),
        ("pause", ("cancel",), 1, "cancelled"),
        ("resume", (), 1, "validating_files"),
        ("resume", (), QUEUED, "queued"),
        ("resume", (), RUNNING, "running"),
        ("resume", ("pause",), PAUSING - 1, "pausing"),
        ("resume", (), AWAY, "succeeded"),
        ("resume", ("pause", "cancel"), 1, "cancelled"),
    ],
)
def test_a_job_elsewhere_in_its_life_is_neither_paused_nor_resumed(
    client: OpenAI,
    wall: Any,
    job: FineTuningJob,
    change: str,
    before: tuple[str, ...],
    age: float,
    found: str,
) -> None:
    jobs = client.fine_tuning.jobs
    if before:
        wall.advance(RUNNING)
    for earlier in before:
        getattr(jobs, earlier)(job.id)
    wall.advance(age)
    with pytest.raises(BadRequestError, match=f"its status is '{found}'") as refusal:
        getattr(jobs, change)(job.id)
    body: Any = refusal.value.body
    assert (body["param"], body["code"]) == ("fine_tune_id", "invalid_status")
    assert status(client, job) == found


def test_a_failed_job_and_a_job_nobody_made_are_not_paused(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    failed = train(chats[:3])
    for change in (client.fine_tuning.jobs.pause, client.fine_tuning.jobs.resume):
        with pytest.raises(BadRequestError, match="its status is 'failed'"):
            change(failed.id)
        with pytest.raises(NotFoundError):
            change("ftjob-none")


def test_of_two_pauses_at_once_one_is_taken(
    client: OpenAI, server: Any, wall: Any, job: FineTuningJob
) -> None:
    """The store changes a job only if it is as it was when the request read it."""
    wall.advance(RUNNING)
    client.fine_tuning.jobs.retrieve(job.id)
    store = server.sandbox.store
    read = store.job(job.id)
    client.fine_tuning.jobs.pause(job.id)
    assert not store.change_pauses(read, (), 0.0)
    assert status(client, job) == "pausing"
