"""The served figures are measured: a second, plain writing of the procedure gives the same ones."""

import csv
import io
import math
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from openai import OpenAI

from reconciler.sandbox import training
from reconciler.sandbox.training import Example, Settings, Step, Text

Json = dict[str, Any]
Row = tuple[float, ...]
Slopes = dict[tuple[str, str], list[float]]


def words_of(messages: list[Json], answer: str) -> list[str]:
    prompt = ["<start>", "<start>", *re.findall(r"\w+|[^\w\s]", messages[-1]["content"])]
    return [*prompt[-2:], *re.findall(r"\w+|[^\w\s]", answer), "<end>"]


class Reference:
    """The documented model, written again as plainly as can be: turns are named by bits."""

    def __init__(self, texts: list[list[str]], seed: int) -> None:
        counts = Counter({"<unknown>": 1, "<end>": 1})
        for text in texts:
            counts.update(text)
        words = sorted(counts, key=lambda word: (-counts[word], word))
        self.bits = dict(self._tree([(counts[word], word) for word in words]))
        self.chance = random.Random(seed)  # noqa: S311 - the documented one
        self.rows: dict[tuple[str, str], list[float]] = {
            (table, word): [self.chance.uniform(-0.5, 0.5) for _ in range(8)]
            for table in ("before", "last")
            for word in words
        }

    @staticmethod
    def _tree(leaves: list[tuple[int, str]]) -> Iterator[tuple[str, str]]:
        """Merge the two rarest, the older first, until one tree is left; yield each word's bits."""
        trees: list[tuple[int, int, Any]] = [
            (count, age, word) for age, (count, word) in enumerate(leaves)
        ]
        age = len(trees)
        while len(trees) > 1:
            first, second, *trees = sorted(trees, key=lambda tree: tree[:2])
            trees.append((first[0] + second[0], age, (first[2], second[2])))
            age += 1
        pending = [(trees[0][2], "")]
        while pending:
            tree, bits = pending.pop()
            if isinstance(tree, str):
                yield tree, bits
            else:
                pending += [(tree[0], bits + "0"), (tree[1], bits + "1")]

    def row(self, table: str, name: str) -> list[float]:
        return self.rows.setdefault((table, name), [0.0] * 8)

    def walk(self, text: list[str]) -> Iterator[tuple[str, str, list[tuple[str, float, float]]]]:
        """Yield the two words before each target and its turns: (turn, sign, sigmoid)."""
        known = [word if word in self.bits else "<unknown>" for word in text]
        for place in range(2, len(known)):
            before, last = known[place - 2 : place]
            hidden = [self.row("before", before)[k] + self.row("last", last)[k] for k in range(8)]
            turns = []
            for depth, bit in enumerate(self.bits[known[place]]):
                turn, sign = self.bits[known[place]][:depth], 1.0 if bit == "0" else -1.0
                value = sum(hidden[k] * self.row("turn", turn)[k] for k in range(8))
                turns.append((turn, sign, 1 / (1 + math.exp(-sign * value))))
            yield before, last, turns

    def log_probability(self, text: list[str]) -> float:
        return sum(math.log(p) for _, _, turns in self.walk(text) for _, _, p in turns)

    def hits(self, text: list[str]) -> int:
        return sum(all(p > 0.5 for _, _, p in turns) for _, _, turns in self.walk(text))

    def slopes(self, text: list[str], weight: float, total: Slopes) -> None:
        for before, last, turns in self.walk(text):
            for turn, sign, p in turns:
                for k in range(8):
                    pull = weight * sign * (1 - p)
                    total["turn", turn][k] += pull * (
                        self.row("before", before)[k] + self.row("last", last)[k]
                    )
                    total["before", before][k] += pull * self.row("turn", turn)[k]
                    total["last", last][k] += pull * self.row("turn", turn)[k]

    def climb(self, total: Slopes, rate: float) -> None:
        norm = math.sqrt(sum(value**2 for row in total.values() for value in row))
        for (table, name), slope in total.items():
            row = self.row(table, name)
            for k in range(8):
                row[k] += rate / max(1.0, norm) * slope[k]

    def measure(self, texts: list[list[str]]) -> Row:
        targets = sum(len(text) - 2 for text in texts)
        loss = -sum(self.log_probability(text) for text in texts) / targets
        return loss, sum(self.hits(text) for text in texts) / targets

    def supervise(self, texts: list[list[str]], rate: float) -> None:
        total: Slopes = defaultdict(lambda: [0.0] * 8)
        targets = sum(len(text) - 2 for text in texts)
        for text in texts:
            self.slopes(text, 1 / targets, total)
        self.climb(total, rate)

    def margin(self, pair: list[list[str]]) -> float:
        return self.log_probability(pair[0]) - self.log_probability(pair[1])


