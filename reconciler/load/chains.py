"""Specs that train on another spec's model: each gets the base that its chain starts from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.errors import Problem
from reconciler.load.documents import Draft
from reconciler.load.flaw import Flaw, clip, did_you_mean

_FROM = ("spec", "model", "from")


def with_bases(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts, each knowing the base that it rests on; none where its chain leads nowhere."""
    by_name = _by_name(drafts)
    return [replace(item, base=_chain(item, by_name)[-1].text("spec", "model")) for item in drafts]


def chain_problems(drafts: Sequence[Draft]) -> Iterator[Problem]:
    """A problem at every parent that isn't there, and at every link of a circle."""
    by_name = _by_name(drafts)
    for item in drafts:
        parent = item.text(*_FROM)
        if parent is None:
            continue
        if parent not in by_name:
            yield _unknown(parent, by_name).at(item.at(*_FROM), ".".join(_FROM))
        elif _is_in_circle(item, by_name):
            yield _circle(item, by_name).at(item.at(*_FROM), ".".join(_FROM))


def _by_name(drafts: Sequence[Draft]) -> dict[str, Draft]:
    return {name: item for item in drafts if (name := item.text("metadata", "name"))}


def _chain(item: Draft, by_name: Mapping[str, Draft]) -> list[Draft]:
    """A draft and what it rests on, up to the base, to a parent that is missing, or once around."""
    chain = [item]
    while (parent := by_name.get(chain[-1].text(*_FROM) or "")) is not None:
        if any(parent is known for known in chain):
            break
        chain.append(parent)
    return chain


def _is_in_circle(item: Draft, by_name: Mapping[str, Draft]) -> bool:
    return by_name.get(_chain(item, by_name)[-1].text(*_FROM) or "") is item


def _unknown(parent: str, names: Mapping[str, Draft]) -> Flaw:
    remedy = did_you_mean(parent, names, "Add that spec, or write a base.")
    return Flaw("SPEC117", f'found "{clip(parent)}", which no spec is named', "a spec", remedy)


def _circle(item: Draft, by_name: Mapping[str, Draft]) -> Flaw:
    names = [clip(each.text("metadata", "name") or "") for each in _chain(item, by_name)]
    found = f"a circle: {' from '.join([*names, names[0]])}"
    return Flaw("SPEC118", found, "a chain that starts from a base", "Let one of them name a base.")
