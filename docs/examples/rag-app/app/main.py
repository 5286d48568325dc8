"""A shop's answers over HTTP, from three documents: retrieve the best passages, and quote one sentence of each.

$ python app/main.py 8000
$ curl -d '{"question": "How long is the warranty?"}' http://localhost:8000/ask
"""

from __future__ import annotations

import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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


def ask(question: str) -> dict[str, Any]:
    """The answer to one question, and the documents that it is from."""
    docs = retrieve(question)
    if not docs:
        return {"refusal": "I can only answer questions about orders.", "docs": []}
    return {"answer": {"text": " ".join(quote(question, doc["body"]) for doc in docs)}, "docs": docs}


class Handler(BaseHTTPRequestHandler):
    """`POST /ask` with `{"question": ...}`."""

    def do_POST(self) -> None:
        """Answer in JSON."""
        try:
            given = json.loads(self.rfile.read(int(self.headers["content-length"])))
            status, answer = 200, ask(str(given["question"]))
        except (ValueError, KeyError, TypeError):
            status, answer = 422, {"detail": "expected a question"}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        print(f"http://localhost:{server.server_port}/ask", flush=True)
        server.serve_forever()
