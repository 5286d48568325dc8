"""What a response says of its contexts and tool calls. A response that does not say is an error, never a 0."""

from __future__ import annotations

from evalharness.errors import MetricError
from evalharness.records import Context, Response, ToolCall

_ADVICE = "return them with the answer, and an empty list for none"


def contexts_of(response: Response) -> tuple[Context, ...]:
    """Return the retrieved contexts. Raises MetricError if the response does not say what was retrieved."""
    if not response.contexts and "contexts" not in response.empty:
        raise MetricError(f"the response has no contexts: {_ADVICE}")
    return response.contexts


def calls_of(response: Response) -> tuple[ToolCall, ...]:
    """Return the tool calls. Raises MetricError if the response does not say which tools were called."""
    if not response.tool_calls and "tool_calls" not in response.empty:
        raise MetricError(f"the response has no trace of tool calls: {_ADVICE}")
    return response.tool_calls
