"""`/fine_tuning/jobs`: objects, times, lists, events, checkpoints, cancelling, failing."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI
from openai.types.fine_tuning import FineTuningJob

Json = dict[str, Any]
Conforms = Callable[[str, object], None]
LONG = 10_000


def raw_job(client: OpenAI, job_id: str) -> Json:
    answer = client.fine_tuning.jobs.with_raw_response.retrieve(job_id)
    body: Json = answer.http_response.json()
    return body


def test_a_job_goes_through_its_statuses_as_time_passes(
    client: OpenAI, wall: Any, upload: Any, chats: list[Json], conforms: Conforms
) -> None:
    file = upload(chats)
    job = client.fine_tuning.jobs.create(model="gpt-4o-mini", training_file=file.id)
    seen = [job.status]
    for _ in range(45):
        wall.advance(1)
        shown = raw_job(client, job.id)
        assert shown["error"] == {}, "healthy jobs carry an empty object, against the document"
        conforms("FineTuningJob", shown)
        if shown["status"] != seen[-1]:
            seen.append(shown["status"])
        assert (shown["estimated_finish"] is not None) == (shown["status"] == "running")
        assert (shown["fine_tuned_model"] is not None) == (shown["status"] == "succeeded")
    assert seen == ["validating_files", "queued", "running", "succeeded"]


def test_a_finished_job_tells_what_it_made(
    client: OpenAI, upload: Any, wall: Any, chats: list[Json]
) -> None:
    file = upload(chats)
    created = wall.now
    job = client.fine_tuning.jobs.create(
        model="gpt-4.1-nano",
        training_file=file.id,
        suffix="my triage",
        metadata={"reconciler.key": "k"},
        extra_body={"seed": None},
    )
    wall.advance(LONG)
    done = client.fine_tuning.jobs.retrieve(job.id)
    assert done.model == "gpt-4.1-nano-2025-04-14", "an alias is answered as the snapshot"
    name = (done.fine_tuned_model or "").split(":")
    assert name[:4] == ["ft", "gpt-4.1-nano-2025-04-14", "sandbox", "my-triage"]
    assert len(name[4]) == 8
    assert done.created_at == int(created)
    assert created + 40 <= (done.finished_at or 0) < created + 45
    assert done.metadata == {"reconciler.key": "k"}
    assert done.to_dict()["user_provided_suffix"] == "my triage"
    assert 0 <= done.seed < 2**31
    assert done.to_dict()["usage_metrics"] is None
    assert done.to_dict()["shared_with_openai"] is False


def test_trained_tokens_are_those_of_the_file_times_the_epochs(
    train: Any, chats: list[Json]
) -> None:
    """By the notebook's rule; the test's tokenizer counts two a word for this base."""
    words = sum(
        len(value.split())
        for chat in chats
        for message in chat["messages"]
        for value in message.values()
    )
    one_epoch = 2 * words + sum(3 + 3 * len(chat["messages"]) for chat in chats)
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4}}}
    assert train(chats, method=method).trained_tokens == 4 * one_epoch


def test_names_parts_calls_and_tools_count_and_weights_dont(train: Any, chats: list[Json]) -> None:
    plain = train(chats).trained_tokens
    chats[0]["messages"][1] |= {
        "name": "ann",
        "content": [{"type": "text", "text": chats[0]["messages"][1]["content"]}],
    }
    chats[0]["messages"][2]["weight"] = 1
    epochs = 100 // len(chats)
    assert train(chats).trained_tokens == plain + epochs * (2 + 1)
    chats[0]["tools"] = [{"type": "function", "function": {"name": "f"}}]
    with_tools = train(chats).trained_tokens
    assert with_tools > plain + epochs * 3


def test_an_example_longer_than_the_base_takes_is_cut_silently(
    train: Any, chats: list[Json]
) -> None:
    chats[0]["messages"][1]["content"] = "long " * 40_000
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 1}}}
    assert 65_536 < train(chats, method=method).trained_tokens < 67_000


@pytest.mark.parametrize(("lines", "epochs"), [(10, 10), (15, 6), (33, 3), (34, 3), (60, 3)])
def test_auto_is_shown_until_the_job_runs_and_resolved_after(
    client: OpenAI, wall: Any, upload: Any, chats: list[Json], lines: int, epochs: int
) -> None:
    file = upload((chats * 4)[:lines])
    job = client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id)
    auto = {"n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto"}
    assert job.hyperparameters.to_dict() == auto
    wall.advance(15)
    running = raw_job(client, job.id)
    resolved = {"n_epochs": epochs, "batch_size": 1, "learning_rate_multiplier": 2.0}
    assert running["status"] == "running"
    assert running["hyperparameters"] == resolved
    assert running["method"]["supervised"]["hyperparameters"] == resolved


def test_hyperparameters_are_null_for_dpo_and_stand_under_the_method(
    client: OpenAI, train: Any, preferences: list[Json], conforms: Conforms
) -> None:
    method = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2, "n_epochs": 2}}}
    shown = raw_job(client, train(preferences, method=method).id)
    assert (shown["status"], shown["hyperparameters"]) == ("succeeded", None)
    assert shown["method"]["dpo"]["hyperparameters"] == {
        "beta": 0.2,
        "n_epochs": 2,
        "batch_size": 1,
        "learning_rate_multiplier": 2.0,
    }
    conforms("FineTuneMethod", shown["method"])


def test_the_deprecated_place_of_hyperparameters_still_works(train: Any, chats: list[Json]) -> None:
    job = train(chats, hyperparameters={"n_epochs": 2.0})
    assert job.hyperparameters.n_epochs == 2


def test_the_list_is_newest_first_and_can_be_walked(
    client: OpenAI, upload: Any, chats: list[Json], conforms: Conforms
) -> None:
    file = upload(chats)
    made = [
        client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id).id for _ in range(5)
    ]
    assert [job.id for job in client.fine_tuning.jobs.list()] == made[::-1]
    assert [job.id for job in client.fine_tuning.jobs.list(limit=2)] == made[::-1]
    page = client.fine_tuning.jobs.with_raw_response.list(limit=4).http_response.json()
    assert (page["has_more"], len(page["data"])) == (True, 4)
    conforms("ListPaginatedFineTuningJobsResponse", page)


def test_twenty_jobs_are_a_page(client: OpenAI, upload: Any, chats: list[Json]) -> None:
    file = upload(chats)
    for _ in range(21):
        client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id)
    page = client.fine_tuning.jobs.list()
    assert (len(page.data), page.has_more) == (20, True)


def test_metadata_filters_keep_the_jobs_that_carry_every_pair(
    client: OpenAI, upload: Any, chats: list[Json]
) -> None:
    file = upload(chats)
    marks = [{"a.b": "1", "c": 'x"&y'}, {"a.b": "1"}, {"c": 'x"&y'}, None]
    made = [
        client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id, metadata=mark).id
        for mark in marks
    ]
    for wanted, found in (
        ({"a.b": "1"}, [1, 0]),
        ({"a.b": "1", "c": 'x"&y'}, [0]),
        ({"a.b": "2"}, []),
    ):
        jobs = client.fine_tuning.jobs.list(metadata=wanted, limit=1)
        assert [job.id for job in jobs] == [made[place] for place in found]


def test_the_filter_null_keeps_the_jobs_without_metadata(
    client: OpenAI, upload: Any, chats: list[Json]
) -> None:
    file = upload(chats)
    marks: list[Any] = [{"a": ""}, None, {"a": "1"}]
    made = [
        client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id, metadata=mark).id
        for mark in marks
    ]
    for query, found in (
        ({"metadata": "null"}, [made[1]]),
        ({"metadata[a]": ""}, [made[0]]),
        ({}, made[::-1]),
    ):
        jobs = client.fine_tuning.jobs.list(extra_query=query)
        assert [job.id for job in jobs.data] == found
    for wrong in ({"metadata": "a"}, {"metadata": "null", "metadata[a]": "1"}):
        with pytest.raises(BadRequestError) as refusal:
            client.fine_tuning.jobs.list(extra_query=wrong)
        assert refusal.value.param == "metadata"


def test_an_integration_is_shown_as_it_was_asked_for(
    client: OpenAI, upload: Any, chats: list[Json], conforms: Conforms
) -> None:
    asked: Any = {"type": "wandb", "wandb": {"project": "p", "name": "n", "tags": ["t"]}}
    job = client.fine_tuning.jobs.create(
        model="gpt-4o", training_file=upload(chats).id, integrations=[asked]
    )
    shown = raw_job(client, job.id)["integrations"]
    conforms("FineTuningIntegration", shown[0])
    assert shown == [{"type": "wandb", "wandb": asked["wandb"] | {"entity": None}}]


def test_events_tell_the_story_in_order(
    client: OpenAI, wall: Any, upload: Any, chats: list[Json], conforms: Conforms
) -> None:
    files = upload(chats), upload(chats[:10], "valid.jsonl")
    method: Any = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4}}}
    job = client.fine_tuning.jobs.create(
        model="gpt-4o", training_file=files[0].id, validation_file=files[1].id, method=method
    )
    assert len(client.fine_tuning.jobs.list_events(job.id).data) == 2
    wall.advance(LONG)
    newest_first = list(client.fine_tuning.jobs.list_events(job.id, limit=7))
    assert len({event.id for event in newest_first}) == len(newest_first)
    events = newest_first[::-1]
    assert [event.created_at for event in events] == sorted(event.created_at for event in events)
    assert [event.message for event in events if event.type == "message"] == [
        f"Created fine-tuning job: {job.id}",
        f"Validating training file: {files[0].id} and validation file: {files[1].id}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started",
        "Checkpoint created at step 30",
        "Checkpoint created at step 45",
        "Checkpoint created at step 60",
        "New fine-tuned model created",
        "The job has successfully completed",
    ]
    metrics: list[Any] = [event.data for event in events if event.type == "metrics"]
    assert [data["step"] for data in metrics] == list(range(1, 61))
    assert all(data["total_steps"] == 60 for data in metrics)
    assert [data["step"] for data in metrics if "valid_loss" in data] == [15, 30, 45, 60]
    page = client.fine_tuning.jobs.with_raw_response.list_events(job.id).http_response.json()
    conforms("ListFineTuningJobEventsResponse", page)
    assert len(page["data"]) == 20


def test_events_come_one_by_one_while_a_job_runs(
    client: OpenAI, wall: Any, upload: Any, chats: list[Json]
) -> None:
    file = upload(chats)
    job = client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id)
    counts = []
    for _ in range(50):
        wall.advance(1)
        counts.append(len(client.fine_tuning.jobs.list_events(job.id, limit=100).data))
    assert counts == sorted(counts)
    assert len(set(counts)) > 25


def test_of_many_steps_a_bounded_number_become_events(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    job = train(chats, hyperparameters={"n_epochs": 40})
    events = list(client.fine_tuning.jobs.list_events(job.id, limit=100))
    shown = [event.data["step"] for event in events if event.type == "metrics"]  # type: ignore[index]
    assert len(shown) <= 100 + 40 + 1
    assert shown[0] == 600
    assert shown[-1] == 1


def test_the_last_three_epochs_leave_checkpoints(
    client: OpenAI, train: Any, upload: Any, chats: list[Json], conforms: Conforms
) -> None:
    valid = upload(chats[:10])
    job = train(chats, hyperparameters={"n_epochs": 5}, validation_file=valid.id)
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id))
    assert [one.step_number for one in checkpoints] == [75, 60, 45]
    assert [one.fine_tuned_model_checkpoint for one in checkpoints] == [
        f"{job.fine_tuned_model}:ckpt-step-{step}" for step in (75, 60, 45)
    ]
    rows = results(client, job)
    for one in checkpoints:
        row = rows[one.step_number - 1]
        assert one.metrics.train_loss == float(row["train_loss"])
        assert one.metrics.valid_loss == float(row["valid_loss"])
        assert one.created_at <= (job.finished_at or 0)
        assert client.models.retrieve(one.fine_tuned_model_checkpoint).id
    answer = client.fine_tuning.jobs.checkpoints.with_raw_response.list(job.id, limit=2)
    page = answer.http_response.json()
    conforms("ListFineTuningJobCheckpointsResponse", page)
    assert page["has_more"] is True


def results(client: OpenAI, job: FineTuningJob) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.files.content(job.result_files[0]).text)))


def test_the_result_file_has_a_row_a_step_and_is_empty_where_nothing_was_evaluated(
    client: OpenAI, train: Any, upload: Any, chats: list[Json]
) -> None:
    valid = upload(chats[:10])
    job = train(chats, hyperparameters={"n_epochs": 3, "batch_size": 4}, validation_file=valid.id)
    text = client.files.content(job.result_files[0]).text
    assert text.splitlines()[0] == (
        "step,train_loss,train_mean_token_accuracy,valid_loss,valid_mean_token_accuracy"
    )
    rows = results(client, job)
    assert [row["step"] for row in rows] == [str(step) for step in range(1, 13)]
    assert [row["step"] for row in rows if row["valid_loss"]] == ["4", "8", "12"]
    file = client.files.retrieve(job.result_files[0])
    assert (file.purpose, file.created_at) == ("fine-tune-results", job.finished_at)
    listed = client.files.list(purpose="fine-tune-results")
    assert [one.id for one in listed] == job.result_files


def test_a_result_file_isnt_there_before_its_time(
    client: OpenAI, wall: Any, upload: Any, chats: list[Json], settled: Callable[[], None]
) -> None:
    file = upload(chats)
    client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id)
    settled()
    assert [one.id for one in client.files.list()] == [file.id]
    wall.advance(LONG)
    assert len(client.files.list().data) == 2


@pytest.mark.parametrize("age", [1, 5, 20])
def test_a_living_job_can_be_cancelled_and_makes_nothing(
    client: OpenAI, wall: Any, upload: Any, chats: list[Json], age: float
) -> None:
    file = upload(chats)
    job = client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id)
    wall.advance(age)
    cancelled = client.fine_tuning.jobs.cancel(job.id)
    assert (cancelled.status, cancelled.finished_at) == ("cancelled", int(wall.now))
    wall.advance(LONG)
    later = client.fine_tuning.jobs.retrieve(job.id)
    assert later == cancelled
    events = client.fine_tuning.jobs.list_events(job.id, limit=100).data
    assert events[0].message == "The job has been cancelled"
    assert max(event.created_at for event in events) == cancelled.finished_at
    assert [one.id for one in client.files.list()] == [file.id]
    assert client.fine_tuning.jobs.checkpoints.list(job.id).data == []


def test_a_job_that_has_ended_cant_be_cancelled(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    ended = [train(chats).id, train(chats[:3]).id]
    for job_id in ended:
        with pytest.raises(BadRequestError, match=f"Job has already completed: {job_id}"):
            client.fine_tuning.jobs.cancel(job_id)


def test_a_job_nobody_made_isnt_found(client: OpenAI) -> None:
    jobs = client.fine_tuning.jobs
    for ask in (jobs.retrieve, jobs.cancel, jobs.list_events, jobs.checkpoints.list):
        with pytest.raises(NotFoundError) as refusal:
            ask("ftjob-none")
        assert refusal.value.body == {
            "message": "Could not find fine tune: ftjob-none",
            "type": "invalid_request_error",
            "param": "fine_tune_id",
            "code": "fine_tune_not_found",
        }


def assert_failed(client: OpenAI, job: FineTuningJob, code: str, message: str) -> None:
    assert job.status == "failed"
    assert job.error is not None
    assert job.error.code == code
    assert message in job.error.message
    assert (job.fine_tuned_model, job.trained_tokens, job.result_files) == (None, None, [])
    event = client.fine_tuning.jobs.list_events(job.id).data[0]
    assert (event.level, event.message) == ("error", job.error.message)


def test_fewer_than_ten_examples_fail_the_job(
    client: OpenAI, train: Any, chats: list[Json], conforms: Conforms
) -> None:
    job = train(chats[:7])
    message = "Training file has 7 example(s), but must have at least 10 examples"
    assert_failed(client, job, "invalid_n_examples", message)
    assert job.error is not None
    assert job.error.param == "training_file"
    conforms("FineTuningJob", raw_job(client, job.id))


def without_role(chats: list[Json]) -> None:
    del chats[11]["messages"][1]["role"]


def with_a_robot(chats: list[Json]) -> None:
    chats[2]["messages"][0]["role"] = "robot"


def without_content(chats: list[Json]) -> None:
    del chats[0]["messages"][2]["content"]


def without_an_answer(chats: list[Json]) -> None:
    chats[4]["messages"][2]["weight"] = 0


def with_half_a_weight(chats: list[Json]) -> None:
    chats[4]["messages"][2]["weight"] = 0.5


def without_messages(chats: list[Json]) -> None:
    chats[9]["messages"] = []


def of_no_format(chats: list[Json]) -> None:
    chats[9] = {"text": "a"}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without_role, "Example 12, message 2 Discriminator 'role' is missing in value"),
        (with_a_robot, "Example 3, message 1 Input tag 'robot' found using 'role'"),
        (without_content, "Example 1, message 3 'content' is missing in value"),
        (without_an_answer, "Example 5 has no assistant message to learn from"),
        (with_half_a_weight, "Example 5, message 3 'weight' must be 0 or 1"),
        (without_messages, "Example 10 'messages' must be a non-empty list"),
        (of_no_format, "Example 10 is missing key 'messages'"),
    ],
)
def test_a_bad_example_fails_the_job_and_is_named(
    client: OpenAI, train: Any, chats: list[Json], spoil: Callable[[list[Json]], None], message: str
) -> None:
    spoil(chats)
    start = "The job failed due to an invalid training file. Invalid file format. "
    assert_failed(client, train(chats), "invalid_training_file", start + message)


def test_data_of_another_method_fails_the_job(
    client: OpenAI, train: Any, chats: list[Json], preferences: list[Json]
) -> None:
    job = train(chats, method={"type": "dpo"})
    message = (
        f"Input file {job.training_file} is in the fine-tune-chat format, but the specified "
        "fine-tuning job is not using 'supervised' as the training method (provided method=dpo). "
    )
    assert_failed(client, job, "invalid_training_file", message)
    message = "is in the fine-tune-preference format"
    assert_failed(client, train(preferences), "invalid_training_file", message)
    message = "which model davinci-002 can't be trained with"
    assert_failed(client, train(chats, model="davinci-002"), "invalid_training_file", message)


def test_a_preference_needs_one_answer_on_each_side(
    client: OpenAI, train: Any, preferences: list[Json]
) -> None:
    preferences[1]["preferred_output"] *= 2
    job = train(preferences, method={"type": "dpo"})
    message = "Example 2 outputs must be exactly one assistant message each"
    assert_failed(client, job, "invalid_training_file", message)


def test_a_bad_validation_file_fails_the_job(
    client: OpenAI, train: Any, upload: Any, chats: list[Json]
) -> None:
    bad = upload([{"messages": [{"content": "a"}]}])
    job = train(chats, validation_file=bad.id)
    assert_failed(client, job, "invalid_validation_file", "Example 1, message 1 Discriminator")


def test_the_oldest_bases_learn_completions(train: Any) -> None:
    lines = [{"prompt": f"{number} is", "completion": " a number"} for number in range(10)]
    job = train(lines, model="babbage-002")
    assert job.status == "succeeded"
    assert job.trained_tokens == 10 * 10 * (2 + 2)


def test_a_fine_tune_can_be_tuned_further(client: OpenAI, train: Any, chats: list[Json]) -> None:
    parent = train(chats)
    for base in (parent.fine_tuned_model, f"{parent.fine_tuned_model}:ckpt-step-90"):
        child = train(chats[:10], model=base, suffix="child")
        assert child.status == "succeeded"
        assert child.model == base
        assert child.fine_tuned_model.startswith("ft:gpt-4.1-mini-2025-04-14:sandbox:child:")
    with pytest.raises(BadRequestError, match="does not exist or is not available"):
        train(chats, model=f"{parent.fine_tuned_model}:ckpt-step-45")  # of an epoch not kept
