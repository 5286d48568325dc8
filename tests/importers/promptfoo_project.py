"""A folder with a promptfoo configuration, and the suite that `evalharness import promptfoo` writes for it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from click.testing import Result

from evalharness import testing
from evalharness.config import Limits
from evalharness.suites.prompt_files import read_prompt_file

BASE = """\
prompts: ['Say {{word}}']
providers: [openai:gpt-4o-mini]
tests:
  - vars: {word: hello}
"""


@dataclass(frozen=True)
class Imported:
    """A written suite, its golden answers and what the command reports."""

    suite: dict[str, Any]
    golden: dict[str, list[str]]
    models: dict[str, dict[str, str]]
    left_out: list[str]
    """`FILE:LINE: MESSAGE` for each part that is not imported."""

    @property
    def vars(self) -> list[dict[str, Any]]:
        """The variables of each case."""
        return [case.get("vars", {}) for case in self.suite["cases"]]

    @property
    def checks(self) -> list[list[dict[str, Any]]]:
        """The checks of each case."""
        return [case.get("assert", []) for case in self.suite["cases"]]

    @property
    def texts(self) -> list[str]:
        """The text of each prompt that is one message."""
        return [turns[0]["user"] for turns in self.suite["prompts"].values()]

    def says(self, *parts: str) -> bool:
        """Whether one line of the list contains all parts."""
        return any(all(part in line for part in parts) for line in self.left_out)


class PromptfooProject(testing.Project):
    """A folder with a promptfoo configuration."""

    def convert(self, text: str, *options: str) -> Result:
        """Run `evalharness import promptfoo` on this configuration."""
        return self.command("import", "promptfoo", self.write("promptfooconfig.yaml", text), *options)

    def result_of(
        self, text: str, *, file: str = "promptfooconfig.yaml", options: Sequence[str] = (), **files: str
    ) -> Imported:
        """What the command writes and reports; `files` are written first, `__` in a name is a dot."""
        for name, content in files.items():
            self.write(name.replace("__", "."), content)
        result = self.command("import", "promptfoo", self.write(file, text), "--json", "-o", "suites/s.yaml", *options)
        assert result.exit_code == 0, result.output
        report = json.loads(result.stdout)
        golden = yaml.safe_load(self.read("golden/s.yaml")) if "golden/s.yaml" in report["written"] else {}
        left_out = [f"{note['file']}:{note['line']}: {note['message']}" for note in report["left_out"]]
        suite = yaml.safe_load(self.read("suites/s.yaml"))
        suite["prompts"] = {name: self._sent(prompt) for name, prompt in suite["prompts"].items()}
        return Imported(suite, golden, report["models"], left_out)

    def _sent(self, prompt: Any) -> Any:
        """The messages of a prompt, also of one in a file."""
        if isinstance(prompt, list):
            return prompt
        found = read_prompt_file(self.root / prompt["file"].removeprefix("../"), self.root, Limits())
        return [{one.role or "user": one.text} for one in found.texts]

    @property
    def imported(self) -> dict[str, Any]:
        """The written suite."""
        found: dict[str, Any] = yaml.safe_load(self.read("suites/promptfoo.yaml"))
        return found

    @property
    def golden(self) -> dict[str, list[str]]:
        """The written golden answers."""
        found: dict[str, list[str]] = yaml.safe_load(self.read("golden/promptfoo.yaml"))
        return found

    def suite_of(self, text: str) -> dict[str, Any]:
        """The suite of a configuration, validated with its models in pyproject.toml."""
        result = self.convert(text)
        assert result.exit_code == 0, result.output
        head = self.read("suites/promptfoo.yaml").partition("for pyproject.toml:\n#\n")[2]
        self.write("pyproject.toml", re.sub("^# ?", "", head.partition("\n\nschema:")[0], flags=re.MULTILINE))
        validated = self.command("validate", "promptfoo")
        assert validated.exit_code == 0, validated.output
        return self.imported
