"""What a client sees of each fault around a call, and what was or wasn't done behind it."""

import email.utils
import json
import time
from collections.abc import Callable
from typing import Any

import httpx2
import openai
import pytest
from openai import OpenAI
from openai.types import FileObject

from tests.sandbox.conftest import BASE, Control, Server
from tests.sandbox.world import Wall

Json = dict[str, Any]
Upload = Callable[..., FileObject]
KEY = {"authorization": "Bearer k"}


@pytest.fixture
def file(upload: Upload, chats: list[Json]) -> str:
    return upload(chats).id


def create(client: OpenAI, file: str, **asked: Any) -> Any:
    return client.fine_tuning.jobs.create(model=BASE, training_file=file, **asked)


def jobs(client: OpenAI) -> list[str]:
    return [job.id for job in client.fine_tuning.jobs.list(limit=100)]


def raw(server: Server, path: str, **query: str | int) -> httpx2.Response:
    return httpx2.get(server.base_url + path, headers=KEY, params=query)


def test_a_lost_request_does_nothing(client: OpenAI, control: Control, file: str) -> None:
    control.break_with({"on": "create_job", "what": "lose_request"})
    with pytest.raises(openai.APIConnectionError):
        create(client, file)
    assert control.calls("create_job") == (1, 0)
    assert jobs(client) == []


def test_a_lost_reply_leaves_what_was_asked_for(
    client: OpenAI, control: Control, file: str
) -> None:
    control.break_with({"on": "create_job", "what": "lose_reply"})
    with pytest.raises(openai.APIConnectionError):
        create(client, file)
    assert control.calls("create_job") == (1, 1)
    assert len(jobs(client)) == 1


def test_a_delayed_answer_comes_after_the_clients_patience(
    client: OpenAI, control: Control, file: str
) -> None:
    control.break_with({"on": "create_job", "what": "delay", "seconds": 30})
    with pytest.raises(openai.APITimeoutError):
        create(client.with_options(timeout=0.2), file)
    assert len(jobs(client)) == 1


def test_a_delay_within_the_clients_patience_is_only_a_wait(
    client: OpenAI, control: Control
) -> None:
    control.break_with({"on": "list_jobs", "what": "delay", "seconds": 0.15})
    began = time.perf_counter()
    assert jobs(client) == []
    assert time.perf_counter() - began >= 0.15


@pytest.mark.parametrize(("answer", "place"), [("first", 1), ("second", 0)])
def test_a_duplicate_is_carried_out_twice(
    client: OpenAI, control: Control, file: str, answer: str, place: int
) -> None:
    control.break_with({"on": "create_job", "what": "duplicate", "answer": answer})
    job = create(client, file)
    assert control.calls("create_job") == (1, 2)
    assert [listed == job.id for listed in jobs(client)].index(True) == place
    assert len(jobs(client)) == 2


def test_a_second_delivery_that_is_refused_is_what_the_client_hears(
    client: OpenAI, control: Control, file: str
) -> None:
    control.break_with({"on": "delete_file", "what": "duplicate"})
    with pytest.raises(openai.NotFoundError):
        client.files.delete(file)
    assert control.calls("delete_file") == (1, 1)


def test_a_file_delivered_twice_is_two_whole_files(
    client: OpenAI, control: Control, upload: Upload, chats: list[Json]
) -> None:
    control.break_with({"on": "upload_file", "what": "duplicate"})
    upload(chats)
    one, two = client.files.list().data
    assert client.files.content(one.id).content == client.files.content(two.id).content != b""
    client.files.delete(one.id)
    assert client.files.content(two.id).content


def test_errors_before_do_nothing_and_errors_after_have_done_it(
    client: OpenAI, control: Control, file: str
) -> None:
    for what, done in (("error_before", 0), ("error_after", 1)):
        control.break_with({"on": "create_job", "what": what, "status": 503})
        with pytest.raises(openai.InternalServerError) as error:
            create(client, file)
        assert error.value.status_code == 503
        assert error.value.type == "server_error"
        assert len(jobs(client)) == done


