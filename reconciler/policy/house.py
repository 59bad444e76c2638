"""What a project trains at all: its bases, methods, epochs, validation files and labels."""

from __future__ import annotations

from reconciler.catalog import base_name
from reconciler.plan import Plan, Reason
from reconciler.policy.rules import Refusal, Refusals, Rules, asked_for, plan_it

_WHERE = "in reconciler.yaml"


def allowed_models(plan: Plan, rules: Rules) -> Refusals:
    """Only these bases."""
    allowed = rules.policy.allowed_models
    for create in asked_for(plan) if allowed is not None else ():
        model = create.training.model
        if not {model, base_name(model)} & set(allowed or ()):
            yield (
                create,
                Refusal(
                    Reason.MODEL_NOT_ALLOWED,
                    f"spec.policy.allowed_models {_WHERE} allows "
                    f"{', '.join(allowed or ()) or 'none'}, not {model}",
                    f"choose one of them, or have it added there; then: {plan_it(create, plan)}",
                ),
            )


def allowed_methods(plan: Plan, rules: Rules) -> Refusals:
    """Only these methods."""
    allowed = rules.policy.allowed_methods
    for create in asked_for(plan) if allowed is not None else ():
        method = create.training.method
        if method not in (allowed or ()):
            yield (
                create,
                Refusal(
                    Reason.METHOD_NOT_ALLOWED,
                    f"spec.policy.allowed_methods {_WHERE} allows "
                    f"{', '.join(allowed or ()) or 'none'}, not {method}",
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
