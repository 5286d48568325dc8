"""A promptfoo configuration as a suite. What has no counterpart is noted with its place, never dropped in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalharness.config import Config
from evalharness.errors import Problem, SuiteError
from evalharness.importers.assertions import Found, has_template, read_assertions
from evalharness.importers.cases import FoundCase, read_cases, read_vars
from evalharness.importers.prompts import FoundPrompt, read_prompts
from evalharness.importers.providers import FoundModel, common_params, read_providers
from evalharness.importers.source import FILE, Node, Source
from evalharness.suites.document import problem
from evalharness.suites.render import Renderer, TemplateError

_KNOWN = ("description", "prompts", "providers", "targets", "tests", "defaultTest", "$schema")
_DEFAULTS = ("vars", "assert", "metadata", "description")
_DECIDABLE = ((72, 0.05), (36, 0.10), (23, 0.15))
"""From so many cases on, a gate with two looks can rule out a drop of so much (docs/gate.md)."""


@dataclass(frozen=True)
class Imported:
    """A suite as plain data."""

    suite: dict[str, Any]
    golden: dict[str, list[str]]
    models: Mapping[str, FoundModel]
    notes: Sequence[Problem]
    """What was left out, or means something else now; in the order of the files."""


def import_promptfoo(file: Path, config: Config) -> Imported:
    """Read a configuration, and the files beside it that it names. Raises SuiteError when it makes no suite."""
    source = Source(file.parent, config.limits)
    top = source.read(file.name)
    if not isinstance(top.value, dict):
        raise SuiteError([problem(file.name, 1, 0, "this is no promptfoo configuration: it holds no keys")])
    source.leave_keys(top, _KNOWN)
    return _Import(source, top, config).done()


class _Import:
    """The parts of one configuration, put together."""

    def __init__(self, source: Source, top: Node, config: Config) -> None:
        self.source, self.top, self.config = source, top, config
        self.renderer = Renderer(config.limits)
        self.defaults = self._defaults()
        self.vars = read_vars(source, self.defaults["vars"])
        self.cases = read_cases(source, top["tests"], self.defaults)
        self.prompts = self._prompts()

    def done(self) -> Imported:
        """Raises SuiteError: without a prompt or a test there is no suite."""
        if not self.prompts or not self.cases:
            what = "a prompt" if not self.prompts else "a test"
            nothing = problem(self.top.document.file, 0, 0, f"without {what} that can be taken there is no suite")
            raise SuiteError([*self.source.noted, nothing])
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
        notes = sorted(self.source.noted, key=lambda note: (note.file != self.top.document.file, note.file, note.line))
        kept = {key: value for key, value in suite.items() if value not in ("", [], {})}
        return Imported(kept, golden, models, notes)

    def _defaults(self) -> Node:
        node = self.top["defaultTest"]
        if node.text.startswith(FILE):
            node = self.source.opened(node, node.text) or Node({}, node.document, node.loc)
        self.source.leave_keys(node, _DEFAULTS, "of defaultTest: ")
        return node

    def _prompts(self) -> dict[str, FoundPrompt]:
        """Those that can be rendered with every case."""
        found = read_prompts(self.source, self.top["prompts"])
        return {name: prompt for name, prompt in found.items() if self._renders(name, prompt)}

    def _renders(self, name: str, prompt: FoundPrompt) -> bool:
        texts = [text for message in prompt.messages for text in message.values()]
        try:
            for text in texts:
                self._fill_in(text, prompt.node)
                for case in self.cases:
                    self.renderer.text(text, {**self.vars, **case.vars})
        except TemplateError as error:
            self.source.leave(prompt.node, f"the prompt '{name}' is left out: {error}")
            return False
        if any("{%" in text for text in texts):
            self.source.leave(
                prompt.node, f"the prompt '{name}': here a line end after {{% ... %}} is not part of the text"
            )
        return True

    def _fill_in(self, text: str, node: Node) -> None:
        """What a test leaves out is empty text in nunjucks, and an error here. Raises TemplateError."""
        for name in sorted(self.renderer.variables(text) - self.vars.keys()):
            lacking = [case.id for case in self.cases if name not in case.vars]
            if lacking:
                self.vars[name] = ""
                self.source.leave(
                    node, f"'{name}' is no variable of {len(lacking)} tests ({lacking[0]}): it is empty there"
                )

    def _assertions(self) -> tuple[Found, list[Found]]:
        """Those of all cases, and those of each: an assertion of all that has a template is each one's own."""
        items = [*self.defaults["assert"].each()]
        shared, filled = ([item for item in items if has_template(item) == templated] for templated in (False, True))
        common = Found()
        for item in shared:
            found = read_assertions(self.source, item, lambda text: text)
            common.checks += found.checks
            common.gates |= found.gates
            common.golden += found.golden
            common.metrics |= found.metrics
        own = [self._own(case, filled, common.golden) for case in self.cases]
        return common, own

    def _own(self, case: FoundCase, filled: Sequence[Node], golden: Sequence[str]) -> Found:
        render = self._render(case)
        found = read_assertions(self.source, case.asserts, render)
        for item in filled:
            more = read_assertions(self.source, item, render)
            found.checks += more.checks
            found.golden += more.golden
            found.metrics |= more.metrics
        found.golden += golden
        return found

    def _render(self, case: FoundCase) -> Callable[[str], str]:
        def render(text: str) -> str:
            try:
                return self.renderer.text(text, {**self.vars, **case.vars})
            except TemplateError as error:
                raise ValueError(str(error)) from None

        return render

    def _metrics(self, wanted: Sequence[str], golden: Mapping[str, Sequence[str]]) -> list[Any]:
        """Each needs a golden answer of every case; an answer that is not empty is what any suite can ask for."""
        lacking = len(self.cases) - len(golden)
        if wanted and lacking:
            message = (
                f"{', '.join(wanted)}: {lacking} of {len(self.cases)} tests say no answer to be like; not measured"
            )
            self.source.leave(self.top["tests"], message)
        metrics = [metric for name in wanted if not lacking and (metric := self._metric(name))]
        return metrics or [{"length": {"min_words": 1}}]

    def _metric(self, name: str) -> Any:
        if name != "embedding":
            return name
        if self.config.embedders:
            return {"embedding": {"model": next(iter(self.config.embedders))}}
        self.source.leave(
            self.top["tests"], "similar: there is no [tool.evalharness.embedders.NAME] in pyproject.toml yet"
        )
        return None

    def _gates(self, metrics: Sequence[Any]) -> list[dict[str, Any]]:
        margin = next((margin for cases, margin in _DECIDABLE if len(self.cases) >= cases), 0.20)
        named = [metric if isinstance(metric, str) else next(iter(metric)) for metric in metrics]
        return [{"metric": name, "margin": margin} for name in named]


def _case(case: FoundCase, found: Found) -> dict[str, Any]:
    parts = {"id": case.id, "vars": case.vars, "tags": case.tags, "assert": found.checks}
    return {key: value for key, value in parts.items() if value not in ([], {})}
