"""A plan and conditions for programs: JSON of a shape that is promised.

``schema_version`` counts up when a field goes away or changes its meaning; new fields may come at
any time. Amounts are US dollars, null where nobody knows the price. Keys are in the order below.

    plan      schema_version, kind "plan", digest, owner, endpoint, revision, summary, actions,
              resources, orphans, duplicates
    status    schema_version, kind "status", owner, endpoint, summary, resources, duplicates

    summary   creates, uploads, cancels, waits, ready, held, failed, drifted, cost_usd (of all
              that have a price), unpriced, trained_tokens, has_changes, is_frozen
    action    kind and used_by, then by kind:
              upload  path, bytes, sha256, file_name
              create  name, key, attempt, reason, model, method, hyperparameters, suffix, seed,
                      files [role, path, sha256, bytes, examples, tokens, file_name, file_id],
                      estimate {tokens, epochs, epochs_are_default, trained_tokens,
                      price_per_million, price_source, usd}, changes [field, before, after, note],
                      earlier {job_id, is_running, usd} or null
              cancel  job_id, key, reason
              wait    job_id, key, status
    resource  name, used_by, key, base, sync, health, reason, message, remedy, job_id, model
    orphan    job_id, name, key, status, model, is_superseded
    duplicate used_by, key, job_ids: made more than once and not acknowledged; creates are frozen
"""

from __future__ import annotations

import json
from collections import Counter
from typing import assert_never

from reconciler.cost import Estimate
from reconciler.diff import ABSENT, Difference, FieldChange
from reconciler.errors import redact
from reconciler.plan import (
    Action,
    Cancel,
    Create,
    Duplicate,
    Orphan,
    Plan,
    Resource,
    Upload,
    Wait,
)
from reconciler.report.summary import standing, superfluous, trained_tokens

SCHEMA_VERSION = 1

Json = dict[str, object]


def plan_json(plan: Plan) -> str:
    """The plan, its actions in the order in which apply would run them."""
    return _dump(
        "plan",
        digest=plan.digest,
        owner=plan.owner,
        endpoint=_endpoint(plan),
        revision={"commit": plan.revision.commit or None, "is_dirty": plan.revision.is_dirty},
        summary=_summary(plan),
        actions=[_action(action) for action in plan.actions],
        resources=[_resource(resource) for resource in plan.resources],
        orphans=[_orphan(orphan) for orphan in plan.orphans],
        duplicates=[_duplicate(duplicate) for duplicate in plan.duplicates],
    )


def status_json(plan: Plan) -> str:
    """How each resource stands."""
    return _dump(
        "status",
        owner=plan.owner,
        endpoint=_endpoint(plan),
        summary=_summary(plan),
        resources=[_resource(resource) for resource in plan.resources],
        duplicates=[_duplicate(duplicate) for duplicate in plan.duplicates],
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


def _summary(plan: Plan) -> Json:
    count = Counter(map(standing, plan.resources))
    return {
        "creates": len(plan.creates),
        "uploads": len(plan.uploads),
        "cancels": len(superfluous(plan)),
        "waits": len(plan.waits),
        "ready": count["ready"],
        "held": count["held"],
        "failed": count["failed"],
        "drifted": count["drifted"],
        "cost_usd": plan.usd,
        "unpriced": sum(create.estimate.usd is None for create in plan.creates),
        "trained_tokens": trained_tokens(plan),
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


def _create(create: Create) -> Json:
    training = create.training
    changes = create.difference.changes if create.difference else ()
    return {
        "name": training.name,
        "key": create.key,
        "attempt": create.attempt,
        "reason": create.reason,
        "model": training.model,
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


def _resource(resource: Resource) -> Json:
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
        "remedy": condition.remedy or None,
        "job_id": resource.job_id or None,
        "model": resource.fine_tuned_model or None,
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
