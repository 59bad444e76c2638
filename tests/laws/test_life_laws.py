"""What holds whatever is done to a project, step by step, against the real sandbox."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from reconciler.engine import Pass, look, wait
from reconciler.state import Sync
from tests.test_engine import Scene, opened

NAMES, EPOCHS = ("one", "two"), (1, 2, 3)


class Life(RuleBasedStateMachine):
    """Two specs that are edited, renamed, trained, and whose models are lost."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.asked: set[int] = set()
        self.specs: dict[str, int] = {}

    @initialize()
    def begin(self) -> None:
        folder = self.stack.enter_context(TemporaryDirectory())
        self.scene: Scene = self.stack.enter_context(opened(Path(folder)))
        self.specs = {"one": 2}

    def teardown(self) -> None:
        self.stack.close()

    def looked(self) -> Pass:
        return look(self.scene.request, self.scene.world)

    @rule(name=st.sampled_from(NAMES), epochs=st.sampled_from(EPOCHS))
    def edit_or_revert(self, name: str, epochs: int) -> None:
        self.scene.spec(name, epochs)
        self.specs[name] = epochs

    @rule()
    def rename(self) -> None:
        """The first spec goes by the name of its epochs from now on."""
        before = self.looked().plan
        name, epochs = next(iter(self.specs.items()))
        (self.scene.request.root / f"specs/{name}.yaml").unlink()
        del self.specs[name]
        self.edit_or_revert(f"renamed-{epochs}", epochs)
        keys = {create.key for create in before.creates}
        assert {create.key for create in self.looked().plan.creates} == keys

    @rule()
    def train(self) -> None:
        """After an apply the next plan writes nothing, and all the specs ask for has been made."""
        self.scene.apply()
        wait(self.scene.request, self.scene.world, lambda _job, _events: None, pause=0)
        self.asked |= set(self.specs.values())
        assert not self.looked().plan.writes

    @rule()
    def lose_a_model(self) -> None:
        """What is deleted by hand is told, and not trained again by itself."""
        ready = [r for r in self.looked().plan.resources if r.condition.health.is_usable]
        if ready:
            self.scene.provider.delete_model(ready[0].fine_tuned_model)
            (lost,) = [r for r in self.looked().plan.resources if r.key == ready[0].key]
            assert lost.condition.sync is Sync.DRIFTED

    @invariant()
    def each_training_that_was_ever_asked_for_was_made_once(self) -> None:
        if self.specs:
            assert len(self.scene.relay.creates) == len(self.asked)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=14,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
