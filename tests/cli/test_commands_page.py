"""Every command is in docs/commands.md, has an example in its help, and says how it ends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from evalharness.cli import main

PAGE = (Path(__file__).parents[2] / "docs/commands.md").read_text(encoding="utf-8")


def commands(command: click.Command, parent: click.Context | None = None) -> Iterator[click.Context]:
    """Those that do something: the commands of a group, not the group."""
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
    """One row, whose example calls just this command."""
    assert name in ROWS, f"docs/commands.md has no row for `{name}`"
    assert ROWS[name][4].startswith(name)


@pytest.mark.parametrize("name", ALL)
def test_its_help(name: str) -> None:
    """An example, and what each exit status means."""
    text = " ".join(ALL[name].get_help().split())
    assert re.search(rf"Examples?: {name}\b", text), text
    assert "Exit status: 0 " in text
    assert " 2 usage" in text


def test_every_row_is_a_command() -> None:
    """No row for a command that is not there."""
    assert set(ROWS) <= set(ALL)
