"""What Git tells of earlier commits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class History:
    """What Git tells of earlier commits, as data. What it can't tell isn't in it.

    Attributes:
        ancestors: of the commits that were asked about those that HEAD contains, HEAD included.
        on_remove: spec that is gone -> its ``lifecycle.on_remove`` in the last commit that had it;
            ``retain`` as well where its training may have gone on as another spec's that said so.
        overlooked: files of HEAD that the checkout leaves out or may hold otherwise, unseen by
            ``git status``.
    """

    ancestors: frozenset[str] = frozenset()
    on_remove: Mapping[str, str] = field(default_factory=dict)
    overlooked: tuple[str, ...] = ()
