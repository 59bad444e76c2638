"""Rules for training data: a line in, findings out. Pure: bytes and parsed JSON, no disk.

    raw line   -> lines.parse_line        -> example, findings
    example    -> examples.check_example  -> findings: messages, content, tools, texts
    whole file -> files                   -> findings: what can be said at its start and at its end

What the rules say is in ``dataset/rules.py``. A finding never carries a row's content: only fields,
types and counts, so that reports can be shared.
Sources: OpenAI's fine-tuning guide ("Preparing your dataset", "Direct preference optimization",
"Vision fine-tuning"), its API document of 2026-08-21, and the errors that the service answers with.
Where it is not known whether the service takes something (a null ``weight``, part types to come),
no rule speaks.
"""
