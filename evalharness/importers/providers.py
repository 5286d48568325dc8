"""promptfoo's providers: which of our models each one is, and how it draws."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from evalharness.importers.source import FILE, Node, Source, names
from evalharness.redaction import is_variable

_PARAMS = {"temperature": "temperature", "max_tokens": "max_tokens", "top_p": "top_p", "seed": "seed", "stop": "stop"}
_ADDRESSES: Mapping[str, tuple[str, str | None]] = {
    "openai": ("https://api.openai.com/v1", "OPENAI_API_KEY"),
    "openrouter": ("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "mistral": ("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    "groq": ("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    "deepseek": ("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    "togetherai": ("https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    "google": ("https://generativelanguage.googleapis.com/v1beta/openai", "GOOGLE_API_KEY"),
    "ollama": ("http://localhost:11434/v1", None),
    "vllm": ("http://localhost:8000/v1", None),
}
"""What speaks OpenAI's chat format, by promptfoo's prefix: the address, and the variable that promptfoo reads."""
_NO_ADDRESS = "https://..."
_KINDS = ("chat", "completion", "messages", "responses")


@dataclass(frozen=True, slots=True)
class FoundModel:
    """One provider: a table for pyproject.toml."""

    settings: Mapping[str, str]
    params: Mapping[str, Any]
    known: bool = True
    """Whether `settings` can be used as they are."""


def read_providers(source: Source, providers: Node) -> dict[str, FoundModel]:
    """By a name that a suite can hold; one that nobody knows where there is none, for a suite needs a model."""
    found = dict(_each(source, providers))
    if not found:
        source.leave(providers, "there is no provider that can be taken: fill in the table of the model")
        return {"model": _unknown("model")}
    return found


def common_params(source: Source, providers: Node, models: Mapping[str, FoundModel]) -> dict[str, Any]:
    """A suite has one set of parameters. promptfoo's own defaults are 1,024 tokens and temperature 0."""
    first = next(iter(models.values())).params
    for other in models.values():
        if other.params != first:
            source.leave(providers, "providers with parameters of their own: the suite has those of the first")
            break
    return {"max_tokens": 1024, "temperature": 0, **first}


def _each(source: Source, providers: Node) -> Iterator[tuple[str, FoundModel]]:
    read = [(label, model) for item in providers.each() for label, model in _of(source, item)]
    return zip(names((label for label, _ in read), "model"), (model for _, model in read), strict=True)


def _of(source: Source, item: Node) -> Iterator[tuple[str, FoundModel]]:
    node, options = item, Node(None, item.document, item.loc)
    if isinstance(item.value, dict):
        if "id" not in item.value and len(item.value) == 1:  # {openai:gpt-4o: {config: ...}}
            ((id_, options),) = item.items()
            node = Node(id_, options.document, options.loc)
        else:
            node, options = item["id"], item
        source.leave_keys(options, ("id", "label", "config"), "of a provider: ")
    if node.text.startswith((FILE, "exec:", "python:")) or not node.text:
        source.leave(
            item, f"the provider {node.text[:80]!r} is a program: nothing of it is run; see README, Your own provider"
        )
        return
    model = _model(source, node, options["config"])
    label = options["label"].text or model.settings["model"].rpartition("/")[2]
    yield label, FoundModel(model.settings, _params(source, options["config"]), model.known)


def _model(source: Source, node: Node, config: Node) -> FoundModel:
    prefix, *rest = node.text.split(":")
    name = ":".join(rest[1:] if rest and rest[0] in _KINDS and len(rest) > 1 else rest)
    base_url = (config["apiBaseUrl"] or config["baseUrl"]) if config else None
    if (rest and rest[0] in ("completion", "embedding", "image", "realtime")) or not name:
        prefix, name = "", node.text
    if prefix == "anthropic":
        key = _variable(source, config["apiKeyEnvar"]) or "ANTHROPIC_API_KEY"
        return FoundModel({"provider": "anthropic", "model": name, "api_key_env": key}, {})
    if prefix in _ADDRESSES:
        address, variable = _ADDRESSES[prefix]
        key = _variable(source, config["apiKeyEnvar"]) or variable or ""
        url = _address(source, base_url) if base_url else address
        settings = {"provider": "openai", "base_url": url, "model": name, "api_key_env": key}
        return FoundModel({option: value for option, value in settings.items() if value}, {}, url != _NO_ADDRESS)
    source.leave(node, f"the provider {node.text[:80]!r} is not known here: fill in the table of its model")
    return _unknown(name)


def _variable(source: Source, node: Node) -> str:
    """Empty where it is none: it may be the key itself."""
    if not node.text or is_variable(node.text):
        return node.text
    source.leave(node, "of a provider: 'apiKeyEnvar' is not copied: it is no name of an environment variable")
    return ""


def _address(source: Source, node: Node) -> str:
    """To be filled in where it may hold a key."""
    with suppress(ValueError):
        parts = urlsplit(node.text)
        secret = parts.username or parts.password or parts.query or parts.fragment
        if parts.scheme in ("http", "https") and parts.hostname and not secret:
            return node.text
    source.leave(node, "of a provider: its address is not copied, for it may hold a key: only scheme, host and path")
    return _NO_ADDRESS


def _unknown(name: str) -> FoundModel:
    return FoundModel({"provider": "openai", "base_url": _NO_ADDRESS, "model": name}, {}, known=False)


def _params(source: Source, config: Node) -> dict[str, Any]:
    taken = (*_PARAMS, "apiBaseUrl", "baseUrl", "apiKeyEnvar")
    for key, value in config.items():
        if ("key" in key.lower() and key not in taken) or key in ("headers",):
            source.leave(value, f"of a provider: '{key}' is not copied, for it may hold a key: name a variable instead")
        elif key not in taken:
            source.leave(value, f"of a provider: '{key}' has no counterpart in a suite's params")
    return {ours: config[theirs].plain for theirs, ours in _PARAMS.items() if config[theirs]}
