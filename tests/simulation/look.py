"""What one process has seen since its pass began."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Look:
    """A pass from the outside.

    Attributes:
        pass_began: when the pass began.
        began: when its latest scan of all jobs began.
        rows: ids shown by that scan.
        marked: those that it showed with a mark of ours.
        is_whole: whether its last page said that it was the last, and no page said nonsense.
        was_stopped: whether the pass was told that its key is dead, to slow down, or that training
            has ended.
        spent: US dollars that the pass has sent creates for, as they were estimated.
        deleted: models that the pass has asked to be deleted.
    """

    pass_began: float = 0.0
    began: float = 0.0
    rows: list[str] = field(default_factory=list)
    marked: set[str] = field(default_factory=set)
    is_whole: bool = False
    was_stopped: bool = False
    spent: float = 0.0
    deleted: set[str] = field(default_factory=set)
