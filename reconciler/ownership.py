"""How our mark is put on remote objects and read back from them.

A job carries its mark in metadata; a file, which has none, in its name. Nothing without a mark of
our owner is ever cancelled or deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256

from reconciler.dataset.facts import DatasetFacts
from reconciler.state import LAST, Claim, Job, RemoteFile, Training

KEY = "reconciler.key"
ATTEMPT = "reconciler.attempt"
CLAIM = "reconciler.claim"
OWNER = "reconciler.owner"
NAME = "reconciler.name"
COMMIT = "reconciler.commit"
SPEC = "reconciler.spec"
TOKENS = "reconciler.tokens"

VALUE_LIMIT = 512
"""Longest metadata value that the API takes, in characters."""

SHORTENED = "digest:"
"""How a field starts in the mark that was too long for it."""
MOST_DIGITS = 12
"""Longest number that a mark is believed to carry."""

Fields = Mapping[str, object]


@dataclass(frozen=True)
class Mark:
    """What a job's metadata says about its origin.

    ``tokens`` are the billable tokens it was expected to take, 0 if that was not written;
    ``written`` the training fields it had, as JSON.
    """

    owner: str
    key: str
    attempt: int
    claim: str
    name: str
    commit: str
    tokens: int
    written: str

    @property
    def fields(self) -> Fields:
        """The training fields it had; empty if they were not written, or are damaged."""
        return _read_fields(self.written)

    @property
    def digests(self) -> Mapping[str, str]:
        """The digests of its files by role; empty if they were not written, or were too long."""
        dataset = self.fields.get("dataset")
        told = dataset.items() if isinstance(dataset, dict) else ()
        return {role: digest for role, digest in told if isinstance(digest, str)}


def training_fields(training: Training) -> dict[str, object]:
    """The training fields as they are written, data by digest: what differences are worded in."""
    files = {"training": training.training, "validation": training.validation}
    return {
        "model": _source(training),
        "method": training.method,
        "hyperparameters": {k: v for k, v in training.hyperparameters.items() if v != "auto"},
        "dataset": {k: f"sha256:{facts.sha256}" for k, facts in files.items() if facts},
        **({} if training.suffix is None else {"suffix": training.suffix}),
        **({} if training.seed is None else {"seed": training.seed}),
    }


def _source(training: Training) -> str:
    """The base, or what stands for the parent of a chain: a rename of it changes nothing."""
    parent = training.parent
    if parent is None:
        return training.model
    return (
        f"from {parent.key[:12]}{'' if parent.checkpoint == LAST else f' step {parent.checkpoint}'}"
    )


def metadata_for(training: Training, claim: Claim, commit: str, tokens: int) -> dict[str, str]:
    """The mark as the metadata of a new job: at most 16 pairs, each within the API's bounds."""
    return {
        KEY: training.key,
        ATTEMPT: str(claim.attempt),
        CLAIM: claim.nonce,
        OWNER: claim.owner,
        NAME: training.name,
        **({COMMIT: commit} if commit else {}),
        TOKENS: str(tokens),
        SPEC: _fit(training_fields(training)),
    }


def read_mark(job: Job) -> Mark | None:
    """The mark of a job, or None if it bears none of ours. Damaged parts read as empty."""
    data = job.metadata
    if not data.get(KEY) or not data.get(OWNER):
        return None
    return Mark(
        owner=data[OWNER],
        key=data[KEY],
        attempt=_whole(data.get(ATTEMPT, ""), 1),
        claim=data.get(CLAIM, ""),
        name=data.get(NAME, ""),
        commit=data.get(COMMIT, ""),
        tokens=_whole(data.get(TOKENS, ""), 0),
        written=data.get(SPEC, ""),
    )


def file_name(owner: str, facts: DatasetFacts) -> str:
    """The content-addressed name of an upload: the same bytes have the same name for ever."""
    return f"{owner}.{facts.sha256[:16]}.jsonl"


def is_same_file(remote: RemoteFile, owner: str, facts: DatasetFacts) -> bool:
    """Whether an uploaded file is this dataset: same name, same size, usable."""
    wanted = (file_name(owner, facts), facts.bytes)
    return remote.is_usable and (remote.name, remote.bytes) == wanted


def earliest_usable(files: Iterable[RemoteFile], name: str, size: int) -> RemoteFile | None:
    """The file that a dataset of this name and size is: every runner takes the earliest."""
    alike = [file for file in files if file.is_usable and (file.name, file.bytes) == (name, size)]
    return min(alike, key=lambda file: (file.created_at, file.id), default=None)


def is_our_file(remote: RemoteFile, owner: str) -> bool:
    """Whether a file's name bears our owner: the name plus 16 hex digits plus ``.jsonl``."""
    prefix, digest = f"{owner}.", remote.name.removesuffix(".jsonl")[len(owner) + 1 :]
    is_digest = len(digest) == 16 and all(c in "0123456789abcdef" for c in digest)
    return remote.name.startswith(prefix) and remote.name.endswith(".jsonl") and is_digest


def compact(value: object) -> str:
    """Canonical JSON: sorted keys, no spaces, text as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def shortened(value: object) -> str:
    """What stands in the mark for a field that was too long for it."""
    return f"{SHORTENED}{sha256(compact(value).encode()).hexdigest()[:16]}"


def _whole(text: str, default: int) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS
    return int(text) if is_number else default


def _read_fields(text: str) -> Fields:
    """The fields of a mark; anything but our own JSON object, in clean text, reads as empty."""
    try:
        fields = json.loads(text)
        compact(fields).encode()  # escapes may smuggle in what is no text
    except (ValueError, RecursionError):
        return {}
    return fields if isinstance(fields, dict) else {}


def _fit(fields: dict[str, object]) -> str:
    """The fields as JSON within a metadata value: longest parts become digests until it fits."""
    text = compact(fields)
    for name in sorted(fields, key=lambda n: (-len(compact(fields[n])), n)):
        if len(text) <= VALUE_LIMIT:
            break
        fields = {**fields, name: shortened(fields[name])}
        text = compact(fields)
    return text
