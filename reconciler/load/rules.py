"""The rules of this stage: a stable id each, and one sentence that says what holds."""

from __future__ import annotations

from collections.abc import Mapping

RULES: Mapping[str, str] = {
    # ---- the file and its syntax ----
    "YAML001": "A spec file is UTF-8 text without a byte order mark.",
    "YAML002": "A spec file holds no control characters, neither written nor escaped.",
    "YAML003": "A spec file has at most 1 MB.",
    "YAML004": "Lists and mappings are nested at most 64 deep.",
    "YAML005": "A spec file holds at most 100,000 values.",
    "YAML006": "Anchors and aliases are not used: a document reads as it is applied.",
    "YAML007": "Tags are not used: a value's type is seen from its writing.",
    "YAML008": "Merge keys are not used: a document reads as it is applied.",
    "YAML009": "A spec file is well-formed YAML.",
    "YAML010": "The keys of a mapping are text.",
    "YAML011": "A key stands once in a mapping.",
    # ---- documents ----
    "SPEC101": "A document is a mapping.",
    "SPEC102": "A document names an apiVersion that this version knows.",
    "SPEC103": "A document names a kind that this version knows.",
    "SPEC104": "A value is one of those allowed, within its bounds.",
    "SPEC105": "A required key is there.",
    "SPEC106": "Every key is known.",
    "SPEC107": "A value has the type that its key asks for.",
    "SPEC108": "A name is used by one FineTune only.",
    "SPEC109": "A model is named by its snapshot, never by an alias that may be re-pointed.",
    "SPEC110": "A base model is trained by a method that it takes.",
    "SPEC111": "A base model that is almost, but not quite, one of the catalog's may be a typo.",
    "SPEC112": "A Project stands in reconciler.yaml at the root.",
    "SPEC113": "reconciler.yaml holds one Project document, and nothing else.",
    "SPEC114": "A project has at least one FineTune.",
    "SPEC115": "Fields that belong to one method are written with that method only.",
    "SPEC116": "A rule for data that a spec accepts exists, and leaves the data readable.",
    "SPEC117": "A chain names a spec that exists.",
    "SPEC118": "A chain starts from a base: no spec rests on itself.",
    # ---- paths ----
    "PATH201": "A path is relative.",
    "PATH202": "A path stays inside the project root.",
    "PATH203": "A symbolic link leads to a place inside the project root.",
    "PATH204": "A path leads to something that exists.",
    "PATH205": "A path leads to a regular file, or to a folder where one is meant.",
    "PATH206": "The validation examples are not the training examples.",
    "PATH207": "A file's name holds no control characters and is UTF-8.",
    "PATH208": "A file or folder can be looked at and read.",
}
"""From rule id to what holds; ids are never reused."""
