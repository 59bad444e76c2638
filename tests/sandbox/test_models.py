"""`/models`: bases without an end, fine-tuned models until they are deleted."""

from collections.abc import Callable
from typing import Any

import pytest
from openai import NotFoundError, OpenAI, PermissionDeniedError

Json = dict[str, Any]
Conforms = Callable[[str, object], None]


def test_every_base_is_listed_and_none_shuts_down(client: OpenAI, conforms: Conforms) -> None:
    answer = client.models.with_raw_response.list().http_response.json()
    conforms("ListModelsResponse", answer)
    assert {model["id"] for model in answer["data"]} == {
        "gpt-4.1-2025-04-14",
        "gpt-4.1-mini-2025-04-14",
        "gpt-4.1-nano-2025-04-14",
        "gpt-4o-2024-08-06",
        "gpt-4o-mini-2024-07-18",
        "o4-mini-2025-04-16",
        "gpt-3.5-turbo-0125",
        "gpt-3.5-turbo-1106",
        "gpt-3.5-turbo-0613",
        "gpt-4-0613",
        "davinci-002",
        "babbage-002",
    }
    assert all(model["shutdown_date"] is None for model in answer["data"])


def test_an_alias_is_answered_as_its_snapshot(client: OpenAI) -> None:
    assert client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini-2024-07-18"


def test_a_fine_tuned_model_and_its_checkpoints_exist_once_the_job_has_succeeded(
    client: OpenAI, wall: Any, upload: Any, chats: list[Json], conforms: Conforms
) -> None:
    bases = len(client.models.list().data)
    file = upload(chats)
    job = client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id)
    wall.advance(20)
    assert len(client.models.list().data) == bases
    wall.advance(1_000)
    done = client.fine_tuning.jobs.retrieve(job.id)
    name = done.fine_tuned_model or ""
    tuned = [model.id for model in client.models.list()][bases:]
    assert tuned == [name, *(f"{name}:ckpt-step-{step}" for step in (90, 75, 60))]
    model = client.models.retrieve(name)
    assert (model.created, model.owned_by) == (done.finished_at, "org-sandbox")
    conforms("Model", model.to_dict())


def test_a_deleted_model_is_gone_and_its_job_still_says_succeeded(
    client: OpenAI, train: Any, chats: list[Json], conforms: Conforms
) -> None:
    job = train(chats)
    name = job.fine_tuned_model
    conforms("DeleteModelResponse", client.models.delete(name).to_dict())
    asks: list[Callable[[], object]] = [
        lambda: client.models.retrieve(name),
        lambda: client.models.delete(name),
        lambda: client.chat.completions.create(
            model=name, messages=[{"role": "user", "content": "a"}]
        ),
    ]
    for ask in asks:
        with pytest.raises(NotFoundError) as refusal:
            ask()
        assert refusal.value.code == "model_not_found"
    assert name not in [model.id for model in client.models.list()]
    assert client.fine_tuning.jobs.retrieve(job.id).fine_tuned_model == name


def test_a_base_cant_be_deleted(client: OpenAI) -> None:
    with pytest.raises(PermissionDeniedError):
        client.models.delete("gpt-4o-mini")


@pytest.mark.parametrize("name", ["gpt-9", "ft:gpt-4o-2024-08-06:sandbox::none"])
def test_an_unknown_model_isnt_found(client: OpenAI, name: str) -> None:
    with pytest.raises(NotFoundError, match="does not exist or you do not have access to it"):
        client.models.retrieve(name)
