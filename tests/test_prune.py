"""What `reconcile prune` deletes, keeps and refuses, row by row; Git's word; the run itself."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.catalog import load_catalog
from reconciler.diff import diff
from reconciler.errors import Guarded, UsageError
from reconciler.plan import Limits, Reason, Tariff, make_plan
from reconciler.plan.guards import guard_checkout
from reconciler.plan.prune import OLD_ENOUGH, Asked, Pruning, agreed, make_pruning, questions
from reconciler.spec import Metadata, Project
from reconciler.state import (
    Binding,
    ClosingKind,
    Desired,
    History,
    Job,
    JobStatus,
    Loaded,
    Observed,
    Parent,
    RemoteFile,
    Revision,
)
from tests.make import (
    CLEAN,
    NOW,
    OWNER,
    make_desired,
    make_facts,
    make_file,
    make_job,
    make_observed,
    make_right,
    make_training,
)

IN_HEAD = History(frozenset({CLEAN.commit}))
NOW_TRAINED = make_training("triage")
EARLIER = [make_training("triage", hyperparameters={"n_epochs": n}) for n in (2, 3, 4)]
GONE = make_training("titles", hyperparameters={"n_epochs": 9})
OLD = NOW - OLD_ENOUGH


def pruning(
    observed: Observed,
    desired: Desired | None = None,
    history: History = IN_HEAD,
    **asked: Any,
) -> Pruning:
    wanted = desired or make_desired(NOW_TRAINED)
    tariff = Tariff(load_catalog(), {})
    seen = make_plan(wanted, observed, diff(wanted, observed), tariff, Limits())
    return make_pruning(seen, wanted, observed, history, Asked(**{"max_share": 1.0, **asked}))


def deleted(*given: Any, **asked: Any) -> list[str]:
    return [delete.id for delete in pruning(*given, **asked).plan.deletes]


def model(number: int) -> str:
    return f"ft:{NOW_TRAINED.model}:{OWNER}::{number}"


def data(name: str = "", number: int = 7, age: int = OLD_ENOUGH) -> RemoteFile:
    return replace(make_file(make_facts(name), number), created_at=NOW - age)


def superseded(count: int = 3) -> Observed:
    """A spec with its model, ftjob-9, and earlier ones, the newest with the highest number."""
    earlier = [make_job(t, number=n) for n, t in enumerate(EARLIER[:count], 1)]
    return make_observed(*earlier, make_job(NOW_TRAINED, number=9))


def beside_today(*jobs: Job, **changes: Any) -> Observed:
    """These jobs, and the model that the spec asks for today, ftjob-9."""
    return make_observed(*jobs, make_job(NOW_TRAINED, number=9), **changes)


# ---- models --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("keep", "gone"), [(0, [3, 2, 1]), (1, [2, 1]), (2, [1]), (3, [])])
def test_of_superseded_models_the_newest_stay_for_a_revert(keep: int, gone: list[int]) -> None:
    assert deleted(superseded(), keep=keep) == [model(number) for number in gone]


@pytest.mark.parametrize("status", [None, JobStatus.FAILED, JobStatus.RUNNING])
def test_the_last_model_of_a_spec_stays_until_another_took_its_place(
    status: JobStatus | None,
) -> None:
    today = [make_job(NOW_TRAINED, status, number=9)] if status else []
    done = pruning(make_observed(make_job(EARLIER[0]), *today), keep=0)
    assert done.plan.deletes == ()
    assert done.kept[0].why == "nothing has taken their place yet"


def test_a_model_that_is_gone_replaces_nothing() -> None:
    jobs = (make_job(EARLIER[0]), make_job(NOW_TRAINED, number=9))
    observed = make_observed(*jobs, models=frozenset({model(1)}))
    assert deleted(observed, keep=0) == []


def test_a_spec_that_went_on_before_it_was_removed_is_no_former_name_of_its_copy() -> None:
    """titles was copied to triage, went on, and was removed: its last model is an orphan's."""
    copy = make_job(replace(NOW_TRAINED, used_by=("titles",)), number=1)
    observed = make_observed(copy, make_job(GONE, number=2))
    assert deleted(observed, keep=0) == []
    assert pruning(observed, keep=0).kept[0].names == ("titles",)
    prune = replace(IN_HEAD, on_remove={"titles": "prune"})
    (delete,) = pruning(observed, history=prune).plan.deletes
    assert (delete.id, delete.reason) == (model(2), Reason.ORPHAN)


