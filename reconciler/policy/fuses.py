"""What stops a runaway: one spec too often in a day, too many jobs in one pass."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.plan import Create, Plan, Reason
from reconciler.plan.remedies import command
from reconciler.policy.rules import Refusal, Refusals, Rules
from reconciler.state import ClosingKind

DAY = 86_400
TOO_MANY_REQUESTS = 429


def too_often(plan: Plan, rules: Rules) -> Refusals:
    """A dataset that is generated anew on every run asks for a new training on every run."""
    if plan.endpoint.is_embedded:
        return
    most = rules.fuses.creates_per_day
    for create in plan.creates:
        claimed = sorted(_claimed(create, plan, rules))
        if len(claimed) >= most and rules.retry.isdisjoint(create.used_by):
            left = claimed[-most] + DAY - plan.taken_at
            yield (
                create,
                Refusal(
                    Reason.TOO_OFTEN,
                    f"it was sent {len(claimed)} times within 24 h, and "
                    f"spec.fuses.creates_per_day in reconciler.yaml allows {most}",
                    "see what changes it so often; if all of it is meant: "
                    f"{command(plan.endpoint, 'retry', create.training.name)}, or raise the fuse; "
                    f"a pass goes on by itself in {left} s",
                ),
            )


def _claimed(create: Create, plan: Plan, rules: Rules) -> Iterator[int]:
    """When a create of the spec was claimed within the last day, but for what surely cost nothing.

    Across keys: it is the name that is counted.
    """
    for right in rules.rights:
        claim, closing = right.claim, right.closing
        is_its = claim.owner == plan.owner and claim.name in create.used_by
        is_void = closing and (
            closing.kind is ClosingKind.NOT_SENT or closing.status == TOO_MANY_REQUESTS
        )
        if is_its and not is_void and claim.at > plan.taken_at - DAY:
            yield claim.at


def too_many(plan: Plan, rules: Rules) -> Refusals:
    """A pass that wants far more than usual is more likely a mistake than a wish."""
    count, most = len(plan.creates), rules.fuses.jobs_per_pass
    if count <= most or plan.endpoint.is_embedded:
        return
    message = (
        f"{count} new trainings in one pass, and spec.fuses.jobs_per_pass in reconciler.yaml "
        f"allows {most}"
    )
    for create in plan.creates:
        one = command(plan.endpoint, "apply", "--target", create.training.name)
        yield create, Refusal(Reason.TOO_MANY_JOBS, message, f"choose: {one}, or raise the fuse")
