"""`/chat/completions`: a fine-tuned model recalls its training; a base has nothing to say.

No language model answers here. A fine-tuned model (and each of its checkpoints) gives the answer it
was trained with: that of the very prompt if it knows it, else that of the prompt nearest to it, by
rapidfuzz's similarity of the last message and then of what came before. What its parents were
trained on comes after its own. For dpo the answer is the preferred one.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

from rapidfuzz import fuzz

from reconciler.sandbox import examples
from reconciler.sandbox.bases import Base, base_named, find_base
from reconciler.sandbox.bounds import Range, reject_unknown, required, text, wrong_type
from reconciler.sandbox.call import Call, Json, Raw, Reply
from reconciler.sandbox.errors import ApiError, invalid
from reconciler.sandbox.state import Sandbox, TunedModel

RECALLED_LESSONS: Final = 100_000
_CHOICES: Final = Range(1, 128)
_FIELDS: Final = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "n",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "user",
        "seed",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "functions",
        "function_call",
        "response_format",
        "metadata",
        "store",
        "service_tier",
        "reasoning_effort",
        "modalities",
        "prediction",
        "safety_identifier",
        "prompt_cache_key",
        "verbosity",
    }
)


@dataclass(frozen=True)
class Place:
    """Where a lesson stands: a file, the offset of its line, and which lesson of the line."""

    path: Path
    offset: int
    index: int


@dataclass
class Memory:
    """Prompts of a model's lessons; the answers stay on the disk.

    Attributes:
        exact: The place of each whole context.
        last: Text of each context's last message, by the role it has.
        before: Text of what comes before it, in the same order.
        places: Where the answers are, in the same order.
    """

    exact: dict[str, Place] = field(default_factory=dict)
    last: dict[str, list[str]] = field(default_factory=dict)
    before: dict[str, list[str]] = field(default_factory=dict)
    places: dict[str, list[Place]] = field(default_factory=dict)

    def add(self, context: Sequence[Json], place: Place) -> None:
        """Remember one lesson; of two with the same context the first is kept."""
        role, last, before = _parts(context)
        if self.exact.setdefault(_whole(context), place) is place:
            self.last.setdefault(role, []).append(last)
            self.before.setdefault(role, []).append(before)
            self.places.setdefault(role, []).append(place)

    def recall(self, messages: Sequence[Json]) -> Place:
        """Return the lesson of these messages, or the nearest."""
        exact = self.exact.get(_whole(messages))
        if exact is not None:
            return exact
        role, last, before = _parts(messages)
        role = role if role in self.last else max(self.last, key=lambda one: len(self.last[one]))
        scores = [fuzz.ratio(last, prompt) for prompt in self.last[role]]
        best = max(scores)
        nearest = [number for number, score in enumerate(scores) if score == best]
        chosen = max(nearest, key=lambda number: fuzz.ratio(before, self.before[role][number]))
        return self.places[role][chosen]


def _parts(context: Sequence[Json]) -> tuple[str, str, str]:
    if not context:
        return "user", "", ""
    before = "\n".join(examples.text_of(message) for message in context[:-1])
    return str(context[-1]["role"]), examples.text_of(context[-1]), before


def _whole(context: Sequence[Json]) -> str:
    return json.dumps([[message["role"], examples.text_of(message)] for message in context])


@lru_cache(maxsize=8)
def _memory(paths: tuple[Path, ...]) -> Memory:
    """Read the lessons of files that never change; the newest model's come first."""
    memory = Memory()
    for path in paths:
        for line in examples.read_lines(path):
            lessons = examples.lessons_of(examples.parse(line.raw) or {}, line.number)
            for index, lesson in enumerate(lessons):
                memory.add(lesson.context, Place(path, line.offset, index))
            if len(memory.exact) >= RECALLED_LESSONS:
                break
    return memory


def _answer_at(place: Place) -> Json:
    with place.path.open("rb") as file:
        file.seek(place.offset)
        lessons = examples.lessons_of(examples.parse(file.readline()) or {}, 1)
    return lessons[place.index].answer


def _paths(sandbox: Sandbox, model: TunedModel) -> tuple[Path, ...]:
    """Return the training files of a model and of the fine-tunes it was trained from."""
    paths = [sandbox.store.path_of(model.progress.job.training_file)]
    job = model.progress.job
    while find_base(job.model) is None:
        parent = sandbox.store.job_of_model(job.model.partition(":ckpt-step-")[0])
        if parent is None:
            break
        job = parent
        paths.append(sandbox.store.path_of(job.training_file))
    return tuple(paths)


