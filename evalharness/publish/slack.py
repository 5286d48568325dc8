"""Slack, by an incoming webhook.

Texts of suites and models are in `plain_text` objects, where neither mentions nor links nor markup exist. The one text
for notifications is mrkdwn, whose control characters `&`, `<` and `>` are escaped.

Sources: https://docs.slack.dev/messaging/formatting-message-text, https://docs.slack.dev/reference/block-kit/blocks
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evalharness.config import Config
from evalharness.publish.http_target import HttpTarget
from evalharness.publish.message import Message
from evalharness.publish.posted import Posted

_HEADER_CHARS, _SECTION_CHARS = 150, 3000
"""Limits of Slack."""


def slack(config: Config, *, url_env: str, ca_file: str | None = None, proxy_env: str | None = None) -> Posted:
    """The destination `slack`. `url_env`: the variable with the webhook's address, which is a secret."""
    return Posted(HttpTarget(config=config, url_env=url_env, ca_file=ca_file, proxy_env=proxy_env), payload)


def payload(message: Message) -> dict[str, Any]:
    """The body of the request."""
    return {
        "text": escaped(f"{message.title}: {message.headline}"),
        "blocks": list(_blocks(message)),
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def escaped(text: str) -> str:
    """The text as mrkdwn without mentions and links."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    yield {"type": "header", "text": _plain(message.title, _HEADER_CHARS)}
    yield _section([message.headline, *message.gates])
    if message.cases:
        yield _section(["Worst cases:", *message.cases])
    facts = " · ".join(filter(None, (message.run, message.commit[:12], message.command)))
    elements: list[dict[str, Any]] = [_plain(facts, _SECTION_CHARS)]
    if message.job:
        elements.append({"type": "mrkdwn", "text": f"<{escaped(message.job)}|CI job>"})
    yield {"type": "context", "elements": elements}


def _section(lines: Sequence[str]) -> dict[str, Any]:
    return {"type": "section", "text": _plain("\n".join(lines), _SECTION_CHARS)}


def _plain(text: str, most: int) -> dict[str, Any]:
    """Text without markup. Emoji names such as `:x:` stay text."""
    return {"type": "plain_text", "text": text if len(text) <= most else text[: most - 1] + "…", "emoji": False}
