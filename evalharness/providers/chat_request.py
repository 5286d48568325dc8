"""Messages and tools in OpenAI's form: https://platform.openai.com/docs/guides/function-calling, .../images-vision and
.../pdf-files.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

from evalharness.providers.attachments import data_url
from evalharness.records import Attachment, Message, Request, Tool, ToolCall

TOP_LOGPROBS = 20
"""The most that OpenAI allows."""


def decision_fields(request: Request, top_logprobs: int = TOP_LOGPROBS) -> dict[str, Any]:
    """Return the fields of a request for a decision; nothing without choices. `choices` are not sent."""
    if not request.choices:
        return {}
    return {"choices": list(request.choices), "logprobs": True, "top_logprobs": top_logprobs}


def prompt_fields(request: Request) -> dict[str, Any]:
    """Return the messages and the tools as they are in the ledger's key: files by their digests, schemas as text."""
    tools = {"tools": [tool.to_data() for tool in request.tools]} if request.tools else {}
    return {"messages": _messages(request, Attachment.to_data), **tools}


def messages_of(request: Request) -> list[dict[str, Any]]:
    """Return the messages with their files. Raises ProviderError: a file has changed."""
    return _messages(request, _file)


def functions_of(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Return the tools as functions, without an empty description."""
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def _function(tool: Tool) -> dict[str, Any]:
    about = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **about, "parameters": tool.schema}


def _messages(request: Request, part: Callable[[Attachment], Any]) -> list[dict[str, Any]]:
    return [_message(message, part) for message in request.messages]


def _message(message: Message, part: Callable[[Attachment], Any]) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.content}
    if message.tool_calls:
        calls = [_call(call) for call in message.tool_calls]
        return {"role": message.role, "content": message.content or None, "tool_calls": calls}
    if message.attachments:
        parts = [{"type": "text", "text": one} if isinstance(one, str) else part(one) for one in message.parts()]
        return {"role": message.role, "content": parts}
    return {"role": message.role, "content": message.content}


def _call(call: ToolCall) -> dict[str, Any]:
    """The call with its arguments as text. Sorted, because the ledger sorts them and a replay must send the same."""
    given = {} if call.arguments is None else call.arguments
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, sort_keys=True)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": text}}


def _file(attachment: Attachment) -> dict[str, Any]:
    if attachment.is_picture:
        return {"type": "image_url", "image_url": {"url": data_url(attachment)}}
    name = PurePosixPath(attachment.path).name
    return {"type": "file", "file": {"filename": name, "file_data": data_url(attachment)}}
