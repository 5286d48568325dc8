"""The pages show only commands and options that exist, and links that lead to a file."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from doc_pages import PAGES, ROOT, blocks, name

from evalharness import plugin
from evalharness.cli import main

TARGETS = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
_INLINE = re.compile(r"`((?:evalharness|pytest|make|--llm-)[^`\n]*)`")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def option_names() -> set[str]:
    """The options that the plugin adds to pytest."""
    parser = pytest.Parser(_ispytest=True)
    plugin.pytest_addoption(parser)
    return {one for option in parser.getgroup("llm").options for one in option.names()}


OPTIONS = option_names()


def shown(page: Path) -> Iterator[str]:
    """The commands of a page: after `$ ` in a console fence, and in code within a line of text."""
    for block in blocks(page, "console"):
        yield from re.findall(r"^\$ (.*)$", block.text, flags=re.MULTILINE)
    prose = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    yield from _INLINE.findall(prose)


def problem(line: str) -> str | None:
    """The reason why a command fails as shown; None if it works."""
    typed = shlex.split(line.partition(" > ")[0], comments=True)
    words = [word for word in typed if word.startswith("-") or "=" not in word]
    unknown = [word for word in words if word.startswith("--llm-") and word.partition("=")[0] not in OPTIONS]
    if unknown:
        return f"pytest has no option {unknown[0]}"
    if words[:1] == ["make"]:
        return next((f"there is no target {word}" for word in words[1:] if word not in TARGETS), None)
    return command_problem(words[1:]) if words[:1] == ["evalharness"] else None


def command_problem(words: list[str]) -> str | None:
    """The same for the arguments of `evalharness`."""
    command: click.Command | None = main
    while isinstance(command, click.Group) and words and re.fullmatch("[a-z][a-z-]*", words[0]):
        command = command.get_command(click.Context(command), words.pop(0))
    if command is None:
        return "there is no such command"
    try:
        _, left, _ = command.make_parser(click.Context(command)).parse_args(words)
    except click.UsageError as error:
        return error.message
    return f"the argument {left[0]} is one too many" if left else None


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_exist(page: Path) -> None:
    """Each command, option and make target on a page exists."""
    found = {line: problem(line) for line in shown(page) if "COMMAND" not in line}
    assert {line: why for line, why in found.items() if why} == {}


@pytest.mark.parametrize(
    "line",
    [
        "evalharness rnu support",
        "evalharness run support --qiuet",
        "evalharness record exprot support",
        "pytest --llm-siute=support",
        "make tset",
    ],
)
def test_a_wrong_command_is_found(line: str) -> None:
    """A misspelled command, sub-command, option or target has a problem."""
    assert problem(line)


@pytest.mark.parametrize("page", [*PAGES, ROOT / "SECURITY.md", ROOT / "CHANGELOG.md"], ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link of a page is a file."""
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
