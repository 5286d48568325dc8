"""A project with one conversation of three turns, and a model that remembers what it was told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Request
from evalharness.testing import Project

TURNS = [
    {"user": "My name is Ada."},
    {"user": "My order is 4711.", "tags": ["order"]},
    {"user": "What is my name?", "assert": [{"contains": "Ada"}]},
]
CASE: dict[str, Any] = {"id": "memory", "tags": ["talk"], "turns": TURNS}
PROMPT = [{"system": "Be brief."}, {"user": "{{ user }}"}]
GOLDENS = {"memory#1": "Hello Ada.", "memory#2": "Noted.", "memory#3": "Your name is Ada."}


def answer(request: Request) -> str:
    """The golden answers, as long as the history has what they need."""
    said = [message.content for message in request.messages if message.role == "user"]
    if said[-1] == "What is my name?":
        return "Your name is Ada." if "My name is Ada." in said else "I do not know."
    return "Hello Ada." if "name" in said[-1] else "Noted."


class Recorded(ScriptedProvider):
    """A scripted model whose answers are recorded. It keeps the requests that it gets."""

    def __init__(self, script: Callable[[Request], Any] = answer, **options: Any) -> None:
        super().__init__(self._kept, **options)
        self._own, self.requests = script, list[Request]()
        self.capabilities = replace(self.capabilities, recorded=True)

    def _kept(self, request: Request) -> Any:
        self.requests.append(request)
        return self._own(request)

    @property
    def asked(self) -> list[str]:
        """The cases of the requests, in order."""
        return [request.key.case for request in self.requests]


def talk(root: Path, **keys: Any) -> Project:
    """The project; `keys` are keys of the suite."""
    project = Project(root)
    project.write_suite(GOLDENS, **{"prompts": {"plain": PROMPT}, "cases": [CASE]} | keys)
    return project


def case(**changes: Any) -> list[dict[str, Any]]:
    """The cases of the suite, with changes of the only one; None leaves a key out."""
    return [{key: value for key, value in (CASE | changes).items() if value is not None}]


def suite(project: Project) -> dict[str, Any]:
    """The suite file as data."""
    found: dict[str, Any] = yaml.safe_load(project.read("suites/demo.yaml"))
    return found
