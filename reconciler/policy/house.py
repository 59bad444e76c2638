"""What a project trains at all: its bases, methods, epochs, validation files and labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reconciler.catalog import base_name
from reconciler.plan import Plan, Reason
from reconciler.policy.rules import Refusal, Refusals, Rules, asked_for, plan_it
from reconciler.state import Training

_WHERE = "in reconciler.yaml"


def allowed_models(plan: Plan, rules: Rules) -> Refusals:
    """Only these bases."""
    allowed = rules.policy.allowed_models
    yield from _only(allowed, "allowed_models", Reason.MODEL_NOT_ALLOWED, _bases, plan)


def allowed_methods(plan: Plan, rules: Rules) -> Refusals:
    """Only these methods."""
    allowed = rules.policy.allowed_methods
    yield from _only(allowed, "allowed_methods", Reason.METHOD_NOT_ALLOWED, _method, plan)


def _bases(training: Training) -> tuple[str, ...]:
    """What a training may be allowed by: its model, and the base behind that."""
    return (training.model, base_name(training.model))


def _method(training: Training) -> tuple[str, ...]:
    return (training.method,)


def _only(
    allowed: Sequence[str] | None,
    field: str,
    reason: Reason,
    names: Callable[[Training], tuple[str, ...]],
    plan: Plan,
) -> Refusals:
    """A refusal for each training that goes by no name of the list; none without a list."""
    for create in asked_for(plan) if allowed is not None else ():
        found = names(create.training)
        if allowed is not None and not set(found) & set(allowed):
            yield (
                create,
                Refusal(
                    reason,
                    f"spec.policy.{field} {_WHERE} allows {', '.join(allowed) or 'none'}, "
                    f"not {found[0]}",
                    f"choose one of them, or have it added there; then: {plan_it(create, plan)}",
                ),
            )


def max_epochs(plan: Plan, rules: Rules) -> Refusals:
    """No more passes over the data; "auto" counts as what it is expected to come to."""
    most = rules.policy.max_epochs
    for create in asked_for(plan) if most is not None else ():
        epochs = create.estimate.epochs
        if most is not None and epochs > most:
            auto = ' expected of "auto"' if create.estimate.is_default else ""
            yield (
                create,
                Refusal(
                    Reason.TOO_MANY_EPOCHS,
                    f"{epochs} epochs{auto}, and spec.policy.max_epochs {_WHERE} allows {most}",
                    f"write n_epochs: {most} or less, or have the limit raised; then: "
                    f"{plan_it(create, plan)}",
                ),
            )


def validation_required(plan: Plan, rules: Rules) -> Refusals:
    """Nobody can tell what a model is worth without examples that were held out."""
    for create in asked_for(plan) if rules.policy.require_validation else ():
        if create.training.validation is None:
            yield (
                create,
                Refusal(
                    Reason.NO_VALIDATION,
                    f"0 validation examples, and spec.policy.require_validation {_WHERE} asks for "
                    "a file of them",
                    f"add dataset.validation to the spec; then: {plan_it(create, plan)}",
                ),
            )


def labels_required(plan: Plan, rules: Rules) -> Refusals:
    """Who pays for it, whose data it is: what the project wants to know of each spec."""
    for create in asked_for(plan):
        missing = [k for k in rules.policy.require_labels if k not in create.training.labels]
        if missing:
            names = ", ".join(create.used_by)
            yield (
                create,
                Refusal(
                    Reason.LABEL_MISSING,
                    f"no {', '.join(missing)} among the labels of {names}, and "
                    f"spec.policy.require_labels {_WHERE} asks for it",
                    f"add to metadata.labels: {', '.join(missing)}; then: {plan_it(create, plan)}",
                ),
            )
