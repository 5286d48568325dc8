"""Options of an application behind HTTP, checked: the address and the headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from evalharness.application.request_template import CONVERSATION, RequestTemplate
from evalharness.errors import ConfigError
from evalharness.redaction import is_variable
from evalharness.wire import checked_address, is_local

METHODS = ("GET", "POST", "PUT", "PATCH")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
"""A token of RFC 9110, section 5.6.2."""
_PLACEHOLDER = "{{"
_CONVERSATION = re.compile(rf"[^{{}}]*\{{\{{ *{CONVERSATION} *\}}\}}[^{{}}]*")
_OWNED = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "x-client-request-id", "te"}
_SECRET = re.compile("auth|key|token|secret|passw|cookie|session|credential|signature", re.IGNORECASE)


def checked_url(url: str) -> str:
    """Return the address as written. Raises ConfigError: not http(s), or with a query or credentials."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError("url: expected an http or https address") from None
    if parts.query and "@" not in parts.netloc:
        bare = urlunsplit((*parts[:3], "", ""))
        raise ConfigError(f"url: expected no query: write {bare}, and put the query into query = {{NAME = VALUE}}")
    if "{{" in url:
        raise ConfigError("url: placeholders are not supported here: put them into 'query' or 'body'")
    checked_address(url, "url")
    return url


def is_own_application(url: str) -> bool:
    """Return whether the address is that of an application of this checkout.

    These are addresses of this machine, and names without a dot, such as those of services in a CI job.
    """
    host = (urlsplit(url).hostname or "").rstrip(".")
    return is_local(url) or host == "host.docker.internal" or ("." not in host and ":" not in host)


def checked_headers(plain: Mapping[str, str], secret: Mapping[str, str], *, has_key: bool) -> dict[str, str]:
    """Return the headers without secrets, by lower-case name. `has_key`: a key is sent as well. Raises ConfigError."""
    for option, given in (("headers", plain), ("headers_env", secret)):
        for name in given:
            _check_name(name, option)
    for name, value in plain.items():
        if _SECRET.search(name) and _PLACEHOLDER not in value:
            raise ConfigError(f"headers: '{name}' may be a secret: put the name of a variable into headers_env")
        if not (value.isascii() and value.isprintable()):
            raise ConfigError(f"headers: '{name}': expected printable ASCII characters")
    if wrong := [name for name, variable in secret.items() if not is_variable(variable)]:
        raise ConfigError(f"headers_env: '{wrong[0]}': expected the name of a variable, got another text (not shown)")
    lower = [name.lower() for name in (*plain, *secret, *(["authorization"] if has_key else []))]
    if twice := {name for name in lower if lower.count(name) > 1}:
        raise ConfigError(f"headers: '{min(twice)}' is there twice")
    return {name.lower(): value for name, value in plain.items()}


def conversation_headers(headers: Mapping[str, str]) -> RequestTemplate:
    """Return the headers that have the id of the conversation, as a template. Raises ConfigError: another placeholder.

    No other placeholder is supported here: a variable could add lines.
    """
    found = {name.lower(): value for name, value in headers.items() if _PLACEHOLDER in value}
    wrong = [name for name, value in found.items() if not _CONVERSATION.fullmatch(value)]
    if wrong:
        raise ConfigError(f"headers: '{wrong[0]}': expected one placeholder, {{{{ {CONVERSATION} }}}}, or none")
    return RequestTemplate(found, "headers")


def fixed_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers without those of `conversation_headers`."""
    return {name: value for name, value in headers.items() if _PLACEHOLDER not in value}


def _check_name(name: str, option: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{option}: expected the name of a header, got {name[:40]!r}")
    if name.lower() in _OWNED:
        raise ConfigError(f"{option}: '{name}' is set by evalharness")
