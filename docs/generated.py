"""Parts of the documentation that are made from the code, so that they cannot differ from it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import cache

import click
import generated_api
import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from sphinx.pycode import ModuleAnalyzer

from evalharness import config, plugin
from evalharness.cli import main

SECTIONS = [
    "Config",
    "ModelConfig",
    "Price",
    "EmbedderConfig",
    "CrossEncoderConfig",
    "JudgeConfig",
    "ExecutorConfig",
    "FunctionConfig",
    "PromptConfig",
    "PublishConfig",
    "Limits",
]
HIDDEN = {
    *("root", "processes", "models", "embedders", "cross_encoders"),
    *("judges", "executors", "checks", "metrics", "prompts", "publish", "limits"),
}
"""Set by the program, or sections of their own."""


@cache
def parts() -> dict[str, str]:
    """The parts in Markdown, by the name that a page uses."""
    return {
        "api": generated_api.api(),
        "commands": "\n".join(f"## {path}\n\n```text\n{text}\n```\n" for path, text in commands(main)),
        "pytest_options": table(("option", "effect"), pytest_options()),
        **{f"settings_{name}": table(("key", "type", "default", "meaning"), settings(name)) for name in SECTIONS},
    }


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def commands(command: click.Command, parent: click.Context | None = None) -> Iterator[tuple[str, str]]:
    """Each command and its help; of a group, its commands."""
    context = click.Context(
        command, info_name=command.name if parent else "evalharness", parent=parent, max_content_width=88
    )
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner
            yield from commands(inner, context)
    else:
        yield context.command_path, context.get_help()


def pytest_options() -> Iterator[tuple[str, str]]:
    """The options that the plugin adds to pytest, and their help."""
    parser = pytest.Parser(_ispytest=True)
    plugin.pytest_addoption(parser)
    for option in parser.getgroup("llm").options:
        attributes = option.attrs()
        value = attributes.get("metavar") or "|".join(attributes.get("choices") or ())
        help_text = attributes["help"].replace("%%", "%")
        yield f"`{' '.join([*option.names(), value]).strip()}`", help_text[0].upper() + help_text[1:]


def settings(name: str) -> Iterator[tuple[str, str, str, str]]:
    """The keys of a section of the configuration, with the docstrings of their fields."""
    section: type[BaseModel] = getattr(config, name)
    documented = ModuleAnalyzer.for_module(section.__module__).find_attr_docs()
    for key, field in section.model_fields.items():
        if key not in HIDDEN:
            kind = "table" if key == "price" else str(getattr(field.annotation, "__name__", field.annotation))
            meaning = " ".join(documented.get((name, key), [])).strip()
            yield f"`{key}`", kind.removesuffix(" | None"), default(key, field), meaning


def default(key: str, field: FieldInfo) -> str:
    """The default as TOML writes it."""
    if key == "cache_dir":
        return "`~/.cache/evalharness`"
    if field.is_required():
        return "required"
    return "" if field.default is None else f"`{json.dumps(field.default)}`"
