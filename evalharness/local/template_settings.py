"""What the configuration gives a chat template besides the messages: a date, and variables."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, NamedTuple

from evalharness.errors import ConfigError

DEFAULT_DATE = date(2026, 1, 1)
"""The same on every day, so that prompts and answers are too."""
_RESERVED = ("add_generation_prompt", "messages")
_NOW = re.compile(r"""strftime_now\s*\(\s*(["'])([^"'\\]*)\1\s*\)""")


class TemplateSettings(NamedTuple):
    """The settings of one model."""

    date: date
    """What `strftime_now` writes."""
    variables: Mapping[str, Any]
    """Variables of the template, as JSON values."""

    def identity(self, source: str) -> dict[str, Any]:
        """The settings that shape the prompts of this template."""
        dated = {"date": self.date.isoformat()} if "strftime_now" in source else {}
        return {**dated, **({"chat_template_kwargs": dict(self.variables)} if self.variables else {})}

    def with_date(self, source: str) -> str:
        """The template with the date in place of each call of `strftime_now`.

        Raises ConfigError for a call whose format is not a literal.
        """
        now = datetime.combine(self.date, time())
        dated = _NOW.sub(lambda call: json.dumps(now.strftime(call[2]), ensure_ascii=False), source)
        if re.search(r"strftime_now\s*\(", dated):
            raise ConfigError(
                "the chat template formats a date that gguf-server cannot fix: use the provider gguf, or set "
                "'chat_template' to a template with a literal format"
            )
        return dated


def read_template_settings(today: Any, variables: Any) -> TemplateSettings:
    """Check the options `date` and `chat_template_kwargs`. Raises ConfigError."""
    return TemplateSettings(_date(today), _variables({} if variables is None else variables))


def _date(value: Any) -> date:
    if value is None:
        return DEFAULT_DATE
    try:
        return date.fromisoformat(str(value))  # TOML has dates of its own
    except ValueError:
        raise ConfigError(f"'date' must be a date such as 2026-01-31, got {value!r}") from None


def _variables(values: Any) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        raise ConfigError(f"'chat_template_kwargs' must be a table of variables, got {values!r}")
    for name in _RESERVED:
        if name in values:
            raise ConfigError(f"'chat_template_kwargs' cannot set '{name}': the suite determines it")
    try:
        json.dumps(values, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"'chat_template_kwargs' must have JSON values: {error}") from None
    return values
