"""The pass, called as a library: the real stages against the real sandbox."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext
from dataclasses import dataclass, replace
from email.utils import formatdate
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply import Effects, Outcome, Result, apply
from reconciler.cli.options import Scope
from reconciler.cli.terminal import Screen
from reconciler.cli.world import open_world
from reconciler.engine import Pass, Request, World, look, reconcile, settle, wait
from reconciler.errors import LedgerError, ScanIncomplete, UsageError
from reconciler.ledger import FolderRecords, Ledger, Put
from reconciler.observe import observe, prove_absence
from reconciler.plan import Plan
from reconciler.providers.openai import OpenAIProvider
from reconciler.providers.protocol import Connection, JobRequest
from reconciler.sandbox import embedded
from reconciler.state import Closing, ClosingKind, Endpoint, Health, Loaded, Revision, Sync
from tests.e2e.conftest import SPEC, lines_of
from tests.e2e.relay import Forward, Relay, Reply, Sent, Spoil, is_create, passing, relay_to

CHECKOUT = Path(__file__).parent.parent


def words(_encoding: str, text: str) -> int:
    return len(text.split())


@dataclass
class Scene:
    """A project, a World over a relayed sandbox, and what the checkout says."""

    provider: OpenAIProvider
    request: Request
    world: World
    relay: Relay
    revision: Revision
    sandbox_url: str

    def spec(self, name: str = "one", epochs: int = 2) -> None:
        path = self.request.root / f"specs/{name}.yaml"
        path.write_text(SPEC.format(name=name, epochs=epochs, data="one"))

    def apply(self) -> Pass:
        return reconcile(self.request, self.world, approve=yes, tell=quiet)


def yes(_plan: Plan) -> bool:
    return True


def quiet(_outcome: Outcome) -> None:
    pass


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with opened(tmp_path) as scene:
        yield scene


@contextmanager
def opened(tmp_path: Path, speed: float = 400.0) -> Iterator[Scene]:
    """A project with one spec, at a sandbox whose clock runs so fast."""
    root = tmp_path / "shop"
    (root / "specs").mkdir(parents=True)
    (root / "data").mkdir()
    (root / "data/one.jsonl").write_text("".join(lines_of(12, "answer")))
    with (
        embedded(tmp_path / "sandbox", speed, words) as sandbox,
        relay_to(sandbox.base_url) as relay,
    ):
        endpoint = Endpoint("sandbox:test", relay.base_url)
        provider = OpenAIProvider(endpoint, "sk-any")
        numbers = iter(range(1000))
        made = Scene(
            provider=provider,
            request=Request(root, is_attended=True),
            world=World(
                connect=lambda _project: nullcontext(
                    Connection(endpoint, provider, provider, provider)
                ),
                ledger=lambda _loaded: Ledger(FolderRecords(tmp_path / "ledger")),
                revision=lambda: made.revision,
                nonce=lambda: f"nonce-{next(numbers)}",
                sleep=lambda _seconds: None,
                progress=lambda _upload, _count: None,
            ),
            relay=relay,
            revision=Revision(),
            sandbox_url=sandbox.base_url,
        )
        made.spec()
        yield made
        provider.close()


def test_after_an_apply_nothing_is_left_to_write(scene: Scene) -> None:
    scene.apply()
    done, _ = wait(scene.request, scene.world, lambda _job, _events: None, pause=0)
    assert not done.plan.writes
    assert [r.condition.health for r in done.plan.resources] == [Health.READY]
    assert scene.apply().outcomes == ()


def test_a_no_changes_nothing(scene: Scene) -> None:
    seen = reconcile(scene.request, scene.world, approve=lambda _plan: False, tell=quiet)
    assert not seen.is_approved
    assert {sent.method for sent in scene.relay.sent} == {"GET"}


def test_a_pass_with_nothing_to_do_asks_little(scene: Scene) -> None:
    scene.apply()
    wait(scene.request, scene.world, lambda _job, _events: None, pause=0)
    scene.relay.sent.clear()
    look(scene.request, scene.world)
    paths = [sent.path.partition("?")[0] for sent in scene.relay.sent]
    assert paths == ["/v1/fine_tuning/jobs", "/v1/models", "/v1/files"]


def test_a_checkout_that_moves_after_the_plan_creates_nothing(scene: Scene) -> None:
    def move(_plan: Plan) -> bool:
        scene.revision = Revision("f" * 40)
        return True

    seen = reconcile(scene.request, scene.world, approve=move, tell=quiet)
    assert seen.outcomes[-1].result is Result.FAILED
    assert "checkout changed" in seen.outcomes[-1].message
    assert scene.relay.creates == []


def test_an_answer_about_another_claim_s_job_leaves_the_create_in_doubt(scene: Scene) -> None:
    scene.spec("two", epochs=3)
    answered: list[Reply] = []

    def answer_the_second_with_the_first(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        if not is_create(sent):
            return reply
        answered.append(reply)
        return answered[0]

    scene.relay.spoil = answer_the_second_with_the_first
    first, second = (o for o in scene.apply().outcomes if o.action.kind == "create")
    assert (first.result, second.result) == (Result.DONE, Result.UNKNOWN)
    assert "another claim" in second.message
    done, _ = wait(scene.request, scene.world, lambda _job, _events: None, pause=0)
    assert [r.condition.health for r in done.plan.resources] == [Health.READY] * 2
    assert len({r.job_id for r in done.plan.resources}) == 2
    assert len(scene.relay.creates) == 2


def test_two_specs_with_one_key_train_once(scene: Scene) -> None:
    scene.spec("two")
    seen = scene.apply()
    assert len(scene.relay.creates) == 1
    assert [create.used_by for create in seen.plan.creates] == [("one", "two")]


def test_trainings_that_share_a_file_upload_it_once(scene: Scene) -> None:
    scene.spec("two", epochs=3)
    scene.apply()
    uploads = [
        sent for sent in scene.relay.sent if (sent.method, sent.path) == ("POST", "/v1/files")
    ]
    assert len(uploads) == 1
    assert len(scene.relay.creates) == 2


def test_one_refusal_does_not_stop_the_others(scene: Scene) -> None:
    scene.spec("two", epochs=3)

    def refuse_first(sent: Sent, forward: Forward) -> Reply:
        is_first = is_create(sent) and len(scene.relay.creates) == 1
        return Reply(400, b'{"error": {"message": "no"}}') if is_first else forward(sent)

    scene.relay.spoil = refuse_first
    results = [o.result for o in scene.apply().outcomes if o.action.kind == "create"]
    assert results == [Result.FAILED, Result.DONE]


def test_ten_passes_against_a_refusal_make_one_post(scene: Scene) -> None:
    scene.relay.spoil = lambda sent, forward: (
        Reply(400, b'{"error": {"message": "no"}}') if is_create(sent) else forward(sent)
    )
    seen = [scene.apply() for _ in range(10)]
    assert len(scene.relay.creates) == 1
    assert {r.condition.reason for s in seen[1:] for r in s.plan.resources} == {"CreateRefused"}


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [
        (401, "invalid_api_key", "doesn't accept the key"),
        (403, "missing_scope", "doesn't let this key train"),
        (403, "training_not_available", "takes no new trainings"),
        (429, "rate_limit_exceeded", "asked to slow down"),
    ],
)
def test_a_refusal_that_is_not_about_the_training_stops_the_creates_after_it(
    scene: Scene, status: int, code: str, why: str
) -> None:
    scene.spec("two", epochs=3)
    body = json.dumps({"error": {"message": "no", "code": code}}).encode()
    scene.relay.spoil = lambda sent, forward: (
        Reply(status, body) if is_create(sent) else forward(sent)
    )
    first, second = (o for o in scene.apply().outcomes if o.action.kind == "create")
    assert (first.result, second.result) == (Result.FAILED, Result.SKIPPED)
    assert why in second.message
    assert len(scene.relay.creates) == 1


@pytest.mark.parametrize("status", [200, 400, 429])
def test_after_a_record_that_could_not_be_written_nothing_more_is_created(
    scene: Scene, status: int
) -> None:
    """And the outcome says so: what is not recorded is in doubt for the next pass."""
    scene.spec("two", epochs=3)
    scene.spec("three", epochs=4)
    records = FolderRecords(scene.request.root / "ledger")
    scene.world = replace(scene.world, ledger=lambda _loaded: Ledger(Unclosable(records)))
    body = json.dumps({"error": {"message": "no", "code": "any"}}).encode()
    if status != 200:
        scene.relay.spoil = lambda sent, forward: (
            Reply(status, body) if is_create(sent) else forward(sent)
        )
    first, *others = (o for o in scene.apply().outcomes if o.action.kind == "create")
    assert first.result is Result.FAILED
    assert "the disk is full" in first.message
    assert {o.result for o in others} == {Result.SKIPPED}
    assert len(scene.relay.creates) == 1


@dataclass(frozen=True)
class Unclosable:
    """Records on a disk that is full as soon as the claim is written."""

    records: FolderRecords

    def put(self, name: str, text: str) -> Put:
        if "closing" in name:
            message = "the disk is full"
            raise LedgerError(message)
        return self.records.put(name, text)

    def get(self, name: str) -> str | None:
        return self.records.get(name)

    def all(self, folder: str) -> Mapping[str, str]:
        return self.records.all(folder)


def test_a_plan_without_proof_is_not_applied(scene: Scene) -> None:
    unproved = replace(look(scene.request, scene.world).plan, is_proved=False)
    effects = Effects(
        root=scene.request.root,
        writer=scene.provider,
        ledger=Ledger(FolderRecords(scene.request.root / "ledger")),
        now=lambda: 0,
        nonce=lambda: "n",
        revision=Revision,
        progress=lambda _upload, _count: None,
    )
    with pytest.raises(ScanIncomplete):
        list(apply(unproved, effects))
    assert scene.relay.creates == []


def test_absence_is_proved_as_of_when_the_look_began(scene: Scene) -> None:
    """A window that ends during a long look is not over: what was read first was read before."""
    clock = count(1_800_000_000, 100)

    def answer_slowly(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        plain = {k: v for k, v in reply.headers.items() if k.lower() != "date"}
        return replace(reply, headers={**plain, "Date": formatdate(next(clock), usegmt=True)})

    desired = look(scene.request, scene.world).desired
    scene.relay.spoil = answer_slowly
    ledger = Ledger(FolderRecords(scene.request.root / "ledger"))
    observed = observe(scene.provider, ledger, Endpoint("e", "u"), desired)
    began = scene.provider.now()
    proved = prove_absence(scene.provider, observed, desired)
    assert scene.provider.now() - began >= 200
    assert proved.taken_at - began < 50


def by_hand(scene: Scene, **changes: Any) -> str:
    """A job that somebody made with our file and without a mark; its id."""
    file = next(iter(scene.provider.files())).id
    request = JobRequest(
        model="gpt-4o-mini-2024-07-18",
        method="supervised",
        hyperparameters={"n_epochs": 2},
        training_file=file,
        validation_file=None,
        suffix=None,
        seed=None,
        metadata={},
        nonce="by hand",
    )
    return scene.provider.create(replace(request, **changes)).id


def lose_a_create(scene: Scene) -> None:
    """An apply whose one create never arrives."""
    scene.relay.spoil = lambda sent, forward: Reply(0, None) if is_create(sent) else forward(sent)
    assert scene.apply().outcomes[-1].result is Result.UNKNOWN
    scene.relay.spoil = passing


def test_only_the_job_that_could_have_been_sent_is_adopted(scene: Scene) -> None:
    lose_a_create(scene)
    refused = {
        "ftjob-none": "knows no job",
        by_hand(scene, hyperparameters={"n_epochs": 9}): "its n_epochs is 9, not 2",
        by_hand(scene, model="gpt-4.1-2025-04-14"): "its model is",
        by_hand(scene, metadata={"reconciler.key": "k", "reconciler.owner": "o"}): "the mark of o/",
    }
    for job, reason in refused.items():
        with pytest.raises(UsageError, match=reason):
            settle(scene.request, scene.world, "one", adopt=job)
    right = by_hand(scene)
    sent_before = len(scene.relay.creates)
    assert right in settle(scene.request, scene.world, "one", adopt=right)
    done, _ = wait(scene.request, scene.world, lambda _job, _events: None, pause=0)
    assert done.plan.resources[0].job_id == right
    assert done.plan.resources[0].condition.health is Health.READY
    assert len(scene.relay.creates) == sent_before


@pytest.mark.parametrize("kind", [ClosingKind.CREATED, ClosingKind.REFUSED])
def test_what_was_written_since_a_person_looked_goes_before_their_word(
    scene: Scene, kind: ClosingKind
) -> None:
    lose_a_create(scene)
    opened: list[Ledger] = []

    def ledger(loaded: Loaded) -> Ledger:
        real = scene.world.ledger(loaded)
        if opened:  # the sender's own record comes between the look and the person's word
            (written,) = real.rights("sandbox:test")
            real.close(written.claim, Closing(kind, 1, job_id="ftjob-x"))
        opened.append(real)
        return real

    with pytest.raises(UsageError, match=f"was written down as {kind} meanwhile"):
        settle(scene.request, replace(scene.world, ledger=ledger), "one", adopt=None)
    (right,) = opened[0].rights("sandbox:test")
    assert right.closing
    assert right.closing.kind is kind


def showing(of: str = "/v1/fine_tuning/jobs", **fields: Any) -> Spoil:
    """Each job, or file, shows these fields, alone and in lists, as real ones differ from ours."""

    def show(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        if sent.method != "GET" or not sent.path.startswith(of) or reply.body is None:
            return reply
        answer = json.loads(reply.body)
        for each in answer.get("data", [answer]):
            each |= fields
        return replace(reply, body=json.dumps(answer).encode())

    return show


def test_a_job_older_than_the_attempt_is_not_the_one_that_was_sent(scene: Scene) -> None:
    lose_a_create(scene)
    job = by_hand(scene)
    scene.relay.spoil = showing(created_at=1_700_000_000)
    with pytest.raises(UsageError, match="before the attempt"):
        settle(scene.request, scene.world, "one", adopt=job)
    scene.relay.spoil = passing
    assert job in settle(scene.request, scene.world, "one", adopt=job)


def test_a_job_that_stands_for_another_training_is_not_adopted(scene: Scene) -> None:
    lose_a_create(scene)
    job = by_hand(scene)
    settle(scene.request, scene.world, "one", adopt=job)
    (scene.request.root / "specs/one.yaml").unlink()
    scene.spec("two")
    path = scene.request.root / "specs/two.yaml"
    path.write_text(path.read_text() + "  seed: 7\n")
    lose_a_create(scene)
    scene.relay.spoil = showing(seed=None)
    with pytest.raises(UsageError, match="is attempt 1 of one"):
        settle(scene.request, scene.world, "two", adopt=job)


REAL_JOBS: list[dict[str, Any]] = [
    {"model": "gpt-4o-mini"},
    {"error": {}},
    {"hyperparameters": None, "method": None},
    {"status": "hibernating", "finished_at": None},
    {"seed": None, "result_files": None, "organization_id": None, "trained_tokens": None},
]
"""What real jobs were seen to show where ours show something else."""
real_jobs = pytest.mark.parametrize("shown", REAL_JOBS, ids=lambda shown: "+".join(shown))


@real_jobs
def test_what_real_jobs_show_otherwise_is_no_difference(
    scene: Scene, shown: dict[str, Any]
) -> None:
    scene.apply()
    wait(scene.request, scene.world, lambda _job, _events: None, pause=0)
    scene.relay.spoil = showing(**shown)
    plan = scene.apply().plan
    assert [action.kind for action in plan.actions] == (["wait"] if "status" in shown else [])
    assert {r.condition.sync for r in plan.resources} == {Sync.IN_SYNC}
    assert len(scene.relay.creates) == 1


@pytest.mark.parametrize("shown", [{"status": None}, {"status": "sleeping", "purpose": None}])
def test_what_real_files_show_otherwise_makes_no_second_upload(
    scene: Scene, shown: dict[str, Any]
) -> None:
    scene.apply()
    scene.spec("two", epochs=3)
    scene.relay.spoil = showing("/v1/files", **shown)
    plan = look(scene.request, scene.world).plan
    assert [action.kind for action in plan.actions if action.kind != "wait"] == ["create"]


@real_jobs
def test_what_real_jobs_show_otherwise_contradicts_no_adoption(
    scene: Scene, shown: dict[str, Any]
) -> None:
    lose_a_create(scene)
    job = by_hand(scene)
    scene.relay.spoil = showing(**shown)
    assert job in settle(scene.request, scene.world, "one", adopt=job)
    assert not look(scene.request, scene.world).plan.writes


def test_who_waits_looks_often_at_first_and_then_less_often(scene: Scene) -> None:
    scene.relay.spoil = always_running
    slept: list[float] = []
    scene.apply()
    world = replace(scene.world, sleep=slept.append)
    wait(scene.request, world, lambda _job, _events: None, pause=3, deadline=12)
    assert slept == [0.5, 0.75, 1.125, 1.6875, 2.53125, 3, 3]


def always_running(sent: Sent, forward: Forward) -> Reply:
    reply = forward(sent)
    if not sent.path.startswith("/v1/fine_tuning/jobs") or reply.body is None:
        return reply
    answer = json.loads(reply.body)
    for job in answer.get("data", [answer]):
        job |= {"status": "running", "finished_at": None, "fine_tuned_model": None}
    return Reply(reply.status, json.dumps(answer).encode(), reply.headers)


def test_the_bill_of_the_examples_is_what_the_plan_said(tmp_path: Path) -> None:
    """Two counters that know nothing of each other, ours and the sandbox's, agree."""
    shutil.copytree(CHECKOUT / "specs", tmp_path / "specs")
    with (
        chdir(tmp_path),
        open_world(Scope(sandbox=True, speed=400.0), Screen(has_bars=False)) as world,
    ):
        request = Scope(sandbox=True).request()
        planned = reconcile(request, world, approve=yes, tell=quiet).plan
        done, _ = wait(request, world, lambda _job, _events: None, pause=0.1)
        with world.connect(done.loaded.project) as connection:
            jobs = [connection.reader.job(r.job_id) for r in done.plan.resources]
    expected = {create.key: create.estimate.trained_tokens for create in planned.creates}
    billed = {job.metadata["reconciler.key"]: job.trained_tokens for job in jobs if job}
    assert len(billed) == 3
    assert billed == expected


@pytest.mark.parametrize("later", [1_061, 1_901, 0], ids=["a minute", "long", "set back"])
def test_a_runner_that_slept_between_claim_and_send_sends_nothing_more(
    scene: Scene, later: int
) -> None:
    scene.spec("two", epochs=3)
    ledger = Ledger(FolderRecords(scene.request.root / "ledger"))
    times = iter([1_000, later, later])
    effects = Effects(
        root=scene.request.root,
        writer=scene.provider,
        ledger=ledger,
        now=lambda: next(times),
        nonce=lambda: "n",
        revision=Revision,
        progress=lambda _upload, _count: None,
    )
    outcomes = list(apply(look(scene.request, scene.world).plan, effects))
    assert [o.result for o in outcomes[-2:]] == [Result.FAILED, Result.SKIPPED]
    assert "plan again" in outcomes[-1].message
    assert scene.relay.creates == []
    (right,) = ledger.rights("sandbox:test")
    assert right.closing
    assert right.closing.kind is ClosingKind.NOT_SENT
