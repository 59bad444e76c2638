"""A prune in a real checkout against the real sandbox: as the engine runs it, and as a process."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply import Outcome, Result, apply
from reconciler.cli.exits import Exit, explain
from reconciler.engine import Pruned, PruneRequest, Request, World, preview, prune, reconcile
from reconciler.engine.passes import Scene, effects, loaded_by
from reconciler.engine.pruning import Agree
from reconciler.errors import Guarded, InvalidInput, ScanIncomplete
from reconciler.ledger import FolderRecords, Ledger
from reconciler.load import read_history, read_revision
from reconciler.plan import Reason
from reconciler.plan.prune import Pruning
from reconciler.providers.openai import OpenAIProvider
from reconciler.providers.protocol import Connection
from reconciler.resolve import resolve
from reconciler.state import Endpoint, Health
from tests.e2e.conftest import SPEC, git, lines_of
from tests.kill.endpoint import Endpoint as Onlooker
from tests.kill.endpoint import fresh_endpoint
from tests.kill.judge import held_by, needed_by
from tests.kill.moments import Moment, Point
from tests.kill.runners import Ground, ended
from tests.kill.stories import A_DAY, PRUNE, Story
from tests.kill.trial import Bench

PROJECT = """\
apiVersion: reconciler.dev/v1
kind: Project
metadata: {name: shop}
spec: {prune: {keep: 0, max_share: 1}}
"""


@dataclass
class Shop:
    """A project in a checkout, and a sandbox."""

    root: Path
    onlooker: Onlooker
    world: World
    told: list[Outcome] = field(default_factory=list)

    def spec(self, data: str, name: str = "one", more: str = "") -> None:
        """Commit a spec."""
        text = SPEC.format(name=name, epochs=1, data=data) + more
        (self.root / f"specs/{name}.yaml").write_text(text)
        self.commit()

    def commit(self) -> None:
        git(self.root, "add", "-A")
        git(self.root, "commit", "-q", "-m", "a change")

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
    root = folder / "project"
    with fresh_endpoint(folder / "sandbox") as onlooker:
        place = Endpoint(onlooker.base_url, onlooker.base_url)
        provider = OpenAIProvider(place, "sk-any")
        numbers = iter(range(1000))
        shop = Shop(
            root,
            onlooker,
            World(
                connect=lambda _project: nullcontext(
                    Connection(place, provider, provider, provider)
                ),
                ledger=lambda _loaded: Ledger(FolderRecords(folder / "ledger")),
                revision=lambda: read_revision(root),
                nonce=lambda: f"nonce-{next(numbers)}",
                sleep=lambda _seconds: None,
                progress=lambda _upload, _count: None,
                history=lambda _loaded, *asked: read_history(root, ["specs"], *asked),
            ),
        )
        yield shop
        provider.close()


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A day ago a spec was trained, edited and trained again; another was trained and removed."""
    folder = tmp_path_factory.mktemp("trained")
    root = folder / "project"
    for name in ("specs", "data"):
        (root / name).mkdir(parents=True)
    (root / "reconciler.yaml").write_text(PROJECT)
    for data in ("one", "two"):
        (root / f"data/{data}.jsonl").write_text("".join(lines_of(12, data)))
    git(root, "init", "-q", "-b", "main")
    with opened(folder) as shop:
        shop.spec("one")
        shop.train()
        shop.spec("two")
        shop.spec("two", "gone", "  seed: 1\n  lifecycle: {on_remove: prune}\n")
        shop.train()
        (root / "specs/gone.yaml").unlink()
        shop.commit()
        shop.onlooker.advance(A_DAY)
    return folder


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Iterator[Shop]:
    """A copy of that shop."""
    shutil.copytree(trained, tmp_path / "copy")
    with opened(tmp_path / "copy") as shop:
        yield shop


MODELS = [("model", Reason.ORPHAN), ("model", Reason.SUPERSEDED)]
FILE = ("file", Reason.UNUSED_FILE)
"""What may go: the model of the spec that is gone, the earlier one of the other, and its data."""


def test_what_was_superseded_goes_with_its_data_and_what_is_needed_stays(shop: Shop) -> None:
    assert shop.held == (3, 2)
    done = shop.prune()
    assert [(d.what, d.reason) for d in done.pruning.plan.deletes] == [*MODELS, FILE]
    assert [outcome.result for outcome in done.outcomes] == [Result.DONE] * 3
    assert shop.told == list(done.outcomes)
    assert shop.held == (1, 1)
    assert shop.prune().outcomes == ()
    look = reconcile(Request(shop.root), shop.world, lambda _plan: True, lambda _outcome: None)
    assert look.plan.having(Health.READY)


def test_a_preview_or_a_no_deletes_nothing(shop: Shop) -> None:
    assert shop.preview() == [*MODELS, FILE]
    assert shop.preview(keep=1) == MODELS[:1]
    assert not shop.prune(agree=lambda _pruning: False).is_approved
    assert shop.held == (3, 2)


def test_what_came_to_be_needed_while_somebody_thought_stays(shop: Shop) -> None:
    def revert(_pruning: Pruning) -> bool:
        shop.spec("one")
        return True

    # Nobody agreed to what is superseded now.
    assert [outcome.action.used_by for outcome in shop.prune(agree=revert).outcomes] == [("gone",)]
    assert shop.held == (2, 2)


