"""What comes after a job was made: its checkpoints, a pause, its data fetched back, and deletes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest

from reconciler.errors import ProviderError, Refused, Unavailable
from reconciler.providers.openai import OpenAIProvider
from reconciler.sandbox import embedded
from reconciler.state import Endpoint, Job, JobStatus
from tests.e2e.relay import Forward, Relay, Reply, Sent, relay_to
from tests.providers.conftest import answering, dataset, listening, request, uploaded, words

RUNNING, A_DAY = 25.0, 86_400.0
"""Simulated seconds after which a small job is running, and after which it has long ended."""
MEGABYTE = 1024 * 1024


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[Relay]:
    """A relay in front of a sandbox whose clock moves when a test says so."""
    with (
        embedded(tmp_path / "sandbox", 0.001, words) as sandbox,
        relay_to(sandbox.base_url) as relay,
    ):
        yield relay


EPOCHS = {"n_epochs": 3}


@pytest.fixture
def job(provider: OpenAIProvider, tmp_path: Path) -> Job:
    return provider.create(replace(request(uploaded(provider, tmp_path)), hyperparameters=EPOCHS))


def advance(relay: Relay, seconds: float) -> None:
    root = relay.base_url.removesuffix("/v1")
    httpx2.post(f"{root}/_sandbox/clock", json={"advance": seconds}).raise_for_status()


def ended(provider: OpenAIProvider, relay: Relay, job: Job) -> Job:
    advance(relay, A_DAY)
    found = provider.job(job.id)
    assert found
    assert found.status is JobStatus.SUCCEEDED
    return found


def losing_the_first(method: str) -> Callable[[Sent, Forward], Reply]:
    """What the first request of a method did is done; its answer never comes."""
    lost: list[Sent] = []

    def spoil(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        if sent.method != method or lost:
            return reply
        lost.append(sent)
        return Reply(503, b"{}", {"Retry-After": "0.01"})

    return spoil


# ---- checkpoints ---------------------------------------------------------------------------------


def test_checkpoints_of_all_pages_come_oldest_first_and_their_models_answer(
    provider: OpenAIProvider, relay: Relay, job: Job
) -> None:
    assert provider.checkpoints(job.id) == ()
    model = ended(provider, relay, job).fine_tuned_model

    def two_a_page(sent: Sent, forward: Forward) -> Reply:
        return forward(replace(sent, path=sent.path.replace("limit=100", "limit=2")))

    relay.spoil = two_a_page
    kept = provider.checkpoints(job.id)
    assert [one.model for one in kept] == [f"{model}:ckpt-step-{one.step}" for one in kept]
    assert [one.step for one in kept] == sorted({one.step for one in kept})
    assert len(kept) == 3
    assert all(provider.model_answers(one.model) for one in kept)


# ---- pause and resume ----------------------------------------------------------------------------


def test_a_job_is_held_back_and_goes_on(provider: OpenAIProvider, relay: Relay, job: Job) -> None:
    advance(relay, RUNNING)
    assert provider.pause(job.id).status is JobStatus.PAUSING
    advance(relay, A_DAY)
    assert provider.pause(job.id).status is JobStatus.PAUSED
    assert provider.resume(job.id).status is JobStatus.RUNNING
    assert provider.resume(job.id).status is JobStatus.RUNNING


def test_a_pause_and_a_resume_whose_replies_were_lost_are_no_failures(
    provider: OpenAIProvider, relay: Relay, job: Job
) -> None:
    advance(relay, RUNNING)
    relay.spoil = losing_the_first("POST")
    assert provider.pause(job.id).status is JobStatus.PAUSING
    advance(relay, A_DAY)
    relay.spoil = losing_the_first("POST")
    assert provider.resume(job.id).status is JobStatus.RUNNING


def test_who_holds_back_a_job_that_has_ended_is_told_so_by_the_service(
    provider: OpenAIProvider, relay: Relay, job: Job
) -> None:
    ended(provider, relay, job)
    for ask in (provider.pause, provider.resume):
        with pytest.raises(Refused, match="its status is 'succeeded'"):
            ask(job.id)
        with pytest.raises(Refused, match="Could not find fine tune"):
            ask("ftjob-none")


# ---- downloads -----------------------------------------------------------------------------------


def test_a_download_is_what_was_uploaded_and_takes_the_place_of_what_was_there(
    provider: OpenAIProvider, tmp_path: Path
) -> None:
    file_id = uploaded(provider, tmp_path)
    folder = tmp_path / "fetched"
    folder.mkdir()
    path = folder / "train.jsonl"
    path.write_text("old")
    assert provider.download(file_id, path)
    assert path.read_bytes() == dataset(tmp_path)[0].read_bytes()
    assert list(folder.iterdir()) == [path]


def test_a_file_that_the_service_does_not_give_out_is_told_and_changes_nothing(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("old")
    assert not provider.download("file-none", path)
    for status in (400, 403, 404):
        relay.spoil = answering(status, {"error": {"message": "not to you", "code": None}})
        assert not provider.download("file-1", path)
    assert path.read_text() == "old"


def test_a_page_of_something_between_does_not_say_that_a_file_is_gone(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    relay.spoil = answering(404, b"<html>")
    with pytest.raises(Unavailable):
        provider.download("file-1", tmp_path / "train.jsonl")


def test_a_download_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "fetched"
    folder.mkdir()
    with listening(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n" + b'{"messages":') as url:
        provider = OpenAIProvider(Endpoint(url, url), "sk-any")
        with pytest.raises(Unavailable, match="broke off"):
            provider.download("file-1", folder / "train.jsonl")
        provider.close()
    assert list(folder.iterdir()) == []


def test_a_download_takes_the_same_memory_whatever_its_size(
    provider: OpenAIProvider, relay: Relay, tmp_path: Path
) -> None:
    path, size = tmp_path / "train.jsonl", 48 * MEGABYTE
    relay.spoil = answering(200, b"x" * size)
    tracemalloc.start()
    assert provider.download("file-1", path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size == size
    assert most < 12 * MEGABYTE


# ---- deletes -------------------------------------------------------------------------------------


def test_a_deleted_model_answers_no_more_and_its_job_stays(
    provider: OpenAIProvider, relay: Relay, job: Job
) -> None:
    model = ended(provider, relay, job).fine_tuned_model or ""
    provider.delete_model(model)
    assert not provider.model_answers(model)
    assert provider.job(job.id)
    provider.delete_model(model)


def test_a_deleted_file_is_listed_no_more(provider: OpenAIProvider, tmp_path: Path) -> None:
    file_id = uploaded(provider, tmp_path)
    provider.delete_file(file_id)
    assert list(provider.files()) == []
    provider.delete_file(file_id)


def test_a_delete_whose_reply_was_lost_is_done(
    provider: OpenAIProvider, relay: Relay, job: Job
) -> None:
    model = ended(provider, relay, job).fine_tuned_model or ""
    relay.spoil = losing_the_first("DELETE")
    provider.delete_model(model)
    relay.spoil = losing_the_first("DELETE")
    provider.delete_file(job.training_file)
    assert [sent.method for sent in relay.sent].count("DELETE") == 4
    assert not provider.model_answers(model)
    assert job.training_file not in {file.id for file in provider.files()}


def test_a_refused_delete_is_told_in_the_services_words(provider: OpenAIProvider) -> None:
    with pytest.raises(Refused, match="insufficient permissions") as caught:
        provider.delete_model("gpt-4o-mini-2024-07-18")
    assert caught.value.status == 403


NOT_DELETED: dict[str, tuple[int, Any]] = {
    "the service says so": (200, {"id": "x", "deleted": False}),
    "the server has no such call": (404, {"detail": "Not Found"}),
}


@pytest.mark.parametrize("answer", NOT_DELETED.values(), ids=NOT_DELETED.keys())
def test_what_is_still_there_was_not_deleted(
    provider: OpenAIProvider, relay: Relay, answer: tuple[int, Any]
) -> None:
    def there_all_the_same(sent: Sent, forward: Forward) -> Reply:
        told = answer if sent.method == "DELETE" else (200, {"id": "x"})
        return answering(*told)(sent, forward)

    relay.spoil = there_all_the_same
    for delete in (provider.delete_model, provider.delete_file):
        with pytest.raises(ProviderError):
            delete("x")