@pytest.mark.parametrize("status", [400, 408, 409, 422, 429])
def test_a_refusal_says_what_the_plan_says_and_does_nothing(
    client: OpenAI, control: Control, file: str, status: int
) -> None:
    told = {"status": status, "code": "later", "message": "Not now.", "retry_after": 7}
    control.break_with({"on": "create_job", "what": "refuse", **told})
    with pytest.raises(openai.APIStatusError, match="Not now") as refusal:
        create(client, file)
    assert (refusal.value.status_code, refusal.value.code) == (status, "later")
    assert refusal.value.response.headers["retry-after"] == "7"
    assert control.calls("create_job") == (1, 0)


@pytest.mark.parametrize(
    ("what", "status", "code"),
    [
        ("rate_limit", 429, "rate_limit_exceeded"),
        ("quota", 429, "insufficient_quota"),
        ("key_revoked", 401, "invalid_api_key"),
        ("training_not_available", 403, "training_not_available"),
    ],
)
def test_refusals_that_have_a_name_have_their_real_code(
    client: OpenAI, control: Control, file: str, what: str, status: int, code: str
) -> None:
    control.break_with({"on": "create_job", "what": what})
    with pytest.raises(openai.APIStatusError) as refusal:
        create(client, file)
    assert (refusal.value.status_code, refusal.value.code) == (status, code)
    assert ("retry-after" in refusal.value.response.headers) == (what == "rate_limit")
    assert jobs(client) == []


def test_a_retired_base_is_gone_with_its_alias_and_no_other(
    client: OpenAI, control: Control, file: str
) -> None:
    control.break_with({"what": "base_retired", "model": BASE})
    names = [model.id for model in client.models.list()]
    assert BASE not in names
    assert "gpt-4o-2024-08-06" in names
    for name in (BASE, "gpt-4.1-mini", f"ft:{BASE}:shop::abc"):
        with pytest.raises(openai.BadRequestError) as refusal:
            client.fine_tuning.jobs.create(model=name, training_file=file)
        assert refusal.value.code == "model_not_available"
    for name in (BASE, "gpt-4.1-mini"):
        with pytest.raises(openai.NotFoundError):
            client.models.retrieve(name)
    assert client.models.retrieve("gpt-4o").id == "gpt-4o-2024-08-06"
    assert client.fine_tuning.jobs.create(model="gpt-4o", training_file=file).id


