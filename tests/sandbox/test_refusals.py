"""What is refused: keys, addresses, bodies and fields, each in OpenAI's envelope."""

import email.utils
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from openai import APIStatusError, AuthenticationError, BadRequestError, OpenAI

Json = dict[str, Any]
KEY = {"authorization": "Bearer k"}


def refused(answer: httpx2.Response, status: int, code: str | None) -> Json:
    error: Json = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert (answer.status_code, error["code"]) == (status, code)
    return error


@pytest.mark.parametrize("header", [{}, {"authorization": "Basic k"}, {"authorization": "Bearer"}])
def test_without_a_bearer_key_nothing_is_answered(server: Any, header: Json) -> None:
    for path in ("/models", "/nowhere"):
        answer = httpx2.get(server.base_url + path, headers=header)
        error = refused(answer, 401, "invalid_api_key")
        assert error["message"].startswith("You didn't provide an API key")


def test_a_sandbox_with_a_key_takes_only_that_one(
    start: Callable[..., Any], connect: Callable[..., OpenAI]
) -> None:
    server = start(key="sk-right-key-of-length")
    assert connect(server.base_url, "sk-right-key-of-length").models.list().data
    with pytest.raises(AuthenticationError, match="Incorrect API key provided") as refusal:
        connect(server.base_url, "sk-wrong-key-of-length").models.list()
    assert refusal.value.code == "invalid_api_key"
    assert "wrong-key" not in refusal.value.message


def test_every_answer_carries_the_simulated_date_and_a_request_id(server: Any) -> None:
    server.wall.advance(86_400)
    ids = set()
    for path, headers in (("/models", KEY), ("/nowhere", KEY), ("/models", {})):
        answer = httpx2.get(server.base_url + path, headers=headers)
        date = email.utils.parsedate_to_datetime(answer.headers["date"])
        assert date.timestamp() == server.wall.now
        assert int(answer.headers["openai-processing-ms"]) >= 0
        ids.add(answer.headers["x-request-id"])
    assert len(ids) == 3


def test_unknown_addresses_and_verbs_are_refused(server: Any) -> None:
    error = refused(httpx2.get(server.base_url + "/nowhere", headers=KEY), 404, "unknown_url")
    assert error["message"] == "Invalid URL (GET /v1/nowhere)"
    answer = httpx2.put(server.base_url + "/models", headers=KEY)
    refused(answer, 405, "method_not_supported")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_body_that_isnt_a_json_object_is_refused(server: Any, body: bytes) -> None:
    for path in ("/fine_tuning/jobs", "/chat/completions"):
        refused(httpx2.post(server.base_url + path, content=body, headers=KEY), 400, None)


def test_an_endless_body_is_cut_off(server: Any) -> None:
    answer = httpx2.post(
        server.base_url + "/chat/completions", content=b" " * 17_000_000, headers=KEY
    )
    refused(answer, 413, "request_too_large")


def test_a_defect_is_a_500_in_the_same_envelope(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(server.sandbox), "tuned_models", lambda *_: 1 / 0)
    answer = httpx2.get(server.base_url + "/models", headers=KEY)
    assert refused(answer, 500, None)["type"] == "server_error"
    assert "date" in answer.headers


