"""Disk in: the Project, the specs and the facts of their data, or every problem they have.

    reconciler.yaml, specs/*.yaml, data/*.jsonl
      files     -> which spec files there are, and their bytes
      guard     -> text, then parse events, within limits
      compose   -> values with line, column and raw text
      documents -> FineTune and Project, and what the catalog has against them
      datasets  -> the facts of each dataset, read once

``stage`` is that list. What can be wrong is listed in ``rules``.
"""

from reconciler.load.datasets import Progress as Examined
from reconciler.load.files import find_root
from reconciler.load.past import read_history
from reconciler.load.revision import is_shallow, read_revision
from reconciler.load.stage import load, load_project

__all__ = [
    "Examined",
    "find_root",
    "is_shallow",
    "load",
    "load_project",
    "read_history",
    "read_revision",
]
