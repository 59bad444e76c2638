"""A runner: the real engine over a simulated wire, pass after pass, until it dies or is done."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from reconciler.apply import Outcome, Result
from reconciler.dataset.cache import FactsCache
from reconciler.engine import Pass, Pruned, PruneRequest, Request, World, prune, reconcile
from reconciler.errors import ReconcileError
from reconciler.ledger import Ledger
from reconciler.plan import Create
from reconciler.plan.prune import Pruning
from reconciler.providers.openai import OpenAIProvider, Wire
from reconciler.providers.protocol import Connection
from reconciler.providers.uploads import OPENAI_LIMITS, UploadLimits
from reconciler.state import Endpoint
from tests.simulation.account import Account
from tests.simulation.checkout import Checkout
from tests.simulation.laws import ENDPOINT, Laws
from tests.simulation.prune_laws import PruneLaws
from tests.simulation.schedule import Process, Schedule
from tests.simulation.wire import Line, SimulatedWire

PLACE: Final = Endpoint(ENDPOINT, ENDPOINT)
PARTS: Final = UploadLimits(single=500, part=400, at_once=1)
WHOLE: Final = replace(OPENAI_LIMITS, at_once=1)
MAX_USD: Final = 1_000.0


@dataclass
class Setting:
    """What all runners of a simulation share."""

    schedule: Schedule
    account: Account
    laws: Laws
    line: Line
    chance: Random
    checkouts: dict[str, Checkout]
    ledgers: dict[str, Ledger]
    limits: UploadLimits
    cache: FactsCache | None
    is_ledger_sound: bool


@dataclass
class Life:
    """One process of a runner in a checkout: its memory ends with it."""

    setting: Setting
    checkout: Checkout
    process: Process
    skew: float = 0.0
    wire: SimulatedWire = field(init=False)
    world: World = field(init=False)
    asked: Request = field(init=False)

    def __post_init__(self) -> None:
        setting, checkout = self.setting, self.checkout
        pruning = PruneLaws(setting.laws, checkout)
        self.wire = SimulatedWire(
            setting.account, setting.laws, setting.schedule, setting.line, self.owner, pruning
        )
        provider = OpenAIProvider(PLACE, "sk-simulated", setting.limits, self._clocks())
        connection = Connection(PLACE, provider, provider, provider)
        self.world = World(
            connect=lambda _project: nullcontext(connection),
            ledger=lambda _loaded: setting.ledgers[self.owner],
            revision=checkout.revision,
            history=checkout.history,
            nonce=lambda: f"{setting.chance.getrandbits(64):016x}",
            sleep=setting.schedule.sleep,
            progress=lambda _upload, _count: None,
            cache=setting.cache,
        )
        self.asked = Request(checkout.root, max_usd=MAX_USD)

    @property
    def owner(self) -> str:
        """Whose marks it makes."""
        return self.checkout.owner

    def _clocks(self) -> Wire:
        schedule = self.setting.schedule
        return Wire(
            transport=self.wire,
            wall=lambda: schedule.now + self.skew,
            monotonic=lambda: schedule.now,
            sleep=schedule.sleep,
        )

    def one_pass(self, retry: frozenset[str] = frozenset()) -> Pass | None:
        """One pass; None if it ended with an error of ours. Anything else is a crash."""
        self.wire.begin_pass()
        request = replace(self.asked, retry=retry)
        try:
            seen = reconcile(request, self.world, approve=lambda _plan: True, tell=self._told)
        except ReconcileError as error:
            self.setting.schedule.note(f"error: {type(error).__name__} {error}")
            return None
        words = ", ".join(f"{r.name} {r.condition.reason}" for r in seen.plan.resources)
        self.setting.schedule.note(f"pass: {words}")
        return seen

    def prune(self, thinks: float = 0.0) -> Pruned | None:
        """One prune, after the first look of which somebody thinks; None if it was refused."""

        def agree(_pruning: Pruning) -> bool:
            self.setting.schedule.sleep(thinks)
            self.wire.begin_pass()
            return True

        self.wire.begin_pass()
        try:
            done = prune(PruneRequest(self.checkout.root), self.world, agree, self._told)
        except ReconcileError as error:
            self.setting.schedule.note(f"not pruned: {type(error).__name__} {error}")
            return None
        self.setting.schedule.note(f"pruned: {len(done.outcomes)}")
        return done

    def _told(self, outcome: Outcome) -> None:
        """A refusal that the runner has been told, and that its ledger took."""
        self.setting.schedule.note(f"{outcome.action.kind}: {outcome.result} {outcome.message}")
        action, words = outcome.action, outcome.message
        is_refusal = outcome.result is Result.FAILED and "refused (4" in words
        is_lasting = is_refusal and "(429" not in words and self.setting.is_ledger_sound
        if isinstance(action, Create) and is_lasting:
            self.setting.laws.refused.add((self.owner, action.key))


def guarded(laws: Laws, body: Callable[[], None]) -> None:
    """Run a runner's code: whatever isn't an error of ours is a broken law."""
    try:
        body()
    except Exception as error:  # noqa: BLE001  # a crash is what is being looked for
        laws.breach("no crash", f"{type(error).__name__}: {error}")
