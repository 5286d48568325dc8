"""Texts and their word diff, for both implementations: Python's and the report page's."""

from __future__ import annotations

EXAMPLES = [
    ("30 days", "60 days", [("gone", "30"), ("new", "60"), ("same", " days")]),
    ("in stock", "in stock.", [("same", "in stock"), ("new", ".")]),
    ("a quick fox", "a slow dog", [("same", "a "), ("gone", "quick fox"), ("new", "slow dog")]),
    ("don't go", "don't stay", [("same", "don't "), ("gone", "go"), ("new", "stay")]),
    ("返品は三十日", "返品は六十日", [("same", "返品は"), ("gone", "三"), ("new", "六"), ("same", "十日")]),
    ("cafe\u0301", "cafe", [("gone", "cafe\u0301"), ("new", "cafe")]),
    ("admin", "admin\u200b", [("same", "admin"), ("new", "\u200b")]),
    ("a\n", "a \n", [("same", "a"), ("gone", "\n"), ("new", " \n")]),
    ("", "new", [("new", "new")]),
    ("old", "", [("gone", "old")]),
]
"""Old text, new text, segments."""