def test_what_a_spec_names_as_its_base_stays() -> None:
    child = make_training("child", model=model(1))
    wanted = make_desired(NOW_TRAINED, child)
    prune = replace(IN_HEAD, on_remove={"titles": "prune"})
    observed = beside_today(make_job(GONE, number=1))
    assert deleted(observed, make_desired(NOW_TRAINED), prune) == [model(1)]
    assert deleted(observed, wanted, prune) == []


def test_what_a_spec_needs_is_never_deleted() -> None:
    assert deleted(make_observed(make_job(NOW_TRAINED)), keep=0) == []


def test_each_delete_says_what_why_and_whose() -> None:
    (delete,) = pruning(superseded(1), keep=0).plan.deletes
    assert (delete.what, delete.key, delete.used_by) == ("model", EARLIER[0].key, ("triage",))
    assert delete.reason is Reason.SUPERSEDED
    assert delete.message == f"triage has moved on from {EARLIER[0].key[:12]}"


@pytest.mark.parametrize(
    ("word", "names", "is_deleted"),
    [
        (None, (), False),  # Git doesn't tell
        ("retain", (), False),
        ("prune", (), True),
        ("retain", ("titles",), True),
        (None, ("titles",), True),
        ("prune", ("triage",), False),  # another one was named
    ],
)
def test_an_orphan_goes_if_its_spec_said_so_or_a_person_names_it(
    word: str | None, names: tuple[str, ...], is_deleted: bool
) -> None:
    told = replace(IN_HEAD, on_remove={"titles": word} if word else {})
    observed = make_observed(make_job(NOW_TRAINED), make_job(GONE, number=2))
    done = pruning(observed, history=told, names=frozenset(names))
    assert [d.reason for d in done.plan.deletes] == [Reason.ORPHAN] * is_deleted


def test_a_retained_orphan_is_told_by_its_name() -> None:
    observed = make_observed(make_job(NOW_TRAINED), make_job(GONE, number=2))
    (kept,) = pruning(observed).kept
    assert (kept.what, kept.count, kept.names) == ("model", 1, ("titles",))
    assert "on_remove" in kept.why


def test_a_renamed_spec_s_model_is_needed() -> None:
    renamed = make_training("new-name")
    observed = make_observed(make_job(NOW_TRAINED))
    assert deleted(observed, make_desired(renamed), names=frozenset({"triage"})) == []


def test_an_unknown_name_is_a_mistake_that_names_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"unheard-of; there are: triage"):
        pruning(superseded(), names=frozenset({"unheard-of"}))


@pytest.mark.parametrize("commit", ["", f"{CLEAN.commit}-dirty", "f" * 40])
def test_what_was_made_from_no_commit_of_head_stays(commit: str) -> None:
    job = make_job(EARLIER[0])
    metadata = {**job.metadata, "reconciler.commit": commit}
    done = pruning(beside_today(replace(job, metadata=metadata)), keep=0)
    assert done.plan.deletes == ()
    assert "HEAD" in done.kept[0].why


@pytest.mark.parametrize(
    "change",
    [{"metadata": {}}, {"owner": "another"}, {"status": JobStatus.RUNNING}],
    ids=["no mark", "another owner", "it lives"],
)
def test_what_is_not_ours_or_not_finished_is_left_alone(change: dict[str, Any]) -> None:
    job = make_job(EARLIER[0], **change)
    observed = make_observed(job, models=frozenset({model(1)}))
    assert deleted(observed, keep=0) == []


