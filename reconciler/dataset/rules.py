"""The rules for training data: id, what it says, what to do. Data, and no judgement.

An id is for ever: a rule that goes leaves a gap. Each has a section in ``docs/dataset-rules.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.errors import Problem, Severity


@dataclass(frozen=True)
class Rule:
    """What a rule says, what to do about a breach, and how much it matters.

    Attributes:
        summary: what holds where the rule is broken, one sentence.
        remedy: what to do, one sentence.
        severity: an ERROR stops the pass, a WARNING is only shown.
        is_summed: told once a file, at its first place, with how often it was found.
        is_firm: a spec can't accept it: what breaks it could not be checked at all.
    """

    summary: str
    remedy: str
    severity: Severity = Severity.ERROR
    is_summed: bool = False
    is_firm: bool = False


RULES: dict[str, Rule] = {
    "DS100": Rule(
        "More problems were found than are shown.",
        "Correct what is shown, or accept its rule, then run again.",
        is_firm=True,
    ),
    "DS101": Rule(
        "The line is not valid JSON.",
        "Write one JSON object a line; a line break inside a text is written \\n.",
        is_firm=True,
    ),
    "DS102": Rule(
        "The line is JSON, but not an object.",
        "Write each example as an object on a line of its own, without an array around them.",
        is_firm=True,
    ),
    "DS103": Rule(
        "The line's format is another method's, or another tool's.",
        "Change the spec's method, or convert the examples to its format.",
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
        is_firm=True,
    ),
    "DS113": Rule(
        "The line is not plain UTF-8 text: a wrong encoding, a byte-order mark, or a NUL byte.",
        "Save the file as UTF-8 without a byte-order mark.",
        is_firm=True,
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
        is_firm=True,
    ),
    "DS120": Rule(
        "The file changed while it was read.",
        "Run again once nothing writes to the file.",
        is_firm=True,
    ),
    "DS121": Rule(
        "Lines end with CR LF: a checkout with other settings makes it another dataset.",
        "Write LF line ends, and put `*.jsonl -text` into .gitattributes.",
        Severity.WARNING,
        is_summed=True,
    ),
    "DS122": Rule(
        "The file is a Git LFS pointer, not the data that it points to.",
        "Fetch the data with `git lfs pull`, and have the checkout of your CI fetch LFS files.",
        is_firm=True,
    ),
    "DS123": Rule(
        "The file is not JSONL but another format: compressed, a spreadsheet, a table.",
        "Unpack or export it as UTF-8 text with one JSON object a line.",
        is_firm=True,
    ),
    "DS124": Rule(
        "The file is UTF-16 or UTF-32 text.",
        "Save it as UTF-8; most editors and `iconv -t UTF-8` do so.",
        is_firm=True,
    ),
    "DS125": Rule(
        "The file is one JSON document instead of one object a line.",
        "Write each example on a line of its own, without the array: `jq -c '.[]' FILE`.",
        is_firm=True,
    ),
    "DS126": Rule(
        "Lines end with CR alone, so the file is a single line for every reader.",
        "Write LF line ends.",
        is_firm=True,
    ),
    "DS127": Rule(
        "The line holds more than one JSON value.",
        "Start each object on a line of its own.",
        is_firm=True,
    ),
    "DS128": Rule(
        "A text holds half of a character: an unpaired surrogate escape such as \\ud83d.",
        "Write the whole character; the text was probably cut in the middle of an emoji.",
    ),
    "DS129": Rule(
        "The file is larger than the 8 GB that the service takes.",
        "Split it, or train on a sample.",
    ),
    "DS130": Rule(
        "The declared tools are malformed.",
        'Declare a list of {"type": "function", "function": {"name", "parameters"}}, each name '
        "once; functions are a list of the inner objects.",
    ),
    "DS131": Rule(
        "A call names a tool that the example doesn't declare.",
        'Declare the tool in the example\'s "tools", or correct the name.',
        Severity.WARNING,
    ),
    "DS132": Rule(
        "A call's arguments are encoded twice: the string holds a string that holds the object.",
        "Encode the arguments once: the string itself is the JSON object.",
    ),
    "DS133": Rule(
        "A tool call is not answered before the conversation goes on.",
        "Add a tool message with the call's id after the call.",
        Severity.WARNING,
    ),
    "DS134": Rule(
        "An image part is malformed.",
        'Write {"type": "image_url", "image_url": {"url": ..., "detail": "low", "high" or "auto"}} '
        "with an https or data URL.",
    ),
    "DS135": Rule(
        "An image stands in a message that is not the user's.",
        "Move the image into a user message: the service takes images from the user only.",
    ),
    "DS136": Rule(
        "The example has more than 10 images.",
        "Split the example, or leave images out.",
    ),
    "DS137": Rule(
        "An embedded image can't be used: damaged, or of a type or mode that is not taken.",
        "Embed a whole JPEG, PNG or WEBP image in RGB or RGBA, and declare the type that it has.",
    ),
    "DS138": Rule(
        "An embedded image is too large.",
        "Scale it down: the service takes at most 10 MB an image.",
    ),
    "DS139": Rule(
        "The file has more than 50,000 examples with images.",
        "Leave examples out: the service takes at most 50,000 with images.",
    ),
    "DS140": Rule(
        "The example has images, and the base can't be trained on images.",
        "Choose a base for vision such as gpt-4o-2024-08-06, or leave the images out.",
    ),
    "DS141": Rule(
        "An answer is only white space.",
        "Write an answer, or remove the example: the model would learn to say nothing.",
        Severity.WARNING,
    ),
    "DS142": Rule(
        "A text holds a special token of the tokenizer, such as <|endoftext|>.",
        "Remove it or write it otherwise: such texts have failed jobs.",
    ),
    "DS143": Rule(
        "A name is no text, is too long, or has characters that the API doesn't take.",
        "Write a function's name with a-z, A-Z, 0-9, _ and -, a speaker's without white space "
        "and < | > / \\, each with at most 64 characters.",
    ),
    "DS144": Rule(
        "The example is the same as an earlier one.",
        "Remove one of them: a repeated example weighs double, and is paid for twice.",
        Severity.WARNING,
    ),
    "DS145": Rule(
        "A validation example asks what a training example asks.",
        "Keep it in one of the two files: validation must be on what was not trained.",
        Severity.WARNING,
    ),
    "DS146": Rule(
        "One prompt has different answers.",
        "Keep the answer that you want, unless variety is meant.",
        Severity.WARNING,
    ),
    "DS147": Rule(
        "An object has a key that the format doesn't have.",
        "Remove or correct the key: at best it is ignored.",
        Severity.WARNING,
        is_summed=True,
    ),
    "DS148": Rule(
        "A text holds a secret.",
        "Revoke it, then remove it from the data: a model may repeat what it was trained on.",
    ),
    "DS149": Rule(
        "Texts hold e-mail addresses.",
        "Replace them unless these people agreed: a model may repeat what it was trained on.",
        Severity.WARNING,
        is_summed=True,
    ),
    "DS150": Rule(
        "Texts hold phone numbers.",
        "Replace them unless these people agreed: a model may repeat what it was trained on.",
        Severity.WARNING,
        is_summed=True,
    ),
    "DS151": Rule(
        "Texts hold numbers of payment cards.",
        "Replace them: a model may repeat what it was trained on.",
        Severity.WARNING,
        is_summed=True,
    ),
    "DS152": Rule(
        "Texts hold Korean resident registration numbers.",
        "Replace them: a model may repeat what it was trained on.",
        Severity.WARNING,
        is_summed=True,
    ),
    "DS153": Rule(
        "Texts hold bank account numbers (IBAN).",
        "Replace them: a model may repeat what it was trained on.",
        Severity.WARNING,
        is_summed=True,
    ),
    "DS154": Rule(
        "The file mixes examples of different formats.",
        "Move the other method's examples into a file of their own.",
    ),
    "DS155": Rule(
        "A user's message is empty.",
        "Write what was asked, or leave the message out.",
        Severity.WARNING,
    ),
}


@dataclass(frozen=True)
class Finding:
    """A breach of a rule somewhere on a line.

    Attributes:
        rule: its id.
        found: what is there, in words; never a row's content. Of a rule that is summed, the noun
            that follows the number.
        expected: what should be there.
        field: where in the example, dotted.
        column: 1-based; 0 where the whole line is meant.
        amount: how many were found there, for a rule that is summed; 0 if lines are counted.
    """

    rule: str
    found: str
    expected: str = ""
    field: str = ""
    column: int = 0
    amount: int = 0

    def at(self, file: str, line: int) -> Problem:
        """The Problem that people see; line 0 means the whole file."""
        rule = RULES[self.rule]
        place = (file, line, self.column, self.rule, self.field)
        return Problem(*place, self.found, self.expected, rule.remedy, rule.severity)