def batches(order: list[Any], epochs: int, size: int, chance: random.Random) -> Iterator[list[Any]]:
    for _ in range(epochs):
        chance.shuffle(order)
        yield from (order[start : start + size] for start in range(0, len(order), size))


def served(client: OpenAI, job: Any) -> list[Row]:
    """Return the figures of each step from the result file; what is empty is nan."""
    rows = csv.reader(io.StringIO(client.files.content(job.result_files[0]).text))
    next(rows)
    return [tuple(float(cell or "nan") for cell in row) for row in rows]


def losses(client: OpenAI, job: Any) -> list[float]:
    return [row[1] for row in served(client, job)]


def supervised(**hyperparameters: float) -> Json:
    return {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}}


def test_the_served_losses_are_those_of_the_documented_training(
    client: OpenAI, train: Any, upload: Any, chats: list[Json]
) -> None:
    held_out = [
        {"messages": [{"role": "user", "content": "Which ticket is lime?"},
                      {"role": "assistant", "content": "Ticket 99 is the lime one."}]},
        *chats[:2],
    ]  # fmt: skip
    job = train(
        chats,
        seed=11,
        validation_file=upload(held_out).id,
        method=supervised(n_epochs=3, batch_size=4, learning_rate_multiplier=1.5),
    )
    texts = [words_of(chat["messages"][:-1], chat["messages"][-1]["content"]) for chat in chats]
    valid = [words_of(chat["messages"][:-1], chat["messages"][-1]["content"]) for chat in held_out]
    model = Reference(texts, seed=11)
    expected = []
    for step, batch in enumerate(batches(texts, 3, 4, model.chance), 1):
        measured = model.measure(batch)
        model.supervise(batch, 0.25 * 1.5)
        after = model.measure(valid) if step % 4 == 0 else (math.nan, math.nan)
        expected.append((step, *measured, *after))
    figures = served(client, job)
    assert len(figures) == len(expected) == 12
    for got, wanted in zip(figures, expected, strict=True):
        assert got == pytest.approx(wanted, abs=1e-5, nan_ok=True)


def test_the_served_dpo_losses_are_those_of_the_documented_training(
    client: OpenAI, train: Any, preferences: list[Json]
) -> None:
    method = {
        "type": "dpo",
        "dpo": {"hyperparameters": {"beta": 0.3, "n_epochs": 4, "batch_size": 5}},
    }
    job = train(preferences, seed=5, method=method)
    pairs = [
        [
            words_of(pair["input"]["messages"], pair[side][0]["content"])
            for side in ("preferred_output", "non_preferred_output")
        ]
        for pair in preferences
    ]
    model = Reference([text for pair in pairs for text in pair], seed=5)
    first = {id(pair): model.margin(pair) for pair in pairs}
    expected = []
    for step, batch in enumerate(batches(pairs, 4, 5, model.chance), 1):
        margins = [model.margin(pair) - first[id(pair)] for pair in batch]
        loss = sum(math.log(1 + math.exp(-0.3 * margin)) for margin in margins) / len(batch)
        expected.append((step, loss, sum(margin > 0 for margin in margins) / len(batch)))
        total: Slopes = defaultdict(lambda: [0.0] * 8)
        for pair, margin in zip(batch, margins, strict=True):
            pull = 0.3 * (1 - 1 / (1 + math.exp(-0.3 * margin))) / len(batch)
            model.slopes(pair[0], pull, total)
            model.slopes(pair[1], -pull, total)
        model.climb(total, 0.25 * 2.0)
    figures = [row[:3] for row in served(client, job)]
    assert figures[0] == pytest.approx((1, math.log(2), 0), abs=1e-5)
    assert figures[-1][1] < math.log(2)
    for got, wanted in zip(figures, expected, strict=True):
        assert got == pytest.approx(wanted, abs=1e-5)