def test_a_model_that_does_not_answer_is_gone_already() -> None:
    assert deleted(make_observed(make_job(EARLIER[0]), models=frozenset()), keep=0) == []


def test_what_git_adopts_stays_also_where_its_key_is_another_by_now() -> None:
    bound = replace(NOW_TRAINED, bindings=(Binding("ftjob-1", EARLIER[0].key),))
    assert deleted(make_observed(make_job(EARLIER[0])), make_desired(bound), keep=0) == []


def test_what_the_ledger_names_for_a_needed_key_stays() -> None:
    right = make_right(NOW_TRAINED, ClosingKind.CREATED, job_id="ftjob-1")
    assert deleted(make_observed(make_job(EARLIER[0]), rights=(right,)), keep=0) == []


# ---- chains --------------------------------------------------------------------------------------


def test_the_parent_of_a_desired_training_stays() -> None:
    child = make_training("child", parent=Parent("triage", EARLIER[0].key))
    observed, wanted = superseded(2), make_desired(EARLIER[0], child)
    tariff = Tariff(load_catalog(), {})
    seen = make_plan(wanted, observed, diff(wanted, observed), tariff, Limits())
    only_child = replace(wanted, trainings=(child,))
    done = make_pruning(seen, only_child, observed, IN_HEAD, Asked(keep=0, max_share=1))
    assert model(1) not in [delete.id for delete in done.plan.deletes]


@pytest.mark.parametrize("base", [model(1), f"{model(1)}:ckpt-step-88"])
@pytest.mark.parametrize(
    ("status", "stays"),
    [(JobStatus.RUNNING, True), (JobStatus.SUCCEEDED, True), (JobStatus.FAILED, False)],
)
def test_what_a_living_or_kept_job_was_trained_on_stays(
    base: str, status: JobStatus, stays: bool
) -> None:
    child = make_job(GONE, status, number=2, model=base)
    observed = beside_today(make_job(EARLIER[0]), child)
    assert deleted(observed, keep=0) == ([] if stays else [model(1)])


def test_what_another_s_job_was_trained_on_stays() -> None:
    observed = beside_today(make_job(EARLIER[0]), used_elsewhere=frozenset({model(1)}))
    assert deleted(observed, keep=0) == []


def test_a_chain_that_goes_as_a_whole_goes_from_its_end() -> None:
    chain = [
        make_job(EARLIER[0]),
        make_job(EARLIER[1], number=2, model=model(1)),
        make_job(EARLIER[2], number=3, model=model(2)),
    ]
    assert deleted(beside_today(*chain), keep=0) == [model(3), model(2), model(1)]
    assert deleted(beside_today(*chain), keep=1) == []  # the one that stays holds them all


# ---- files ---------------------------------------------------------------------------------------


def test_a_file_that_no_job_uses_goes_after_a_day() -> None:
    assert deleted(make_observed(files=(data("x"),))) == ["file-7"]
    young = pruning(make_observed(files=(data("x", age=OLD_ENOUGH - 1),)))
    assert young.plan.deletes == ()
    assert young.kept[0].count == 1


def test_a_file_that_a_spec_needs_stays() -> None:
    assert deleted(make_observed(files=(data("training"),))) == []


@pytest.mark.parametrize(
    ("users", "reason"),
    [
        ([JobStatus.RUNNING], None),
        ([JobStatus.SUCCEEDED], None),  # its model stays
        ([JobStatus.FAILED], Reason.FAILED),
        ([JobStatus.FAILED, JobStatus.CANCELLED], Reason.FAILED),
        ([JobStatus.FAILED, JobStatus.RUNNING], None),
        ([JobStatus.UNKNOWN], None),
    ],
)
@pytest.mark.parametrize("use", [{"training_file": "file-7"}, {"validation_file": "file-7"}])
def test_a_file_stays_while_a_job_of_ours_needs_it(
    users: list[JobStatus], reason: Reason | None, use: dict[str, Any]
) -> None:
    jobs = [
        make_job(training, status, number=n, **use)
        for n, (training, status) in enumerate(zip(EARLIER, users, strict=False))
    ]
    done = pruning(make_observed(*jobs, files=(data("x"),)))
    assert [d.reason for d in done.plan.deletes] == ([reason] if reason else [])


