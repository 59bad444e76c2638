"""Run keys: what a training depends on counts, nothing else does, and keys never change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from reconciler.errors import UsageError
from reconciler.resolve import resolve, run_key
from reconciler.spec import API_VERSION, FineTune, Project
from reconciler.state import Binding, Loaded, LoadedSpec, Parent, Revision, Training
from tests.make import make_facts, make_training

PLAIN = make_training()
SAME = {
    "another name": make_training("another"),
    "another path of the same bytes": make_training(training=make_facts(path="elsewhere.jsonl")),
    "a whole float": make_training(hyperparameters={"n_epochs": 1.0}),
    "auto, written": make_training(hyperparameters={"n_epochs": 1, "batch_size": "auto"}),
    "other counts of the same bytes": make_training(training=make_facts(tokens=1, encoding="x")),
}
OTHER = {
    "model": make_training(model="gpt-4.1-mini-2025-04-14"),
    "method": make_training(method="dpo"),
    "epochs": make_training(hyperparameters={"n_epochs": 2}),
    "auto epochs": make_training(hyperparameters={}),
    "one more hyperparameter": make_training(hyperparameters={"n_epochs": 1, "batch_size": 1}),
    "learning rate": make_training(
        hyperparameters={"n_epochs": 1, "learning_rate_multiplier": 0.1}
    ),
    "training bytes": make_training(training=make_facts("other")),
    "validation bytes": make_training(validation=make_facts("validation")),
    "seed": make_training(seed=0),
    "suffix": make_training(suffix="tone"),
}

FROZEN = {
    "plain": (
        make_training(),
        "a2e5fef59e6892d9170300b894b9be267a36296a15177b0d8e7c9116799706cc",
    ),
    "other base": (
        make_training(model="gpt-4.1-mini-2025-04-14"),
        "69beed44d86086b1ad35ea38e5a84d851172065390970d93273541d10b48992d",
    ),
    "fine-tune as base": (
        make_training(model="ft:gpt-4o-mini-2024-07-18:acme:tone:Ab1"),
        "cd56ee4a321df53fbdd5f10d7a67f2524db4a9f8999fbe4f92eec1100a5d94a4",
    ),
    "dpo": (
        make_training(method="dpo", hyperparameters={"beta": 0.1}),
        "cbb088327a04a0061ecf6b75a513db86fbf62ba7a7c86820e39249d19aa52e4c",
    ),
    "all auto": (
        make_training(hyperparameters={"n_epochs": "auto", "batch_size": "auto"}),
        "6ec4b8a1ac93b91fb23fe643aabaf1502d6ea8e33602014dc0264a371d5a2bbf",
    ),
    "nothing declared": (
        make_training(hyperparameters={}),
        "6ec4b8a1ac93b91fb23fe643aabaf1502d6ea8e33602014dc0264a371d5a2bbf",
    ),
    "learning rate 3": (
        make_training(hyperparameters={"learning_rate_multiplier": 3}),
        "eda98bf5db6c236954738b10306095ad506050b30f240fd34b1da690d1d1b9f0",
    ),
    "learning rate 3.0": (
        make_training(hyperparameters={"learning_rate_multiplier": 3.0}),
        "eda98bf5db6c236954738b10306095ad506050b30f240fd34b1da690d1d1b9f0",
    ),
    "learning rate 0.1": (
        make_training(hyperparameters={"learning_rate_multiplier": 0.1}),
        "66579a0ff76ab816aa9168c21d65968b69d1bbc6016981ab9a29bf42a92b4f23",
    ),
    "all hyperparameters": (
        make_training(
            hyperparameters={"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 1.8}
        ),
        "9290f74321423ebc945d2b093b1ed9fc5db87eaa6135cbb088cb45223718e612",
    ),
    "other bytes": (
        make_training(training=make_facts("other")),
        "9d80cfd9ec1c0feb79bc74f060b3d314193ef0723ea099aa1f6c498dae9bfc68",
    ),
    "validation": (
        make_training(validation=make_facts("validation")),
        "8be46e2743c52684b5ae3c05981ec906ff87507ab0af8005f9243d127ab6ad4e",
    ),
    "seed": (
        make_training(seed=42),
        "617ba37820865504e651da106bd6672981b0dbd64b1ad99f10af8fdf714f0def",
    ),
    "seed 0": (
        make_training(seed=0),
        "7e8fe994be6ecddb0a728c75d9857d5e39bf6ce9aa275b39e976316d14e307bd",
    ),
    "suffix": (
        make_training(suffix="tone"),
        "2b0109692ba9dcd2469e3637824e4abbfb25ebd32bb3caaf3632a63c650c181e",
    ),
    "unicode suffix": (
        make_training(suffix="größe-猫-🐈"),
        "f942712dabdddf012288b800d56e3238d8e1dd5a4df005e75ab3a1b6742681f2",
    ),
    "chained": (
        make_training(parent=Parent("any", "a" * 64)),
        "3b4a7aa96a4965e1caaf0a6d127ceb2c31453a2ae0b28130b906145834a6a106",
    ),
    "chained at a step": (
        make_training(parent=Parent("any", "a" * 64, 60)),
        "22ac12eb1e12cf18ae663e18eeb957b3107c6bee1fab6db481cbef456ad0c28c",
    ),
    "chained, another base behind it": (
        make_training(model="gpt-4.1-2025-04-14", parent=Parent("any", "a" * 64)),
        "3b4a7aa96a4965e1caaf0a6d127ceb2c31453a2ae0b28130b906145834a6a106",
    ),
    "another name and path": (
        make_training("another", training=make_facts(path="x.jsonl")),
        "a2e5fef59e6892d9170300b894b9be267a36296a15177b0d8e7c9116799706cc",
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_what_a_training_does_not_depend_on_is_not_in_its_key(case: str) -> None:
    assert run_key(SAME[case]) == run_key(PLAIN)


def test_each_field_of_a_training_is_in_its_key() -> None:
    keys = [run_key(training) for training in (PLAIN, *OTHER.values())]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize("case", FROZEN)
def test_a_key_is_the_same_in_every_version_for_ever(case: str) -> None:
    training, key = FROZEN[case]
    assert run_key(training) == key


def test_a_key_follows_the_written_order_of_nothing() -> None:
    one = make_training(hyperparameters={"n_epochs": 3, "batch_size": 8})
    other = make_training(hyperparameters={"batch_size": 8, "n_epochs": 3})
    assert run_key(one) == run_key(other)


# ---- from specs to desired state -----------------------------------------------------------------


def make_spec(name: str, labels: dict[str, str] | None = None, **spec: object) -> LoadedSpec:
    """A loaded spec whose training is ``PLAIN``, but for what is given."""
    fields = {
        "model": PLAIN.model,
        "dataset": "data/training.jsonl",
        "hyperparameters": {"n_epochs": 1},
    }
    document = FineTune.model_validate(
        {
            "apiVersion": API_VERSION,
            "kind": "FineTune",
            "metadata": {"name": name, "labels": labels or {}},
            "spec": {**fields, **spec},
        }
    )
    return LoadedSpec(document, f"specs/{name}.yaml", 1, make_facts())


def make_loaded(*specs: LoadedSpec) -> Loaded:
    project = Project.model_validate(
        {"apiVersion": API_VERSION, "kind": "Project", "metadata": {"name": "acme"}}
    )
    return Loaded("/root", "acme", project, specs, Revision("c0ffee", is_dirty=True))


def test_a_spec_becomes_the_training_that_it_declares() -> None:
    desired = resolve(make_loaded(make_spec("triage")))
    assert desired.trainings == (PLAIN,)
    assert (desired.owner, desired.revision) == ("acme", Revision("c0ffee", is_dirty=True))


def test_specs_with_the_same_key_share_one_training() -> None:
    desired = resolve(make_loaded(make_spec("b"), make_spec("c", suffix="c"), make_spec("a")))
    assert [training.used_by for training in desired.trainings] == [("a", "b"), ("c",)]


def test_labels_and_the_order_of_specs_change_no_training() -> None:
    specs = [make_spec("a", {"team": "care"}), make_spec("b", suffix="b")]
    bare = [make_spec("b", suffix="b"), make_spec("a")]
    labelled, plain = (resolve(make_loaded(*each)).trainings for each in (specs, bare))
    assert [t.labels for t in labelled] == [("team",), ()]
    assert tuple(replace(training, labels=()) for training in labelled) == plain


def test_a_target_selects_and_does_not_hide_the_rest() -> None:
    loaded = make_loaded(make_spec("a"), make_spec("b", suffix="b"))
    desired = resolve(loaded, targets=["b"])
    assert [t.name for t in desired.trainings if desired.is_selected(t)] == ["b"]
    assert len(desired.trainings) == 2


def test_a_training_is_selected_by_any_spec_that_uses_it() -> None:
    desired = resolve(make_loaded(make_spec("a"), make_spec("b")), targets=["b"])
    assert desired.is_selected(desired.trainings[0])


def test_labels_select_when_all_of_them_match() -> None:
    care = make_spec("a", {"team": "care", "tier": "gold"})
    loaded = make_loaded(care, make_spec("b", {"team": "care"}))
    assert resolve(loaded, labels={"team": "care", "tier": "gold"}).selected == {"a"}
    assert resolve(loaded, labels={"team": "care"}).selected == {"a", "b"}
    assert resolve(loaded, labels={"team": "sales"}).selected == frozenset()


def test_targets_and_labels_must_both_match() -> None:
    loaded = make_loaded(make_spec("a", {"team": "care"}), make_spec("b"))
    assert resolve(loaded, targets=["b"], labels={"team": "care"}).selected == frozenset()


def test_a_target_that_names_no_spec_is_an_error_that_lists_the_names() -> None:
    with pytest.raises(UsageError, match="no spec is named nope, zilch; there are: a, b"):
        resolve(make_loaded(make_spec("a"), make_spec("b")), targets=["zilch", "nope", "a"])


def test_the_key_does_not_depend_on_the_key() -> None:
    assert run_key(replace(PLAIN, key="something else")) == PLAIN.key


# ---- chains --------------------------------------------------------------------------------------


def chain(parent: str, checkpoint: object = "last") -> dict[str, object]:
    return {"from": parent, "checkpoint": checkpoint}


def by_name(*specs: LoadedSpec) -> dict[str, Training]:
    trainings = resolve(make_loaded(*specs)).trainings
    return {name: training for training in trainings for name in training.used_by}


def test_a_chained_spec_starts_from_its_parent_and_has_its_base() -> None:
    told = by_name(make_spec("b", model=chain("a", 60)), make_spec("a", suffix="a"))
    assert told["b"].parent == Parent("a", told["a"].key, 60)
    assert told["b"].model == PLAIN.model
    assert told["a"].parent is None
    deeper = by_name(
        make_spec("c", model=chain("b")), make_spec("b", model=chain("a")), make_spec("a", seed=3)
    )
    assert deeper["c"].parent == Parent("b", deeper["b"].key)
    assert deeper["c"].model == PLAIN.model


def test_a_child_s_key_changes_with_its_parent_s_and_with_what_it_selects() -> None:
    parents = (make_spec("a"), make_spec("a", seed=1), make_spec("a", suffix="x"))
    selected = (chain("a"), chain("a", 60), chain("a", 61))
    keys = {
        by_name(parent, make_spec("b", model=wanted))["b"].key
        for parent in parents
        for wanted in selected
    }
    assert len(keys) == 9
    assert PLAIN.key not in keys


def test_a_change_far_up_a_chain_is_a_change_of_all_that_rests_on_it() -> None:
    links = (make_spec("b", model=chain("a")), make_spec("c", model=chain("b")))
    before, after = by_name(make_spec("a"), *links), by_name(make_spec("a", seed=1), *links)
    assert all(before[name].key != after[name].key for name in "abc")


def test_a_parent_s_name_changes_nothing() -> None:
    before = by_name(make_spec("a"), make_spec("c", model=chain("a")))
    after = by_name(make_spec("b"), make_spec("c", model=chain("b")))
    assert before["c"].key == after["c"].key


def test_children_of_two_specs_of_one_training_share_one_as_well() -> None:
    told = by_name(
        *(make_spec("a"), make_spec("b")),
        *(make_spec("c", model=chain("a")), make_spec("d", model=chain("b"))),
    )
    assert told["c"].used_by == ("c", "d")


def test_a_long_chain_is_no_deep_recursion() -> None:
    links = [make_spec(f"s{n}", model=chain(f"s{n - 1}")) for n in range(1, 2000)]
    told = by_name(make_spec("s0"), *reversed(links))
    assert len({training.key for training in told.values()}) == 2000


# ---- specs that adopt ----------------------------------------------------------------------------

ADOPT = {"job": "ftjob-1", "run_key": "c" * 64}


def test_a_spec_without_data_has_the_key_that_git_names() -> None:
    bare = make_spec("a", adopt=ADOPT)
    told = by_name(replace(bare, training=None))["a"]
    assert told.key == "c" * 64
    assert told.adopted == ("ftjob-1",)


def test_a_spec_with_data_has_the_key_of_its_data_whatever_git_names() -> None:
    told = by_name(make_spec("a", adopt=ADOPT))["a"]
    assert told.key == PLAIN.key
    assert told.bindings == (Binding("ftjob-1", "c" * 64),)
    assert told.adopted == ()
    matching = by_name(make_spec("a", adopt={**ADOPT, "run_key": PLAIN.key}))["a"]
    assert matching.adopted == ("ftjob-1",)


def test_of_equal_specs_one_that_has_data_is_trained() -> None:
    bare = replace(make_spec("a", adopt={**ADOPT, "run_key": PLAIN.key}), training=None)
    (shared,) = resolve(make_loaded(bare, make_spec("b"))).trainings
    assert shared.training == PLAIN.training
    assert shared.used_by == ("a", "b")
    assert shared.adopted == ("ftjob-1",)


# ---- what shared specs allow ---------------------------------------------------------------------


def shared(*specs: Mapping[str, Any]) -> Training:
    """One training of several specs that differ in what is not in its key."""
    named = [make_spec(f"s{number}", **spec) for number, spec in enumerate(specs)]
    (training,) = resolve(make_loaded(*named)).trainings
    return training


def test_a_shared_training_is_suspended_when_all_of_its_specs_are() -> None:
    assert shared({"suspend": True}, {"suspend": True}).is_suspended
    assert not shared({"suspend": True}, {}).is_suspended


def test_of_two_words_on_a_drift_that_differ_neither_counts() -> None:
    retrain, ignore = ({"on_drift": {"model_deleted": word}} for word in ("retrain", "ignore"))
    both = shared({"lifecycle": retrain}, {"lifecycle": retrain}).lifecycle.on_drift
    assert both.model_deleted == "retrain"
    for other in (ignore, {}):
        mixed = shared({"lifecycle": retrain}, {"lifecycle": other}).lifecycle.on_drift
        assert mixed.model_deleted == "report"


def test_one_spec_that_forbids_a_second_training_or_keeps_its_models_is_enough() -> None:
    guarded = shared({"lifecycle": {"prevent_retrain": True}}, {}).lifecycle
    assert guarded.prevent_retrain
    assert guarded.on_remove == "retain"
    assert shared({"lifecycle": {"on_remove": "prune"}}, {}).lifecycle.on_remove == "retain"
    prune = {"lifecycle": {"on_remove": "prune"}}
    assert shared(prune, prune).lifecycle.on_remove == "prune"


def test_a_label_counts_when_all_specs_of_a_training_carry_it() -> None:
    specs = (make_spec("a", {"team": "x", "tier": "y"}), make_spec("b", {"team": "z"}))
    (training,) = resolve(make_loaded(*specs)).trainings
    assert training.labels == ("team",)
