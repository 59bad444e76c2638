"""Specs for jobs that exist, by the real SDK from the real sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.catalog import load_catalog
from reconciler.cli.exits import Exit, of_pass
from reconciler.engine import Pass, Request, World, look
from reconciler.engine.importing import Adopted, Wanted, adopt
from reconciler.engine.staging import Staging, spec_text
from reconciler.errors import UsageError
from reconciler.ledger import FolderRecords, Ledger
from reconciler.load.compose import compose, plain
from reconciler.load.explain import slug
from reconciler.ownership import KEY, OWNER, metadata_for
from reconciler.plan.recreation import recreated, stand_in_key
from reconciler.providers.openai import OpenAIProvider
from reconciler.providers.protocol import Connection, JobRequest
from reconciler.sandbox import embedded
from reconciler.spec import Adopt, FineTune
from reconciler.state import Closing, ClosingKind, Endpoint, Job, JobStatus, Revision
from tests.e2e.relay import Forward, Reply, Sent, relay_to
from tests.make import MINI, make_claim, make_facts, make_job, make_training

NUMBERS = count(1)
"""What makes the names of owners and files of this process unique."""
PROJECT = """\
apiVersion: reconciler.dev/v1
kind: Project
metadata:
  name: {owner}
"""


@dataclass(frozen=True)
class Account:
    """What all tests of this module share: a sandbox, and the SDK in front of it."""

    provider: OpenAIProvider
    endpoint: Endpoint
    folder: Path

    def pass_time(self, seconds: float = 10_000) -> None:
        control = self.endpoint.base_url.removesuffix("/v1")
        httpx2.post(f"{control}/_sandbox/clock", json={"advance": seconds}).raise_for_status()

    def upload(self, content: str) -> str:
        name = f"file{next(NUMBERS)}.jsonl"
        path = self.folder / name
        path.write_text(content)
        digest = sha256(content.encode()).hexdigest()
        return self.provider.upload(path, name, digest, lambda _count: None).id

    def ended(self, job: Job) -> Job:
        """The job once its time is over."""
        while not job.status.is_terminal:
            self.pass_time()
            job = self.provider.job(job.id) or job
        return job


@dataclass(frozen=True)
class Shop:
    """An empty project of its own owner."""

    account: Account
    root: Path
    owner: str

    @property
    def world(self) -> World:
        provider = self.account.provider
        connection = Connection(self.account.endpoint, provider, provider, provider)
        return World(
            connect=lambda _project: nullcontext(connection),
            ledger=lambda _loaded: Ledger(FolderRecords(self.root.parent / f"{self.owner}-ledger")),
            revision=Revision,
            nonce=lambda: f"nonce-{next(NUMBERS)}",
            sleep=lambda _seconds: None,
            progress=lambda _upload, _count: None,
        )

    def adopt(self, *jobs: str, **changes: Any) -> tuple[Adopted, ...]:
        wanted = replace(Wanted(jobs), **changes)
        return adopt(Request(self.root), self.world, wanted, lambda _text: None)

    def refusal(self, *jobs: str, **changes: Any) -> str:
        """Why nothing was imported, and nothing was."""
        before = self.tree()
        with pytest.raises(UsageError) as refused:
            self.adopt(*jobs, **changes)
        assert self.tree() == before
        return str(refused.value)

    def look(self) -> Pass:
        return look(Request(self.root), self.world)

    def tree(self) -> dict[str, bytes]:
        files = (path for path in self.root.rglob("*") if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.read_bytes() for path in files}

    def spec(self, name: str) -> FineTune:
        specs = {each.document.metadata.name: each.document for each in self.look().loaded.specs}
        return specs[name]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    folder = tmp_path_factory.mktemp("account")
    with embedded(folder / "sandbox", 1.0, lambda _encoding, text: len(text.split())) as sandbox:
        endpoint = Endpoint("sandbox:test", sandbox.base_url)
        provider = OpenAIProvider(endpoint, "sk-any")
        yield Account(provider, endpoint, folder)
        provider.close()


def open_shop(account: Account) -> Shop:
    owner = f"shop-{next(NUMBERS)}"
    root = account.folder / owner
    root.mkdir()
    (root / "reconciler.yaml").write_text(PROJECT.format(owner=owner))
    return Shop(account, root, owner)


@pytest.fixture
def shop(account: Account) -> Shop:
    return open_shop(account)


# ---- jobs ----------------------------------------------------------------------------------------


def chats(word: str) -> str:
    rows = (
        [{"role": "user", "content": f"{word} {n}?"}, {"role": "assistant", "content": f"No {n}"}]
        for n in range(12)
    )
    return "".join(json.dumps({"messages": row}) + "\n" for row in rows)


def pairs(word: str) -> str:
    rows = (
        {
            "input": {"messages": [{"role": "user", "content": f"{word} {n}?"}]},
            "preferred_output": [{"role": "assistant", "content": "Yes."}],
            "non_preferred_output": [{"role": "assistant", "content": "No."}],
        }
        for n in range(12)
    )
    return "".join(json.dumps(row) + "\n" for row in rows)


@dataclass(frozen=True)
class Past:
    """How a job came to be, and what became of it.

    Attributes:
        mark: whose it bears: "ours", "theirs", "none", or "damaged".
        data: "clean", "lint" (breaks a rule that may be accepted), or "same" (held out are the
            examples that are trained on, which no pass takes).
        deleted: the role of the file that is gone.
    """

    method: str = "supervised"
    hyperparameters: Mapping[str, int | float | str] = field(
        default_factory=lambda: {"n_epochs": 1}
    )
    seed: int | None = None
    suffix: str | None = None
    mark: str = "none"
    data: str = "clean"
    has_validation: bool = False
    deleted: str = ""
    is_running: bool = False
    name: str = "triage"


def made(shop: Shop, past: Past) -> Job:
    """The job, as an earlier pass or somebody else made it."""
    account, lines = shop.account, chats if past.method == "supervised" else pairs
    word = "Is it <|endoftext|>" if past.data == "lint" else "Is it"
    contents = {"training": lines(word)}
    if past.has_validation or past.data == "same":
        contents["validation"] = lines(word if past.data == "same" else "Was it")
    files = {role: account.upload(content) for role, content in contents.items()}
    job = account.provider.create(
        JobRequest(
            model=MINI,
            method=past.method,
            hyperparameters=past.hyperparameters,
            training_file=files["training"],
            validation_file=files.get("validation"),
            suffix=past.suffix,
            seed=past.seed,
            metadata=marked(shop.owner, past, contents),
            nonce=f"nonce-{next(NUMBERS)}",
        )
    )
    job = job if past.is_running else account.ended(job)
    if past.deleted in files:
        account.provider.delete_file(files[past.deleted])
        account.pass_time()
    return account.provider.job(job.id) or job


def marked(owner: str, past: Past, contents: Mapping[str, str]) -> Mapping[str, str]:
    if past.mark == "none":
        return {}
    facts = {role: make_facts(content) for role, content in contents.items()}
    training = make_training(
        past.name,
        method=past.method,
        hyperparameters=past.hyperparameters,
        training=facts["training"],
        validation=facts.get("validation"),
        seed=past.seed,
        suffix=past.suffix,
    )
    owner = "another-shop" if past.mark == "theirs" else owner
    metadata = metadata_for(training, make_claim(training, owner=owner), "", 1000)
    return damaged(metadata) if past.mark == "damaged" else metadata


def damaged(metadata: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value[::-1] if name != OWNER else value for name, value in metadata.items()}


# ---- the law -------------------------------------------------------------------------------------

ODD = ["1e3", "null", "yes", "012", "0o17", "~", "a: b", "- a", "#", "<<", '"', "'", "\u00e9"]
ODDER = ["\u2028", "\x07bell", "\n", " a ", "\ufeff", "---", "\U0001f600", "*a", "&a", "!a", "{a"]
SUFFIXES = st.sampled_from(ODD + ODDER) | st.text(min_size=1, max_size=20)


@st.composite
def pasts(draw: st.DrawFn) -> Past:
    method = draw(st.sampled_from(["supervised", "dpo"]))
    numbers: dict[str, st.SearchStrategy[Any]] = {
        "n_epochs": st.just("auto") | st.integers(1, 3),
        "batch_size": st.just("auto") | st.integers(1, 256),
        "learning_rate_multiplier": st.just("auto") | st.floats(0.001, 10) | st.integers(1, 3),
    }
    if method == "dpo":
        numbers["beta"] = st.just("auto") | st.floats(0.01, 2)
    return Past(
        method=method,
        hyperparameters=draw(st.fixed_dictionaries({}, optional=numbers)),
        seed=draw(st.none() | st.integers(0, 2**31 - 1)),
        suffix=draw(st.none() | SUFFIXES),
        mark=draw(st.sampled_from(["ours", "theirs", "none", "damaged"])),
        data=draw(st.sampled_from(["clean", "lint", "same"])),
        has_validation=draw(st.booleans()),
        deleted=draw(st.sampled_from(["", "", "training", "validation"])),
        is_running=draw(st.booleans()),
    )


def binds_by_mark(past: Past) -> bool:
    """Whether the mark alone says of which spec the job is."""
    has_files = past.deleted != "training" and not (past.deleted and past.has_validation)
    is_sayable = all(
        (ord(c) > 31 and not 126 < ord(c) < 160) or c in "\t\n\r" for c in past.suffix or ""
    )
    return past.mark == "ours" and past.data != "same" and has_files and is_sayable


@given(past=pasts())
@settings(max_examples=20)
def test_after_an_import_a_plan_is_empty(account: Account, past: Past) -> None:
    shop = open_shop(account)
    job = made(shop, past)
    (adopted,) = shop.adopt(job.id)
    seen = shop.look()
    assert of_pass(seen, is_detailed=True, is_dry=True) is Exit.DONE
    assert [resource.job_id for resource in seen.plan.resources] == [job.id]
    assert not seen.plan.writes
    assert (seen.plan.orphans, seen.plan.duplicates) == ((), ())
    assert not [w for w in seen.loaded.warnings if w.file == adopted.file]
    assert (shop.root / adopted.file).read_text("utf-8") == adopted.text
    (loaded,) = seen.loaded.specs
    assert (loaded.document.spec.adopt is None) == binds_by_mark(past)


@given(text=SUFFIXES)
def test_any_text_is_written_so_that_it_is_read_as_that_text(text: str) -> None:
    job = make_job(make_training(), suffix=text)
    draft = recreated(job, "a", load_catalog())
    written = spec_text(draft, Staging(Path("/a/b"), Path("/a"), "specs"))
    (document,), problems = compose(written.encode(), "a.yaml")
    assert (plain(document), problems) == (draft.document, ())


# ---- what a spec says ----------------------------------------------------------------------------


def test_a_spec_says_what_the_job_of_ours_was_asked_for_and_not_what_the_service_chose(
    shop: Shop,
) -> None:
    job = made(shop, Past(hyperparameters={"n_epochs": 2, "batch_size": "auto"}, mark="ours"))
    shop.adopt(job.id)
    spec = shop.spec("triage").spec
    assert job.seed is not None
    assert {"n_epochs", "batch_size", "learning_rate_multiplier"} <= job.hyperparameters.keys()
    assert (spec.hyperparameters.declared(), spec.seed, spec.suffix) == (
        {"n_epochs": 2},
        None,
        None,
    )


def test_a_job_without_a_mark_is_written_as_it_shows_itself(shop: Shop) -> None:
    job = made(shop, Past(hyperparameters={}, suffix="1e3", has_validation=True))
    (adopted,) = shop.adopt(job.id)
    spec = shop.spec("1e3").spec
    assert spec.hyperparameters.declared() == job.hyperparameters
    assert (spec.seed, spec.suffix) == (job.seed, "1e3")
    assert spec.adopt is not None
    assert spec.adopt.job == job.id
    assert spec.dataset is not None
    assert spec.dataset.training == "data/1e3.train.jsonl"
    assert (shop.root / "specs" / spec.dataset.training).read_text() == chats("Is it")
    assert (shop.root / "specs/data/1e3.valid.jsonl").read_text() == chats("Was it")
    assert adopted.text.startswith(
        "# yaml-language-server: $schema=../schemas/finetune.schema.json\napiVersion: "
    )


def test_what_no_spec_can_say_is_left_out_and_told() -> None:
    odd = {"n_epochs": 60, "lora_r": 8, "batch_size": 4, "beta": 0.1}
    job = make_job(make_training(), hyperparameters=odd, metadata={}, suffix="a\x07", seed=-1)
    draft = recreated(job, "triage", load_catalog())
    assert draft.asked == {
        "model": MINI,
        "method": "supervised",
        "hyperparameters": {"batch_size": 4},
    }
    assert draft.left_out == ("beta", "lora_r", "n_epochs", "seed", "suffix")


def test_an_alias_is_written_as_the_snapshot_that_it_stands_for() -> None:
    job = make_job(make_training(), model="gpt-4o-mini")
    assert recreated(job, "triage", load_catalog()).asked["model"] == MINI


def test_without_its_data_a_spec_only_binds_by_the_key_of_any_mark(shop: Shop) -> None:
    job = made(shop, Past(mark="theirs", deleted="training"))
    shop.adopt(job.id)
    spec = shop.spec("triage").spec
    assert spec.dataset is None
    assert spec.adopt == Adopt(job=job.id, run_key=job.metadata[KEY])
    assert [path for path in shop.tree() if path.endswith("jsonl")] == []


def test_a_stand_in_for_a_run_key_differs_from_job_to_job() -> None:
    jobs = [make_job(make_training(), number=n, metadata={}) for n in (1, 2)]
    assert len({stand_in_key(job) for job in jobs}) == 2


def test_a_rule_that_the_data_breaks_is_accepted_for_the_job_took_it(shop: Shop) -> None:
    job = made(shop, Past(data="lint"))
    shop.adopt(job.id, name="odd")
    dataset = shop.spec("odd").spec.dataset
    assert dataset is not None
    assert dataset.lint.accept == ["DS142"]


# ---- which job, by which name --------------------------------------------------------------------


def test_a_job_its_model_and_its_checkpoint_are_one_import(shop: Shop) -> None:
    job = made(shop, Past(hyperparameters={"n_epochs": 2}, suffix="Zoë at noon"))
    checkpoint = shop.account.provider.checkpoints(job.id)[0].model
    assert ":ckpt-step-" in checkpoint
    (adopted,) = shop.adopt(checkpoint, job.id, str(job.fine_tuned_model))
    assert (adopted.recreation.job.id, adopted.file) == (job.id, "specs/zo-at-noon.yaml")


def test_names_are_made_unique(shop: Shop) -> None:
    shop.adopt(made(shop, Past(mark="ours")).id)
    others = [made(shop, Past(suffix=suffix, seed=7)).id for suffix in ("triage", "Triage", "네")]
    files = [adopted.file for adopted in shop.adopt(*others)]
    assert files[:2] == ["specs/triage-2.yaml", "specs/triage-3.yaml"]
    assert files[2] == f"specs/{slug(others[2][-8:])}.yaml"


def test_a_name_that_several_models_bear_is_refused_with_the_candidates(shop: Shop) -> None:
    jobs = [made(shop, Past(suffix=f"twin-{shop.owner}", seed=seed)) for seed in (1, 2)]
    told = shop.refusal(str(jobs[0].fine_tuned_model).rpartition(":")[0])
    for job in jobs:
        assert f"{job.id}  succeeded  20" in told
        assert str(job.fine_tuned_model) in told


# ---- what can't be imported ----------------------------------------------------------------------


def test_whatever_stands_against_one_of_them_nothing_is_written_and_all_is_told(
    shop: Shop,
) -> None:
    good = made(shop, Past())
    stopped = shop.account.provider.cancel(made(shop, Past(is_running=True)).id)
    told = shop.refusal(good.id, stopped.id, "ftjob-none", "ft:none")
    assert f"{stopped.id}: it was cancelled" in told
    assert "ftjob-none: the endpoint shows no job" in told
    assert "ft:none: the endpoint shows no job" in told
    assert good.id not in told


def test_a_job_that_failed_leaves_nothing_to_import(shop: Shop) -> None:
    provider = shop.account.provider
    request = JobRequest(MINI, "dpo", {}, shop.account.upload(chats("a")), None, None, 1, {}, "n")
    job = shop.account.ended(provider.create(request))
    assert job.status is JobStatus.FAILED
    assert f"{job.id}: it failed" in shop.refusal(job.id)


def test_a_paused_job_is_refused(shop: Shop) -> None:
    job = made(shop, Past(is_running=True))
    shop.account.pass_time(20)
    shop.account.provider.pause(job.id)
    assert f"{job.id}: it is paused" in shop.refusal(job.id)


def test_a_job_whose_model_is_gone_is_refused(shop: Shop) -> None:
    job = made(shop, Past())
    shop.account.provider.delete_model(str(job.fine_tuned_model))
    assert "no longer answers" in shop.refusal(job.id)


@pytest.mark.parametrize("mark", ["ours", "none"])
def test_a_job_that_a_spec_has_is_refused(shop: Shop, mark: str) -> None:
    job = made(shop, Past(mark=mark, suffix="triage"))
    shop.adopt(job.id)
    assert f"{job.id}: the spec triage has it already" in shop.refusal(job.id)


def test_a_job_that_the_ledger_names_for_a_spec_is_refused(shop: Shop) -> None:
    """As one is that was made through something that drops marks."""
    marked_job, bare = made(shop, Past(mark="ours", seed=7)), made(shop, Past())
    shop.adopt(marked_job.id)
    (training,) = shop.look().desired.trainings
    endpoint = shop.account.endpoint.id
    claim = make_claim(training, attempt=2, endpoint=endpoint, owner=shop.owner)
    ledger = shop.world.ledger(shop.look().loaded)
    assert ledger.claim(claim)
    ledger.close(claim, Closing(ClosingKind.CREATED, at=1, job_id=bare.id))
    assert f"{bare.id}: the spec triage has it already" in shop.refusal(bare.id)


def test_a_job_that_is_the_same_training_as_a_spec_s_is_refused_with_what_to_write(
    shop: Shop,
) -> None:
    shop.adopt(made(shop, Past(mark="ours", seed=7)).id)
    theirs = made(shop, Past(mark="theirs", seed=7))
    told = shop.refusal(theirs.id)
    assert f"write spec.adopt: {{job: {theirs.id}, run_key: {theirs.metadata[KEY]}}}" in told


def test_of_two_jobs_of_ours_that_are_one_training_the_second_is_refused(shop: Shop) -> None:
    first, second = (made(shop, Past(mark="ours", seed=7)) for _ in range(2))
    assert f"{first.id} is the same training" in shop.refusal(second.id)


def test_while_another_job_of_the_same_training_runs_none_is_imported(shop: Shop) -> None:
    jobs = [made(shop, Past(mark="ours", seed=7, is_running=True)) for _ in range(2)]
    first, second = sorted(jobs, key=lambda job: job.age_rank)
    assert f"{second.id} runs and is the same training" in shop.refusal(first.id)


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        ({"method": {"type": "reinforcement"}}, "a spec can't ask for its method, reinforcement"),
        (
            {"method": {"type": "dpo"}, "model": "gpt-3.5-turbo-0125"},
            "no spec can be written for it",
        ),
    ],
)
def test_a_job_that_no_spec_can_ask_for_is_refused(
    shop: Shop, shown: dict[str, Any], why: str
) -> None:
    job = made(shop, Past())

    def changed(sent: Sent, forward: Forward) -> Reply:
        reply = forward(sent)
        if not sent.path.endswith(job.id):
            return reply
        body = json.dumps({**json.loads(reply.body or b""), **shown}).encode()
        return Reply(reply.status, body, reply.headers)

    with relay_to(shop.account.endpoint.base_url) as relay:
        relay.spoil = changed
        with closing(OpenAIProvider(Endpoint("sandbox:test", relay.base_url), "sk-any")) as seeing:
            account = replace(shop.account, provider=seeing)
            told = replace(shop, account=account).refusal(job.id)
    assert f"{job.id}: {why}" in told


# ---- where it is written -------------------------------------------------------------------------


def test_what_is_there_is_never_overwritten(shop: Shop) -> None:
    job = made(shop, Past())
    (shop.root / "specs/data").mkdir(parents=True)
    (shop.root / "specs/new.yaml").touch()
    assert "specs/new.yaml exists" in shop.refusal(job.id, name="new")
    (shop.root / "specs/new.yaml").unlink()
    (shop.root / "specs/data/new.train.jsonl").write_text(chats("Another"))
    assert "specs/data/new.train.jsonl exists" in shop.refusal(job.id, name="new")
    (shop.root / "specs/data/new.train.jsonl").write_text(chats("Is it"))
    shop.adopt(job.id, name="new")
    assert shop.spec("new").spec.dataset is not None


def test_nothing_is_written_outside_of_the_project(shop: Shop) -> None:
    job = made(shop, Past())
    outside = shop.root.parent / f"{shop.owner}-outside"
    outside.mkdir()
    (shop.root / "specs").mkdir()
    (shop.root / "specs/data").symlink_to(outside)
    assert "leads out of the project root" in shop.refusal(job.id)
    (shop.root / "specs/data").unlink()
    (shop.root / "specs").rmdir()
    (shop.root / "specs").symlink_to(outside)
    assert "leads out of the project root" in shop.refusal(job.id)
    assert list(outside.iterdir()) == []


def test_a_dry_run_writes_nothing_and_shows_what_would_be_written(shop: Shop) -> None:
    job = made(shop, Past(has_validation=True))
    before = shop.tree()
    (shown,) = shop.adopt(job.id, is_dry=True)
    assert shop.tree() == before
    (written,) = shop.adopt(job.id)
    assert (shown.file, shown.text) == (written.file, written.text)


def test_a_name_that_no_spec_can_have_is_refused(shop: Shop) -> None:
    shop.adopt(made(shop, Past(seed=7)).id, name="taken")
    job = made(shop, Past(seed=8))
    for name in ("Triage", "a_b", "", "a\n", "taken"):
        assert "name" in shop.refusal(job.id, name=name)


def test_one_name_is_not_given_to_two_jobs(shop: Shop) -> None:
    jobs = [made(shop, Past(seed=seed)).id for seed in (1, 2)]
    assert "--name is for one job" in shop.refusal(*jobs, name="both")
