"""Convert a promptfoo configuration to a suite, with notes about skipped parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from evalharness.config import Config
from evalharness.errors import Problem, SuiteError
from evalharness.importers.promptfoo.affixes import add_affixes
from evalharness.importers.promptfoo.assertions import (
    ImportedAssertions,
    depends_on_test,
    open_assertions,
    read_assertions,
)
from evalharness.importers.promptfoo.cases import ImportedCase, read_cases, read_test
from evalharness.importers.promptfoo.environment import replace_environment
from evalharness.importers.promptfoo.gates import gates_of, metrics_of
from evalharness.importers.promptfoo.judges import add_judges
from evalharness.importers.promptfoo.printing import empty_value, prints_constants, with_filters
from evalharness.importers.promptfoo.programs import Programs
from evalharness.importers.promptfoo.prompt_files import in_its_file
from evalharness.importers.promptfoo.prompts import ImportedPrompt, read_prompts
from evalharness.importers.promptfoo.providers import ImportedModel, common_params, read_providers
from evalharness.importers.promptfoo.source import FILE, Node, Source, is_program
from evalharness.importers.promptfoo.stubs import prompt_stub
from evalharness.importers.promptfoo.tools import add_calls, common_tools
from evalharness.importers.promptfoo.variables import Choices
from evalharness.suites.document import problem
from evalharness.suites.render import Renderer, TemplateError

_KNOWN = ("description", "prompts", "providers", "targets", "tests", "scenarios", "defaultTest", "$schema", "env")
_TARGETS = ("assertionTemplates", "$defs", "definitions")
"""Keys that only `$ref` reads."""


@dataclass(frozen=True)
class ImportedSuite:
    """A suite as plain data, with its models and notes."""

    suite: dict[str, Any]
    golden: dict[str, list[str]]
    models: Mapping[str, ImportedModel]
    notes: Sequence[Problem]
    """Parts that are skipped or change their meaning, in file order."""
    programs: Programs = field(default_factory=Programs)
    """The checks to write in Python."""


def import_promptfoo(file: Path, config: Config, judge: str = "") -> ImportedSuite:
    """The suite of a promptfoo configuration and the files that it references, below the root of the project.

    `judge`: the configured model that answers graded assertions; without one they are listed as not imported.
    A stub replaces prompts or providers of which none can be imported. Raises SuiteError if the file is invalid.
    """
    if is_program(file.name):
        message = "a configuration that is a program is not run: save it as YAML"
        raise SuiteError([problem(file.name, 0, 0, message)])
    root = config.root.resolve()
    source = Source(root if file.is_relative_to(root) else file.parent, file.parent, config.limits)
    source.programs.taken = [*config.checks]
    source.embedder = next(iter(config.embedders), "")
    source.judge = judge
    top = source.read(file)
    if not isinstance(top.value, dict):
        raise SuiteError([problem(file.name, 1, 0, "expected a promptfoo configuration, which is a mapping")])
    source.note_unknown_keys(top, (*_KNOWN, *_TARGETS))
    if top["env"]:
        source.note(top["env"], "'env' has no equivalent: set the variables where the suite runs")
    source.delimiter = top["env"]["PROMPTFOO_CSV_DELIMITER"].text[:1]
    return _Conversion(source, top, config).result()


class _Conversion:
    """Converts one configuration."""

    def __init__(self, source: Source, top: Node, config: Config) -> None:
        self.source, self.top, self.config = source, top, config
        self.renderer = Renderer(config.limits)
        self.defaults = read_test(source, self._defaults(), "of defaultTest: ")
        expand = not top["env"]["PROMPTFOO_DISABLE_VAR_EXPANSION"].is_true
        self.cases = read_cases(source, top, self.defaults, expand=expand)
        self.vars = {name: value for name, value in self.defaults.vars.items() if not isinstance(value, Choices)}
        self.prompts = self._prompts()

    def result(self) -> ImportedSuite:
        """The suite."""
        providers = self.top["targets"] or self.top["providers"]
        models = read_providers(self.source, providers, self.top["env"])
        tools = common_tools(self.source, models)
        self.source.offers_tools = bool(tools)
        common, own = self._assertions()
        found = [common, *own]
        golden = {
            case.id: [*dict.fromkeys(mine.golden)] for case, mine in zip(self.cases, own, strict=True) if mine.golden
        }
        wanted = [*dict.fromkeys(name for one in found for name in one.metrics)]
        metrics = metrics_of(self.source, self.top["tests"], wanted, len(self.cases), len(golden))
        variables = {*self.vars, *(name for case in self.cases for name in case.vars)}
        in_files = {
            name: in_its_file(prompt, self.source.folder, self.config, variables)
            for name, prompt in self.prompts.items()
        }
        suite = {
            "schema": 1,
            "description": self.top["description"].text,
            "models": list(models),
            "prompts": {name: in_files.get(name) or prompt.messages for name, prompt in self.prompts.items()},
            "params": common_params(self.source, providers, models),
            "tools": tools,
            "vars": self.vars,
            "metrics": metrics,
            "assert": common.checks,
            "cases": [_case(case, mine) for case, mine in zip(self.cases, own, strict=True)],
            "gates": gates_of(metrics, self._gates(found), len(self.cases), len(golden)),
        }
        add_calls(suite, [mine.calls or common.calls for mine in own])
        add_judges(suite, self.source, common.graded, [mine.graded for mine in own])
        notes = sorted(self.source.notes, key=lambda note: (note.file != self.top.document.file, note.file, note.line))
        kept = {key: value for key, value in suite.items() if value not in ("", [], {})}
        return ImportedSuite(kept, golden, models, notes, self.source.programs)

    def _gates(self, found: Sequence[ImportedAssertions]) -> list[str]:
        return [*dict.fromkeys(name for one in found for name in one.gates)]

    def _defaults(self) -> Node:
        node = self.top["defaultTest"]
        if node.text.startswith(FILE):
            node = self.source.open_reference(node, node.text) or Node({}, node.document, node.loc)
        return node

    def _prompts(self) -> dict[str, ImportedPrompt]:
        """The prompts that render with every case, or a stub."""
        prompts = self.top["prompts"]
        if not prompts and any("prompt" in (*self.vars, *case.vars) for case in self.cases):  # the default of promptfoo
            prompts = Node("{{prompt}}", prompts.document, prompts.loc)
        found = read_prompts(self.source, prompts)
        self.vars |= add_affixes(self.source, self.cases, found, self._render)
        self.vars |= replace_environment(self.source, found)
        found = {name: self._printed(prompt) for name, prompt in found.items() if self._renders(name, prompt)}
        return found or {"prompt-1": prompt_stub(self.source, prompts, [self.vars, *(c.vars for c in self.cases)])}

    def _renders(self, name: str, prompt: ImportedPrompt) -> bool:
        """Whether the prompt renders with every case; defines missing variables as empty text, as nunjucks does."""
        texts = [text for message in prompt.messages for text in message.values()]
        try:
            missing = self._missing(texts)
            defaults = self._needed({variable: empty_value(variable, texts) for variable in missing}, texts)
            for text in texts:
                for case in self.cases:
                    self.renderer.text(text, {**defaults, **self.vars, **case.vars})
        except TemplateError as error:
            self.source.note(prompt.node, f"the prompt '{name}' is skipped: {error}")
            return False
        for variable, value in defaults.items():
            cases, self.vars[variable] = missing[variable], value
            message = f"'{variable}' is not set in {len(cases)} tests ({cases[0]}): it is empty there"
            self.source.note(prompt.node, message)
        if any("{%" in text for text in texts):
            self.source.note(
                prompt.node, f"the prompt '{name}': the line end after {{% ... %}} is not part of the text"
            )
        return True

    def _missing(self, texts: Sequence[str]) -> dict[str, list[str]]:
        """The variables without a value, and the cases that read them. Raises TemplateError."""
        names = {name for text in texts for name in self.renderer.variables(text)} - self.vars.keys()
        found = {name: [case.id for case in self.cases if name not in case.vars] for name in sorted(names)}
        return {name: cases for name, cases in found.items() if cases}

    def _needed(self, defaults: dict[str, Any], texts: Sequence[str]) -> dict[str, Any]:
        """The defaults without which the texts do not render: not for what they read with `default`."""
        for name, value in [*defaults.items()]:
            for key in value if isinstance(value, dict) else ():
                smaller = {**defaults, name: _without(defaults[name], key)}
                defaults = smaller if self._suffices(smaller, name, texts) else defaults
            smaller = _without(defaults, name)
            defaults = smaller if self._suffices(smaller, name, texts) else defaults
        return defaults

    def _suffices(self, defaults: Mapping[str, Any], name: str, texts: Sequence[str]) -> bool:
        """Whether the texts render with these defaults in all cases without a variable."""
        cases = (case.vars for case in self.cases if name not in case.vars)
        try:
            for variables in cases:
                for text in texts:
                    self.renderer.text(text, {**defaults, **self.vars, **variables})
        except TemplateError:
            return False
        return True

    def _printed(self, prompt: ImportedPrompt) -> ImportedPrompt:
        """The prompt that prints values as nunjucks does."""
        cases = [{**self.vars, **case.vars} for case in self.cases]
        messages = []
        for turn in prompt.messages:
            ((role, text),) = turn.items()
            text, mixed = with_filters(text, cases)
            messages.append({role: text})
            for name in mixed:
                text = f"'{name}' has values of several types: true, null, lists and objects are printed as in Python"
                self.source.note(prompt.node, text)
            if not mixed and self._prints_constants(messages[-1][role], cases):
                self.source.note(
                    prompt.node, "a prompt prints True, False or None, where promptfoo prints true, false or nothing"
                )
        return replace(prompt, messages=messages)

    def _prints_constants(self, text: str, cases: Sequence[Mapping[str, Any]]) -> bool:
        try:
            return any(prints_constants(text, case, self.renderer.text) for case in cases)
        except TemplateError:
            return False

    def _assertions(self) -> tuple[ImportedAssertions, list[ImportedAssertions]]:
        """The shared assertions, and those of each case. Shared ones that depend on the test go to each case."""
        each = any(case.test.has("disableDefaultAsserts") for case in self.cases)
        items = [item for node in self.defaults.asserts for item in open_assertions(self.source, node)]
        shared, filled = ([item for item in items if (each or depends_on_test(item)) == own] for own in (False, True))
        common = read_assertions(self.source, shared, lambda text: text)
        own = []
        for case in self.cases:
            mine = [] if case.test.has("disableDefaultAsserts") else filled
            found = read_assertions(self.source, [*case.test.asserts, *mine], self._render(case))
            found.golden += common.golden
            own.append(found)
        return common, own

    def _render(self, case: ImportedCase) -> Callable[[str], str]:
        variables = {**self.vars, **case.vars}

        def render(text: str) -> str:
            try:
                return self.renderer.text(with_filters(text, [variables])[0], variables)
            except TemplateError as error:
                raise ValueError(str(error)) from None

        return render


def _without(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != key}


def _case(case: ImportedCase, assertions: ImportedAssertions) -> dict[str, Any]:
    parts = {"id": case.id, "vars": case.vars, "tags": case.tags, "assert": assertions.checks}
    return {key: value for key, value in parts.items() if value not in ([], {})}
