"""Decisions for all trainings, put together and in order: uploads, creates, cancels, waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.cost import bill, estimate, training_price
from reconciler.dataset.facts import DatasetFacts
from reconciler.diff import Difference
from reconciler.ownership import Mark, file_name, read_mark
from reconciler.plan.bills import Month, Tariff, bill_of, billed_since_month_began
from reconciler.plan.calendar import Calendar, calendar_of
from reconciler.plan.case import Case, Decision, Limits, ParentCase
from reconciler.plan.claims import TRAINING_NOT_AVAILABLE
from reconciler.plan.decide import decide
from reconciler.plan.duplicates import find_duplicates
from reconciler.plan.failures import SentFile, class_of, failed_files, known_bad
from reconciler.plan.generations import lived_names
from reconciler.plan.model import (
    Cancel,
    Create,
    Orphan,
    Plan,
    Resource,
    Upload,
    Wait,
)
from reconciler.plan.reasons import Reason
from reconciler.plan.standing import PAUSED
from reconciler.state import (
    Claim,
    Closing,
    ClosingKind,
    Desired,
    Job,
    JobStatus,
    Observed,
    RemoteFile,
    Right,
    Training,
)


@dataclass(frozen=True)
class _Scene:
    """Everything that a pass knows, with what is asked of it often to hand.

    Attributes:
        jobs, rights: by run key; ``jobs`` by age, ours first by the ledger's word, then by marks.
        by_id: every job.
        uploaded: name and size of a file that is there -> its id.
        named: job -> the claim that the ledger names it for.
        failed_on: a file that a job of ours failed on, for the data's sake -> that job.
        had_model: names of specs that ever had a model.
        adopted: all jobs that Git names.
        ended: the endpoint's refusal of all training, if it gave one.
    """

    desired: Desired
    observed: Observed
    differences: Mapping[str, Difference]
    tariff: Tariff
    limits: Limits
    calendar: Calendar
    jobs: Mapping[str, list[Job]]
    by_id: Mapping[str, Job]
    rights: Mapping[str, list[Right]]
    uploaded: Mapping[tuple[str, int], str]
    named: Mapping[str, Claim]
    failed_on: Mapping[SentFile, Job]
    had_model: frozenset[str]
    adopted: frozenset[str]
    ended: Closing | None


Decided = list[tuple[Case, Decision]]


def make_plan(
    desired: Desired,
    observed: Observed,
    differences: Mapping[str, Difference],
    tariff: Tariff,
    limits: Limits,
) -> Plan:
    """The plan for the selected trainings. Pure: the same arguments give the same plan."""
    scene = _scene(desired, observed, differences, tariff, limits)
    decided = _decided(scene)
    creates = [
        _create(case, decision, decision.create, scene)
        for case, decision in decided
        if decision.create
    ]
    later = [
        _create(case, decision, decision.later, scene)
        for case, decision in decided
        if decision.later
    ]
    by_name = sorted(decided, key=lambda each: each[0].training.name)
    last_create = scene.calendar.last_create
    month = _month(scene)
    return Plan(
        owner=desired.owner,
        endpoint=observed.endpoint,
        revision=desired.revision,
        taken_at=observed.taken_at,
        actions=(*_uploads(creates), *creates, *_cancels(by_name), *_waits(by_name)),
        resources=tuple(_resource(case, decision) for case, decision in by_name),
        orphans=tuple(_orphans(scene)),
        is_proved=observed.is_complete,
        duplicates=tuple(find_duplicates(desired, observed, scene.named)),
        later=tuple(later),
        last_create=last_create.isoformat() if last_create else "",
        billed_usd=month.usd,
        unbilled=month.unknown,
    )


# ---- what is known -------------------------------------------------------------------------------


def _scene(
    desired: Desired,
    observed: Observed,
    differences: Mapping[str, Difference],
    tariff: Tariff,
    limits: Limits,
) -> _Scene:
    named = _named_by_ledger(desired.owner, observed)
    marks = _our_marks(desired.owner, observed.jobs)
    return _Scene(
        *(desired, observed, differences, tariff, limits),
        calendar=calendar_of(observed, tariff.catalog),
        jobs=_jobs_by_key(named, observed),
        by_id={job.id: job for job in observed.jobs},
        rights=_rights_by_key(observed),
        uploaded=_uploaded(observed.files),
        named=named,
        failed_on=failed_files(marks),
        had_model=frozenset(_had_model(desired, observed, marks, named)),
        adopted=frozenset(b.job for training in desired.trainings for b in training.bindings),
        ended=_training_ended(observed),
    )


def _our_marks(owner: str, jobs: Iterable[Job]) -> list[tuple[Job, Mark]]:
    marks = ((job, read_mark(job)) for job in jobs)
    return [(job, mark) for job, mark in marks if mark and mark.owner == owner]


def _month(scene: _Scene) -> Month:
    """What was billed this month for our jobs; one without a mark by what its training takes."""
    keys = {claim.key for claim in scene.named.values()}
    tokens = {
        training.key: estimate(training, scene.tariff.catalog, scene.tariff.prices).trained_tokens
        for training in scene.desired.trainings
        if training.key in keys
    }
    ours = (job for job in scene.observed.jobs if _is_ours(job, scene))
    expected = {job: tokens.get(claim.key, 0) for job, claim in scene.named.items()}
    return billed_since_month_began(ours, scene.observed.taken_at, scene.tariff, expected)


def _had_model(
    desired: Desired,
    observed: Observed,
    marks: Iterable[tuple[Job, Mark]],
    named: Mapping[str, Claim],
) -> Iterator[str]:
    """The specs that ever had a model: by the word of a mark, of the ledger, or of Git."""
    succeeded = {job.id for job in observed.jobs if job.status is JobStatus.SUCCEEDED}
    yield from (mark.name for job, mark in marks if job.id in succeeded)
    yield from (claim.name for job, claim in named.items() if job in succeeded)
    for training in desired.trainings:
        if any(binding.job in succeeded for binding in training.bindings):
            yield from training.used_by


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


# ---- decisions, parents before their children ----------------------------------------------------


def _decided(scene: _Scene) -> Decided:
    """The selected trainings and what is decided for each.

    A parent is looked at although only its child is selected: what is decided for it is not done.
    """
    by_key = {training.key: training for training in scene.desired.trainings}
    known: dict[str, tuple[Case, Decision]] = {}
    asked = [t.key for t in reversed(scene.desired.trainings) if scene.desired.is_selected(t)]
    while asked:
        training = by_key[asked[-1]]
        above = training.parent.key if training.parent else None
        if above and above not in known:
            asked.append(above)
        elif (key := asked.pop()) not in known:
            case = _case(training, known.get(above or ""), scene)
            known[key] = (case, decide(case))
    return [each for each in known.values() if scene.desired.is_selected(each[0].training)]


def _case(training: Training, parent: tuple[Case, Decision] | None, scene: _Scene) -> Case:
    adopted = [scene.by_id[job] for job in training.adopted if job in scene.by_id]
    jobs = [job for job in scene.jobs.get(training.key, []) if job not in adopted]
    ours = [job for job in jobs if _is_ours(job, scene)]
    return Case(
        owner=scene.desired.owner,
        training=training,
        jobs=(*adopted, *ours),
        foreign=tuple(job for job in jobs if job not in ours),
        rights=tuple(scene.rights.get(training.key, [])),
        models=scene.observed.models,
        calendar=scene.calendar,
        tariff=scene.tariff,
        is_changed=training.key in scene.differences,
        ended=scene.ended,
        latest_unmarked=scene.observed.latest_unmarked,
        now=scene.observed.taken_at,
        limits=scene.limits,
        had_model=not scene.had_model.isdisjoint(training.used_by),
        known_bad=known_bad(training, scene.failed_on),
        missing_files=scene.observed.missing_files,
        adopted=scene.adopted,
        parent=_parent(parent, scene),
    )


def _parent(parent: tuple[Case, Decision] | None, scene: _Scene) -> ParentCase | None:
    if parent is None:
        return None
    case, decision = parent
    checkpoints = scene.observed.checkpoints.get(decision.job.id, ()) if decision.job else ()
    is_selected = scene.desired.is_selected(case.training)
    return ParentCase(case.training.name, decision, checkpoints, is_selected)


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


# ---- actions -------------------------------------------------------------------------------------


def _create(case: Case, decision: Decision, reason: Reason, scene: _Scene) -> Create:
    training, owner, tariff = case.training, scene.desired.owner, scene.tariff
    difference = scene.differences.get(training.key)
    return Create(
        training=training,
        base=decision.base,
        attempt=case.next_attempt,
        reason=reason,
        estimate=estimate(training, tariff.catalog, tariff.prices),
        files=tuple(file_name(owner, facts) for facts in training.datasets),
        file_ids=tuple(
            scene.uploaded.get((file_name(owner, facts), facts.bytes), "")
            for facts in training.datasets
        ),
        difference=difference,
        earlier_usd=_running_bill(difference, tariff),
    )


def _uploaded(files: Iterable[RemoteFile]) -> dict[tuple[str, int], str]:
    """Name and size of each usable file -> its id; of several the earliest, for every runner."""
    latest_first = sorted(files, key=lambda file: (file.created_at, file.id), reverse=True)
    return {(file.name, file.bytes): file.id for file in latest_first if file.is_usable}


def _running_bill(difference: Difference | None, tariff: Tariff) -> float | None:
    if difference is None or not difference.earlier_alive:
        return None
    price, _ = training_price(difference.earlier_model, tariff.catalog, tariff.prices)
    if price is None or not difference.earlier_tokens:
        return None
    return bill(difference.earlier_tokens, price)


def _uploads(creates: list[Create]) -> Iterator[Upload]:
    """One upload a missing file, however many trainings use it."""
    wanted: dict[str, tuple[DatasetFacts, set[str]]] = {}
    for create in creates:
        for name, file_id, facts in zip(
            create.files, create.file_ids, create.training.datasets, strict=True
        ):
            if not file_id:
                wanted.setdefault(name, (facts, set()))[1].update(create.used_by)
    for name, (facts, names) in wanted.items():
        yield Upload(name, facts.path, facts.bytes, facts.sha256, tuple(sorted(names)))


def _cancels(decided: Decided) -> Iterator[Cancel]:
    for case, decision in decided:
        for job in decision.cancel:
            yield Cancel(job.id, case.training.key, case.training.used_by, Reason.DUPLICATE)


def _waits(decided: Decided) -> Iterator[Wait]:
    """The jobs that go on by themselves: one that is paused has to be resumed first."""
    for case, decision in decided:
        job, training = decision.job, case.training
        if job and job in case.jobs and not job.status.is_terminal and job.status not in PAUSED:
            yield Wait(job.id, training.key, training.used_by, job.status)


# ---- resources -----------------------------------------------------------------------------------


def _resource(case: Case, decision: Decision) -> Resource:
    training, job = case.training, decision.job
    billed = bill_of(job, case.tariff) if job else None
    until = case.calendar.serves_until(job.model if job else training.model)
    return Resource(
        key=training.key,
        used_by=training.used_by,
        model=training.model,
        condition=decision.condition,
        job_id=job.id if job else "",
        fine_tuned_model=(job.fine_tuned_model or "") if job else "",
        tokens=billed.tokens if billed else None,
        usd=billed.usd if billed else None,
        is_billed=bool(billed and billed.is_final),
        failure=_failure(case, decision),
        serves_until=until.isoformat() if until else "",
        notices=decision.notices,
    )


def _failure(case: Case, decision: Decision) -> str:
    """The class of the failure that a resource stands for, be it of another job on its bytes."""
    is_known = decision.condition.reason == Reason.KNOWN_BAD_DATA
    job = case.known_bad if is_known else decision.job
    return class_of(job) if job and job.status is JobStatus.FAILED else ""


def answering(job: Job, observed: Observed) -> str:
    """The model of a job, if it answers; else empty."""
    model = job.fine_tuned_model or ""
    return model if model in observed.models else ""


def _orphans(scene: _Scene) -> Iterator[Orphan]:
    trainings, owner = scene.desired.trainings, scene.desired.owner
    needed = {training.key for training in trainings}
    names = lived_names(scene.desired, scene.observed.jobs)
    for job in sorted(scene.observed.jobs, key=lambda job: job.age_rank):
        mark = read_mark(job)
        if not (mark and mark.owner == owner) or job.id in scene.adopted:
            continue
        if scene.named.get(job.id, mark).key not in needed:
            yield Orphan(
                job_id=job.id,
                name=mark.name,
                key=mark.key,
                status=job.status,
                fine_tuned_model=answering(job, scene.observed),
                is_superseded=mark.name in names,
            )
