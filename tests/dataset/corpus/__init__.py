"""The corpus: bad files with all that must be found in them, and files without a fault."""

from __future__ import annotations

from tests.dataset.corpus.case import Case, Classes, Method, file_of, goods
from tests.dataset.corpus.corpus_file import FILES
from tests.dataset.corpus.corpus_images import IMAGES
from tests.dataset.corpus.corpus_messages import MESSAGES
from tests.dataset.corpus.corpus_privacy import PRIVACY
from tests.dataset.corpus.corpus_tools import TOOLS
from tests.dataset.corpus.corpus_valid import VALID

PARTS: tuple[Classes, ...] = (FILES, MESSAGES, TOOLS, IMAGES, PRIVACY)

CLASSES: Classes = {name: cases for part in PARTS for name, cases in part.items()}

__all__ = ["CLASSES", "PARTS", "VALID", "Case", "Method", "file_of", "goods"]
