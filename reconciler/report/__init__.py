"""Plans, conditions and problems as text: one module a format. Pure: strings out, nothing sent.

``text`` for terminals, ``markdown`` for pull requests and job summaries, ``json`` for programs,
``annotations`` for GitHub's runner. ``words`` and ``summary`` hold what they share.
"""
