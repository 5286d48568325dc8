"""Addresses of endpoints: checked, shown without secrets, and whether they are on this machine."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from evalharness.errors import ConfigError
from evalharness.redaction import redact_settings, shortened

if TYPE_CHECKING:
    import httpx2


def checked_address(url: str, option: str = "base_url") -> str:
    """Return the address without its trailing slash. `option`: its name in errors.

    Raises ConfigError: it is not http(s), or contains a secret or a query.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except (ValueError, AttributeError, TypeError):
        parts, host = None, None
    if parts is None or not isinstance(url, str) or not url.isprintable() or " " in url:
        raise ConfigError(f"{option}: expected an http or https address, got {_shown(url)}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"{option}: expected only scheme, host and path: write {parts.scheme}://{host}{parts.path}, and put a key "
            "into the variable that api_key_env names"
        )
    if parts.scheme not in ("http", "https") or not host:
        raise ConfigError(f"{option}: expected an http or https address, got {_shown(url)}")
    return url.rstrip("/")


@lru_cache(maxsize=64)
def parsed(url: str) -> httpx2.URL:
    """Return the URL of a request. Parsing it takes as long as all else that makes a request."""
    import httpx2

    return httpx2.URL(url)


def _shown(url: object) -> str:
    """The address without credentials and query, which may hold a key."""
    redact_settings(url)
    return repr(shortened(str(url).partition("?")[0].rpartition("@")[2]))


def is_local(url: str) -> bool:
    """Return whether the address is on this machine: localhost, a loopback address, or the machine's own name."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(_full(host))
    except ValueError:
        return host in ("ip6-localhost", "ip6-loopback", socket.gethostname().lower())
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _full(host: str) -> str:
    """The address with four numbers, where a resolver takes a shorter form such as 127.1; other hosts unchanged."""
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return host
