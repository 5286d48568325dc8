"""A stand-in for the model of a help desk: it knows each fact, and the prompt determines its manners."""

from __future__ import annotations

import json
from pathlib import Path

from evalharness.records import Request

ANSWERS = json.loads(Path(__file__).with_name("answers.json").read_text(encoding="utf-8"))


def reply(request: Request) -> str:
    """The answer to a customer: kind if the prompt asks for it."""
    manners = "kind" if "Be kind" in request.messages[0].content else "short"
    answer: str = ANSWERS[request.key.case][manners]
    return answer
