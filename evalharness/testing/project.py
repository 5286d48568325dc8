"""A temporary repository with one suite, to be evaluated from Python or the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner, Result

from evalharness.cli import main
from evalharness.config import Config, load_config
from evalharness.evaluation.api import Evaluation, evaluate
from evalharness.records import Run
from evalharness.store import read_run
from evalharness.testing.folder import Folder

GOLDENS = {"case-0": "Yes.", "case-1": "No."}
SCRIPTED = {"provider": "scripted", "answers": "answers.json"}


class Project(Folder):
    """A folder with one suite, a configuration and golden answers.

    project = Project(tmp_path)
    project.write_suite({"refund": "30 days."}, metrics=["my_metric"])
    assert project.evaluate().means["scripted", "plain"]["my_metric"] == 1.0
    """

    def __init__(self, root: Path, *, suite: str = "demo") -> None:
        super().__init__(root)
        self.suite = suite

    def write_suite(self, goldens: Mapping[str, str] = GOLDENS, **keys: Any) -> None:
        """Write a suite, its golden answers, and a model `scripted` that gives them.

        `goldens` maps each case to its golden answer. `keys` are top-level keys of the suite file; None leaves one out.
        """
        cases = [{"id": name, "vars": {"question": f"{name}?"}} for name in goldens]
        suite = {
            "schema": 1,
            "models": ["scripted"],
            "prompts": {"plain": [{"user": "{{ question }}"}]},
            "metrics": ["exact"],
            "cases": cases,
            "gates": [{"metric": "exact", "margin": 0.05}],
        } | keys
        written = {key: value for key, value in suite.items() if value is not None}
        self.write(f"suites/{self.suite}.yaml", yaml.safe_dump(written, sort_keys=False))
        self.write(f"golden/{self.suite}.yaml", yaml.safe_dump(dict(goldens)))
        self.configure()
        self.answer(goldens)

    def configure(self, **models: Mapping[str, Any]) -> None:
        """Write `pyproject.toml` with the model `scripted` and these, each a table of its options."""
        known = {"scripted": SCRIPTED} | models
        tables = (f"[tool.evalharness.models.{name}]\n{_lines(options)}" for name, options in known.items())
        self.write("pyproject.toml", "".join(tables))

    def answer(self, answers: Mapping[str, Any]) -> None:
        """Set what the model `scripted` answers, by case: see `ScriptedProvider`."""
        self.write("answers.json", json.dumps(dict(answers)))

    @property
    def config(self) -> Config:
        """The configuration in `pyproject.toml`, with this project's cache. Raises ConfigError."""
        return load_config(self.root).model_copy(update={"cache_dir": self.cache / "evalharness"})

    @property
    def cache(self) -> Path:
        """The cache of recorded responses: `XDG_CACHE_HOME` if it is set, else `.cache` in the project."""
        return Path(os.environ.get("XDG_CACHE_HOME") or self.root / ".cache")

    def evaluate(self, **arguments: Any) -> Evaluation:
        """Evaluate the suite, with the arguments of `evalharness.evaluate`."""
        return evaluate(self.suite, config=self.config, **arguments)

    def accept(self, because: str = "", **arguments: Any) -> Evaluation:
        """Evaluate the suite and accept the run as its baseline. Raises RefusedError in CI."""
        evaluation = self.evaluate(**arguments)
        evaluation.accept(because=because)
        return evaluation

    def command(self, *words: str | Path, stdin: str | None = None) -> Result:
        """The result of `evalharness WORDS` in this project. Raises the command's exception, but for SystemExit."""
        runner = CliRunner(env={"XDG_CACHE_HOME": str(self.cache)})
        result = runner.invoke(main, ["--root", str(self.root), *map(str, words)], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def record(self) -> Run:
        """The record of the last run. Raises StoreError."""
        return read_run(self.root / f"reports/{self.suite}/run.jsonl")

    def verdict(self) -> dict[str, Any]:
        """The last run's `verdict.json`."""
        verdict: dict[str, Any] = json.loads(self.read(f"reports/{self.suite}/verdict.json"))
        return verdict


def _lines(options: Mapping[str, Any]) -> str:
    return "".join(f"{name} = {_toml(value)}\n" for name, value in options.items())


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(name)} = {_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value)
