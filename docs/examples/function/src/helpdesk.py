"""A help desk that answers from a handbook: it retrieves the passages that fit, and quotes them."""

from __future__ import annotations

import re
from typing import Any

HANDBOOK = {
    "returns": "You may return an item within 30 days.",
    "returns-sale": "Sale items can be exchanged, but not returned.",
    "refund": "A refund reaches your account within 5 days.",
    "shipping": "Shipping takes 3 days.",
    "shipping-abroad": "Shipping abroad takes 10 days and costs 15 dollars.",
    "warranty": "The warranty lasts 2 years.",
}
TOP = 2
COMMON = {"a", "an", "can", "do", "does", "for", "how", "i", "is", "my", "of", "on", "the", "to", "what", "you"}


def words(text: str) -> set[str]:
    """The words of a text, without plural endings and common words."""
    return {word.rstrip("s") for word in re.findall(r"[a-z0-9]+", text.lower())} - COMMON


def retrieve(question: str) -> list[dict[str, Any]]:
    """The passages that share words with the question, the best first."""
    scores = {name: len(words(question) & words(f"{name} {text}")) for name, text in HANDBOOK.items()}
    best = sorted((name for name in scores if scores[name]), key=lambda name: -scores[name])[:TOP]
    return [{"id": name, "text": HANDBOOK[name], "score": scores[name]} for name in best]


def answer(question: str) -> dict[str, Any]:
    """Answer a question of a customer."""
    passages = retrieve(question)
    if not passages:
        return {"refusal": "I can only answer questions about orders."}
    return {"text": " ".join(passage["text"] for passage in passages), "contexts": passages}
