"""What every command, the Action and the watch loop call: one function each.

passes     THE PASS (read this first): reconcile, look
waiting    follow trainings until they end
stories    all about one spec
steering   a person's hand on a running job
settling   what a person decides: a doubt, a freeze
pruning    delete what nothing needs any more
importing  specs for jobs that exist; staging is where they wait until they are found good
doctor     all that a pass relies on, looked at (a package of its own)
"""

from reconciler.engine.passes import Approve, Pass, Request, Tell, World, find, look, reconcile
from reconciler.engine.pruning import Pruned, PruneRequest, preview, prune
from reconciler.engine.settling import settle, unfreeze
from reconciler.engine.steering import Steer, steer_job, steerable
from reconciler.engine.stories import describe
from reconciler.engine.waiting import Listen, wait

__all__ = [
    "Approve",
    "Listen",
    "Pass",
    "PruneRequest",
    "Pruned",
    "Request",
    "Steer",
    "Tell",
    "World",
    "describe",
    "find",
    "look",
    "preview",
    "prune",
    "reconcile",
    "settle",
    "steer_job",
    "steerable",
    "unfreeze",
    "wait",
]
