"""Specs that train on another spec's model: each gets the base that its chain starts from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.errors import Problem
from reconciler.load.documents import Draft
from reconciler.load.flaw import Flaw, clip, did_you_mean

_FROM = ("spec", "model", "from")


SHOWN = 5
"""How many names of a circle a message shows."""


def with_bases(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts, each knowing the base that it rests on; none where its chain leads nowhere."""
    bases = _bases(_by_name(drafts))
    return [replace(item, base=_base(item, bases)) for item in drafts]


def chain_problems(drafts: Sequence[Draft]) -> Iterator[Problem]:
    """A problem at every parent that isn't there, and at every link of a circle."""
    by_name = _by_name(drafts)
    circles = _circles(by_name)
    for item in drafts:
        parent, name = item.text(*_FROM), item.text("metadata", "name") or ""
        if parent is None:
            continue
        if parent not in by_name:
            yield _unknown(parent, by_name).at(item.at(*_FROM), ".".join(_FROM))
        elif name in circles:
            flaw = _circle(name, circles[name])
            yield flaw.at(item.at(*_FROM), ".".join(_FROM))


def _by_name(drafts: Sequence[Draft]) -> dict[str, Draft]:
    return {name: item for item in drafts if (name := item.text("metadata", "name"))}


# ---- each chain is walked once -------------------------------------------------------------------


def _walks(by_name: Mapping[str, Draft]) -> Iterator[tuple[list[str], str]]:
    """Each stretch of a chain that no walk before it saw, and the name that it stopped at: one
    that was seen, or that no spec has; empty at a base."""
    seen: set[str] = set()
    for name in by_name:
        walked: dict[str, None] = {}  # in order, and quick to ask
        while name in by_name and name not in seen and name not in walked:
            walked[name] = None
            name = by_name[name].text(*_FROM) or ""
        if walked:
            seen |= walked.keys()
            yield list(walked), name


def _bases(by_name: Mapping[str, Draft]) -> Mapping[str, str | None]:
    bases: dict[str, str | None] = {}
    for walked, stop in _walks(by_name):
        base = bases.get(stop) if stop else by_name[walked[-1]].text("spec", "model")
        bases.update(dict.fromkeys(walked, base))
    return bases


def _base(item: Draft, bases: Mapping[str, str | None]) -> str | None:
    parent = item.text(*_FROM)
    return item.text("spec", "model") if parent is None else bases.get(parent)


def _circles(by_name: Mapping[str, Draft]) -> Mapping[str, list[str]]:
    """Each link of a circle -> the circle."""
    circles: dict[str, list[str]] = {}
    for walked, stop in _walks(by_name):
        links = walked[walked.index(stop) :] if stop in walked else []
        circles.update(dict.fromkeys(links, links))
    return circles


# ---- what is told --------------------------------------------------------------------------------


def _circle(name: str, links: list[str]) -> Flaw:
    """``a circle: a from b from a``, from the link that it is told at."""
    start = links.index(name)
    around = [*links[start:], *links[:start], name]
    names = around if len(links) <= SHOWN else [*around[:SHOWN], f"... ({len(links)} specs)"]
    found = f"a circle: {' from '.join(map(clip, names))}"
    return Flaw("SPEC118", found, "a chain that starts from a base", "Let one of them name a base.")


def _unknown(parent: str, names: Mapping[str, Draft]) -> Flaw:
    remedy = did_you_mean(parent, names, "Add that spec, or write a base.")
    return Flaw("SPEC117", f'found "{clip(parent)}", which no spec is named', "a spec", remedy)
