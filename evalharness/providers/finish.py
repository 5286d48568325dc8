"""Why a response ended: the finish reasons of all known endpoints in one table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from evalharness.errors import BilledError
from evalharness.records import FinishReason, Usage
from evalharness.redaction import shortened
from evalharness.wire import EndpointError

_Meaning = Literal["stop", "length", "filtered", "refused", "tool call", "failed"]
_MEANINGS: Mapping[_Meaning, str] = {
    "stop": "stop eos eos_token end_turn stop_sequence complete",
    "length": "length max_tokens max_output_tokens token_limit model_length model_context_window_exceeded",
    "filtered": (
        "content_filter content_filtered guardrail_intervened sensitive error_toxic safety recitation language"
        " blocklist prohibited_content spii model_armor image_safety image_prohibited_content image_recitation"
    ),
    "refused": "refusal",
    "tool call": (
        "tool_calls tool_call tool_use function_call pause_turn malformed_function_call unexpected_tool_call"
        " too_many_tool_calls malformed_tool_use"
    ),
    "failed": (
        "error abort aborted cancelled insufficient_system_resource network_error time_limit timeout other"
        " malformed_model_output malformed_response no_image image_other missing_thought_signature"
    ),
}
"""OpenAI, Anthropic (`end_turn`, `pause_turn`), Bedrock (`guardrail_intervened`), Cohere (`complete`, `error_toxic`),
DeepSeek (`insufficient_system_resource`), Gemini (`safety`, `spii`), GLM (`sensitive`), Mistral (`model_length`), TGI
(`eos_token`), Together (`eos`), SGLang and vLLM (`abort`), watsonx (`token_limit`).
"""
_MOST_BLANK_TOKENS = 16
"""Of a response without visible text: the end token, and the frame of a chat format. More are hidden reasoning."""
_REASONS = {reason: meaning for meaning, reasons in _MEANINGS.items() for reason in reasons.split()}
_CALLS = ("tool_calls", "tool_call", "tool_use", "function_call")
"""Reasons of a response that calls a tool of the request."""
_MESSAGES: Mapping[str, str] = {
    "filtered": "the endpoint's content filter stopped the response",
    "refused": "the model refuses to respond",
    "tool call": "the model calls a tool instead of responding",
}


def finish_reason(given: str, *, calls: bool | None = None) -> FinishReason:
    """Return why a response ended. `calls`: whether it has tool calls; None if the request offers no tools.

    Raises BilledError: the endpoint stopped the model, the model did something other than respond, or the reason is
    unknown; EndpointError: the reason is missing, or names a failure.
    """
    name = given.partition(":")[0].strip().lower().replace("-", "_")
    meaning = _REASONS.get(name)
    if meaning == "stop" or meaning == "length":
        return meaning
    if name in _CALLS and calls:
        return "stop"
    if name in _CALLS and calls is not None:
        raise BilledError(f"the response has no tool call, but the finish reason {name!r}", kind="tool call")
    if meaning and meaning != "failed":
        raise BilledError(f"{_MESSAGES[meaning]} (finish reason: {shortened(given, 100)})", kind=meaning)
    if meaning:
        raise EndpointError(f"the endpoint broke off: finish reason {shortened(given, 100)!r}", kind="server")
    if not given:
        raise EndpointError("the stream ended without a finish reason", kind="truncated")
    raise BilledError(f"unknown finish reason: {shortened(given, 100)!r}", kind="malformed")  # the next one is the same


def require_answer(text: str, finish: FinishReason, usage: Usage, *, has_reasoning: bool) -> None:
    """Raise BilledError if the response contains nothing but reasoning, or if its tokens are not in its text."""
    is_hidden = not usage.estimated and usage.completion_tokens > len(text) + _MOST_BLANK_TOKENS
    if text.strip() or not (has_reasoning or usage.reasoning_tokens or is_hidden):
        return
    tokens = f"all {usage.completion_tokens} tokens" if usage.completion_tokens else "all its tokens"
    cause = f"the model spent {tokens} on reasoning"
    if not (has_reasoning or usage.reasoning_tokens):
        cause = f"the response has no text, but {usage.completion_tokens} tokens: the endpoint hides reasoning"
    if finish == "length":
        advice = "raise params.max_tokens or lower the reasoning effort"
    else:
        advice = "the response ends without an answer; lower the reasoning effort"
    raise BilledError(f"{cause}; {advice}", kind="no answer")
