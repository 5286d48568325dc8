"""Messages and tools in Anthropic's form.

https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/implement-tool-use, .../build-with-claude/vision and
.../build-with-claude/pdf-support.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Any

from evalharness.errors import ProviderError
from evalharness.providers.attachments import base64_of
from evalharness.providers.claude_blocks import use_of
from evalharness.records import Attachment, Message, Request, Tool


def prompt_fields(request: Request) -> dict[str, Any]:
    """Return the system messages apart from the turns, and the tools.

    As they are in the ledger's key: files by their digests, schemas as text. Raises ProviderError: a system message
    follows a turn.
    """
    system, turns = _split(request)
    blocks = [{"type": "text", "text": message.content} for message in system]
    tools = {"tools": [tool.to_data() for tool in request.tools]} if request.tools else {}
    return {**({"system": blocks} if blocks else {}), "messages": _turns(turns, Attachment.to_data), **tools}


def turns_of(request: Request) -> list[dict[str, Any]]:
    """Return the turns with their files. Raises ProviderError: a file has changed."""
    return _turns(_split(request)[1], _file)


def _split(request: Request) -> tuple[Sequence[Message], Sequence[Message]]:
    """The system messages, and the turns after them."""
    system = list(takewhile(lambda message: message.role == "system", request.messages))
    turns = request.messages[len(system) :]
    if any(message.role == "system" for message in turns):
        raise ProviderError("system messages must precede the first turn in this API", kind="request")
    return system, turns


def tools_of(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Return the tools, without an empty description."""
    return [
        {
            "name": tool.name,
            **({"description": tool.description} if tool.description else {}),
            "input_schema": tool.schema,
        }
        for tool in tools
    ]


def _turns(messages: Sequence[Message], part: Callable[[Attachment], Any]) -> list[dict[str, Any]]:
    """The turns. The results of one turn are blocks of one user message, before the text of a user that follows."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        follows_result = bool(turns) and _ends_with_result(turns[-1]["content"])
        if message.role == "tool" and follows_result:
            turns[-1]["content"].append(_result(message))
        elif message.role == "user" and follows_result:
            turns[-1]["content"] += _blocks(message, part)
        else:
            turns.append(_turn(message, part))
    return turns


def _ends_with_result(content: str | list[dict[str, Any]]) -> bool:
    return isinstance(content, list) and content[-1]["type"] == "tool_result"


def _blocks(message: Message, part: Callable[[Attachment], Any]) -> list[dict[str, Any]]:
    return [{"type": "text", "text": one} if isinstance(one, str) else part(one) for one in message.parts()]


def _turn(message: Message, part: Callable[[Attachment], Any]) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "user", "content": [_result(message)]}
    if message.verbatim:
        return {"role": message.role, "content": json.loads(message.verbatim)}
    if message.tool_calls:
        text = [{"type": "text", "text": message.content}] if message.content else []
        return {"role": message.role, "content": [*text, *map(use_of, message.tool_calls)]}
    if message.attachments:
        return {"role": message.role, "content": _blocks(message, part)}
    return {"role": message.role, "content": message.content}


def _result(message: Message) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": message.call_id, "content": message.content}


def _file(attachment: Attachment) -> dict[str, Any]:
    source = {"type": "base64", "media_type": attachment.media_type, "data": base64_of(attachment)}
    return {"type": "image" if attachment.is_picture else "document", "source": source}
