"""What a rule is: from a plan and the limits to the creates that it refuses, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from reconciler.plan import Create, Plan, Reason
from reconciler.plan.calendar import Calendar
from reconciler.plan.remedies import command
from reconciler.spec import Budget, Fuses, Policy
from reconciler.state import Right


@dataclass(frozen=True)
class Rules:
    """The limits of a pass.

    Attributes:
        calendar: the endpoint's days.
        max_usd: the most that all creates of the pass may cost, by the command line; None for the
            Project's budget alone.
        is_attended: whether a person approves, or nothing can cost money (embedded sandbox).
        allow_dirty: whether an unclean checkout may spend unattended.
        allow_short_lived: whether a person wants models that end soon.
        budget, policy, fuses: the Project's.
        rights: the ledger's records for this endpoint: how often a spec was claimed.
        retry: names that a person asked to try again, however often that was.
    """

    calendar: Calendar
    max_usd: float | None
    is_attended: bool
    allow_dirty: bool = False
    allow_short_lived: bool = False
    budget: Budget = field(default_factory=Budget)
    policy: Policy = field(default_factory=Policy)
    fuses: Fuses = field(default_factory=Fuses)
    rights: tuple[Right, ...] = ()
    retry: frozenset[str] = frozenset()

    @property
    def pass_usd(self) -> float | None:
        """The most that a pass may cost, by the command line and the Project."""
        limits = [usd for usd in (self.max_usd, self.budget.per_pass) if usd is not None]
        return min(limits, default=None)


@dataclass(frozen=True)
class Refusal:
    """Why a create may not happen: a word, a sentence with the figure, the way out."""

    reason: Reason
    message: str
    remedy: str


Refusals = Iterator[tuple[Create, Refusal]]
Rule = Callable[[Plan, Rules], Refusals]


def plan_it(create: Create, plan: Plan) -> str:
    """The command that shows what would be done for one training."""
    return command(plan.endpoint, "plan", "--target", create.training.name)


def first_in_line(plan: Plan) -> tuple[Create, ...]:
    """Of all that is asked for what waits for nothing else of it: a refusal of these is one of all
    that rests on them."""
    asked = asked_for(plan)
    keys = {create.key for create in asked}
    parents = ((create, create.training.parent) for create in asked)
    return tuple(create for create, parent in parents if not (parent and parent.key in keys))


def make_it(create: Create, plan: Plan, rules: Rules, *options: str) -> str:
    """The command that makes one training: asked for again as it was, with these options too."""
    unattended = () if rules.is_attended else ("--auto-approve",)
    return command(plan.endpoint, *same_again(create), *unattended, *options)


def same_again(create: Create) -> tuple[str, ...]:
    """The words that ask for a training as it was asked for: a retry is not what apply does."""
    name = create.training.name
    is_retry = create.reason is Reason.RETRY_ASKED
    return ("retry", name) if is_retry else ("apply", "--target", name)


def asked_for(plan: Plan) -> tuple[Create, ...]:
    """What is to be trained now, and what once its parent is there: what is never trained should
    not be begun."""
    return (*plan.creates, *plan.later)