def test_a_load_error_an_empty_checkout_or_a_dirty_one_stops_before_any_request(
    shop: Shop,
) -> None:
    before, path = shop.onlooker.calls(), shop.root / "specs/one.yaml"
    text = path.read_text()
    path.write_text("kind: [")
    with pytest.raises(InvalidInput):
        shop.prune(names=frozenset({"one"}))
    path.unlink()
    with pytest.raises(InvalidInput):
        shop.prune(names=frozenset({"one"}))
    path.write_text(f"{text}# changed")
    with pytest.raises(Guarded):
        shop.prune()
    assert shop.onlooker.calls() == before


def test_a_checkout_that_leaves_out_a_spec_of_head_deletes_nothing(shop: Shop) -> None:
    shop.spec("one", "other")
    git(shop.root, "update-index", "--skip-worktree", "specs/one.yaml")
    (shop.root / "specs/one.yaml").unlink()
    assert not read_revision(shop.root).is_dirty
    with pytest.raises(Guarded, match=r"specs/one\.yaml.*--no-skip-worktree"):
        shop.prune()
    with pytest.raises(Guarded):
        shop.prune(names=frozenset({"one"}))
    assert shop.held == (3, 2)


def test_a_list_that_may_not_be_whole_deletes_nothing(shop: Shop) -> None:
    shop.onlooker.break_down({"faults": [{"what": "empty_page", "on": "list_jobs"}]})
    with pytest.raises(ScanIncomplete):
        shop.prune()
    assert shop.onlooker.recover()
    assert shop.held == (3, 2)


def test_a_plan_by_which_not_everything_was_looked_at_deletes_nothing(shop: Shop) -> None:
    request = Request(shop.root)
    seen = preview(PruneRequest(shop.root), shop.world)
    unproved = replace(seen.plan, is_proved=False)
    loaded = loaded_by(request, shop.world)
    with shop.world.connect(loaded.project) as connection:
        scene = Scene(request, loaded, resolve(loaded), connection, shop.world.ledger(loaded))
        with pytest.raises(ScanIncomplete):
            next(apply(unproved, effects(request, shop.world, scene)))
    assert shop.held == (3, 2)


def test_after_a_refusal_nothing_goes_that_the_model_was_made_with(shop: Shop) -> None:
    refuse = {"what": "refuse", "on": "delete_model", "status": 403, "times": 1}
    shop.onlooker.break_down({"faults": [refuse]})
    assert [outcome.result for outcome in shop.prune().outcomes] == [
        Result.FAILED,
        Result.SKIPPED,
        Result.SKIPPED,
    ]
    assert [outcome.result for outcome in shop.prune().outcomes] == [Result.DONE] * 3
    assert shop.held == (1, 1)


def test_a_file_that_a_stranger_s_job_uses_stays(shop: Shop) -> None:
    first = min(shop.onlooker.files(), key=lambda file: int(file["created_at"]))
    shop.onlooker.train_on(first["id"])
    assert shop.preview() == MODELS


# ---- as a process --------------------------------------------------------------------------------

PREVIEW = """\
shop at ENDPOINT, commit COMMIT

- model  ft:BASE:sandbox::ID  of gone  Orphan: no spec has its name any more, and its \
lifecycle.on_remove said prune
- model  ft:BASE:sandbox::ID  of one   Superseded: one has moved on from KEY
- file   FILE                 of one   UnusedFile: no spec needs it, and no model that stays was \
made with it

Prune: 2 models to delete, 1 file to delete.
"""
STORY = Story("a shop in which a day has passed", {"specs/one.yaml": ""}, PRUNE, earlier=({},))
DELETE = Point(11, Moment.AFTER_COMMIT, "DELETE /v1/models/ID")


def test_the_command_shows_what_it_would_delete_and_asks(shop: Shop, tmp_path: Path) -> None:
    ground = Ground(shop.root, shop.onlooker.base_url, tmp_path / "cache")
    unasked = ended(ground.start(*PRUNE[:-1]))
    assert unasked.code == Exit.USAGE
    told, _, error = unasked.said.partition("error: ")
    assert "give --auto-approve to delete this" in error
    assert _masked(told) == PREVIEW
    assert shop.held == (3, 2)


def _masked(text: str) -> str:
    """The text without what is another in each run; columns close up around it."""
    for pattern, word in (
        (r"http://\S+(?=,)", "ENDPOINT"),
        (r"(?<=commit )\w+", "COMMIT"),
        (r"(?<=from )\w{12}", "KEY"),
        (r"ft:\S+::\w+", "ft:BASE:sandbox::ID"),
        (r"file-\w+ *(?=  of)", "FILE" + " " * 15),
    ):
        text = re.sub(pattern, word, text)
    return text


def test_a_prune_killed_in_a_delete_leaves_what_is_needed_and_the_next_one_ends_it(
    trained: Path, shop: Shop
) -> None:
    needed = needed_by(["one"], held_by(shop.onlooker))
    assert len(needed) == 2
    verdict = Bench(STORY, trained, needed=needed).trial(DELETE)
    assert not verdict.wrong, verdict


def test_a_guard_that_stands_against_it_is_a_hold_and_no_mistake_of_the_call() -> None:
    assert explain(Guarded("commit or stash them")) is Exit.HELD
