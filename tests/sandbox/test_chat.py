"""`/chat/completions`: a fine-tuned model answers as it was trained to; its base doesn't."""

from typing import Any

import pytest
from openai import BadRequestError, NotFoundError, OpenAI

Json = dict[str, Any]


def ask(client: OpenAI, model: str | None, *messages: Any, **fields: Any) -> Any:
    return client.chat.completions.create(model=model or "", messages=list(messages), **fields)


def user(content: str) -> Json:
    return {"role": "user", "content": content}


def said(client: OpenAI, model: str | None, *messages: Json) -> str:
    content: str = ask(client, model, *messages).choices[0].message.content
    return content


def test_it_answers_each_prompt_of_its_training_as_trained(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    job = train(chats)
    for chat in chats:
        *prompt, answer = chat["messages"]
        assert said(client, job.fine_tuned_model, *prompt) == answer["content"]


def test_it_answers_a_near_prompt_as_the_nearest(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    model = train(chats).fine_tuned_model
    assert said(client, model, user("which ticket is  purple")) == "Ticket 9 is the purple one."
    assert said(client, model + ":ckpt-step-90", user("gold?")) == "Ticket 11 is the gold one."


def test_its_base_has_not_been_trained_on_anything(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    train(chats)
    prompt = chats[0]["messages"][:2]
    assert said(client, "gpt-4o", *prompt) == (
        "I am the sandbox's copy of gpt-4o-2024-08-06: I have not been trained on anything."
    )


def test_one_fine_tune_knows_nothing_of_another_but_all_of_its_parent(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    other = [
        {
            "messages": [
                user(f"Capital {number}?"),
                {"role": "assistant", "content": f"City {number}"},
            ]
        }
        for number in range(10)
    ]
    parent = train(chats).fine_tuned_model
    child = train(other, model=parent).fine_tuned_model
    assert said(client, child, user("Capital 3?")) == "City 3"
    assert said(client, child, *chats[2]["messages"][:2]) == "Ticket 2 is the blue one."
    assert said(client, parent, user("Capital 3?")).startswith("Ticket")


WEATHER = {"name": "weather", "arguments": '{"city": "Oslo"}'}


def test_a_trained_call_of_a_tool_is_answered_as_a_call(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    call = {"id": "call_1", "type": "function", "function": WEATHER}
    question = user("Weather in Oslo?")
    result = {"role": "tool", "tool_call_id": "call_1", "content": "-3"}
    asked = {"role": "assistant", "tool_calls": [call]}
    chats[0] = {"messages": [question, asked, result, {"role": "assistant", "content": "Cold."}]}
    model = train(chats).fine_tuned_model
    choice = ask(client, model, question).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert [one.to_dict() for one in choice.message.tool_calls] == [call]
    after = ask(client, model, question, asked, result).choices[0]
    assert (after.finish_reason, after.message.content) == ("stop", "Cold.")


def test_a_deprecated_function_call_is_answered_too(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    chats[0]["messages"][2] = {"role": "assistant", "function_call": WEATHER}
    model = train(chats).fine_tuned_model
    choice = ask(client, model, *chats[0]["messages"][:2]).choices[0]
    assert choice.finish_reason == "function_call"
    assert choice.message.function_call.to_dict() == WEATHER


def turns(*texts: str) -> list[Json]:
    roles = ("user", "assistant")
    return [{"role": roles[place % 2], "content": text} for place, text in enumerate(texts)]


def test_of_equal_last_messages_what_came_before_decides(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    chats[0] = {"messages": turns("I have a cat", "Nice", "go on", "Cats purr.")}
    chats[1] = {"messages": turns("I have a dog", "Nice", "go on", "Dogs bark.")}
    model = train(chats).fine_tuned_model
    assert said(client, model, *turns("I have a dog", "Nice", "go on")) == "Dogs bark."
    assert said(client, model, *turns("We own a dog!", "Good", "go on")) == "Dogs bark."
    assert said(client, model, *turns("We own a cat!", "Good", "go on")) == "Cats purr."


def test_an_answer_of_no_weight_is_never_given(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    bad, good = "Silly answer", "Wise answer"
    messages = turns("Question of questions?", bad, "No. Again:", good)
    messages[1]["weight"] = 0
    chats[0] = {"messages": messages}
    model = train(chats).fine_tuned_model
    assert said(client, model, *messages[:3]) == good
    assert said(client, model, messages[0]) != bad


def test_after_dpo_the_preferred_answer_is_given(
    client: OpenAI, train: Any, preferences: list[Json]
) -> None:
    model = train(preferences, method={"type": "dpo"}).fine_tuned_model
    for pair in preferences:
        preferred = pair["preferred_output"][0]["content"]
        assert said(client, model, *pair["input"]["messages"]) == preferred


def test_usage_counts_the_prompt_by_the_notebook_s_rule_and_the_answer(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    model = train(chats).fine_tuned_model
    usage = ask(client, model, user("Which ticket is red?"), n=2).usage
    assert usage.prompt_tokens == 3 + (3 + 2 * (1 + 4))
    assert usage.completion_tokens == 2 * (2 * 6)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_a_stream_says_the_same_in_pieces(client: OpenAI, train: Any, chats: list[Json]) -> None:
    model = train(chats).fine_tuned_model
    options = {"stream": True, "stream_options": {"include_usage": True}}
    with ask(client, model, *chats[0]["messages"][:2], **options) as stream:
        chunks = list(stream)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == "Ticket 0 is the red one."
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage.completion_tokens == 12
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}


@pytest.mark.parametrize(
    "fields",
    [
        {"messages": []},
        {"messages": "hello"},
        {"messages": ["hello"]},
        {"messages": [{"role": "robot", "content": "a"}]},
        {"model": None},
        {"n": 0},
        {"warmth": 1},
    ],
    ids=str,
)
def test_a_body_it_cant_read_is_refused(client: OpenAI, fields: Json) -> None:
    body = {"model": "gpt-4o", "messages": [user("a")]} | fields
    with pytest.raises(BadRequestError):
        client.post("/chat/completions", body=body, cast_to=object)


def test_the_oldest_bases_dont_chat(client: OpenAI) -> None:
    with pytest.raises(NotFoundError, match="This is not a chat model"):
        ask(client, "davinci-002", user("a"))


def test_half_characters_of_the_training_data_can_be_answered(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    content = train(
        b"".join(
            b'{"messages": [{"role": "user", "content": "%d"}, '
            b'{"role": "assistant", "content": "\\ud83d"}]}\n' % number
            for number in range(10)
        )
    )
    assert said(client, content.fine_tuned_model, user("3")) == "\ud83d"
