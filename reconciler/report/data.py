"""What a dataset is like, and what changed in it: as text and as JSON. No row of it is shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from reconciler.cost import DEFAULT_EPOCHS, bill, default_epochs, dollars, epoch_range
from reconciler.dataset.facts import DataDiff, Line, Reading
from reconciler.report.plain import counted, number, plain, size

SCHEMA_VERSION = 1
BAR = 40
"""Characters of the longest bar of a histogram."""
LISTED = 20
"""Lines of each kind that a diff lists; JSON has them all."""


@dataclass(frozen=True)
class Subject:
    """What is shown: a file under its name, and the base that it is meant for.

    Attributes:
        path: the file's name.
        method: what its lines are examples of.
        model: the base; empty if none was named.
        price: US dollars a million trained tokens; None if nobody published one.
    """

    path: str
    method: str
    model: str = ""
    price: float | None = None


# ---- statistics ------------------------------------------------------------------------------


def stats_text(subject: Subject, reading: Reading) -> str:
    """Examples, tokens by role, lengths with a histogram, and the price of training on them."""
    stats = reading.stats
    examples = counted(reading.examples, f"{subject.method} example")
    head = f"{plain(subject.path)}: {examples}, {counted(stats.tokens, 'token')}"
    blocks = [
        [head, f"{size(reading.bytes)}, sha256 {reading.sha256}"],
        ["tokens", *_roles(reading)],
        ["tokens an example", *_lengths(reading)] if stats.histogram else [],
        list(_notes(reading)),
        ["cost", *_costs(subject, reading)] if subject.model else [],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def stats_json(subject: Subject, reading: Reading) -> str:
    """The same for programs: ``schema_version``, kind "data", counts, and costs by epochs."""
    told = {
        "schema_version": SCHEMA_VERSION,
        "kind": "data",
        "file": subject.path,
        "method": subject.method,
        "sha256": reading.sha256,
        "bytes": reading.bytes,
        "examples": reading.examples,
        "encoding": reading.encoding,
        "findings": _findings(reading),
        **asdict(reading.stats),
        "model": subject.model or None,
        "costs": [
            {"epochs": epochs, "usd": _usd(subject, reading, epochs), "is_expected": is_expected}
            for epochs, is_expected in _epochs(reading)
        ]
        if subject.model
        else [],
    }
    return json.dumps(told, indent=2)


def _findings(reading: Reading) -> dict[str, int]:
    return {rule: breach.total for rule, breach in reading.breaches.items()}


def _roles(reading: Reading) -> Iterator[str]:
    stats = reading.stats
    yield f"  {'learned':<12}{number(stats.learned):>14}{_share(stats.learned, stats.tokens)}"
    yield f"  {'only read':<12}{number(stats.tokens - stats.learned):>14}"
    for role, tokens in sorted(stats.by_role.items(), key=lambda item: -item[1]):
        yield f"    {role:<10}{number(tokens):>14}{_share(tokens, stats.tokens)}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:>9.1%}" if whole else ""


def _lengths(reading: Reading) -> Iterator[str]:
    words = {0: "least", 50: "half up to", 100: "most"}
    quantiles = reading.stats.quantiles.items()
    told = (
        f"{words.get(share, f'{share} % up to')} {number(length)}" for share, length in quantiles
    )
    yield f"  {', '.join(told)}"
    most = max(reading.stats.histogram.values())
    for bound, examples in reading.stats.histogram.items():
        bar = "#" * max(1, round(BAR * examples / most))
        yield f"  up to {number(bound):>9} {number(examples):>12}  {bar}"


def _notes(reading: Reading) -> Iterator[str]:
    stats = reading.stats
    if found := _findings(reading):
        told = ", ".join(f"{rule} {number(total)}" for rule, total in found.items())
        yield f"what was found in it (reconcile validate says where): {told}"
    if stats.cut:
        examples = counted(stats.cut_examples, "example")
        yield f"{examples} too long for the base: {counted(stats.cut, 'token')} are cut off"
    if stats.images:
        images = counted(stats.images, "image")
        yield f"{images} in {counted(stats.with_images, 'example')}, not counted as tokens"


def _costs(subject: Subject, reading: Reading) -> Iterator[str]:
    for epochs, is_expected in _epochs(reading):
        usd = _usd(subject, reading, epochs)
        price = "price unknown" if usd is None else dollars(usd)
        note = "  expected for auto" if is_expected else ""
        yield f"  {counted(epochs, 'epoch'):<10} {price:>12}{note}"
    low, high = epoch_range(reading.examples)
    yield f"  on {plain(subject.model)}; auto may come to {low} to {high} epochs"


def _epochs(reading: Reading) -> Iterable[tuple[int, bool]]:
    """The epochs whose price is told: the least, the expected, and the most that auto comes to."""
    expected = default_epochs(reading.examples)
    told = sorted({*epoch_range(reading.examples), DEFAULT_EPOCHS, expected})
    return [(epochs, epochs == expected) for epochs in told]


def _usd(subject: Subject, reading: Reading, epochs: int) -> float | None:
    trained = reading.stats.tokens - reading.stats.cut
    return None if subject.price is None else bill(trained * epochs, subject.price)


# ---- difference ------------------------------------------------------------------------------


def diff_line(diff: DataDiff) -> str:
    """``12 examples added, 3 removed, 2 edited, +595 tokens``; or that there is none."""
    told = [
        f"{number(count)} {word}"
        for count, word in (
            (len(diff.added), "added"),
            (len(diff.removed), "removed"),
            (len(diff.edited), "edited"),
        )
        if count
    ]
    if not told:
        return "no example added, removed or edited"
    first, *rest = told
    count, _, word = first.partition(" ")
    noun = "example" if count == "1" else "examples"
    tokens = f"{diff.tokens:+,} tokens"
    return ", ".join([f"{count} {noun} {word}", *rest, tokens])


def diff_text(subject: Subject, against: str, diff: DataDiff) -> str:
    """What changed, the number that matters first, then the lines, by number alone."""
    head = f"{plain(subject.path)} against {plain(against)}: {diff_line(diff)}"
    lines = [
        *_listed("+", diff.added, "line {} ({})"),
        *_listed("-", diff.removed, "line {} of the old file ({})"),
        *_edits(diff),
    ]
    facts = [f"{counted(diff.unchanged, 'example')} unchanged", *_difference_cost(subject, diff)]
    return "\n\n".join("\n".join(block) for block in ([head], lines, facts) if block) + "\n"


def diff_json(subject: Subject, against: str, diff: DataDiff) -> str:
    """The same for programs: every line, and the difference in tokens and US dollars an epoch."""
    usd = None if subject.price is None else bill(diff.tokens, subject.price)
    told = {
        "schema_version": SCHEMA_VERSION,
        "kind": "data-diff",
        "file": subject.path,
        "against": against,
        "unchanged": diff.unchanged,
        "tokens": diff.tokens,
        "model": subject.model or None,
        "usd_an_epoch": usd,
        "added": [asdict(line) for line in diff.added],
        "removed": [asdict(line) for line in diff.removed],
        "edited": [asdict(edit) for edit in diff.edited],
    }
    return json.dumps(told, indent=2)


def _listed(marker: str, lines: tuple[Line, ...], words: str) -> Iterator[str]:
    for line in lines[:LISTED]:
        yield f"  {marker} {words.format(number(line.number), counted(line.tokens, 'token'))}"
    yield from _more(marker, len(lines))


def _edits(diff: DataDiff) -> Iterator[str]:
    for edit in diff.edited[:LISTED]:
        what = "its answer" if edit.is_answer else "its prompt or more"
        sizes = f"{number(edit.before.tokens)} -> {counted(edit.after.tokens, 'token')}"
        before = f", line {number(edit.before.number)} before"
        moved = before if edit.before.number != edit.after.number else ""
        yield f"  ~ line {number(edit.after.number)}: {what} ({sizes}{moved})"
    yield from _more("~", len(diff.edited))


def _more(marker: str, count: int) -> Iterator[str]:
    if count > LISTED:
        yield f"  {marker} and {number(count - LISTED)} more"


def _difference_cost(subject: Subject, diff: DataDiff) -> Iterator[str]:
    if subject.price is not None and diff.tokens:
        usd = bill(abs(diff.tokens), subject.price)
        word = "more" if diff.tokens > 0 else "less"
        yield f"an epoch on {plain(subject.model)} costs {dollars(usd)} {word}"