def supervised(**hyperparameters: object) -> Json:
    return {"method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}}


def dpo(**hyperparameters: object) -> Json:
    return {"method": {"type": "dpo", "dpo": {"hyperparameters": hyperparameters}}}


def wandb(**settings: object) -> Json:
    return {"type": "wandb", "wandb": {"project": "p"} | settings}


PATH = "method.supervised.hyperparameters."


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        (supervised(n_epochs=0), PATH + "n_epochs", "integer_below_min_value"),
        (supervised(n_epochs=51), PATH + "n_epochs", "integer_above_max_value"),
        (supervised(n_epochs=1.5), PATH + "n_epochs", "invalid_type"),
        (supervised(n_epochs=True), PATH + "n_epochs", "invalid_type"),
        (supervised(n_epochs="three"), PATH + "n_epochs", "invalid_type"),
        (supervised(n_epochs=10**400), PATH + "n_epochs", "invalid_type"),
        (supervised(batch_size=0), PATH + "batch_size", "integer_below_min_value"),
        (supervised(batch_size=257), PATH + "batch_size", "integer_above_max_value"),
        (
            supervised(learning_rate_multiplier=0),
            PATH + "learning_rate_multiplier",
            "decimal_below_min_value",
        ),
        (dpo(beta=0), "method.dpo.hyperparameters.beta", "decimal_below_min_value"),
        (dpo(beta=2.01), "method.dpo.hyperparameters.beta", "decimal_above_max_value"),
        (
            {"hyperparameters": {"n_epochs": 0}},
            "hyperparameters.n_epochs",
            "integer_below_min_value",
        ),
        ({"suffix": ""}, "suffix", "empty_string"),
        ({"suffix": "s" * 65}, "suffix", "string_above_max_length"),
        ({"seed": -1}, "seed", "integer_below_min_value"),
        ({"seed": 2**31}, "seed", "integer_above_max_value"),
        (
            {"metadata": {str(n): "v" for n in range(17)}},
            "metadata",
            "object_above_max_properties",
        ),
        ({"metadata": {"k": "v" * 513}}, "metadata.k", "string_above_max_length"),
        ({"metadata": {"k": 1}}, "metadata.k", "invalid_type"),
        ({"metadata": []}, "metadata", "invalid_type"),
        ({"method": {"type": "magic"}}, "method.type", "invalid_value"),
        ({"method": {"type": "reinforcement"}}, "method.type", "unsupported_method"),
        ({"method": {}}, "method.type", "missing_required_parameter"),
        ({"model": "o4-mini"}, "method", "unsupported_method"),
        ({"model": "gpt-3.5-turbo", **dpo()}, "method", "unsupported_method"),
        ({"model": "gpt-9"}, "model", "model_not_available"),
        ({"model": "ft:gpt-4o-2024-08-06:sandbox::none"}, "model", "model_not_available"),
        ({"model": None}, "model", "missing_required_parameter"),
        ({"training_file": None}, "training_file", "missing_required_parameter"),
        ({"training_file": "file-none"}, "training_file", "invalid_file"),
        ({"validation_file": "file-none"}, "validation_file", "invalid_file"),
        ({"metadata": {"k" * 65: "v"}}, "metadata", "string_above_max_length"),
        (
            {"hyperparameters": {"n_epochs": 0}, **supervised(n_epochs=1)},
            "hyperparameters.n_epochs",
            "integer_below_min_value",
        ),
        (
            {"method": {"type": "supervised", "supervised": 1}},
            "method.supervised",
            "invalid_type",
        ),
        ({"integrations": {}}, "integrations", "invalid_type"),
        ({"integrations": [wandb()] * 6}, "integrations", "array_above_max_length"),
        ({"integrations": [1]}, "integrations[0]", "invalid_type"),
        (
            {"integrations": [wandb(), {"type": "other"}]},
            "integrations[1].type",
            "invalid_value",
        ),
        (
            {"integrations": [{"type": "wandb", "wandb": {}}]},
            "integrations[0].wandb.project",
            "missing_required_parameter",
        ),
        (
            {"integrations": [wandb(tags=["a", 1])]},
            "integrations[0].wandb.tags[1]",
            "invalid_type",
        ),
        ({"integrations": [wandb(name=1)]}, "integrations[0].wandb.name", "invalid_type"),
    ],
    ids=str,
)
def test_a_field_out_of_bounds_is_refused_by_name(
    client: OpenAI, upload: Any, chats: list[Json], fields: Json, param: str, code: str
) -> None:
    body = {"model": "gpt-4o", "training_file": upload(chats).id} | fields
    with pytest.raises(BadRequestError) as refusal:
        client.post("/fine_tuning/jobs", body=body, cast_to=object)
    assert (refusal.value.param, refusal.value.code) == (param, code)
    assert refusal.value.type == "invalid_request_error"
    assert client.fine_tuning.jobs.list().data == []


