"""What a seed decides: specs, runners, how bad line and provider are, what people do meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

START: Final = 1_790_000_000.0
WINDOW: Final = 900
BASE: Final = "gpt-4o-mini-2024-07-18"
PROJECT: Final = """\
apiVersion: reconciler.dev/v1
kind: Project
metadata: {{name: {owner}}}
spec:
  doubt_window: {window}
  doubt_budget: {scene.doubt_budget}
  budget: {budget}
  prune: {{keep: {scene.keep}, per_run: {scene.per_run}}}
"""
SPEC: Final = """\
apiVersion: reconciler.dev/v1
kind: FineTune
metadata: {{name: {name}}}
spec:
  model: {base}
  dataset: {dataset}
  method: {method}
  hyperparameters: {{n_epochs: {epochs}}}
"""


@dataclass(frozen=True)
class Spec:
    """One spec: two of the same fields but the name are one training."""

    name: str
    method: str
    word: str
    has_validation: bool
    epochs: int


@dataclass(frozen=True)
class Edit:
    """At a moment the specs become others: a commit, or its revert."""

    at: float
    specs: tuple[Spec, ...]


@dataclass(frozen=True)
class Runner:
    """One runner: whose, how often it looks, how its own clock is off, how likely it dies.

    ``prunes``: the share of its passes that a prune follows.
    """

    name: str
    owner: str
    pause: float
    skew: float
    kill_chance: float
    prunes: float = 0.0


@dataclass(frozen=True)
class Scene:
    """Everything about one simulation that isn't decided while it runs.

    Attributes:
        trouble: seconds for which line and provider misbehave.
        faults: the sandbox's plan of faults.
        unreachable, late, ledger_trouble: shares of requests without a connection, of creates that
            arrive after their client gave up, and of the ledger's calls that go wrong.
        doubt_budget: the Project's; 0 leaves every doubt to a person.
        is_on_github: whether the ledger is a repository's refs, not a folder.
        has_operator: whether a person settles doubts, retries and unfreezes, having looked.
        has_parts: whether files are large enough to be sent in parts.
        strangers: jobs of other people in the same account: above 100 a list has two pages.
        per_pass, per_month: the Project's budget in US dollars; None for none.
        keep, per_run: the Project's for a prune.
        lag: seconds by which the checkout that is pruned from is behind.
        on_remove: what specs that are gone have said of their models.
        thinks: seconds at most between the two looks of a prune.
    """

    specs: tuple[Spec, ...]
    edits: tuple[Edit, ...]
    runners: tuple[Runner, ...]
    trouble: float
    faults: dict[str, Any]
    unreachable: float
    late: float
    ledger_trouble: float
    doubt_budget: float
    is_on_github: bool
    has_operator: bool
    has_parts: bool
    strangers: int
    per_pass: float | None = None
    per_month: float | None = None
    keep: int = 1
    per_run: int = 20
    lag: float = 0.0
    on_remove: str = "retain"
    thinks: float = 0.0

    @property
    def prunes(self) -> bool:
        """Whether anybody does."""
        return any(runner.prunes for runner in self.runners)


METHODS: Final = ("supervised", "supervised", "dpo")

# What may go wrong at the provider: kind, operations, fields drawn by a function of chance.
_ANY: Final = "*"
_LISTS: Final = ["list_jobs", "list_files"]
_SHOWN: Final = ["list_jobs", "retrieve_job"]
_FILES: Final = ["upload_file", "complete_upload"]


def draw_scene(chance: Random) -> Scene:
    """A scene of this chance; the faults are mild or bad, one kind or many."""
    return _limited(_troubled(chance), chance)


def _limited(scene: Scene, chance: Random) -> Scene:
    """The same, with a budget, and with what is pruned how."""
    prunes = chance.choice([0.0, 0.2, 0.6])
    return replace(
        scene,
        runners=tuple(replace(runner, prunes=prunes) for runner in scene.runners),
        edits=tuple(_with_removals(scene, chance)),
        per_pass=chance.choice([*[None] * 5, 0.002]),
        per_month=chance.choice([*[None] * 5, 0.004, 5.0]),
        keep=chance.choice([0, 0, 1]),
        per_run=chance.choice([1, 20]),
        lag=chance.choice([0.0, 500.0]),
        on_remove=chance.choice(["retain", "prune"]),
        thinks=chance.choice([0.0, 300.0]),
    )


def _with_removals(scene: Scene, chance: Random) -> Iterator[Edit]:
    """The edits, and in some scenes one that takes the last spec away."""
    yield from scene.edits
    if len(scene.specs) > 1 and chance.random() < 0.3:
        yield Edit(START + scene.trouble * chance.random(), scene.specs[:-1])


def _troubled(chance: Random) -> Scene:
    specs = tuple(_spec(chance, number) for number in range(chance.randint(1, 3)))
    trouble = chance.choice([300.0, 1_000.0, 2_500.0])
    badness = chance.choice([0.03, 0.1, 0.2, 0.3])
    return Scene(
        specs=specs,
        edits=tuple(_edits(chance, specs, trouble)),
        runners=tuple(_runners(chance)),
        trouble=trouble,
        faults={
            "seed": chance.getrandbits(32),
            "faults": list(_faults(chance, badness)),
        },
        unreachable=chance.choice([0.0, 0.0, badness / 3]),
        late=chance.choice([0.0, badness]),
        ledger_trouble=chance.choice([0.0, 0.0, badness]),
        doubt_budget=chance.choice([0.0, 5.0]),
        is_on_github=chance.random() < 0.5,
        has_operator=chance.random() < 0.3,
        has_parts=chance.random() < 0.3,
        strangers=120 if chance.random() < 0.03 else chance.choice([0, 2]),
    )


def _spec(chance: Random, number: int) -> Spec:
    method = chance.choice(METHODS)
    return Spec(
        name=f"spec-{number}",
        method=method,
        word=chance.choice(["red", "green"]),
        has_validation=chance.random() < 0.4,
        epochs=chance.choice([1, 2]),
    )


def _edits(chance: Random, specs: tuple[Spec, ...], trouble: float) -> Iterator[Edit]:
    if chance.random() < 0.3:
        moment = START + chance.uniform(1, trouble)
        changed = tuple(Spec(s.name, s.method, s.word, s.has_validation, 3) for s in specs)
        yield Edit(moment, changed)
        if chance.random() < 0.5:
            yield Edit(moment + chance.uniform(1, 500), specs)


def _runners(chance: Random) -> Iterator[Runner]:
    kill_chance = chance.choice([0.0, 0.003, 0.01, 0.03])
    for number in range(chance.randint(1, 4)):
        is_foreign = number == 3 and chance.random() < 0.5
        yield Runner(
            name=f"runner-{number}",
            owner="dev" if is_foreign else "prod",
            pause=chance.choice([30.0, 90.0, 250.0]),
            skew=chance.uniform(-3_000, 3_000),
            kill_chance=kill_chance,
        )


def _faults(chance: Random, badness: float) -> Iterator[dict[str, Any]]:
    kinds = list(catalog(chance))
    for kind in chance.sample(kinds, chance.randint(1, 7)):
        share = kind.pop("share", 1.0)
        yield {"chance": round(min(1.0, badness * share * chance.uniform(0.5, 2)), 3), **kind}


def catalog(chance: Random) -> Iterator[dict[str, Any]]:
    """Every kind of fault once; ``share`` makes those rarer that end everything."""
    for what in ("lose_request", "lose_reply", "truncate", "garble"):
        yield {"what": what, "on": _ANY, "share": 0.3}
        yield {"what": what, "on": "create_job"}
    yield {"what": "delay", "on": _ANY, "seconds": 90, "share": 0.3}
    yield {"what": "duplicate", "on": chance.choice([_ANY, "create_job"])}
    for what in ("error_before", "error_after"):
        yield {"what": what, "on": _ANY, "status": chance.choice([500, 502]), "share": 0.3}
        yield {"what": what, "on": "create_job", "status": chance.choice([500, 503])}
    for status in (408, 409, 429):
        yield {"what": "refuse", "on": "create_job", "status": status, "retry_after": 5}
    yield {"what": "refuse", "on": "create_job", "status": 400, "code": "no", "share": 0.5}
    yield {"what": "rate_limit", "on": _ANY, "share": 0.3}
    yield {"what": "quota", "on": "create_job"}
    yield {"what": "key_revoked", "on": _ANY, "share": 0.2}
    yield {"what": "key_revoked", "on": "create_job"}
    yield {"what": "training_not_available", "on": "create_job", "share": 0.3}
    yield {"what": "base_retired", "on": _ANY, "model": BASE, "share": 0.2}
    yield {"what": "stale", "on": _LISTS, "seconds": chance.choice([10, 60, 200])}
    for what in ("empty_page", "ignore_cursor", "loop_cursor", "ignore_filter"):
        yield {"what": what, "on": _LISTS}
    yield {"what": "drop_metadata", "on": "create_job"}
    yield {"what": "status", "on": _SHOWN, "value": "musing"}
    yield {"what": "nulls", "on": _SHOWN, "fields": ["hyperparameters", "seed", "result_files"]}
    yield {"what": "nulls", "on": "list_jobs", "fields": ["metadata"]}
    yield {"what": "nulls", "on": "list_files", "fields": ["status"]}
    yield {"what": "file_stuck", "on": _FILES, "share": 0.3}
    yield {"what": "file_error", "on": _FILES}
    for what in ("lost_part", "expire_upload", "md5_mismatch"):
        yield {"what": what, "on": _ANY}
    yield {"what": "job_stuck", "on": "create_job", "status": "queued", "share": 0.3}
    for why in ("data", "policy", "server_error"):
        yield {"what": "job_fails", "on": "create_job", "why": why}
    for what in ("job_cancelled", "job_deleted", "model_deleted"):
        yield {"what": what, "on": "create_job", "seconds": chance.choice([0, 30]), "share": 0.5}
    yield {"what": "clock_skew", "on": _ANY, "seconds": chance.choice([-60, 60])}


# ---- on disk -------------------------------------------------------------------------------------


def write_project(root: Path, owner: str, scene: Scene, specs: tuple[Spec, ...]) -> None:
    """Lay the files of a project: one folder an owner."""
    root.mkdir(parents=True, exist_ok=True)
    limits = {"per_pass": scene.per_pass, "per_month": scene.per_month}
    budget = json.dumps({name: usd for name, usd in limits.items() if usd is not None})
    text = PROJECT.format(owner=owner, window=WINDOW, scene=scene, budget=budget)
    (root / "reconciler.yaml").write_text(text, encoding="utf-8")
    (root / "specs").mkdir(exist_ok=True)
    for path in root.glob("specs/*.yaml"):
        path.unlink()
    for spec in specs:
        (root / f"specs/{spec.name}.yaml").write_text(_yaml(root, spec), encoding="utf-8")


def _yaml(root: Path, spec: Spec) -> str:
    training = f"{spec.method}-{spec.word}.jsonl"
    _write_once(root / "specs" / training, examples(spec.method, spec.word, 12))
    dataset = training
    if spec.has_validation:
        held_out = f"{spec.method}-{spec.word}.valid.jsonl"
        _write_once(root / "specs" / held_out, examples(spec.method, f"{spec.word} held out", 10))
        dataset = f"{{training: {training}, validation: {held_out}}}"
    return SPEC.format(
        base=BASE, name=spec.name, dataset=dataset, method=spec.method, epochs=spec.epochs
    )


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        path.write_text(text, encoding="utf-8")


def examples(method: str, word: str, count: int) -> str:
    """A training file: as many examples of a method as asked for."""
    return "".join(f"{json.dumps(_example(method, word, n))}\n" for n in range(count))


def _example(method: str, word: str, number: int) -> dict[str, Any]:
    asked = [{"role": "user", "content": f"What colour is {word} {number}?"}]
    answer = [{"role": "assistant", "content": f"It is {word}, number {number}."}]
    if method == "supervised":
        return {"messages": [*asked, *answer]}
    other = [{"role": "assistant", "content": f"Nobody knows number {number}."}]
    return {"input": {"messages": asked}, "preferred_output": answer, "non_preferred_output": other}
