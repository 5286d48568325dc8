"""Weakenings of conversations, scripted tools, pictures, and what measures retrieval and meaning."""

from __future__ import annotations

from trust_project import CAT, PYPROJECT, RAG, TALK, TALK_GOLDEN, TALK_SUITE, Row, both, gone, moved, put, swap

_NLI = "models/nli/config.json"
_SECOND = "case-0#2: Free.\n"
_PICTURE = "suites/pictures/cat.png"


def _talk(sentence: str, old: str, new: str, listed: str) -> Row:
    return Row(sentence, swap(TALK, old, new), listed, suite="talk")


def _rag(sentence: str, old: str, new: str, listed: str) -> Row:
    return Row(sentence, swap(RAG, old, new), listed, suite="rag")


_TURN = TALK_SUITE[TALK_SUITE.index("      - user: And the postage?") : TALK_SUITE.index("  - id: case-1")]

APPLICATIONS = [
    Row(
        "remove a turn of a conversation with its golden answer",
        both(swap(TALK, _TURN, ""), swap(TALK_GOLDEN, _SECOND, "")),
        "case case-0#2: deleted",
        suite="talk",
    ),
    _talk("ask an easier turn", "And the postage?", "Say within 30 days.", "case case-0#2: conversation changed"),
    _talk("let a simulated user give up", "{go: insist}", "{go: end}", "case case-1: conversation changed"),
    _talk("let a simulated user say the answer", "says: How long?", "says: 30 days?", "conversation changed"),
    _talk("let a simulated user accept any answer", "if: {contains: days", "if: {contains: a", "conversation changed"),
    _talk("give a simulated user more turns", "max_turns: 3", "max_turns: 30", "conversation changed"),
    _talk("let the tools fail less often", "rate: 50%", "rate: 10%", "world faults: "),
    _talk("let an agent take more steps", "max_steps: 3", "max_steps: 30", "world max_steps: 3 -> 30"),
    _talk("let a tool return more", "result: delivered", "result: refunded", "world result of find_order: "),
    Row("replace a picture", put(_PICTURE, CAT + b"\0"), f"attachment {_PICTURE}: ", suite="talk"),
    Row(
        "remove a golden answer of a turn",
        swap(TALK_GOLDEN, _SECOND, ""),
        "case case-0#2: golden answers removed",
        suite="talk",
    ),
    _rag("call more documents relevant", "[returns]", "[returns, shipping]", "case case-0: variables changed"),
    _rag("count more retrieved documents", "k: 1", "k: 5", "metric context_recall: "),
    _rag("lower the threshold of similar", "threshold: 0.8", "threshold: 0.1", "assertion similar "),
    _rag("compare with an easier text", "to: Within 30 days.", "to: Sorry.", "assertion similar "),
    Row("edit a file of a cross-encoder", put(_NLI, '{"x": 1}'), f"file {_NLI}: ", suite="rag"),
    Row(
        "swap the folder of a cross-encoder",
        both(gone(_NLI), moved("models/other-nli/config.json", _NLI)),
        f"file {_NLI}: ",
        suite="rag",
    ),
    Row(
        "name another cross-encoder",
        swap(PYPROJECT, '"models/nli"', '"models/other-nli"'),
        "configuration cross_encoders.nli",
        suite="rag",
    ),
]
