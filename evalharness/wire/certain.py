"""Rejections that concern every request to a model: a wrong key, no credit, no such model or path.

Shapes from the documentation and bug reports of the endpoints: OpenAI, Azure (`DeploymentNotFound`), Ollama, vLLM and
Groq answer 404; Mistral 400 `invalid_model`; DeepSeek 400 "Model Not Exist"; OpenRouter 400 "is not a valid model ID".
No credit: DeepSeek and OpenRouter 402, Anthropic 400 "Your credit balance is too low".
"""

from __future__ import annotations

import re

from evalharness.errors import ModelUnavailableError, ProviderError

_NOT_FOUND = (404, 405, 410)
_MODEL_CODES = ("invalid_model", "model_not_found")
_MODEL = re.compile(r"^invalid model\b|model not exist|is not a valid model id", re.IGNORECASE)
_NO_CREDIT = re.compile(r"credit balance is too low", re.IGNORECASE)
_BUSY_CODES = ("in_flight_budget_exhausted",)
"""OpenRouter's 402 for credit that other requests in flight have reserved."""
_KEY = re.compile(r"(incorrect|invalid)( |%20)api( |%20)key|api key (not valid|not found|expired)", re.IGNORECASE)
"""400 of Gemini and xAI for a rejected key."""
_QUOTA_CODES = (
    "billing_error",
    "billing_hard_limit_reached",
    "billing_not_active",
    "exceeded_current_quota_error",
    "insufficient_quota",
)
"""Gemini's 429 "exceeded your current quota" is a limit per minute."""
FLAGGED = re.compile(r"requires moderation|(was|been) flagged|violates usage guidelines", re.IGNORECASE)
"""403 of OpenRouter and xAI for one prompt, which says nothing about the key."""


def certain_error(status: int, code: str, message: str, text: str) -> ProviderError | None:
    """Return the error of a rejected request if others to the same model fail with it too; None if that is unknown.

    `text`: status, code and message in words.
    """
    if code in _QUOTA_CODES or (status == 402 and code not in _BUSY_CODES) or _NO_CREDIT.search(message):
        return ModelUnavailableError(f"the account has no credit left: {text}", kind="quota")
    if _rejects_key(status, message):
        return ModelUnavailableError(f"the endpoint rejects the key: {text}", kind="auth")
    is_model = status == 400 and (code in _MODEL_CODES or _MODEL.search(message))
    if status in _NOT_FOUND or is_model:
        return ProviderError(f"the endpoint has no such model or path: {text}", kind="not found")
    return None


def _rejects_key(status: int, message: str) -> bool:
    if status in (401, 403):
        return not FLAGGED.search(message)
    return status == 400 and _KEY.match(message) is not None
