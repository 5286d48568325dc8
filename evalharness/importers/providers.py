"""Convert providers of promptfoo to model tables and sampling parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from evalharness.importers.source import FILE, Node, Source, unique_names
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
"""Endpoints with OpenAI's chat format by prefix: their URL, and the variable that promptfoo reads."""
_NO_ADDRESS = "https://..."
_KINDS = ("chat", "completion", "messages", "responses")


@dataclass(frozen=True, slots=True)
class ImportedModel:
    """A converted provider: a table for pyproject.toml, and sampling parameters."""

    settings: Mapping[str, str]
    params: Mapping[str, Any]
    known: bool = True
    """Whether `settings` are complete."""


def read_providers(source: Source, providers: Node) -> dict[str, ImportedModel]:
    """The models by name, or a placeholder if no provider can be imported."""
    found = dict(_named(source, providers))
    if not found:
        source.note(providers, "no provider can be imported: complete the table of the model")
        return {"model": _unknown("model")}
    return found


def common_params(source: Source, providers: Node, models: Mapping[str, ImportedModel]) -> dict[str, Any]:
    """The parameters of the first model, with the defaults of promptfoo."""
    first = next(iter(models.values())).params
    for other in models.values():
        if other.params != first:
            source.note(providers, "the providers have different parameters: the suite uses those of the first")
            break
    return {"max_tokens": 1024, "temperature": 0, **first}


def _named(source: Source, providers: Node) -> Iterator[tuple[str, ImportedModel]]:
    read = [(label, model) for item in providers.each() for label, model in _models(source, item)]
    return zip(unique_names((label for label, _ in read), "model"), (model for _, model in read), strict=True)


def _models(source: Source, item: Node) -> Iterator[tuple[str, ImportedModel]]:
    node, options = item, Node(None, item.document, item.loc)
    if isinstance(item.value, dict):
        if "id" not in item.value and len(item.value) == 1:  # {openai:gpt-4o: {config: ...}}
            ((id_, options),) = item.items()
            node = Node(id_, options.document, options.loc)
        else:
            node, options = item["id"], item
        source.note_unknown_keys(options, ("id", "label", "config"), "of a provider: ")
    if node.text.startswith((FILE, "exec:", "python:")) or not node.text:
        source.note(
            item, f"the provider {node.text[:80]!r} is a program, which is not run: see README, Your own provider"
        )
        return
    model = _model(source, node, options["config"])
    label = options["label"].text or model.settings["model"].rpartition("/")[2]
    yield label, ImportedModel(model.settings, _params(source, options["config"]), model.known)


def _model(source: Source, node: Node, config: Node) -> ImportedModel:
    prefix, *rest = node.text.split(":")
    name = ":".join(rest[1:] if rest and rest[0] in _KINDS and len(rest) > 1 else rest)
    base_url = (config["apiBaseUrl"] or config["baseUrl"]) if config else None
    if (rest and rest[0] in ("completion", "embedding", "image", "realtime")) or not name:
        prefix, name = "", node.text
    if prefix == "anthropic":
        key = _variable(source, config["apiKeyEnvar"]) or "ANTHROPIC_API_KEY"
        return ImportedModel({"provider": "anthropic", "model": name, "api_key_env": key}, {})
    if prefix in _ADDRESSES:
        address, variable = _ADDRESSES[prefix]
        key = _variable(source, config["apiKeyEnvar"]) or variable or ""
        url = _address(source, base_url) if base_url else address
        settings = {"provider": "openai", "base_url": url, "model": name, "api_key_env": key}
        return ImportedModel({option: value for option, value in settings.items() if value}, {}, url != _NO_ADDRESS)
    source.note(node, f"unknown provider {node.text[:80]!r}: complete the table of its model")
    return _unknown(name)


def _variable(source: Source, node: Node) -> str:
    """The name of a variable, "" if it is invalid: it may be the key itself."""
    if not node.text or is_variable(node.text):
        return node.text
    source.note(node, "of a provider: 'apiKeyEnvar' is not copied: expected the name of an environment variable")
    return ""


def _address(source: Source, node: Node) -> str:
    """The URL, or a placeholder if the URL may contain a key."""
    with suppress(ValueError):
        parts = urlsplit(node.text)
        secret = parts.username or parts.password or parts.query or parts.fragment
        if parts.scheme in ("http", "https") and parts.hostname and not secret:
            return node.text
    source.note(
        node, "of a provider: the URL is not copied because it may contain a key: use only scheme, host and path"
    )
    return _NO_ADDRESS


def _unknown(name: str) -> ImportedModel:
    return ImportedModel({"provider": "openai", "base_url": _NO_ADDRESS, "model": name}, {}, known=False)


def _params(source: Source, config: Node) -> dict[str, Any]:
    copied = (*_PARAMS, "apiBaseUrl", "baseUrl", "apiKeyEnvar")
    for key, value in config.items():
        if ("key" in key.lower() and key not in copied) or key in ("headers",):
            source.note(value, f"of a provider: '{key}' is not copied because it may contain a key: use 'api_key_env'")
        elif key not in copied:
            source.note(value, f"of a provider: '{key}' has no equivalent in 'params'")
    return {ours: config[theirs].plain for theirs, ours in _PARAMS.items() if config[theirs]}
