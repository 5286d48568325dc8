"""The environment of a child process with code of the project: only what the configuration names."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from evalharness.errors import ConfigError
from evalharness.local.child_process import ENVIRONMENT
from evalharness.redaction import is_variable, redact_variable

_SECRET = re.compile("key|token|secret|passw|pwd|credential|auth|dsn|cookie|private", re.IGNORECASE)
_KEY_CHARS = 20


def environment_of(names: Sequence[str]) -> tuple[dict[str, str], str]:
    """Return what the child sees, and why no call can succeed: a variable is not set. Raises ConfigError."""
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise ConfigError(f'env: expected a list of names, such as ["OPENAI_API_KEY"], got {type(names).__name__}')
    if any(not is_variable(name) for name in names):
        raise ConfigError("env: expected the names of environment variables, got another text (not shown)")
    missing = [name for name in names if name not in os.environ]
    for name in names:
        if _is_secret(name, os.environ.get(name, "")):
            redact_variable(name)
    seen = {name: os.environ[name] for name in (*ENVIRONMENT, *names) if name in os.environ}
    return seen, f"the environment variable {missing[0]} is not set (env)" if missing else ""


def _is_secret(name: str, value: str) -> bool:
    """Whether a value may be a key. Words such as a model's name must stay readable in answers."""
    is_long = len(value) >= _KEY_CHARS and not re.search(r"\s|^/", value)
    looks_random = is_long and re.search("[0-9]", value) and re.search("[A-Za-z]", value)
    return bool(_SECRET.search(name) or looks_random or "@" in value)
