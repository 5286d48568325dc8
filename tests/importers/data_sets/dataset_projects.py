"""A project that imports data sets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from click.testing import Result

from evalharness import testing


@dataclass(frozen=True)
class Imported:
    """The written files of one import."""

    suite: dict[str, Any]
    cases: list[dict[str, Any]]
    golden: dict[str, list[str]]
    output: str

    @property
    def prompt(self) -> list[dict[str, str]]:
        """The messages of the prompt."""
        messages: list[dict[str, str]] = self.suite["prompts"]["default"]
        return messages

    @property
    def vars(self) -> list[dict[str, Any]]:
        """The variables of each case."""
        return [case.get("vars", {}) for case in self.cases]

    @property
    def answers(self) -> list[list[str]]:
        """The golden answers of each case, in the order of the cases."""
        return [self.golden.get(case["id"], []) for case in self.cases]

    @property
    def ids(self) -> list[str]:
        """The ids of the cases."""
        return [case["id"] for case in self.cases]


class DatasetProject(testing.Project):
    """A project with a scripted model, and files to import."""

    form = "dataset"
    """What the files are: the name of a command below `evalharness import`."""

    def put(self, name: str, content: Any) -> str:
        """Write a data set: bytes and texts as they are, other values as JSON, or as JSON Lines for .jsonl."""
        path = self.root / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8", newline="")
        elif name.endswith(".jsonl"):
            path.write_text("".join(json.dumps(row) + "\n" for row in content))
        else:
            path.write_text(json.dumps(content))
        return str(path)

    def preview(self, name: str, content: Any, *options: str) -> str:
        """The output of the preview, which succeeds and writes nothing."""
        result = self.dataset(name, content, *options)
        assert result.exit_code == 0, result.output
        assert not (self.root / "suites").exists()
        return result.output

    def refusal(self, name: str, content: Any, *options: str) -> str:
        """The message of an import that fails, without a file."""
        result = self.dataset(name, content, *options)
        assert result.exit_code == 1, result.output
        assert not (self.root / "suites").exists()
        return result.output

    def dataset(self, name: str, content: Any, *options: str) -> Result:
        """Run `evalharness import dataset`, or the command of another form, on this content."""
        return self.command("import", self.form, self.put(name, content), *options)

    def convert(self, name: str, content: Any, *options: str) -> Imported:
        """The files of an import that succeeds, and that `evalharness validate` accepts."""
        self.configure()
        self.answer({"*": "x"})
        result = self.dataset(name, content, "-o", "suites/set.yaml", "--force", *options)
        assert result.exit_code == 0, result.output
        validated = self.command("validate", "set")
        assert validated.exit_code == 0, validated.output
        golden = self.root / "golden/set.jsonl"
        return Imported(
            yaml.safe_load(self.read("suites/set.yaml")),
            [json.loads(line) for line in self.read("suites/cases/set.jsonl").splitlines()],
            {row["id"]: row["golden"] for row in lines(golden.read_text() if golden.exists() else "")},
            result.output,
        )


def lines(text: str) -> list[dict[str, Any]]:
    """The JSON values of a text, one per line."""
    return [json.loads(line) for line in text.split("\n") if line]


def table(output: str) -> dict[str, str]:
    """What each column becomes, as the preview shows it: the text behind the name of the column."""
    block = output.split("\n\n")[1]
    rows = (line.strip().split("  ", 1) for line in block.splitlines())
    return {row[0].strip(): " ".join(row[1].split()) for row in rows if len(row) == 2}


def csv_text(*rows: Iterable[str]) -> str:
    """A CSV text of these rows."""
    return "".join(",".join(row) + "\n" for row in rows)


def served(rows: Iterable[Mapping[str, Any]], **keys: Any) -> dict[str, Any]:
    """A response of the datasets-server for these rows."""
    return {"rows": [{"row_idx": index, "row": row, "truncated_cells": []} for index, row in enumerate(rows)]} | keys
