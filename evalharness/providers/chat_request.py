"""Messages and tools in OpenAI's form: https://platform.openai.com/docs/guides/function-calling."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from evalharness.records import Message, Request, Tool, ToolCall


def prompt_fields(request: Request) -> dict[str, Any]:
    """Return the messages, and the tools as they are in the ledger's key."""
    tools = {"tools": [tool.to_data() for tool in request.tools]} if request.tools else {}
    return {"messages": [_message(message) for message in request.messages], **tools}


def functions_of(tools: Iterable[Tool]) -> list[dict[str, Any]]:
    """Return the tools as functions, without an empty description."""
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def _function(tool: Tool) -> dict[str, Any]:
    about = {"description": tool.description} if tool.description else {}
    return {"name": tool.name, **about, "parameters": tool.schema}


def _message(message: Message) -> dict[str, Any]:
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": message.call_id, "content": message.content}
    if message.tool_calls:
        calls = [_call(call) for call in message.tool_calls]
        return {"role": message.role, "content": message.content or None, "tool_calls": calls}
    return {"role": message.role, "content": message.content}


def _call(call: ToolCall) -> dict[str, Any]:
    """The call with its arguments as text. Sorted, because the ledger sorts them and a replay must send the same."""
    given = {} if call.arguments is None else call.arguments
    text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, sort_keys=True)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": text}}
