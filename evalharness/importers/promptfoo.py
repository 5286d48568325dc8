"""Convert a promptfoo configuration to a suite, with notes about skipped parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.config import Config
from evalharness.errors import Problem, SuiteError
from evalharness.importers.assertions import ImportedAssertions, has_template, read_assertions
from evalharness.importers.cases import ImportedCase, read_cases, read_vars
from evalharness.importers.prompts import ImportedPrompt, read_prompts
from evalharness.importers.providers import ImportedModel, common_params, read_providers
from evalharness.importers.source import FILE, Node, Source
from evalharness.suites.document import problem
from evalharness.suites.render import Renderer, TemplateError

_KNOWN = ("description", "prompts", "providers", "targets", "tests", "defaultTest", "$schema")
_DEFAULTS = ("vars", "assert", "metadata", "description")
_DECIDABLE = ((72, 0.05), (36, 0.10), (23, 0.15))
"""Numbers of cases, and the smallest drop that a gate can rule out with them in two stages (docs/gate.md)."""


@dataclass(frozen=True)
class ImportedSuite:
    """A suite as plain data, with its models and notes."""

    suite: dict[str, Any]
    golden: dict[str, list[str]]
    models: Mapping[str, ImportedModel]
    notes: Sequence[Problem]
    """Parts that are skipped or change their meaning, in file order."""


def import_promptfoo(file: Path, config: Config) -> ImportedSuite:
    """The suite of a promptfoo configuration and the files that it references.

    Raises SuiteError if the files are invalid, or no prompt or no test can be imported.
    """
    source = Source(file.parent, config.limits)
    top = source.read(file.name)
    if not isinstance(top.value, dict):
        raise SuiteError([problem(file.name, 1, 0, "expected a promptfoo configuration, which is a mapping")])
    source.note_unknown_keys(top, _KNOWN)
    return _Conversion(source, top, config).result()


class _Conversion:
    """Converts one configuration."""

    def __init__(self, source: Source, top: Node, config: Config) -> None:
        self.source, self.top, self.config = source, top, config
        self.renderer = Renderer(config.limits)
        self.defaults = self._defaults()
        self.vars = read_vars(source, self.defaults["vars"])
        self.cases = read_cases(source, top["tests"], self.defaults)
        self.prompts = self._prompts()

    def result(self) -> ImportedSuite:
        """The suite. Raises SuiteError if no prompt or no test can be imported."""
        if not self.prompts or not self.cases:
            what = "prompt" if not self.prompts else "test"
            missing = problem(self.top.document.file, 0, 0, f"no {what} can be imported: a suite needs at least one")
            raise SuiteError([*self.source.notes, missing])
        providers = self.top["providers"] or self.top["targets"]
        models = read_providers(self.source, providers)
        common, own = self._assertions()
        found = [common, *own]
        golden = {
            case.id: [*dict.fromkeys(mine.golden)] for case, mine in zip(self.cases, own, strict=True) if mine.golden
        }
        metrics = self._metrics([*dict.fromkeys(name for one in found for name in one.metrics)], golden)
        gates = [*dict.fromkeys(name for one in found for name in one.gates)]
        suite = {
            "schema": 1,
            "description": self.top["description"].text,
            "models": list(models),
            "prompts": {name: prompt.messages for name, prompt in self.prompts.items()},
            "params": common_params(self.source, providers, models),
            "vars": self.vars,
            "metrics": metrics,
            "assert": common.checks,
            "cases": [_case(case, mine) for case, mine in zip(self.cases, own, strict=True)],
            "gates": [*self._gates(metrics), *({"metric": name, "margin": "10%"} for name in gates)],
        }
        notes = sorted(self.source.notes, key=lambda note: (note.file != self.top.document.file, note.file, note.line))
        kept = {key: value for key, value in suite.items() if value not in ("", [], {})}
        return ImportedSuite(kept, golden, models, notes)

    def _defaults(self) -> Node:
        node = self.top["defaultTest"]
        if node.text.startswith(FILE):
            node = self.source.open_reference(node, node.text) or Node({}, node.document, node.loc)
        self.source.note_unknown_keys(node, _DEFAULTS, "of defaultTest: ")
        return node

    def _prompts(self) -> dict[str, ImportedPrompt]:
        """The prompts that render with every case."""
        found = read_prompts(self.source, self.top["prompts"])
        return {name: prompt for name, prompt in found.items() if self._renders(name, prompt)}

    def _renders(self, name: str, prompt: ImportedPrompt) -> bool:
        texts = [text for message in prompt.messages for text in message.values()]
        try:
            for text in texts:
                self._fill_in(text, prompt.node)
                for case in self.cases:
                    self.renderer.text(text, {**self.vars, **case.vars})
        except TemplateError as error:
            self.source.note(prompt.node, f"the prompt '{name}' is skipped: {error}")
            return False
        if any("{%" in text for text in texts):
            self.source.note(
                prompt.node, f"the prompt '{name}': the line end after {{% ... %}} is not part of the text"
            )
        return True

    def _fill_in(self, text: str, node: Node) -> None:
        """Define missing variables as empty text, as nunjucks does. Raises TemplateError."""
        for name in sorted(self.renderer.variables(text) - self.vars.keys()):
            missing = [case.id for case in self.cases if name not in case.vars]
            if missing:
                self.vars[name] = ""
                self.source.note(node, f"'{name}' is not set in {len(missing)} tests ({missing[0]}): it is empty there")

    def _assertions(self) -> tuple[ImportedAssertions, list[ImportedAssertions]]:
        """The shared assertions, and those of each case. Shared ones with a template go to each case."""
        items = [*self.defaults["assert"].each()]
        shared, filled = ([item for item in items if has_template(item) == templated] for templated in (False, True))
        common = ImportedAssertions()
        for item in shared:
            found = read_assertions(self.source, item, lambda text: text)
            common.checks += found.checks
            common.gates |= found.gates
            common.golden += found.golden
            common.metrics |= found.metrics
        own = [self._own(case, filled, common.golden) for case in self.cases]
        return common, own

    def _own(self, case: ImportedCase, filled: Sequence[Node], golden: Sequence[str]) -> ImportedAssertions:
        render = self._render(case)
        found = read_assertions(self.source, case.asserts, render)
        for item in filled:
            more = read_assertions(self.source, item, render)
            found.checks += more.checks
            found.golden += more.golden
            found.metrics |= more.metrics
        found.golden += golden
        return found

    def _render(self, case: ImportedCase) -> Callable[[str], str]:
        def render(text: str) -> str:
            try:
                return self.renderer.text(text, {**self.vars, **case.vars})
            except TemplateError as error:
                raise ValueError(str(error)) from None

        return render

    def _metrics(self, wanted: Sequence[str], golden: Mapping[str, Sequence[str]]) -> list[Any]:
        """The metrics that have golden answers for every case; else a check for non-empty answers."""
        missing = len(self.cases) - len(golden)
        if wanted and missing:
            message = (
                f"{', '.join(wanted)}: {missing} of {len(self.cases)} tests have no reference answer; not measured"
            )
            self.source.note(self.top["tests"], message)
        metrics = [metric for name in wanted if not missing and (metric := self._metric(name))]
        return metrics or [{"length": {"min_words": 1}}]

    def _metric(self, name: str) -> Any:
        if name != "embedding":
            return name
        if self.config.embedders:
            return {"embedding": {"model": next(iter(self.config.embedders))}}
        self.source.note(self.top["tests"], "similar: add [tool.evalharness.embedders.NAME] to pyproject.toml")
        return None

    def _gates(self, metrics: Sequence[Any]) -> list[dict[str, Any]]:
        margin = next((margin for cases, margin in _DECIDABLE if len(self.cases) >= cases), 0.20)
        named = [metric if isinstance(metric, str) else next(iter(metric)) for metric in metrics]
        return [{"metric": name, "margin": margin} for name in named]


def _case(case: ImportedCase, assertions: ImportedAssertions) -> dict[str, Any]:
    parts = {"id": case.id, "vars": case.vars, "tags": case.tags, "assert": assertions.checks}
    return {key: value for key, value in parts.items() if value not in ([], {})}
