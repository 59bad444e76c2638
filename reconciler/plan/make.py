"""Decisions for all trainings, put together and in order: uploads, creates, cancels, waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.catalog import Catalog
from reconciler.cost import bill, estimate, training_price
from reconciler.diff import Difference
from reconciler.ownership import file_name, is_same_file, read_mark
from reconciler.plan.decide import TRAINING_NOT_AVAILABLE, Case, Decision, Limits, decide
from reconciler.plan.duplicates import find_duplicates
from reconciler.plan.model import (
    Cancel,
    Create,
    Orphan,
    Plan,
    Reason,
    Resource,
    Upload,
    Wait,
)
from reconciler.spec import Price
from reconciler.state import (
    Claim,
    Closing,
    ClosingKind,
    Desired,
    Job,
    Observed,
    RemoteFile,
    Right,
    Training,
)


@dataclass(frozen=True)
class Tariff:
    """Where prices come from: the catalog, and the Project's own that go before it."""

    catalog: Catalog
    prices: Mapping[str, Price]


@dataclass(frozen=True)
class _Scene:
    """Everything that a pass knows, with jobs and ledger records to hand by run key."""

    desired: Desired
    observed: Observed
    differences: Mapping[str, Difference]
    tariff: Tariff
    limits: Limits
    jobs: Mapping[str, list[Job]]
    rights: Mapping[str, list[Right]]
    named: Mapping[str, Claim]
    ended: Closing | None


def make_plan(
    desired: Desired,
    observed: Observed,
    differences: Mapping[str, Difference],
    tariff: Tariff,
    limits: Limits,
) -> Plan:
    """The plan for the selected trainings. Pure: the same arguments give the same plan."""
    named = _named_by_ledger(desired.owner, observed)
    scene = _Scene(
        *(desired, observed, differences, tariff, limits),
        jobs=_jobs_by_key(named, observed),
        rights=_rights_by_key(observed),
        named=named,
        ended=_training_ended(observed),
    )
    chosen = [training for training in desired.trainings if desired.is_selected(training)]
    decided = [(case, decide(case)) for case in (_case(t, scene) for t in chosen)]
    creates = [
        _create(case, reason, scene) for case, decision in decided if (reason := decision.create)
    ]
    return Plan(
        owner=desired.owner,
        endpoint=observed.endpoint,
        revision=desired.revision,
        taken_at=observed.taken_at,
        actions=(*_uploads(creates), *creates, *_cancels(decided), *_waits(decided)),
        resources=tuple(_resource(case.training, decision) for case, decision in decided),
        orphans=tuple(_orphans(scene)),
        is_proved=observed.is_complete,
        duplicates=tuple(find_duplicates(desired, observed, named)),
    )


def _jobs_by_key(named: Mapping[str, Claim], observed: Observed) -> Mapping[str, list[Job]]:
    """Jobs by the key of the ledger's record that names them, else by the key in their mark."""
    jobs: dict[str, list[Job]] = {}
    for job in sorted(observed.jobs, key=lambda job: job.age_rank):
        made_for = named.get(job.id) or read_mark(job)
        key = made_for.key if made_for else ""
        jobs.setdefault(key, []).append(job)
    return jobs


def _named_by_ledger(owner: str, observed: Observed) -> Mapping[str, Claim]:
    """Job -> the claim it was created or adopted for, of our own alone; the latest counts."""
    closed = [
        (right.closing.at, right.claim.key, right.claim.attempt, right.closing.job_id, right.claim)
        for right in observed.rights
        if right.claim.owner == owner and right.closing and right.closing.job_id
    ]
    return {job_id: claim for *_, job_id, claim in sorted(closed, key=lambda told: told[:4])}


def _rights_by_key(observed: Observed) -> Mapping[str, list[Right]]:
    rights: dict[str, list[Right]] = {}
    for right in sorted(observed.rights, key=lambda right: right.claim.attempt):
        rights.setdefault(right.claim.key, []).append(right)
    return rights


def _case(training: Training, scene: _Scene) -> Case:
    jobs = scene.jobs.get(training.key, [])
    ours = [job for job in jobs if _is_ours(job, scene)]
    return Case(
        owner=scene.desired.owner,
        endpoint=scene.observed.endpoint,
        training=training,
        jobs=tuple(ours),
        foreign=tuple(job for job in jobs if job not in ours),
        rights=tuple(scene.rights.get(training.key, [])),
        models=scene.observed.models,
        usd=estimate(training, scene.tariff.catalog, scene.tariff.prices).usd,
        is_changed=training.key in scene.differences,
        ended=scene.ended,
        latest_unmarked=scene.observed.latest_unmarked,
        now=scene.observed.taken_at,
        limits=scene.limits,
    )


