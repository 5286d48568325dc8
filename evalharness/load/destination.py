"""Where a load may go: this machine, or a host that is named twice.

A load test against the wrong host is an attack. A host other than this machine needs its name in the configuration of
the model, which is trusted, and again on the command line (`--host`), letter by letter.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from evalharness.errors import ConfigError
from evalharness.wire import is_local

_ON_THIS_MACHINE = ("scripted", "gguf", "gguf-server", "python")
"""Providers that answer in processes of this machine."""


def addresses_of(model: str, provider: str, options: Mapping[str, Any]) -> list[str]:
    """The addresses that the configuration of a model names. Raises ConfigError: none, for a provider that needs one.

    `provider` is the name of its provider, `options` its options.
    """
    found = [text for value in options.values() for text in _texts(value) if text.startswith(("http://", "https://"))]
    if not found and provider not in _ON_THIS_MACHINE:
        raise ConfigError(
            f"the destination of the model '{model}' is unknown: expected an address, such as base_url or url, in "
            f"[tool.evalharness.models.{model}]"
        )
    return found


def check_destinations(addresses: Collection[str], hosts: Collection[str], *, where: str) -> None:
    """Raise ConfigError for an address that is neither on this machine nor at one of these hosts.

    `where` names the addresses in the message.
    """
    for address in addresses:
        host = urlsplit(address).hostname or ""
        if not is_local(address) and host not in hosts:
            given = f", got --host {' --host '.join(hosts)}" if hosts else ""
            raise ConfigError(
                f"{where} is at {host}, which is not this machine: a load test there needs its owner's consent, and "
                f"the name of the host again: expected --host {host}{given}"
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        yield from (one for one in value if isinstance(one, str))
