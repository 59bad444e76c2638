"""The rules for training data: id, what it says, what to do. Data, and no judgement.

An id is for ever: a rule that goes leaves a gap. Each has a section in ``docs/dataset-rules.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import Problem, Severity


@dataclass(frozen=True)
class Rule:
    """What a rule says, what to do about a breach, and how much it matters."""

    summary: str
    remedy: str
    severity: Severity = Severity.ERROR


RULES: dict[str, Rule] = {
    "DS100": Rule(
        "More problems were found than are shown.",
        "Correct those that are shown, then run again.",
    ),
    "DS101": Rule(
        "The line is not valid JSON.",
        "Write one JSON object a line; a line break inside a text is written \\n.",
    ),
    "DS102": Rule(
        "The line is JSON, but not an object.",
        "Write each example as an object on a line of its own, without an array around them.",
    ),
    "DS103": Rule(
        "The line's format is another method's.",
        "Change the spec's method, or point it to a file of the right format.",
    ),
    "DS104": Rule(
        "The messages are missing, empty, or not a list.",
        'Give the example a list under "messages" with at least one message.',
    ),
    "DS105": Rule(
        "A message is not an object, or its role is missing or unknown.",
        "Give each message one of the known roles.",
    ),
    "DS106": Rule(
        "A message has no content, or content of a wrong type.",
        "Give it a text or a list of content parts; an assistant may have tool calls instead.",
    ),
    "DS107": Rule(
        "A weight is not 0 or 1, or stands on a message that is not the assistant's.",
        "Put weight 0 or 1 on assistant messages only, or leave it out.",
    ),
    "DS108": Rule(
        "The example has no assistant message to learn from.",
        "Add an assistant message, or give one of them a weight other than 0.",
    ),
    "DS109": Rule(
        "A dpo example lacks its input messages, or one of its two outputs is not one message.",
        "Give input.messages, and one assistant message with content in each output's list.",
    ),
    "DS110": Rule(
        "The preferred and the non-preferred output are equal.",
        "Make the two outputs differ, or remove the example: it teaches nothing.",
    ),
    "DS111": Rule(
        "The training file has fewer than 10 examples.",
        "Add examples: the service refuses a training file with fewer than 10.",
    ),
    "DS112": Rule(
        "The file is empty.",
        "Write one example a line into it.",
    ),
    "DS113": Rule(
        "The line is not plain UTF-8 text: a wrong encoding, a byte-order mark, or a NUL byte.",
        "Save the file as UTF-8 without a byte-order mark.",
    ),
    "DS114": Rule(
        "The line is blank.",
        "Remove the line: the service wants an object on every line.",
    ),
    "DS115": Rule(
        "A tool call is malformed, or a tool message answers no call.",
        "Give calls an id, a name and arguments that are a JSON object in a string, and give each "
        "tool message the tool_call_id of an earlier call.",
    ),
    "DS116": Rule(
        "An object has the same key twice.",
        "Keep one of the two: readers differ in which one they use.",
    ),
    "DS117": Rule(
        "A number is NaN or Infinity, which JSON doesn't have.",
        "Write null, a number, or a text instead.",
    ),
    "DS118": Rule(
        "The example is longer than its base takes: the service cuts its end off silently.",
        "Shorten or split the example, or accept that its end is not learned.",
        Severity.WARNING,
    ),
    "DS119": Rule(
        "The line has 10 MB or more and was not read.",
        "Split the example; refer to images by URL rather than embedding them.",
    ),
    "DS120": Rule(
        "The file changed while it was read.",
        "Run again once nothing writes to the file.",
    ),
    "DS121": Rule(
        "Lines end with CR LF: a checkout with other settings makes it another dataset.",
        "Write LF line ends, and put `*.jsonl -text` into .gitattributes.",
        Severity.WARNING,
    ),
}


@dataclass(frozen=True)
class Finding:
    """A breach of a rule somewhere on a line; ``at`` makes it a Problem of a file."""

    rule: str
    found: str
    expected: str = ""
    field: str = ""
    column: int = 0

    @property
    def severity(self) -> Severity:
        """Its rule's."""
        return RULES[self.rule].severity

    def at(self, file: str, line: int) -> Problem:
        """The Problem that people see; line 0 means the whole file."""
        remedy = RULES[self.rule].remedy
        place = (file, line, self.column, self.rule, self.field)
        return Problem(*place, self.found, self.expected, remedy, self.severity)
