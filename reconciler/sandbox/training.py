"""The sandbox's training: a small language model, really trained, so that every figure is measured.

The model guesses the next word of an answer from the two words before it: two tables of vectors
(one a position) are added, and a hierarchical softmax (a Huffman tree over the words, as in
word2vec) turns the sum into a probability. Words it never trained on are one word, `<unknown>`.

    supervised   maximises the likelihood of the answers; loss = mean -log p of a word
    dpo          -log sigmoid(beta * margin), margin = how much further than its untrained copy it
                 prefers the preferred answer to the other; accuracy = share of margins above 0

A word counts as guessed when each turn of its way down the tree is the likelier one. A batch's loss
is measured before the step that learns from it; the validation sample at the end of each epoch.
Epochs, batch size, learning rate and beta do what they do in any stochastic gradient descent; the
seed decides the first vectors and the order. The base's name doesn't matter: each training starts
afresh, a fine-tune of a fine-tune too.

Bounds, so that a job costs about a second of processor: `WORDS_A_TRAINING` words learned in all
epochs, at most `WORDS_AN_EPOCH` in one (dpo half of both), `WORDS_AN_ANSWER` an answer. Of larger
files a sample is learned, and steps count the batches of that sample.
"""

import heapq
import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Final

DIMENSIONS: Final = 8
BASE_RATE: Final = 0.25
LARGEST_RATE: Final = 1_000_000.0
LARGEST_SLOPE: Final = 1.0
WORDS_A_TRAINING: Final = 30_000
WORDS_AN_EPOCH: Final = 2_000
WORDS_AN_ANSWER: Final = 64
VALIDATION_WORDS: Final = 200
END: Final = "<end>"
UNKNOWN: Final = "<unknown>"

Vector = list[float]


@dataclass(frozen=True)
class Text:
    """An answer's words, after the two words that lead to it (so that there are always three)."""

    words: tuple[str, ...]

    @property
    def targets(self) -> int:
        """How many words there are to guess."""
        return len(self.words) - 2


@dataclass(frozen=True)
class Example:
    """What is learned together: the answers of one line, or one answer preferred to another."""

    answers: tuple[Text, ...]
    rejected: Text | None = None

    @property
    def texts(self) -> tuple[Text, ...]:
        """Every text of the example."""
        return self.answers if self.rejected is None else (*self.answers, self.rejected)

    @property
    def targets(self) -> int:
        """How many words there are to guess in all its texts."""
        return sum(text.targets for text in self.texts)


@dataclass(frozen=True)
class Settings:
    """Hyperparameters, each resolved; beta is None but for dpo."""

    n_epochs: int
    batch_size: int
    learning_rate_multiplier: float
    seed: int
    beta: float | None = None


@dataclass(frozen=True)
class Metrics:
    """A measured loss and accuracy."""

    loss: float
    accuracy: float


@dataclass(frozen=True)
class Step:
    """One batch learned; the validation sample is measured at the end of an epoch only."""

    training: Metrics
    validation: Metrics | None


def bounded(examples: Sequence[Example], words: int) -> list[Example]:
    """Return the first examples that hold no more words to guess, but at least one."""
    totals = itertools.accumulate(example.targets for example in examples)
    return [
        e
        for n, (e, total) in enumerate(zip(examples, totals, strict=True))
        if total <= words or not n
    ]


