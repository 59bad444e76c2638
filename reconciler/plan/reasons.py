"""Why: a word for machines on each condition and action. Apply never reads it."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """All reasons, by what they belong to."""

    # a training is made
    NOT_TRAINED = "NotTrained"  # nothing was ever trained for it
    SPEC_CHANGED = "SpecChanged"  # an earlier key of this name exists
    RETRY_TRANSIENT = "RetryTransient"  # the service failed, not the data
    RETRY_ASKED = "RetryAsked"  # a person asked
    RETRY_REFUSAL = "RetryRefusal"  # the back-off of a 429 or of no connection is over
    RETRAIN_DRIFT = "RetrainDrift"  # the spec asks for it: lifecycle.on_drift
    DOUBT_SETTLED = "DoubtSettled"  # a lost reply was judged: by a person, or below doubt_budget
    # it will be, or is
    AWAITING_PARENT = "AwaitingParent"  # a chain: what it starts from isn't trained yet
    TRAINING = "Training"
    READY = "Ready"
    RETIRING = "Retiring"  # ready, and its base has a last day that is near
    # drift: the provider moved, and no commit says why
    MODEL_DELETED = "ModelDeleted"
    MODEL_RETIRED = "ModelRetired"  # its base was shut down on its day
    JOB_CANCELLED = "JobCancelled"
    JOB_PAUSED = "JobPaused"
    FILE_DELETED = "FileDeleted"
    FIELDS_CHANGED = "FieldsChanged"
    FOREIGN_JOB = "ForeignJob"
    # held or failed
    JOB_FAILED = "JobFailed"
    JOB_MISSING = "JobMissing"  # the ledger or Git knows a job that the endpoint doesn't show
    CREATE_REFUSED = "CreateRefused"
    BACKING_OFF = "BackingOff"
    TRAINING_ENDED = "TrainingEnded"
    IN_DOUBT = "InDoubt"
    KNOWN_BAD_DATA = "KnownBadData"  # another job failed on the very same bytes
    AMBIGUOUS_ADOPTION = "AmbiguousAdoption"
    ADOPTION_CONTRADICTED = "AdoptionContradicted"
    NO_DATA = "NoData"  # a spec that only binds a job can't train
    PARENT_NOT_READY = "ParentNotReady"
    CHECKPOINT_MISSING = "CheckpointMissing"
    RETRAIN_PREVENTED = "RetrainPrevented"
    SUSPENDED = "Suspended"
    # told beside the condition
    BILL_DIFFERS = "BillDiffers"
    # what is cancelled or deleted
    DUPLICATE = "Duplicate"
    SUPERSEDED = "Superseded"  # the model of an earlier key of a spec
    ORPHAN = "Orphan"  # the model of a spec that is gone
    FAILED = "Failed"  # a file that a job failed on
    UNUSED_FILE = "UnusedFile"
    # policy takes it away
    PAST_DATE = "PastDate"  # the endpoint's calendar
    SHORT_LIVED = "ShortLived"  # its base ends too soon
    MODEL_NOT_ALLOWED = "ModelNotAllowed"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    TOO_MANY_EPOCHS = "TooManyEpochs"
    NO_VALIDATION = "NoValidation"
    LABEL_MISSING = "LabelMissing"
    OVER_BUDGET = "OverBudget"
    NEEDS_APPROVAL = "NeedsApproval"  # a person has to say yes
    NO_BUDGET = "NoBudget"  # nobody watches, so somebody must have set a limit
    FROZEN = "Frozen"  # something was made twice, and nobody has said that they know
    TOO_MANY_JOBS = "TooManyJobs"  # the fuse of one pass
    TOO_OFTEN = "TooOften"  # the fuse of one spec's day
    UNCLEAN_CHECKOUT = "UncleanCheckout"  # what is spent must trace to a commit


DRIFTS = frozenset(
    {
        Reason.MODEL_DELETED,
        Reason.MODEL_RETIRED,
        Reason.JOB_CANCELLED,
        Reason.JOB_PAUSED,
        Reason.FILE_DELETED,
        Reason.FIELDS_CHANGED,
        Reason.FOREIGN_JOB,
    }
)
"""Differences that no commit explains."""