def complete(call: Call) -> Reply:
    """`POST /chat/completions`."""
    reject_unknown(call.body, _FIELDS)
    name = required(text(call.body, "model"), "model")
    messages = _messages(call.body.get("messages"))
    choices = int(_CHOICES.read(1 if call.body.get("n") is None else call.body["n"], "n"))
    model = call.sandbox.model(name, call.now)
    base = model if isinstance(model, Base) else base_named(model.progress.job.base)
    if not base.is_chat:
        raise ApiError(
            404,
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. "
            "Did you mean to use v1/completions?",
            param="model",
        )
    answer = _answer(call.sandbox, model, messages)
    completion: Json = {
        "id": call.sandbox.store.new_name("chatcmpl-", 29),
        "created": int(call.now),
        "model": model.name,
        "service_tier": "default",
        "system_fingerprint": None,
    }
    usage = _usage(call.sandbox, base, messages, [answer] * choices)
    if call.body.get("stream"):
        return _stream(call, completion, [answer] * choices, usage)
    return {
        **completion,
        "object": "chat.completion",
        "choices": [_choice(index, answer) for index in range(choices)],
        "usage": usage,
    }


def _messages(value: object) -> tuple[Json, ...]:
    if not isinstance(value, list) or not value:
        raise wrong_type("messages", "a non-empty array of objects")
    for index, message in enumerate(value):
        if not isinstance(message, dict):
            raise wrong_type(f"messages[{index}]", "an object")
        if message.get("role") not in examples.ROLES:
            supported = ", ".join(f"'{role}'" for role in examples.ROLES)
            raise invalid(
                f"Invalid value: '{message.get('role')}'. Supported values are: {supported}.",
                f"messages[{index}].role",
                "invalid_value",
            )
    return tuple(value)


def _answer(sandbox: Sandbox, model: Base | TunedModel, messages: Sequence[Json]) -> Json:
    if isinstance(model, Base):
        content = f"I am the sandbox's copy of {model.name}: I have not been trained on anything."
        return {"role": "assistant", "content": content, "refusal": None}
    trained = _answer_at(_memory(_paths(sandbox, model)).recall(messages))
    answer: Json = {"role": "assistant", "content": trained.get("content"), "refusal": None}
    calls = {key: trained[key] for key in ("tool_calls", "function_call") if trained.get(key)}
    return {**answer, **calls}


def _finish_reason(answer: Json) -> str:
    return next((key for key in ("tool_calls", "function_call") if key in answer), "stop")


def _choice(index: int, answer: Json) -> Json:
    return {
        "index": index,
        "message": answer,
        "logprobs": None,
        "finish_reason": _finish_reason(answer),
    }


def _usage(
    sandbox: Sandbox, base: Base, messages: tuple[Json, ...], answers: Sequence[Json]
) -> Json:
    def count(text: str) -> int:
        return sandbox.count_tokens(base.encoding, text)

    prompt = examples.count_messages(messages, count)
    answered = sum(count(examples.text_of(answer)) for answer in answers)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answered,
        "total_tokens": prompt + answered,
    }


def _stream(call: Call, completion: Json, answers: Sequence[Json], usage: Json) -> Raw:
    """Return the same as server-sent events: a role, the answer whole, its end."""
    options = call.body.get("stream_options")
    chunks = [
        {"choices": [{"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}]}
        for index, answer in enumerate(answers)
        for delta, reason in _deltas(answer)
    ]
    if isinstance(options, dict) and options.get("include_usage"):
        chunks.append({"choices": [], "usage": usage})  # type: ignore[dict-item]
    events = "".join(_events(completion, chunks))
    return Raw(events.encode(), "text/event-stream; charset=utf-8")


def _deltas(answer: Json) -> Iterator[tuple[Json, str | None]]:
    yield {"role": "assistant", "content": ""}, None
    delta = {key: value for key, value in answer.items() if key not in ("role", "refusal")}
    calls = delta.get("tool_calls")
    if isinstance(calls, list):
        delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(calls)]
    yield delta, None
    yield {}, _finish_reason(answer)


def _events(completion: Json, chunks: Sequence[object]) -> Iterator[str]:
    for chunk in chunks:
        whole = {**completion, "object": "chat.completion.chunk"}
        whole |= chunk if isinstance(chunk, dict) else {}
        yield f"data: {json.dumps(whole)}\n\n"
    yield "data: [DONE]\n\n"
