"""Every command is in docs/commands.md, with an example and its exit status."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from evalharness import registry
from evalharness.cli import main

PAGE = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")


def commands(command: click.Command, parent: click.Context | None = None) -> Iterator[click.Context]:
    """All commands, without groups."""
    name = command.name if parent else "evalharness"
    context = click.Context(command, info_name=name, parent=parent, **command.context_settings)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner, f"{name} is listed and is not there"
            yield from commands(inner, context)
    else:
        yield context


ALL = {context.command_path: context for context in commands(main)}
_ROW = re.compile(r"^\| `(evalharness [^`]+)` \| (.*?) \| (.*?) \| (.*?) \| `(.+?)` \|$", re.MULTILINE)
ROWS = {row[0]: row for row in _ROW.findall(PAGE)}


@pytest.mark.parametrize("name", ALL)
def test_it_is_in_the_table(name: str) -> None:
    """Each command has one row, whose example calls it."""
    assert name in ROWS, f"docs/commands.md has no row for `{name}`"
    assert ROWS[name][4].startswith(name)


@pytest.mark.parametrize("name", ALL)
def test_its_help(name: str) -> None:
    """The help has an example and every exit status."""
    text = " ".join(ALL[name].get_help().split())
    assert re.search(rf"Examples?: {name}\b", text), text
    assert "Exit status: 0 " in text
    assert " 2 usage" in text


def test_every_row_is_a_command() -> None:
    """Every row is of an existing command."""
    assert set(ROWS) <= set(ALL)


def test_every_report_format_has_a_row() -> None:
    """The page and the help of `evalharness report` name each built-in format."""
    text = re.sub(r"-\n +", "-", ALL["evalharness report"].get_help())  # click breaks a line at a hyphen
    for name in registry.BUILT_IN["report_formats"]:
        assert f"| `{name}` |" in PAGE
        assert name in text
