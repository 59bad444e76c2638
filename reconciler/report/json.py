"""A plan and conditions for programs: JSON of a shape that is promised.

``schema_version`` counts up when a field goes away or changes its meaning; new fields may come at
any time. Amounts are US dollars, null where nobody knows the price. Keys are in the order below.

    plan      schema_version, kind "plan", digest, owner, endpoint, revision, calendar, summary,
              actions, later, resources, orphans, duplicates
    status    schema_version, kind "status", owner, endpoint, calendar, summary, resources,
              duplicates
    drift     schema_version, kind "drift", owner, endpoint, summary, resources (those alone that
              drifted), orphans (that run)
    prune     schema_version, kind "prune", owner, endpoint, revision, actions (deletes), kept
              [what ("model" or "file"), count, names, why], more (that the limit of a run leaves
              to the next)

    calendar  new_jobs_until: the endpoint's last day for new jobs, or null
    summary   creates, uploads, cancels, deletes, waits, later, ready, held, failed, drifted,
              suspended, cost_usd (of all that have a price), later_usd, unpriced, trained_tokens,
              billed_this_month_usd, has_changes, is_frozen
    action    kind and used_by, then by kind:
              upload  path, bytes, sha256, file_name
              create  name, key, attempt, reason, model, base (what is sent as the model, or
                      null), parent {name, key, checkpoint} or null, method,
                      hyperparameters, suffix, seed,
                      files [role, path, sha256, bytes, examples, tokens, file_name, file_id],
                      estimate {tokens, epochs, epochs_are_default, trained_tokens,
                      price_per_million, price_source, usd}, changes [field, before, after, note],
                      earlier {job_id, is_running, usd} or null
              cancel  job_id, key, reason
              delete  what ("model" or "file"), id, key, reason, message
              wait    job_id, key, status
    later     creates that can be sent once what they start from is there, parents first
    resource  name, used_by, key, base, sync, health, reason, message, remedy, since (Unix
              seconds), failure_class (data, policy, quota, transient, unknown, or null), job_id,
              model, tokens, usd, is_billed, serves_until, notices [reason, message, remedy]
    orphan    job_id, name, key, status, model, is_superseded
    duplicate used_by, key, job_ids: made more than once and not acknowledged; creates are frozen
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import assert_never

from reconciler.cost import Estimate, total_usd
from reconciler.diff import ABSENT, Difference, FieldChange
from reconciler.errors import redact
from reconciler.plan import (
    Action,
    Cancel,
    Create,
    Delete,
    Duplicate,
    Notice,
    Orphan,
    Plan,
    Resource,
    Upload,
    Wait,
)
from reconciler.plan.prune import Pruning
from reconciler.report.summary import drifted, standing, superfluous, trained_tokens

SCHEMA_VERSION = 1

Json = dict[str, object]


def plan_json(plan: Plan) -> str:
    """The plan, its actions in the order in which apply would run them."""
    return _dump(
        "plan",
        digest=plan.digest,
        owner=plan.owner,
        endpoint=_endpoint(plan),
        revision=_revision(plan),
        calendar=_calendar(plan),
        summary=_summary(plan),
        actions=[_action(action) for action in plan.actions],
        later=[_action(create) for create in plan.later],
        resources=[resource_json(resource) for resource in plan.resources],
        orphans=[_orphan(orphan) for orphan in plan.orphans],
        duplicates=[_duplicate(duplicate) for duplicate in plan.duplicates],
    )


def status_json(plan: Plan) -> str:
    """How each resource stands."""
    return _dump(
        "status",
        owner=plan.owner,
        endpoint=_endpoint(plan),
        calendar=_calendar(plan),
        summary=_summary(plan),
        resources=[resource_json(resource) for resource in plan.resources],
        duplicates=[_duplicate(duplicate) for duplicate in plan.duplicates],
    )


def drift_json(plan: Plan) -> str:
    """What the provider moved and no commit explains."""
    return _dump(
        "drift",
        owner=plan.owner,
        endpoint=_endpoint(plan),
        summary=_summary(plan),
        resources=[resource_json(resource) for resource in drifted(plan)],
        orphans=[_orphan(orphan) for orphan in plan.orphans if orphan.is_drift],
    )


def prune_json(pruning: Pruning) -> str:
    """What would be deleted and why, and what is kept."""
    plan = pruning.plan
    return _dump(
        "prune",
        owner=plan.owner,
        endpoint=_endpoint(plan),
        revision=_revision(plan),
        actions=[_action(action) for action in plan.actions],
        kept=[asdict(kept) for kept in pruning.kept],
        more=pruning.more,
    )


def _dump(kind: str, **parts: object) -> str:
    document = {"schema_version": SCHEMA_VERSION, "kind": kind, **parts}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _endpoint(plan: Plan) -> Json:
    endpoint = plan.endpoint
    return {
        "base_url": endpoint.base_url,
        "organization": endpoint.organization or None,
        "project": endpoint.project or None,
        "is_embedded_sandbox": endpoint.is_embedded,
    }


def _revision(plan: Plan) -> Json:
    return {"commit": plan.revision.commit or None, "is_dirty": plan.revision.is_dirty}


def _calendar(plan: Plan) -> Json:
    return {"new_jobs_until": plan.last_create or None}


def _summary(plan: Plan) -> Json:
    count = Counter(map(standing, plan.resources))
    return {
        "creates": len(plan.creates),
        "uploads": len(plan.uploads),
        "cancels": len(superfluous(plan)),
        "deletes": len(plan.deletes),
        "waits": len(plan.waits),
        "later": len(plan.later),
        "ready": count["ready"],
        "held": count["held"],
        "failed": count["failed"],
        "drifted": count["drifted"],
        "suspended": count["suspended"],
        "cost_usd": plan.usd,
        "later_usd": total_usd([create.estimate for create in plan.later]),
        "unpriced": sum(create.estimate.usd is None for create in plan.creates),
        "trained_tokens": trained_tokens(plan),
        "billed_this_month_usd": plan.billed_usd,
        "has_changes": plan.has_changes,
        "is_frozen": bool(plan.duplicates),
    }


# ---- actions -----------------------------------------------------------------------------------


def _action(action: Action) -> Json:
    told: Json = {"kind": action.kind, "used_by": list(action.used_by)}
    match action:
        case Upload():
            return told | _upload(action)
        case Create():
            return told | _create(action)
        case Cancel():
            return told | {"job_id": action.job_id, "key": action.key, "reason": action.reason}
        case Delete():
            return told | _delete(action)
        case Wait():
            return told | {"job_id": action.job_id, "key": action.key, "status": action.status}
        case _:
            assert_never(action)


def _upload(upload: Upload) -> Json:
    return {
        "path": upload.path,
        "bytes": upload.bytes,
        "sha256": upload.sha256,
        "file_name": upload.file_name,
    }


def _delete(delete: Delete) -> Json:
    return {
        "what": delete.what,
        "id": delete.id,
        "key": delete.key or None,
        "reason": delete.reason,
        "message": delete.message,
    }


def _create(create: Create) -> Json:
    training = create.training
    changes = create.difference.changes if create.difference else ()
    return {
        "name": training.name,
        "key": create.key,
        "attempt": create.attempt,
        "reason": create.reason,
        "model": training.model,
        "base": create.base or None,
        "parent": asdict(training.parent) if training.parent else None,
        "method": training.method,
        "hyperparameters": dict(sorted(training.hyperparameters.items())),
        "suffix": training.suffix,
        "seed": training.seed,
        "files": _files(create),
        "estimate": _estimate(create.estimate),
        "changes": [_change(change) for change in changes],
        "earlier": _earlier(create.difference, create.earlier_usd),
    }


def _files(create: Create) -> list[Json]:
    roles = ("training", "validation")
    datasets = create.training.datasets
    return [
        {
            "role": role,
            "path": facts.path,
            "sha256": facts.sha256,
            "bytes": facts.bytes,
            "examples": facts.examples,
            "tokens": facts.tokens if facts.encoding else None,
            "file_name": name,
            "file_id": file_id or None,
        }
        for role, facts, name, file_id in zip(
            roles[: len(datasets)], datasets, create.files, create.file_ids, strict=True
        )
    ]


def _estimate(estimate: Estimate) -> Json:
    return {
        "tokens": estimate.tokens,
        "epochs": estimate.epochs,
        "epochs_are_default": estimate.is_default,
        "trained_tokens": estimate.trained_tokens,
        "price_per_million": estimate.price,
        "price_source": estimate.source or None,
        "usd": estimate.usd,
    }


def _change(change: FieldChange) -> Json:
    before, after = (None if side == ABSENT else side for side in (change.before, change.after))
    return {"field": change.field, "before": before, "after": after, "note": change.note or None}


def _earlier(difference: Difference | None, usd: float | None) -> Json | None:
    if difference is None:
        return None
    return {"job_id": difference.earlier_job, "is_running": difference.earlier_alive, "usd": usd}


# ---- resources, orphans, problems --------------------------------------------------------------


def resource_json(resource: Resource) -> Json:
    """Where one training stands."""
    condition = resource.condition
    return {
        "name": resource.name,
        "used_by": list(resource.used_by),
        "key": resource.key,
        "base": resource.model,
        "sync": condition.sync,
        "health": condition.health,
        "reason": condition.reason,
        "message": redact(condition.message),
        "remedy": redact(condition.remedy) or None,
        "since": condition.since,
        "failure_class": resource.failure or None,
        "job_id": resource.job_id or None,
        "model": resource.fine_tuned_model or None,
        "tokens": resource.tokens,
        "usd": resource.usd,
        "is_billed": resource.is_billed,
        "serves_until": resource.serves_until or None,
        "notices": [_notice(notice) for notice in resource.notices],
    }


def _notice(notice: Notice) -> Json:
    return {
        "reason": notice.reason,
        "message": redact(notice.message),
        "remedy": redact(notice.remedy) or None,
    }


def _orphan(orphan: Orphan) -> Json:
    return {
        "job_id": orphan.job_id,
        "name": orphan.name,
        "key": orphan.key,
        "status": orphan.status,
        "model": orphan.fine_tuned_model or None,
        "is_superseded": orphan.is_superseded,
    }


def _duplicate(duplicate: Duplicate) -> Json:
    return {
        "used_by": list(duplicate.used_by),
        "key": duplicate.key,
        "job_ids": list(duplicate.jobs),
    }