def test_a_truncated_answer_ends_in_its_middle(
    server: Server, client: OpenAI, control: Control, file: str
) -> None:
    control.break_with({"what": "truncate"})
    with pytest.raises(openai.APIConnectionError):
        create(client, file)
    control.ask("DELETE", "faults")
    assert len(jobs(client)) == 1
    whole = raw(server, f"/files/{file}/content").content
    control.break_with({"what": "truncate"})
    address = f"{server.base_url}/files/{file}/content"
    with httpx2.stream("GET", address, headers=KEY) as answer:
        assert int(answer.headers["content-length"]) == len(whole)
        came: list[bytes] = []
        with pytest.raises(httpx2.RemoteProtocolError):
            came.extend(answer.iter_raw())
    assert b"".join(came) == whole[: len(whole) // 2]


def test_a_garbled_answer_is_a_200_without_json(
    client: OpenAI, control: Control, file: str
) -> None:
    control.break_with({"on": "create_job", "what": "garble"})
    with pytest.raises((json.JSONDecodeError, openai.APIResponseValidationError)):
        create(client, file)
    assert len(jobs(client)) == 1


def test_a_skewed_clock_dates_answers_wrong_and_changes_nothing_else(
    server: Server, control: Control, wall: Wall
) -> None:
    control.break_with({"on": "list_jobs", "what": "clock_skew", "seconds": -3600})
    for path, skew in (("/fine_tuning/jobs", -3600), ("/files", 0)):
        date = email.utils.parsedate_to_datetime(raw(server, path).headers["date"])
        assert date.timestamp() == wall.now + skew


def test_faults_that_strike_together_act_together(
    server: Server, client: OpenAI, control: Control, file: str
) -> None:
    control.break_with(
        {"on": "create_job", "what": "drop_metadata"},
        {"on": "create_job", "what": "duplicate"},
        {"on": "create_job", "what": "error_after"},
    )
    with pytest.raises(openai.InternalServerError):
        create(client, file, metadata={"a": "b"})
    assert [job.metadata for job in client.fine_tuning.jobs.list()] == [None, None]


# ---- lists ---------------------------------------------------------------------------------------


def ids(answer: httpx2.Response) -> list[str]:
    return [row["id"] for row in answer.json()["data"]]


@pytest.fixture
def three(client: OpenAI, file: str, wall: Wall) -> list[str]:
    """Three jobs, ten seconds apart, newest first."""
    made = []
    for number in range(3):
        made.append(create(client, file, metadata={"n": str(number)}).id)
        wall.advance(10)
    return made[::-1]


def test_a_stale_list_lacks_what_is_new_and_only_that(
    server: Server, client: OpenAI, control: Control, three: list[str]
) -> None:
    control.break_with({"what": "stale", "seconds": 15})
    for limit in (1, 2, 100):
        assert [job.id for job in client.fine_tuning.jobs.list(limit=limit)] == three[1:]
    assert raw(server, f"/fine_tuning/jobs/{three[0]}").status_code == 200
    control.break_with({"what": "stale", "seconds": 3600})
    last = raw(server, "/fine_tuning/jobs", limit=1).json()
    assert (last["data"], last["has_more"]) == ([], False)
    files = raw(server, "/files").json()
    assert (files["data"], files["first_id"], files["last_id"]) == ([], "", "")
    assert BASE in ids(raw(server, "/models"))


def test_an_empty_page_says_that_there_are_more(
    server: Server, control: Control, three: list[str]
) -> None:
    control.break_with({"on": "list_jobs", "what": "empty_page", "times": 1})
    page = raw(server, "/fine_tuning/jobs").json()
    assert (page["data"], page["has_more"]) == ([], True)
    assert ids(raw(server, "/fine_tuning/jobs")) == three


def test_an_empty_page_stays_one_that_goes_on_whatever_else_strikes(
    server: Server, control: Control, three: list[str]
) -> None:
    control.break_with({"what": "empty_page"}, {"what": "loop_cursor"}, {"what": "stale"})
    page = raw(server, "/fine_tuning/jobs").json()
    assert (page["data"], page["has_more"]) == ([], True)


def test_an_ignored_cursor_gives_the_first_page_again(
    server: Server, control: Control, three: list[str]
) -> None:
    control.break_with({"what": "ignore_cursor"})
    for after in three:
        page = raw(server, "/fine_tuning/jobs", limit=2, after=after).json()
        assert ([row["id"] for row in page["data"]], page["has_more"]) == (three[:2], True)


def test_a_looping_cursor_begins_again_after_the_last_page(
    server: Server, control: Control, three: list[str]
) -> None:
    control.break_with({"what": "loop_cursor"})
    seen: list[str] = []
    query: dict[str, str] = {}
    for _ in range(4):
        page = raw(server, "/fine_tuning/jobs", limit=2, **query).json()
        assert page["has_more"]
        seen += [row["id"] for row in page["data"]]
        query = {"after": seen[-1]}
    assert seen == three + three


def test_an_ignored_filter_lists_what_wasnt_asked_for(
    server: Server, control: Control, three: list[str]
) -> None:
    asked = {"metadata[n]": "1"}
    assert ids(raw(server, "/fine_tuning/jobs", **asked)) == three[1:2]
    control.break_with({"what": "ignore_filter"})
    assert ids(raw(server, "/fine_tuning/jobs", **asked)) == three
    assert len(ids(raw(server, "/files", purpose="batch"))) == 1


def test_metadata_dropped_at_creation_is_gone_for_good(
    client: OpenAI, control: Control, file: str, server: Server
) -> None:
    control.break_with({"on": "create_job", "what": "drop_metadata"})
    job = create(client, file, metadata={"a": "b"})
    control.ask("DELETE", "faults")
    assert job.metadata is None
    assert client.fine_tuning.jobs.retrieve(job.id).metadata is None
    assert ids(raw(server, "/fine_tuning/jobs", **{"metadata[a]": "b"})) == []


def test_metadata_dropped_from_an_answer_is_still_there(
    client: OpenAI, control: Control, three: list[str], server: Server
) -> None:
    control.break_with({"on": ["list_jobs", "retrieve_job"], "what": "drop_metadata"})
    assert {job.metadata is None for job in client.fine_tuning.jobs.list()} == {True}
    assert client.fine_tuning.jobs.retrieve(three[0]).metadata is None
    assert ids(raw(server, "/fine_tuning/jobs", **{"metadata[n]": "2"})) == three[:1]
    control.ask("DELETE", "faults")
    assert client.fine_tuning.jobs.retrieve(three[0]).metadata == {"n": "2"}


def test_a_status_that_nobody_knows_is_shown_everywhere_and_is_no_more_than_shown(
    client: OpenAI, control: Control, three: list[str]
) -> None:
    control.break_with({"what": "status", "value": "hibernating"})
    assert {job.status for job in client.fine_tuning.jobs.list()} == {"hibernating"}
    assert str(client.fine_tuning.jobs.cancel(three[0]).status) == "hibernating"
    control.ask("DELETE", "faults")
    assert client.fine_tuning.jobs.retrieve(three[0]).status == "cancelled"


def test_fields_are_null_in_objects_and_in_rows_and_none_is_invented(
    server: Server, control: Control, three: list[str]
) -> None:
    control.break_with({"what": "nulls", "fields": ["hyperparameters", "status", "colour"]})
    rows = raw(server, "/fine_tuning/jobs").json()["data"]
    for job in (*rows, raw(server, f"/fine_tuning/jobs/{three[0]}").json()):
        assert (job["hyperparameters"], job["status"]) == (None, None)
        assert "colour" not in job
        assert job["id"] in three
    for event in raw(server, f"/fine_tuning/jobs/{three[0]}/events").json()["data"]:
        assert event["message"]


# ---- the control API -----------------------------------------------------------------------------


def test_no_fault_strikes_the_control_api(control: Control, server: Server) -> None:
    control.break_with({"on": "*", "what": "lose_request"})
    with pytest.raises(httpx2.RemoteProtocolError):
        raw(server, "/files")
    shown = control.ask("GET", "faults").json()
    assert shown["plan"] == {"seed": 0, "faults": [{"on": "*", "what": "lose_request"}]}
    assert shown["struck"] == [{"fault": 0, "what": "lose_request", "on": "list_files", "times": 1}]
    assert control.ask("DELETE", "faults").json() == {"plan": {}, "struck": []}
    assert raw(server, "/files").status_code == 200


def test_a_wrong_plan_is_refused_and_the_old_one_stays(control: Control, server: Server) -> None:
    control.break_with({"on": "list_files", "what": "quota"})
    body = {"faults": [{"what": "delay"}, {"what": "stale", "on": "create_job"}]}
    refusal = control.ask("POST", "faults", body)
    error = refusal.json()["error"]
    assert (refusal.status_code, error["code"]) == (400, "invalid_fault_plan")
    assert "faults[0].seconds: found nothing" in error["message"]
    assert "faults[1].on: found create_job" in error["message"]
    assert raw(server, "/files").status_code == 429


def test_time_jumps_forward_when_told_and_stays_there(
    start: Callable[..., Server], control: Control, server: Server
) -> None:
    before = control.ask("GET", "clock").json()["now"]
    after = control.ask("POST", "clock", {"advance": 1234.5}).json()["now"]
    assert after == before + 1234.5
    again = start(wall=server.wall)
    assert Control(again.base_url.removesuffix("/v1")).ask("GET", "clock").json()["now"] == after


@pytest.mark.parametrize("body", [{}, {"advance": -1}, {"advance": "1"}, {"advance": 1, "by": 2}])
def test_time_takes_no_other_command(control: Control, body: Json) -> None:
    before = control.ask("GET", "clock").json()
    assert control.ask("POST", "clock", body).status_code == 400
    assert control.ask("GET", "clock").json() == before


def test_refused_calls_count_as_come_and_not_as_carried_out(
    client: OpenAI, control: Control, file: str
) -> None:
    create(client, file)
    with pytest.raises(openai.BadRequestError):
        create(client, "file-none")
    assert control.calls("create_job") == (2, 1)
    assert control.calls("cancel_job") == (0, 0)