def test_a_failed_job_of_a_needed_key_keeps_its_files() -> None:
    job = make_job(NOW_TRAINED, JobStatus.FAILED, training_file="file-7")
    assert deleted(make_observed(job, files=(data("x"),))) == []


def test_a_model_takes_its_data_along_and_goes_first() -> None:
    job = make_job(EARLIER[0], training_file="file-7")
    observed = beside_today(job, files=(data("x"),))
    assert deleted(observed, keep=0) == [model(1), "file-7"]
    assert deleted(observed, keep=1) == []
    assert deleted(observed, keep=0, only=frozenset({Reason.UNUSED_FILE})) == []


def test_a_file_that_any_other_job_uses_is_left_alone() -> None:
    observed = make_observed(files=(data("x"),), used_elsewhere=frozenset({"file-7"}))
    done = pruning(observed)
    assert done.plan.deletes == ()
    assert done.kept[0].why == "jobs that bear no mark of this owner use them"


# ---- how much ------------------------------------------------------------------------------------


def test_never_more_than_the_limit_goes_and_the_rest_is_counted() -> None:
    observed = replace(superseded(), files=(data("x"), data("y", 8)))
    done = pruning(observed, keep=0, per_run=2)
    assert [d.id for d in done.plan.deletes] == [model(3), model(2)]
    assert done.more == 3
    assert deleted(observed, keep=0, per_run=4) == [model(3), model(2), model(1), "file-7"]


@pytest.mark.parametrize(
    ("only", "ids"),
    [
        (Reason.SUPERSEDED, [model(3), model(2), model(1)]),
        (Reason.ORPHAN, [model(5)]),
        (Reason.UNUSED_FILE, ["file-7"]),
        (Reason.FAILED, ["file-8"]),
    ],
)
def test_a_reason_can_be_chosen(only: Reason, ids: list[str]) -> None:
    seen = superseded()
    bad = make_training("drafts", suffix="bad")
    failed = make_job(bad, JobStatus.FAILED, number=6, training_file="file-8")
    observed = make_observed(
        *seen.jobs, make_job(GONE, number=5), failed, files=(data("x"), data("y", 8))
    )
    history = replace(IN_HEAD, on_remove={"titles": "prune"})
    assert deleted(observed, history=history, keep=0, only=frozenset({only})) == ids


def test_only_what_both_looks_say_is_deleted() -> None:
    first, second = pruning(superseded(2), keep=0), pruning(superseded(3), keep=0)
    assert [d.id for d in agreed(first, second).plan.deletes] == [model(2), model(1)]


def test_of_git_is_asked_what_no_spec_needs() -> None:
    observed = make_observed(make_job(NOW_TRAINED), make_job(GONE, number=2))
    asked = (frozenset({CLEAN.commit}), frozenset({"titles"}))
    assert questions(make_desired(NOW_TRAINED), observed) == asked
    assert questions(make_desired(NOW_TRAINED, GONE), observed) == (frozenset(), frozenset())


# ---- guards --------------------------------------------------------------------------------------


def loaded(revision: Revision = CLEAN, has_project: bool = True) -> Loaded:
    project = Project(apiVersion="reconciler.dev/v1", kind="Project", metadata=Metadata(name=OWNER))
    return Loaded("/root", OWNER, project, (), revision, has_project=has_project)