def _is_ours(job: Job, scene: _Scene) -> bool:
    mark = read_mark(job)
    has_our_mark = mark is not None and mark.owner == scene.desired.owner
    return has_our_mark or job.id in scene.named


def _training_ended(observed: Observed) -> Closing | None:
    """The endpoint's latest refusal of all training, unless it has created a job since."""
    closings = [right.closing for right in observed.rights if right.closing]
    created = max((c.at for c in closings if c.kind is ClosingKind.CREATED), default=0)
    ended = [c for c in closings if _is_end(c) and c.at >= created]
    return max(ended, key=lambda c: (c.at, c.message), default=None)


def _is_end(closing: Closing) -> bool:
    return closing.kind is ClosingKind.REFUSED and closing.code == TRAINING_NOT_AVAILABLE


def _create(case: Case, reason: Reason, scene: _Scene) -> Create:
    training, owner, tariff = case.training, scene.desired.owner, scene.tariff
    difference = scene.differences.get(training.key)
    return Create(
        training=training,
        attempt=case.next_attempt,
        reason=reason,
        estimate=estimate(training, tariff.catalog, tariff.prices),
        files=tuple(file_name(owner, facts) for facts in training.datasets),
        file_ids=tuple(_uploaded(training, owner, scene.observed.files)),
        difference=difference,
        earlier_usd=_running_bill(difference, tariff),
    )


def _uploaded(training: Training, owner: str, files: Iterable[RemoteFile]) -> Iterator[str]:
    by_age = sorted(files, key=lambda file: (file.created_at, file.id))
    for facts in training.datasets:
        yield next((file.id for file in by_age if is_same_file(file, owner, facts)), "")


def _running_bill(difference: Difference | None, tariff: Tariff) -> float | None:
    if difference is None or not difference.earlier_alive:
        return None
    price, _ = training_price(difference.earlier_model, tariff.catalog, tariff.prices)
    if price is None or not difference.earlier_tokens:
        return None
    return bill(difference.earlier_tokens, price)


def _uploads(creates: list[Create]) -> Iterator[Upload]:
    """One upload a missing file, however many trainings use it."""
    wanted: dict[str, Upload] = {}
    for create in creates:
        for name, file_id, facts in zip(
            create.files, create.file_ids, create.training.datasets, strict=True
        ):
            known = wanted.get(name)
            used_by = sorted({*(known.used_by if known else ()), *create.used_by})
            if not file_id:
                wanted[name] = Upload(name, facts.path, facts.bytes, facts.sha256, tuple(used_by))
    yield from wanted.values()


def _cancels(decided: list[tuple[Case, Decision]]) -> Iterator[Cancel]:
    for case, decision in decided:
        for job in decision.cancel:
            yield Cancel(job.id, case.training.key, case.training.used_by, Reason.DUPLICATE)


def _waits(decided: list[tuple[Case, Decision]]) -> Iterator[Wait]:
    for case, decision in decided:
        job, training = decision.job, case.training
        if job and job in case.jobs and not job.status.is_terminal:
            yield Wait(job.id, training.key, training.used_by, job.status)


def _resource(training: Training, decision: Decision) -> Resource:
    job = decision.job
    return Resource(
        key=training.key,
        used_by=training.used_by,
        model=training.model,
        condition=decision.condition,
        job_id=job.id if job else "",
        fine_tuned_model=(job.fine_tuned_model or "") if job else "",
    )


def _orphans(scene: _Scene) -> Iterator[Orphan]:
    trainings, owner = scene.desired.trainings, scene.desired.owner
    needed = {training.key for training in trainings}
    names = {name for training in trainings for name in training.used_by}
    for job in sorted(scene.observed.jobs, key=lambda job: job.age_rank):
        mark = read_mark(job)
        if mark and mark.owner == owner and scene.named.get(job.id, mark).key not in needed:
            yield Orphan(
                job_id=job.id,
                name=mark.name,
                key=mark.key,
                status=job.status,
                fine_tuned_model=job.fine_tuned_model or "",
                is_superseded=mark.name in names,
            )
