"""The OpenAI provider over the real SDK: reads retried, creates sent once, lists that can't lie."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from reconciler.apply import SEND_WITHIN
from reconciler.errors import (
    DatasetChanged,
    NotSent,
    Refused,
    ReplyLost,
    ScanIncomplete,
    SettingsError,
    Unavailable,
)
from reconciler.plan.case import CLOCK_SKEW
from reconciler.providers.openai import CREATE_TIMEOUT, OpenAIProvider
from reconciler.spec import ProjectSpec
from reconciler.state import Endpoint, JobStatus
from tests.e2e.relay import Forward, Relay, Reply, Sent
from tests.providers.conftest import answering, dataset, listening, nothing, request, uploaded

# ---- creates -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 504, 302])
def test_an_ambiguous_answer_to_a_create_is_not_sent_again(
    provider: OpenAIProvider, relay: Relay, status: int
) -> None:
    relay.spoil = answering(status, {"error": {"message": "?"}}, **{"Retry-After": "0"})
    with pytest.raises(ReplyLost):
        provider.create(request("file-x"))
    assert len(relay.creates) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429])
def test_a_definite_refusal_carries_status_code_and_words(
    provider: OpenAIProvider, relay: Relay, status: int
) -> None:
    error = {"message": "not so", "code": "some_code", "type": "t", "param": None}
    relay.spoil = answering(status, {"error": error}, **{"Retry-After": "7"})
    with pytest.raises(Refused) as caught:
        provider.create(request("file-x"))
    told = caught.value
    assert (told.status, told.code, told.message) == (status, "some_code", "not so")
    assert told.retry_after == 7.0
    assert len(relay.creates) == 1


NOT_FROM_THE_SERVICE: dict[str, Any] = {
    "a page": b"<html><h1>403 Forbidden</h1></html>",
    "nothing": b"",
    "no object": ["no"],
    "another service's words": {"detail": "Not Found"},
    "an error in one word": {"error": "forbidden"},
    "an error without words": {"error": {}},
}


@pytest.mark.parametrize("body", NOT_FROM_THE_SERVICE.values(), ids=NOT_FROM_THE_SERVICE.keys())
@pytest.mark.parametrize("status", [403, 404, 429])
def test_a_refusal_that_the_service_does_not_sign_is_ambiguous(
    provider: OpenAIProvider, relay: Relay, status: int, body: Any
) -> None:
    """What stands between may look at answers too, and put its page in place of a job."""
    relay.spoil = answering(status, body)
    with pytest.raises(ReplyLost, match=str(status)):
        provider.create(request("file-x"))
    assert len(relay.creates) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_of_a_create_is_not_followed(
    provider: OpenAIProvider, relay: Relay, status: int
) -> None:
    relay.spoil = answering(status, b"", Location=f"{relay.base_url}/fine_tuning/jobs")
    with pytest.raises(ReplyLost, match=str(status)):
        provider.create(request("file-x"))
    assert len(relay.sent) == 1


def test_no_read_follows_a_redirect_to_another_endpoint(
    provider: OpenAIProvider, relay: Relay
) -> None:
    relay.spoil = answering(307, b"", Location="http://127.0.0.1:9/v1/fine_tuning/jobs")
    with pytest.raises(SettingsError, match="base_url"):
        list(provider.jobs())
    assert len(relay.sent) == 1


def test_no_create_can_still_leave_when_the_shortest_window_is_over() -> None:
    """A request leaves within SEND_WITHIN of its claim, is written, and is waited for."""
    (shortest,) = (m.ge for m in ProjectSpec.model_fields["doubt_window"].metadata)
    assert CREATE_TIMEOUT.write is not None
    assert CREATE_TIMEOUT.read is not None
    longest = SEND_WITHIN + CREATE_TIMEOUT.write + CREATE_TIMEOUT.read
    assert longest + CLOCK_SKEW < shortest


def test_a_create_whose_time_is_over_never_leaves(provider: OpenAIProvider, relay: Relay) -> None:
    """The look at the clock comes after the connection was made, before the first byte."""
    late = replace(request("file-x"), send_by=provider.now() - 1)
    with pytest.raises(NotSent, match="too long after its claim"):
        provider.create(late)
    assert relay.sent == []
    with pytest.raises(Refused):
        provider.create(replace(late, send_by=provider.now() + 60))
    assert len(relay.creates) == 1


def test_an_answer_that_is_cut_off_leaves_the_create_in_doubt() -> None:
    with listening(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"id": "ftjob-1"') as url:
        provider = OpenAIProvider(Endpoint(url, url), "sk-any")
        with pytest.raises(ReplyLost):
            provider.create(request("file-x"))
        provider.close()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"id": null}', b'{"id": '])
def test_an_answer_that_is_no_job_leaves_the_create_in_doubt(
    provider: OpenAIProvider, relay: Relay, body: bytes
) -> None:
    relay.spoil = answering(200, body)
    with pytest.raises(ReplyLost):
        provider.create(request("file-x"))
    assert len(relay.creates) == 1


def test_a_dropped_reply_leaves_the_create_in_doubt(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    file = uploaded(provider, tmp_path)

    def drop(sent: Sent, forward: Forward) -> Reply:
        forward(sent)
        return Reply(0, None)

    relay.spoil = drop
    with pytest.raises(ReplyLost):
        provider.create(request(file))
    relay.spoil = lambda sent, forward: forward(sent)
    assert len(relay.creates) == 1
    assert len(list(provider.jobs())) == 1


def test_a_closed_port_means_that_nothing_was_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    provider = OpenAIProvider(Endpoint(url, url), "sk-any")
    with pytest.raises(NotSent):
        provider.create(request("file-x"))
    provider.close()


def test_the_nonce_goes_along_as_idempotency_key(provider: OpenAIProvider, relay: Relay) -> None:
    with pytest.raises(Refused):
        provider.create(request("file-none"))
    headers = {name.lower(): value for name, value in relay.creates[0].headers.items()}
    assert headers["idempotency-key"] == "n"


# ---- uploads -------------------------------------------------------------------------------------


def test_what_was_uploaded_is_what_was_checked(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    path, digest = dataset(tmp_path)
    told: list[int] = []
    file = provider.upload(path, "shop.0.jsonl", digest, told.append)
    assert sum(told) == file.bytes == path.stat().st_size
    (sent,) = (sent for sent in relay.sent if sent.method == "POST")
    assert path.read_bytes() in sent.body


def test_a_file_that_changed_after_its_check_is_never_stored(
    provider: OpenAIProvider, tmp_path: Path
) -> None:
    path, digest = dataset(tmp_path)
    path.write_bytes(path.read_bytes()[:-2] + b" \n")
    with pytest.raises(DatasetChanged, match="changed after it was checked"):
        provider.upload(path, "shop.0.jsonl", digest, nothing)
    assert list(provider.files()) == []


def test_an_upload_that_fails_in_passing_is_sent_again_whole(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    path, digest = dataset(tmp_path)

    sent_before: list[Sent] = []

    def fail_once(sent: Sent, forward: Forward) -> Reply:
        if sent.method == "POST" and not sent_before:
            sent_before.append(sent)
            return Reply(503, b"{}")
        return forward(sent)

    relay.spoil = fail_once
    file = provider.upload(path, "shop.0.jsonl", digest, nothing)
    assert file.bytes == path.stat().st_size
    assert [sent.method for sent in relay.sent] == ["GET", "POST"] * 2


def test_an_upload_whose_reply_was_lost_is_found_and_not_sent_again(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    path, digest = dataset(tmp_path)

    def lose_the_reply(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        return Reply(0, None) if sent.method == "POST" else reply

    relay.spoil = lose_the_reply
    file = provider.upload(path, "shop.0.jsonl", digest, nothing)
    assert [file.id] == [one.id for one in provider.files()]


# ---- reads ---------------------------------------------------------------------------------------


def test_a_read_is_retried_and_a_busy_server_gets_its_pause(
    provider: OpenAIProvider, relay: Relay
) -> None:
    def busy_twice(sent: Sent, forward: Forward) -> Reply:
        is_busy = len(relay.sent) <= 2
        return Reply(429, b"{}", {"Retry-After": "0.01"}) if is_busy else forward(sent)

    relay.spoil = busy_twice
    assert list(provider.jobs()) == []
    assert len(relay.sent) == 3


def test_a_wrong_key_is_a_setting_to_mend(provider: OpenAIProvider, relay: Relay) -> None:
    relay.spoil = answering(
        401, {"error": {"message": "Incorrect API key provided: sk-abcdefghijkl"}}
    )
    with pytest.raises(SettingsError) as caught:
        list(provider.jobs())
    assert "abcdefghijkl" not in str(caught.value)


LYING_LISTS: dict[str, Any] = {
    "goes on and shows nothing": {"data": [], "has_more": True},
    "no rows": {"has_more": False},
    "rows that are none": {"data": ["x"], "has_more": False},
    "a cursor that loops": {"data": [{"id": "a"}, {"id": "b"}], "has_more": True},
    "a row without an id": {"data": [{"status": "queued"}], "has_more": False},
}


@pytest.mark.parametrize("page", LYING_LISTS.values(), ids=LYING_LISTS.keys())
def test_a_list_that_may_not_be_whole_fails(
    provider: OpenAIProvider, relay: Relay, page: Any
) -> None:
    relay.spoil = answering(200, page)
    with pytest.raises((ScanIncomplete, Unavailable)):
        list(provider.jobs())


def test_pages_are_joined_and_the_owner_filter_is_checked(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    file = uploaded(provider, tmp_path)
    made = [
        provider.create(request(file, **{"reconciler.owner": owner, "n": str(n)})).id
        for n, owner in enumerate(["shop", "other", "shop"])
    ]
    assert [job.id for job in provider.jobs()] == made[::-1]
    assert [job.id for job in provider.jobs("shop")] == [made[2], made[0]]

    def ignore_filter(sent: Sent, forward: Forward) -> Reply:
        bare = Sent(sent.method, sent.path.split("?")[0], sent.body, sent.headers)
        return forward(bare)

    relay.spoil = ignore_filter
    assert [job.id for job in provider.jobs("shop")] == [made[2], made[0]]


def test_a_page_of_jobs_that_does_not_say_whether_it_is_the_last_is_asked_on(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    """A server may show fewer rows than it was asked for: only an empty page is surely the last."""
    file = uploaded(provider, tmp_path)
    made = [provider.create(request(file)).id for _ in range(3)]

    def two_a_page(sent: Sent, forward: Forward) -> Reply:
        path = sent.path.replace("limit=100", "limit=2")
        reply = forward(replace(sent, path=path))
        page = json.loads(reply.body or b"")
        page.pop("has_more")
        return replace(reply, body=json.dumps(page).encode())

    relay.spoil = two_a_page
    assert [job.id for job in provider.jobs()] == made[::-1]


def test_a_scan_builds_nothing_of_the_sdk_for_a_row(provider: OpenAIProvider, relay: Relay) -> None:
    """What the SDK does for a page is the same, however many rows it has."""
    for scan in (provider.jobs, provider.files):
        list(scan())
        calls = [calls_into_the_sdk(scan, relay, rows) for rows in (1, 100)]
        assert calls[0] == calls[1] > 0


def calls_into_the_sdk(scan: Callable[[], Iterator[object]], relay: Relay, rows: int) -> int:
    """How many calls a scan of one page makes of functions of the SDK and of pydantic."""
    page = {"data": [{"id": f"x-{n}", "metadata": {}} for n in range(rows)], "has_more": False}
    relay.spoil = answering(200, page)
    called: list[str] = []

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            called.append(frame.f_globals.get("__name__", ""))

    sys.setprofile(note)
    try:
        assert len(list(scan())) == rows
    finally:
        sys.setprofile(None)
    return sum(name.partition(".")[0] in ("openai", "pydantic") for name in called)


def test_a_page_of_files_is_as_large_as_the_service_allows(
    provider: OpenAIProvider, relay: Relay
) -> None:
    list(provider.files())
    (sent,) = relay.sent
    assert "limit=10000" in sent.path


def test_what_is_not_there_is_none(provider: OpenAIProvider) -> None:
    assert provider.job("ftjob-none") is None
    assert not provider.model_answers("ft:gpt-4o-mini-2024-07-18:org::x/../y")


@pytest.mark.parametrize("body", [b"<html>", b""])
def test_a_page_of_something_between_does_not_say_that_a_thing_is_gone(
    provider: OpenAIProvider, relay: Relay, body: bytes
) -> None:
    relay.spoil = answering(404, body)
    with pytest.raises(Unavailable):
        provider.job("ftjob-1")
    with pytest.raises(Unavailable):
        provider.model_answers("ft:x")


def test_a_server_without_such_a_call_does_not_say_that_a_model_is_gone(
    provider: OpenAIProvider, relay: Relay
) -> None:
    relay.spoil = answering(404, {"detail": "Not Found"})
    assert provider.model_answers("ft:x")


def test_the_clock_is_the_servers(provider: OpenAIProvider, relay: Relay) -> None:
    relay.spoil = answering(
        200, {"data": [], "has_more": False}, Date="Tue, 05 Jan 2027 10:00:00 GMT"
    )
    list(provider.jobs())
    assert abs(provider.now() - 1_799_143_200) <= 2


def test_events_come_oldest_first_and_only_the_new_ones(
    provider: OpenAIProvider, tmp_path: Path
) -> None:
    job = provider.create(request(uploaded(provider, tmp_path))).id
    while (found := provider.job(job)) and not found.status.is_terminal:
        pass
    assert found
    assert found.status is JobStatus.SUCCEEDED
    events = provider.events(job)
    assert [event.created_at for event in events] == sorted(event.created_at for event in events)
    assert provider.events(job, events[-3].id) == events[-2:]
