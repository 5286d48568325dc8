"""A shop's answers over HTTP, from three documents: retrieve the best passages, and quote one sentence of each.

$ pip install fastapi uvicorn
$ uvicorn app.main:app
$ curl --json '{"question": "How long is the warranty?"}' http://localhost:8000/ask
"""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
DOCUMENTS = {
    "returns": "You can return an item within 30 days. You pay the postage of a return. You cannot return sale items.",
    "shipping": "Shipping takes 3 days. The postage is 5 dollars. Shipping is free above 50 dollars.",
    "warranty": "The warranty lasts 2 years. It covers defects. Keep the receipt for the warranty.",
}
TOP = 2
COMMON = {"a", "an", "can", "do", "does", "for", "how", "i", "is", "it", "my", "of", "the", "to", "what", "you", "when"}


def words(text: str) -> set[str]:
    """The words of a text, without plural endings and common words."""
    return {word.rstrip("s") for word in re.findall(r"[a-z0-9]+", text.lower())} - COMMON


def retrieve(question: str) -> list[dict[str, Any]]:
    """The documents that share words with the question, the best first."""
    scores = {name: len(words(question) & words(f"{name} {text}")) for name, text in DOCUMENTS.items()}
    best = sorted((name for name in scores if scores[name]), key=lambda name: -scores[name])[:TOP]
    return [{"id": name, "body": DOCUMENTS[name], "score": scores[name]} for name in best]


def quote(question: str, text: str) -> str:
    """The sentence that shares most words with the question."""
    return max(re.findall(r"[^.]+\.", text), key=lambda sentence: len(words(question) & words(sentence))).strip()


class Asked(BaseModel):
    """The body of a request."""

    question: str


@app.post("/ask")
def ask(asked: Asked) -> dict[str, Any]:
    """The answer to one question, and the documents that it is from."""
    docs = retrieve(asked.question)
    if not docs:
        return {"refusal": "I can only answer questions about orders.", "docs": []}
    return {"answer": {"text": " ".join(quote(asked.question, doc["body"]) for doc in docs)}, "docs": docs}
