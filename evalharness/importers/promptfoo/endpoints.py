"""Where the providers of promptfoo send requests, and the variable with the key of that host.

A table names a variable only for a host to which promptfoo sends the value of that variable. Addresses and variables
as in promptfoo, src/providers: openai/index.ts, anthropic/generic.ts, openrouter.ts, mistral.ts, groq/chat.ts,
deepseek.ts, togetherai.ts, ollama.ts and google/ai.studio.ts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from evalharness.importers.promptfoo.source import Node, Source
from evalharness.redaction import is_variable

NO_ADDRESS = "https://..."
_ENV = re.compile(r"\{\{\s*env\.([A-Za-z_]\w*)\s*\}\}")
_KEY_HEADERS = ("authorization", "api-key", "x-api-key", "x-goog-api-key")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One kind of provider: its usual address, and which settings change the address or the key."""

    url: str
    key: str | None
    variables: Sequence[str] = ()
    """Environment variables with another address."""
    sends_key: bool = True
    """Whether the key of `key` is sent to an address of the configuration."""
    reads_key_name: bool = True
    """Whether `apiKeyEnvar` names another variable."""
    host_suffix: str | None = "/v1"
    """The path after `apiHost`, None if that address has another format."""
    url_suffix: str | None = ""
    """The path after an address in a variable, None if that address has another format."""


ENDPOINTS: Mapping[str, Endpoint] = {
    "openai": Endpoint(
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        ("OPENAI_API_HOST", "OPENAI_API_BASE_URL", "OPENAI_BASE_URL"),
    ),
    "anthropic": Endpoint(
        "https://api.anthropic.com",
        "ANTHROPIC_API_KEY",
        ("ANTHROPIC_API_BASE_URL", "ANTHROPIC_BASE_URL"),
        reads_key_name=False,
        host_suffix=None,
    ),
    "openrouter": Endpoint("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "mistral": Endpoint("https://api.mistral.ai/v1", "MISTRAL_API_KEY", ("MISTRAL_API_HOST", "MISTRAL_API_BASE_URL")),
    "groq": Endpoint("https://api.groq.com/openai/v1", "GROQ_API_KEY", sends_key=False, reads_key_name=False),
    "deepseek": Endpoint("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", sends_key=False, reads_key_name=False),
    "togetherai": Endpoint("https://api.together.xyz/v1", "TOGETHER_API_KEY", sends_key=False, reads_key_name=False),
    "google": Endpoint(
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GOOGLE_API_KEY",
        ("GOOGLE_API_HOST", "PALM_API_HOST", "GOOGLE_API_BASE_URL"),
        sends_key=False,
        reads_key_name=False,
        host_suffix=None,
        url_suffix=None,
    ),
    "ollama": Endpoint(
        "http://localhost:11434/v1", None, ("OLLAMA_BASE_URL",), sends_key=False, reads_key_name=False, url_suffix="/v1"
    ),
    "vllm": Endpoint("http://localhost:8000/v1", None, sends_key=False, reads_key_name=False),
}
"""By the prefix of the provider; all but `anthropic` have the chat format of OpenAI."""


@dataclass(frozen=True, slots=True)
class Address:
    """An address, and the variable with its key: "" if none is known."""

    url: str
    key: str = ""
    needs_key: bool = False
    """Whether the host may need a key whose variable is not known, such as one that the configuration contains."""


def address(source: Source, kind: str, config: Node, env: Sequence[Node]) -> Address:
    """The address of a provider with its key variable. `env` are the blocks of variables in the file."""
    endpoint = ENDPOINTS[kind]
    node, url = _configured(endpoint, config, env)
    url = url if node is None else _checked(source, node, url)
    key = _key(source, endpoint, config)
    own = _has_own_key(config) or any(key and block[key] for block in env)
    is_sent = node is None or (endpoint.sends_key and node.loc[-1] != "baseUrl")
    if url == NO_ADDRESS or own or not is_sent:
        key = ""
    return Address(url, key, needs_key=not key and (own or node is not None or endpoint.key is not None))


def _configured(endpoint: Endpoint, config: Node, env: Sequence[Node]) -> tuple[Node | None, str]:
    """The setting that changes the address, and the address."""
    if config["apiHost"]:
        return config["apiHost"], _of_host(endpoint, config["apiHost"].text)
    for name in ("apiBaseUrl", "baseUrl"):  # promptfoo ignores `baseUrl`
        if config[name]:
            return config[name], NO_ADDRESS if endpoint.url_suffix is None else config[name].text
    for node in (block[name] for name in endpoint.variables for block in env if block[name]):
        return node, _of_host(endpoint, node.text) if str(node.loc[-1]).endswith("_HOST") else _of_url(endpoint, node)
    return None, endpoint.url


def _of_host(endpoint: Endpoint, host: str) -> str:
    return NO_ADDRESS if endpoint.host_suffix is None or "://" in host else f"https://{host}{endpoint.host_suffix}"


def _of_url(endpoint: Endpoint, node: Node) -> str:
    return NO_ADDRESS if endpoint.url_suffix is None else node.text.rstrip("/") + endpoint.url_suffix


def _checked(source: Source, node: Node, url: str) -> str:
    """The URL, or a placeholder if it may contain a key or is not known before the run."""
    with suppress(ValueError):
        parts = urlsplit(url)
        secret = parts.username or parts.password or parts.query or parts.fragment or "{" in url
        if parts.scheme in ("http", "https") and parts.hostname and not secret and url != NO_ADDRESS:
            return url
    source.note(
        node, "of a provider: the URL is not copied because it may contain a key: use only scheme, host and path"
    )
    return NO_ADDRESS


def _has_own_key(config: Node) -> bool:
    """Whether the configuration contains a key, or headers with one."""
    headers = (name.lower() for name, _ in config["headers"].items())
    own = bool(config["apiKey"]) and not _ENV.fullmatch(config["apiKey"].text)
    return own or any(name in _KEY_HEADERS for name in headers)


def _key(source: Source, endpoint: Endpoint, config: Node) -> str:
    """The variable whose value promptfoo sends, "" if the configuration names another one than it sends."""
    if match := _ENV.fullmatch(config["apiKey"].text):
        return match[1]
    named = config["apiKeyEnvar"]
    if not named:
        return endpoint.key or ""
    if is_variable(named.text):
        return named.text if endpoint.reads_key_name else ""
    source.note(named, "of a provider: 'apiKeyEnvar' is not copied: expected the name of an environment variable")
    return ""
