"""A prune as the engine runs it: the real stages against the real sandbox."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply import Outcome, Result
from reconciler.engine import Pruned, PruneRequest, Request, World, preview, prune, reconcile
from reconciler.engine.pruning import Agree
from reconciler.errors import Guarded, InvalidInput, ScanIncomplete
from reconciler.ledger import FolderRecords, Ledger
from reconciler.plan import Reason
from reconciler.plan.prune import Pruning
from reconciler.providers.openai import OpenAIProvider
from reconciler.providers.protocol import Connection
from reconciler.state import Endpoint, Health, History, Revision
from tests.e2e.conftest import SPEC, lines_of
from tests.kill.endpoint import Endpoint as Onlooker
from tests.kill.endpoint import fresh_endpoint
from tests.make import CLEAN

DAY = 90_000.0
PROJECT = """\
apiVersion: reconciler.dev/v1
kind: Project
metadata: {name: shop}
spec: {prune: {keep: 0, max_share: 1}}
"""


@dataclass
class Shop:
    """A project, a sandbox, and what Git is said to tell."""

    root: Path
    onlooker: Onlooker
    world: World
    revision: Revision = CLEAN
    told: list[Outcome] = field(default_factory=list)

    def spec(self, data: str) -> None:
        (self.root / "specs/one.yaml").write_text(SPEC.format(name="one", epochs=1, data=data))

    def train(self) -> None:
        """A pass, and the time that its training takes."""
        request = Request(self.root, is_attended=True)
        reconcile(request, self.world, approve=lambda _plan: True, tell=lambda _outcome: None)
        self.onlooker.advance(400)

    def prune(self, agree: Agree = lambda _pruning: True, **asked: Any) -> Pruned:
        return prune(PruneRequest(self.root, **asked), self.world, agree, self.told.append)

    def preview(self, **asked: Any) -> list[tuple[str, Reason]]:
        seen = preview(PruneRequest(self.root, **asked), self.world)
        return [(delete.what, delete.reason) for delete in seen.plan.deletes]

    @property
    def held(self) -> tuple[int, int]:
        """How many models and files there are."""
        return len(self.onlooker.models()), len(self.onlooker.files())


@contextmanager
def opened(folder: Path) -> Iterator[Shop]:
    """The shop in a folder, made if it isn't there."""
    with fresh_endpoint(folder / "sandbox") as onlooker:
        place = Endpoint(onlooker.base_url, onlooker.base_url)
        provider = OpenAIProvider(place, "sk-any")
        numbers = iter(range(1000))
        made = Shop(
            folder / "shop",
            onlooker,
            World(
                connect=lambda _project: nullcontext(
                    Connection(place, provider, provider, provider)
                ),
                ledger=lambda _loaded: Ledger(FolderRecords(folder / "ledger")),
                revision=lambda: made.revision,
                nonce=lambda: f"nonce-{next(numbers)}",
                sleep=lambda _seconds: None,
                progress=lambda _upload, _count: None,
                history=lambda _loaded, commits, _names: History(commits),
            ),
        )
        yield made
        provider.close()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop in which a spec was trained, edited and trained again, a day ago."""
    folder = tmp_path_factory.mktemp("trained")
    for name in ("specs", "data"):
        (folder / "shop" / name).mkdir(parents=True)
    (folder / "shop/reconciler.yaml").write_text(PROJECT)
    for data in ("one", "two"):
        (folder / f"shop/data/{data}.jsonl").write_text("".join(lines_of(12, data)))
    with opened(folder) as shop:
        for data in ("one", "two"):
            shop.spec(data)
            shop.train()
        shop.onlooker.advance(DAY)
    return folder


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of that shop."""
    shutil.copytree(trained, tmp_path / "copy")
    with opened(tmp_path / "copy") as shop:
        yield shop


BOTH = [("model", Reason.SUPERSEDED), ("file", Reason.UNUSED_FILE)]
"""What may go: the earlier model, and its data."""


def test_what_was_superseded_goes_with_its_data_and_what_is_needed_stays(shop: Shop) -> None:
    assert shop.held == (2, 2)
    done = shop.prune()
    assert [(d.what, d.reason) for d in done.pruning.plan.deletes] == BOTH
    assert [outcome.result for outcome in done.outcomes] == [Result.DONE] * 2
    assert shop.told == list(done.outcomes)
    assert shop.held == (1, 1)
    assert shop.prune().outcomes == ()
    look = reconcile(Request(shop.root), shop.world, lambda _plan: True, lambda _outcome: None)
    assert look.plan.having(Health.READY)


def test_a_preview_or_a_no_deletes_nothing(shop: Shop) -> None:
    assert shop.preview() == BOTH
    assert shop.preview(keep=1) == []
    assert not shop.prune(agree=lambda _pruning: False).is_approved
    assert shop.held == (2, 2)


def test_what_came_to_be_needed_while_somebody_thought_stays(shop: Shop) -> None:
    def revert(_pruning: Pruning) -> bool:
        shop.spec("one")
        return True

    assert shop.prune(agree=revert).outcomes == ()  # nobody agreed to what is superseded now
    assert shop.held == (2, 2)


def test_a_load_error_an_empty_checkout_or_a_dirty_one_stops_before_any_request(
    shop: Shop,
) -> None:
    before = shop.onlooker.calls()
    (shop.root / "specs/one.yaml").write_text("kind: [")
    with pytest.raises(InvalidInput):
        shop.prune(names=frozenset({"one"}))
    (shop.root / "specs/one.yaml").unlink()
    with pytest.raises(InvalidInput):
        shop.prune(names=frozenset({"one"}))
    shop.spec("two")
    shop.revision = replace(CLEAN, is_dirty=True)
    with pytest.raises(Guarded):
        shop.prune()
    assert shop.onlooker.calls() == before


def test_a_list_that_may_not_be_whole_deletes_nothing(shop: Shop) -> None:
    shop.onlooker.break_down({"faults": [{"what": "empty_page", "on": "list_jobs"}]})
    with pytest.raises(ScanIncomplete):
        shop.prune()
    assert shop.onlooker.recover()
    assert shop.held == (2, 2)


def test_a_refusal_is_told_and_the_rest_goes_on(shop: Shop) -> None:
    refuse = {"what": "refuse", "on": "delete_model", "status": 403, "times": 1}
    shop.onlooker.break_down({"faults": [refuse]})
    assert [outcome.result for outcome in shop.prune().outcomes] == [Result.FAILED, Result.DONE]
    assert [outcome.result for outcome in shop.prune().outcomes] == [Result.DONE]
    assert shop.held == (1, 1)


def test_a_file_that_a_stranger_s_job_uses_stays(shop: Shop) -> None:
    first = min(shop.onlooker.files(), key=lambda file: int(file["created_at"]))
    shop.onlooker.train_on(first["id"])
    assert shop.preview() == BOTH[:1]
