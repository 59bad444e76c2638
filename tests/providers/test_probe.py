"""What an endpoint can do is found out by asking, and nothing is changed by it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx2
import pytest

from reconciler.errors import SettingsError
from reconciler.providers.openai import OpenAIProvider
from reconciler.providers.protocol import Probe
from tests.e2e.relay import Forward, Relay, Reply, Sent
from tests.providers.conftest import answering, request, uploaded

SOON = {"Retry-After": "0.01"}
ERROR = {"error": {"message": "no", "code": None}}


def everything(probe: Probe) -> tuple[bool | None, ...]:
    return (
        probe.honours_filter(),
        probe.takes_parts(),
        probe.shows_checkpoints(),
        probe.lists_files(),
    )


def carried_out(relay: Relay) -> dict[str, int]:
    """How often each operation was carried out, of those that change something."""
    root = relay.base_url.removesuffix("/v1")
    calls = httpx2.get(f"{root}/_sandbox/calls").json()["calls"]
    looks = ("list_", "retrieve_")
    return {name: told["carried_out"] for name, told in calls.items() if not name.startswith(looks)}


def test_an_endpoint_that_can_do_all_is_seen_to_and_is_left_as_it_was(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    provider.create(request(uploaded(provider, tmp_path)))
    before = carried_out(relay)
    assert everything(provider) == (True, True, True, True)
    assert carried_out(relay) == {**before, "begin_upload": 0}


def test_what_only_a_job_can_show_is_unknown_while_there_is_none(provider: OpenAIProvider) -> None:
    assert everything(provider) == (None, True, None, True)


def test_a_list_that_shows_what_no_filter_can_match_is_not_filtered(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    provider.create(request(uploaded(provider, tmp_path)))

    def ignore_filter(sent: Sent, forward: Forward) -> Reply:
        return forward(Sent(sent.method, sent.path.split("?")[0], sent.body, sent.headers))

    relay.spoil = ignore_filter
    assert provider.honours_filter() is False


def jobs_alone(status: int, body: Any) -> Any:
    """An endpoint which lists jobs, and answers all else as told."""

    def spoil(sent: Sent, forward: Forward) -> Reply:
        if sent.path.split("?")[0].endswith("/jobs"):
            return answering(200, {"data": [{"id": "ftjob-1"}], "has_more": False})(sent, forward)
        return answering(status, body, **SOON)(sent, forward)

    return spoil


NOT_THERE: list[tuple[int, Any]] = [
    (404, b"<html>"),
    (404, {"detail": "Not Found"}),
    (404, ERROR),
    (405, b""),
    (501, ERROR),
]
TELLING_NOTHING: list[tuple[int, Any]] = [(403, ERROR), (429, ERROR), (400, b"<html>"), (422, {})]


def test_an_address_that_is_not_there_is_no_ability(provider: OpenAIProvider, relay: Relay) -> None:
    for answer in NOT_THERE:
        relay.spoil = jobs_alone(*answer)
        assert everything(provider)[1:] == (False, False, False), answer


def test_an_answer_that_does_not_tell_is_not_taken_for_one_that_does(
    provider: OpenAIProvider, relay: Relay
) -> None:
    for answer in TELLING_NOTHING:
        relay.spoil = jobs_alone(*answer)
        assert everything(provider)[1:] == (None, None, None), answer


def test_only_an_upload_is_known_by_the_fault_that_the_service_finds_with_it(
    provider: OpenAIProvider, relay: Relay
) -> None:
    for status in (400, 422):
        relay.spoil = jobs_alone(status, ERROR)
        assert everything(provider)[1:] == (True, None, None)


def test_a_wrong_key_or_address_is_a_setting_to_mend_and_no_ability(
    provider: OpenAIProvider, relay: Relay
) -> None:
    for status in (401, 307):
        relay.spoil = answering(status, ERROR, Location="http://127.0.0.1:9/v1")
        for ask in (provider.takes_parts, provider.lists_files, provider.honours_filter):
            with pytest.raises(SettingsError):
                ask()


def test_the_clocks_are_compared_once_the_server_told_its_time(
    provider: OpenAIProvider, relay: Relay
) -> None:
    page = {"data": [], "has_more": False}
    relay.spoil = answering(200, page)
    assert provider.lists_files()
    assert provider.clock_offset() is None
    relay.spoil = answering(200, page, Date="Tue, 05 Jan 2027 10:00:00 GMT")
    list(provider.jobs())
    offset = provider.clock_offset()
    assert offset is not None
    assert abs(1_799_143_200 - offset - time.time()) < 5