@pytest.mark.parametrize(
    ("field", "param"),
    [('"suffix": "a\\ud800"', "suffix"), ('"metadata": {"k": "\\udfff"}', "metadata.k")],
)
def test_half_a_character_is_refused(server: Any, field: str, param: str) -> None:
    """JSON can write it (the SDK can't), and nothing can store it."""
    body = f'{{"model": "gpt-4o", "training_file": "file-1", {field}}}'
    answer = httpx2.post(server.base_url + "/fine_tuning/jobs", content=body, headers=KEY)
    assert refused(answer, 400, "invalid_unicode")["param"] == param


def test_a_metadata_key_is_at_most_64_characters(
    client: OpenAI, upload: Any, chats: list[Json]
) -> None:
    file = upload(chats)
    fits = {"k" * 64: "v" * 512}
    job = client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id, metadata=fits)
    assert job.metadata == fits
    with pytest.raises(BadRequestError, match="string too long"):
        client.fine_tuning.jobs.create(
            model="gpt-4o", training_file=file.id, metadata={"k" * 65: ""}
        )


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"n_epochs": 3}, "n_epochs"),
        (supervised(epochs=3), PATH + "epochs"),
        (supervised(beta=0.1), PATH + "beta"),
        ({"method": {"type": "supervised", "dpo": {}}}, "method.dpo"),
        ({"hyperparameters": {"lora": True}}, "hyperparameters.lora"),
        ({"integrations": [wandb(team="a")]}, "integrations[0].wandb.team"),
    ],
    ids=str,
)
def test_an_unknown_field_is_refused_by_name(
    client: OpenAI, upload: Any, chats: list[Json], fields: Json, named: str
) -> None:
    body = {"model": "gpt-4o", "training_file": upload(chats).id} | fields
    with pytest.raises(BadRequestError) as refusal:
        client.post("/fine_tuning/jobs", body=body, cast_to=object)
    assert refusal.value.message.endswith(f"Unrecognized request argument supplied: {named}")
    assert (refusal.value.type, refusal.value.param) == ("invalid_request_error", None)


def test_a_file_of_another_purpose_cant_be_trained_on(client: OpenAI) -> None:
    file = client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    with pytest.raises(BadRequestError, match="has purpose 'batch'"):
        client.fine_tuning.jobs.create(model="gpt-4o", training_file=file.id)


def test_an_unknown_base_is_refused_in_the_service_s_words(
    client: OpenAI, upload: Any, chats: list[Json]
) -> None:
    with pytest.raises(BadRequestError) as refusal:
        client.fine_tuning.jobs.create(model="gpt-9", training_file=upload(chats).id)
    assert (
        "The specified base model does not exist or is not available for fine-tuning."
        in refusal.value.message
    )


@pytest.mark.parametrize("limit", ["", "0", "101", "x", "1" * 500, "-1", "--5", "1.0", "²"])
def test_a_page_out_of_bounds_is_refused(server: Any, limit: str) -> None:
    answer = httpx2.get(server.base_url + "/fine_tuning/jobs", params={"limit": limit}, headers=KEY)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "limit"


def test_a_cursor_nobody_gave_is_refused(client: OpenAI, upload: Any, chats: list[Json]) -> None:
    job = client.fine_tuning.jobs.create(model="gpt-4o", training_file=upload(chats).id)
    lists: list[Callable[..., Any]] = [
        client.fine_tuning.jobs.list,
        lambda after: client.fine_tuning.jobs.list_events(job.id, after=after),
        lambda after: client.fine_tuning.jobs.checkpoints.list(job.id, after=after),
    ]
    for ask in lists:
        with pytest.raises(APIStatusError):
            ask(after="none")