def words_an_epoch(settings: Settings) -> int:
    """Return how many words may be learned in an epoch of such a training."""
    words = min(WORDS_AN_EPOCH, WORDS_A_TRAINING // settings.n_epochs)
    return words if settings.beta is None else words // 2


def train(
    training: Sequence[Example], validation: Sequence[Example], settings: Settings
) -> Iterator[Step]:
    """Train on a sample of the examples, yielding each step as it is done."""
    sample = bounded(training, words_an_epoch(settings))
    held_out = bounded(validation, VALIDATION_WORDS) if validation else []
    chance = random.Random(settings.seed)  # noqa: S311 - the seed must give the same training again
    network = Network(_count_words(sample), chance)
    learner = _Learner(network, settings, (*sample, *held_out))
    for _ in range(settings.n_epochs):
        chance.shuffle(sample)
        for start in range(0, len(sample), settings.batch_size):
            metrics = learner.learn(sample[start : start + settings.batch_size])
            is_last = start + settings.batch_size >= len(sample)
            yield Step(metrics, learner.measure(held_out) if is_last and held_out else None)


def _count_words(sample: Sequence[Example]) -> Counter[str]:
    counts = Counter({UNKNOWN: 1, END: 1})
    for example in sample:
        for text in example.texts:
            counts.update(text.words)
    return counts


class Gradient:
    """Sums of slopes, by table and row; rows that nothing touched are absent."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], Vector] = {}

    def add(self, table: int, row: int, slope: Vector) -> None:
        """Add to one row's slope."""
        known = self.rows.get((table, row))
        self.rows[table, row] = slope if known is None else [a + b for a, b in zip(known, slope)]  # noqa: B905 - the innermost loop


@dataclass(frozen=True)
class Score:
    """How a text fares: the logarithm of its probability, and how many words were guessed."""

    log_probability: float
    hits: int


class Network:
    """Two tables of word vectors, and the vectors of the tree's turns."""

    def __init__(self, counts: Counter[str], chance: random.Random) -> None:
        words = sorted(counts, key=lambda word: (-counts[word], word))
        self.numbers = {word: number for number, word in enumerate(words)}
        self.paths = _huffman([counts[word] for word in words])
        self.tables = [
            [[chance.uniform(-0.5, 0.5) for _ in range(DIMENSIONS)] for _ in words]
            for _ in range(2)
        ]
        self.tables.append([[0.0] * DIMENSIONS for _ in words])

    def number_all(self, words: Sequence[str]) -> list[int]:
        """Return the numbers of words."""
        unknown = self.numbers[UNKNOWN]
        return [self.numbers.get(word, unknown) for word in words]

    def score(self, text: Text) -> Score:
        """Measure a text without learning from it."""
        return self.learn(text, 0.0, None)

    def learn(self, text: Text, weight: float, gradient: Gradient | None) -> Score:
        """Measure a text, and add `weight` times the slope of its log probability."""
        log_probability, hits = 0.0, 0
        numbers = self.number_all(text.words)
        before, last, turns = self.tables
        for first, second, target in zip(numbers, numbers[1:], numbers[2:]):  # noqa: B905 - ends with the shortest
            hidden = [a + b for a, b in zip(before[first], last[second])]  # noqa: B905 - as above
            back, is_hit = [0.0] * DIMENSIONS, True
            for node, sign in self.paths[target]:
                turn = turns[node]
                value = sign * sum(map(mul, hidden, turn))
                is_hit = is_hit and value > 0
                log_probability -= math.log1p(math.exp(-value)) if value > -500 else -value
                if gradient is not None:
                    pull = weight * sign / (1.0 + math.exp(min(value, 500.0)))
                    back = [a + pull * b for a, b in zip(back, turn)]  # noqa: B905 - as above
                    gradient.add(2, node, [pull * a for a in hidden])
            hits += is_hit
            if gradient is not None:
                gradient.add(0, first, back)
                gradient.add(1, second, back)
        return Score(log_probability, hits)

    def climb(self, gradient: Gradient, rate: float) -> None:
        """Move every row along its slope, as far as the rate says; steep slopes are clipped."""
        square = sum(b * b for slope in gradient.rows.values() for b in slope)
        pace = rate / max(1.0, math.sqrt(square) / LARGEST_SLOPE)
        for (table, row), slope in gradient.rows.items():
            vector = self.tables[table][row]
            self.tables[table][row] = [a + pace * b for a, b in zip(vector, slope, strict=True)]


def _huffman(counts: Sequence[int]) -> list[tuple[tuple[int, int], ...]]:
    """Return each word's way down the tree: (number of the turn, +1 or -1) from the root."""
    heap = [(count, number) for number, count in enumerate(counts)]
    heapq.heapify(heap)
    children: list[tuple[int, int]] = []
    while len(heap) > 1:
        (one, left), (other, right) = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (one + other, len(counts) + len(children)))
        children.append((left, right))
    ways: dict[int, tuple[tuple[int, int], ...]] = {heap[0][1]: ()}
    for turn in reversed(range(len(children))):
        way = ways[len(counts) + turn]
        left, right = children[turn]
        ways[left], ways[right] = (*way, (turn, 1)), (*way, (turn, -1))
    return [ways[number] for number in range(len(counts))]


class _Learner:
    """One objective over one network: the likelihood, or the preference against a first copy."""

    def __init__(self, network: Network, settings: Settings, examples: Sequence[Example]) -> None:
        self._network = network
        self._beta = settings.beta
        self._rate = min(BASE_RATE * settings.learning_rate_multiplier, LARGEST_RATE)
        self._first_margins = {
            example: self._preference(example) for example in examples if example.rejected
        }

    def learn(self, batch: Sequence[Example]) -> Metrics:
        gradient = Gradient()
        metrics = (
            self._likelihood(batch, gradient)
            if self._beta is None
            else self._preferences(batch, self._beta, gradient)
        )
        self._network.climb(gradient, self._rate)
        return metrics

    def measure(self, examples: Sequence[Example]) -> Metrics:
        if self._beta is None:
            return self._likelihood(examples, None)
        return self._preferences(examples, self._beta, None)

    def _likelihood(self, batch: Sequence[Example], gradient: Gradient | None) -> Metrics:
        texts = [text for example in batch for text in example.answers]
        targets = sum(text.targets for text in texts)
        scores = [self._network.learn(text, 1 / targets, gradient) for text in texts]
        return Metrics(
            -sum(score.log_probability for score in scores) / targets,
            sum(score.hits for score in scores) / targets,
        )

    def _preferences(
        self, batch: Sequence[Example], beta: float, gradient: Gradient | None
    ) -> Metrics:
        margins = [self._preference(one) - self._first_margins[one] for one in batch]
        for example, margin in zip(batch, margins, strict=True):
            if gradient is not None and example.rejected is not None:
                pull = beta / (1.0 + math.exp(min(beta * margin, 500.0))) / len(batch)
                self._network.learn(example.answers[0], pull, gradient)
                self._network.learn(example.rejected, -pull, gradient)
        losses = [_softplus(-beta * margin) for margin in margins]
        hits = sum(margin > 0 for margin in margins)
        return Metrics(sum(losses) / len(batch), hits / len(batch))

    def _preference(self, example: Example) -> float:
        rejected = example.rejected or example.answers[0]
        preferred = self._network.score(example.answers[0]).log_probability
        return preferred - self._network.score(rejected).log_probability


def _softplus(value: float) -> float:
    return math.log1p(math.exp(value)) if value < 500 else value