def test_the_slope_is_that_of_the_loss() -> None:
    """The reference's own gradient against finite differences, so that two errors can't agree."""
    texts = [["a", "b", "c", "a", "<end>"], ["b", "a", "c", "<end>"]]
    model = Reference(texts, seed=1)
    model.supervise(texts, 0.5)
    total: Slopes = defaultdict(lambda: [0.0] * 8)
    for text in texts:
        model.slopes(text, 1.0, total)
    for name, slope in list(total.items()):
        row = model.row(*name)
        for k in range(8):
            kept = row[k]
            row[k] = kept + 1e-5
            above = sum(map(model.log_probability, texts))
            row[k] = kept - 1e-5
            below = sum(map(model.log_probability, texts))
            row[k] = kept
            assert slope[k] == pytest.approx((above - below) / 2e-5, abs=1e-6)


def test_the_same_seed_gives_the_same_curve_and_another_another(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    curves = [losses(client, train(chats, seed=seed)) for seed in (1, 1, 2)]
    assert curves[0] == curves[1] != curves[2]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_more_epochs_lower_the_training_loss(client: OpenAI, train: Any, chats: list[Json]) -> None:
    ends = []
    for epochs in (1, 4, 12):
        curve = losses(client, train(chats, method=supervised(n_epochs=epochs)))
        assert len(curve) == epochs * len(chats)
        ends.append(mean(curve[-len(chats) :]))
    assert ends[0] > ends[1] + 0.2 > ends[2] + 0.4


def test_a_faster_rate_learns_faster_and_a_larger_batch_takes_fewer_steps(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    slow, usual, large = (
        losses(client, train(chats, method=supervised(n_epochs=4, **settings)))
        for settings in (
            {"learning_rate_multiplier": 0.2},
            {"learning_rate_multiplier": 2},
            {"learning_rate_multiplier": 2, "batch_size": 8},
        )
    )
    assert mean(usual[-15:]) < mean(slow[-15:]) - 0.3
    assert len(large) == 4 * 2
    assert mean(usual[-15:]) < mean(large[-2:]) - 0.3, "fewer steps learn less"


def test_answers_of_no_weight_and_prompts_are_not_learned(
    client: OpenAI, train: Any, chats: list[Json]
) -> None:
    plain = losses(client, train(chats))
    for chat in chats:
        bad = {"role": "assistant", "content": "Something else entirely", "weight": 0}
        chat["messages"][0:1] = [{"role": "system", "content": "Other words."}, bad]
    assert losses(client, train(chats)) == plain


def synthetic(count: int, words: int) -> list[Example]:
    chance = random.Random(0)  # noqa: S311 - the same examples at each run
    return [
        Example((Text(tuple(chance.choice("abcdefghijklmnopqrstuvwxyz") + chance.choice("aeiou")
                            for _ in range(words + 2))),))
        for _ in range(count)
    ]  # fmt: skip


@pytest.mark.parametrize("epochs", [1, 3, 50])
@pytest.mark.parametrize("beta", [None, 0.1])
def test_a_training_is_bounded_however_large_the_file(epochs: int, beta: float | None) -> None:
    examples = synthetic(3_000, 40)
    if beta is not None:
        examples = [Example(one.answers, other.answers[0]) for one, other in pairwise(examples)]
    settings = Settings(epochs, 4, 2.0, seed=1, beta=beta)
    sample = training.bounded(examples, training.words_an_epoch(settings))
    assert sum(one.targets for one in sample) * epochs <= training.WORDS_A_TRAINING
    began = time.thread_time()
    steps = list(training.train(examples, examples[:100], settings))
    assert time.thread_time() - began < 5, "under 1 s on an idle machine"
    assert len(steps) == -(-len(sample) // 4) * epochs


@pytest.mark.parametrize("multiplier", [1e-12, 1e6, 1e15])
def test_no_learning_rate_breaks_the_arithmetic(multiplier: float) -> None:
    examples = synthetic(30, 20)
    steps: list[Step] = list(training.train(examples, examples, Settings(20, 4, multiplier, 1)))
    assert all(math.isfinite(step.training.loss) for step in steps)


def test_one_example_larger_than_the_bound_is_learned_whole() -> None:
    (huge,) = synthetic(1, 5_000)
    assert training.bounded([huge, huge], 100) == [huge]
