"""Microsoft Teams, by the address of a workflow ("Post to a channel when a webhook request is received").

Texts of suites and models are in `TextRun` elements, which have no markdown; and without
`msteams.entities` a card mentions no person. A card may compute dates from `{{DATE(...)}}`: double braces
are taken apart.

Source: https://adaptivecards.io/explorer/TextRun.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalharness.config import Config
from evalharness.publish.http_target import HttpTarget
from evalharness.publish.message import Message
from evalharness.publish.posted import Posted

_CARD = "application/vnd.microsoft.card.adaptive"
_COLOURS = {"FAIL": "attention", "ERROR": "attention", "PASS": "good", "ACCEPTED": "good"}


def teams(config: Config, *, url_env: str, ca_file: str | None = None, proxy_env: str | None = None) -> Posted:
    """The destination `teams`. `url_env`: the variable with the workflow's address, which is a secret."""
    return Posted(HttpTarget(config=config, url_env=url_env, ca_file=ca_file, proxy_env=proxy_env), payload)


def payload(message: Message) -> dict[str, Any]:
    """The body of the request."""
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": list(_body(message)),
    }
    if message.job:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "CI job", "url": message.job}]
    return {"type": "message", "attachments": [{"contentType": _CARD, "contentUrl": None, "content": card}]}


def _body(message: Message) -> Iterator[dict[str, Any]]:
    yield _text(message.title, size="large", weight="bolder", color=_COLOURS.get(message.word, "warning"))
    yield _text(message.headline, weight="bolder")
    yield from map(_text, message.gates)
    if message.cases:
        yield _text("Worst cases", weight="bolder")
        yield from map(_text, message.cases)
    facts = " · ".join(filter(None, (message.run, message.commit[:12], message.command)))
    yield _text(facts, isSubtle=True, size="small")


def _text(text: str, **style: Any) -> dict[str, Any]:
    """One line without markdown."""
    run = {"type": "TextRun", "text": text.replace("{{", "{ {"), **style}
    return {"type": "RichTextBlock", "inlines": [run]}