def test_a_clean_commit_of_a_named_project_is_ground_to_delete_on() -> None:
    guard_checkout(loaded())


@pytest.mark.parametrize(
    ("given", "way_out"),
    [
        (loaded(has_project=False), "write reconciler.yaml"),
        (loaded(Revision()), "in a Git checkout"),
        (loaded(Revision("", is_dirty=True)), "in a Git checkout"),
        (loaded(replace(CLEAN, is_dirty=True)), "commit or stash"),
    ],
)
def test_without_an_owner_and_a_clean_commit_nothing_is_deleted(
    given: Loaded, way_out: str
) -> None:
    with pytest.raises(Guarded, match=way_out):
        guard_checkout(given)


def test_nothing_is_deleted_while_a_create_is_in_doubt() -> None:
    observed = replace(superseded(), rights=(make_right(GONE),))
    with pytest.raises(Guarded, match=r"attempt 1 of titles.*reconcile settle titles"):
        pruning(observed)


def test_a_claim_whose_job_is_to_be_seen_is_in_no_doubt() -> None:
    observed = make_observed(make_job(GONE), rights=(make_right(GONE),))
    assert pruning(observed).plan.deletes == ()


def test_an_earlier_doubt_that_was_judged_is_none() -> None:
    rights = (make_right(GONE), make_right(GONE, ClosingKind.REFUSED, 2))
    assert pruning(make_observed(rights=rights)).plan.deletes == ()


def test_nothing_is_deleted_while_a_training_was_made_twice() -> None:
    twice = make_observed(make_job(GONE), make_job(GONE, number=2))
    with pytest.raises(Guarded, match=r"made twice.*reconcile unfreeze"):
        pruning(twice)
    known = replace(twice, acknowledged=frozenset({"ftjob-1", "ftjob-2"}))
    assert deleted(known, names=frozenset({"titles"})) == [model(2), model(1)]


@pytest.mark.parametrize(("share", "is_refused"), [(0.5, True), (0.7, False)])
def test_too_many_specs_gone_at_once_look_like_a_mistake(share: float, is_refused: bool) -> None:
    others = [make_training(n, suffix=n) for n in ("one", "two")]
    jobs = [make_job(t, number=n) for n, t in enumerate([NOW_TRAINED, *others], 1)]
    observed = make_observed(*jobs)
    told = replace(IN_HEAD, on_remove={"one": "prune", "two": "prune"})
    if is_refused:
        with pytest.raises(Guarded, match=r"2 of 3 specs .* gone.*prune one two"):
            pruning(observed, history=told, max_share=share)
    else:
        assert len(deleted(observed, history=told, max_share=share)) == 2
    named = frozenset({"one", "two"})
    assert len(deleted(observed, names=named, max_share=share)) == 2


def test_a_spec_whose_models_are_all_gone_is_no_longer_counted() -> None:
    jobs = (make_job(NOW_TRAINED), make_job(GONE, number=2))
    retired = make_observed(*jobs, models=frozenset({model(1)}))
    assert deleted(retired, max_share=0.0) == []


def test_a_renamed_spec_is_not_gone() -> None:
    observed = make_observed(make_job(NOW_TRAINED))
    assert deleted(observed, make_desired(make_training("new-name")), max_share=0.0) == []


@pytest.mark.parametrize(
    ("base", "stays"),
    [
        (f"ft:{NOW_TRAINED.model}:{OWNER}::otherid:ckpt-step-88", True),
        (f"ft:{NOW_TRAINED.model}:another::otherid:ckpt-step-88", False),
        (f"{model(9)}:ckpt-step-88", False),
    ],
)
def test_a_checkpoint_with_an_id_of_its_own_may_be_any_like_model_s(base: str, stays: bool) -> None:
    living = make_job(GONE, JobStatus.RUNNING, number=2, model=base)
    assert deleted(beside_today(make_job(EARLIER[0]), living), keep=0) == (
        [] if stays else [model(1)]
    )
