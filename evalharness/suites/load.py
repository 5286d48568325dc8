"""Load `suites/NAME.yaml`, its case file and its goldens into a checked Suite."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import EvalHarnessError, Problem, SuiteError, did_you_mean
from evalharness.records import Case, GateRule, GateSpec, Location, Message, Prompt, Spec, Suite
from evalharness.suites.document import Document, DocumentError, Loc, problem, read_yaml
from evalharness.suites.files import FileError, inside, read_text
from evalharness.suites.golden import Golden, read_golden
from evalharness.suites.params import constraint_problems, read_params
from evalharness.suites.render import Renderer, TemplateError
from evalharness.suites.rows import read_csv, read_jsonl
from evalharness.suites.schema import CaseSchema, SuiteSchema
from evalharness.suites.validation import validate

SUITE_FOLDER = "suites"
_READERS: Mapping[str, Callable[..., Document]] = {".yaml": read_yaml, ".jsonl": read_jsonl, ".csv": read_csv}
_SUITE, _CASES = TypeAdapter(SuiteSchema), TypeAdapter(list[CaseSchema])
_MAX_PROBLEMS = 200
_UNCALIBRATED = (
    "'{}' is the opinion of the judge '{}', and no gate may rest on a judge whose error was not measured; remove this "
    "gate: the report shows the scores"
)


def suite_names(root: Path) -> list[str]:
    """The names of the suites of a project, sorted."""
    return sorted(path.stem for path in (root / SUITE_FOLDER).glob("*.yaml"))


def suite_path(name: str, root: Path) -> Path:
    """The path of an existing suite. Raises SuiteError with similar names."""
    known = suite_names(root)
    if name not in known:
        hint = did_you_mean(name, known) if known else "; this project has no suites yet"
        raise SuiteError([problem(f"{SUITE_FOLDER}/{name}.yaml", 0, 0, f"there is no suite '{name}'{hint}")])
    return root / SUITE_FOLDER / f"{name}.yaml"


def load_suite(name: str, config: Config) -> Suite:
    """The suite `name`. Raises SuiteError with all problems of its files."""
    return _Loader(name, config).load()


class _Loader:
    """Loads one suite and collects the problems of all its files."""

    def __init__(self, name: str, config: Config) -> None:
        self.name, self.config, self.problems = name, config, list[Problem]()
        self.path = suite_path(name, config.root)
        self.renderer = Renderer(config.limits)
        self.logprobs = False
        self.opened: dict[str, Any] = {}
        """The metrics by name. No step imports another, so their type is unknown here."""

    def load(self) -> Suite:
        document = self.read(self.path, _READERS[".yaml"])
        raw: SuiteSchema = self.checked(_SUITE, document)
        self.logprobs = raw.params.logprobs
        metrics = self.specs(raw.metrics, document, "metrics", self.metric)
        checks = self.specs(raw.assert_, document, "assert", self.check)
        cases, sources = self.cases(raw, document)
        golden = self.golden([case.id for case in cases], metrics, sources)
        suite = Suite(
            name=self.name,
            file=document.file,
            description=raw.description,
            models=tuple(raw.models),
            prompts=self.prompts(raw, document),
            default_prompts=tuple(raw.default_prompts or raw.prompts),
            params=read_params(raw.params),
            vars=raw.vars,
            metrics=metrics,
            gates=self.gates(raw, document, metrics, cases),
            cases=tuple(self.case(case, source, golden, checks) for case, source in zip(cases, sources, strict=True)),
        )
        self.problems += constraint_problems(raw.params, document)
        self.check_names(raw, document)
        self.check_prompts(suite, document)
        if self.problems:
            raise self.error()
        return suite

    def error(self, *more: Problem) -> SuiteError:
        """The problems so far and `more`, in file order, the suite file first."""
        own = self.path.relative_to(self.config.root).as_posix()
        found = sorted({*self.problems, *more}, key=lambda p: (p.file != own, p.file, p.line, p.column))
        rest = len(found) - _MAX_PROBLEMS
        return SuiteError([*found[:_MAX_PROBLEMS], *([problem(own, 0, 0, f"and {rest} more")] if rest > 0 else [])])

    def read(self, path: Path, reader: Callable[..., Document]) -> Document:
        """The content of a file. Raises SuiteError at once: the other checks need it."""
        file = path.relative_to(self.config.root).as_posix()
        try:
            return reader(read_text(path, self.config.root, self.config.limits), file, self.config.limits)
        except FileError as error:
            raise self.error(problem(file, error.line, 0, str(error))) from None
        except DocumentError as error:
            raise self.error(error.problem) from None

    def checked(self, adapter: TypeAdapter[Any], document: Document) -> Any:
        """The validated value. Raises SuiteError with all problems that the schema finds."""
        value, problems = validate(adapter, document)
        if problems:
            raise self.error(*problems)
        return value

    def note(self, document: Document, loc: Loc, message: str) -> None:
        self.problems.append(document.problem(loc, message))

    def specs(
        self, items: Sequence[Any], document: Document, key: str, probe: Callable[[str, Any], Spec], at: Loc = ()
    ) -> tuple[Spec, ...]:
        """The specs of metrics or assertions; `probe` checks each item."""
        specs: dict[str, Spec] = {}
        for index, item in enumerate(items):
            loc = (*at, key, index)
            try:
                item, must_pass = _must_pass(item) if key == "assert" else (item, None)
                name, value = next(iter(item.items())) if isinstance(item, dict) and len(item) == 1 else (item, None)
                if not isinstance(name, str):
                    raise ValueError(f"expected NAME or {{NAME: value}}, got {item!r}")
                spec = probe(name, value)
                spec = replace(spec, must_pass=must_pass) if must_pass else spec
                if key == "metrics" and name in specs:
                    raise ValueError(f"duplicate metric '{name}'")
                specs[f"{name}{index if key == 'assert' else ''}"] = spec
            except (LookupError, ValueError, EvalHarnessError) as error:
                self.note(document, loc, str(error.args[0] if error.args else error))
        return tuple(specs.values())

    def metric(self, name: str, value: Any) -> Spec:
        first = next(iter(registry.options(registry.find("metrics", name))), "value")
        spec = Spec(name, value if isinstance(value, dict) else {} if value is None else {first: value})
        self.opened[name] = registry.make("metrics", name, spec.options, config=self.config)
        if self.opened[name].answer_likelihood and not self.logprobs:
            raise ValueError(f"the metric '{name}' needs params: {{logprobs: true}}")
        return spec

    def check(self, name: str, value: Any) -> Spec:
        registry.find("checks", name)(value)
        return Spec(name, {"value": value})

    def cases(self, raw: SuiteSchema, document: Document) -> tuple[list[CaseSchema], list[tuple[Document, Loc]]]:
        """The cases, and the document and position of each."""
        if isinstance(raw.cases, str):
            document, cases = self.case_file(raw.cases, document)
            sources: list[tuple[Document, Loc]] = [(document, (index,)) for index in range(len(cases))]
        else:
            cases, sources = raw.cases, [(document, ("cases", index)) for index in range(len(raw.cases))]
        self.check_ids(cases, sources, document)
        return cases, sources

    def case_file(self, reference: str, document: Document) -> tuple[Document, list[CaseSchema]]:
        try:
            path = inside(self.config.root, self.path.parent, reference)
            if path.suffix not in _READERS:
                raise FileError(f"expected a case file that ends in .yaml, .jsonl or .csv, got '{reference}'")
            if not path.exists():
                raise FileError(f"case file '{reference}' not found in the folder of this suite")
        except FileError as error:
            raise self.error(document.problem(("cases",), str(error))) from None
        cases = self.read(path, _READERS[path.suffix])
        if path.suffix == ".csv":
            cases = Document(cases.file, [_from_row(row) for row in cases.value], cases.locate)
        return cases, self.checked(_CASES, cases)

    def check_ids(
        self, cases: Sequence[CaseSchema], sources: Sequence[tuple[Document, Loc]], document: Document
    ) -> None:
        if not cases:
            self.note(document, ("cases",), "the suite has no cases: add at least one")
        if len(cases) > self.config.limits.cases:
            self.note(document, ("cases",), f"{len(cases)} cases exceed limits.cases = {self.config.limits.cases}")
        first: dict[str, Location] = {}
        for case, (source, loc) in zip(cases, sources, strict=True):
            where = source.locate((*loc, "id"))
            if case.id == "gate":
                self.note(source, (*loc, "id"), "the id 'gate' is reserved for gate results: choose another id")
            if case.id in first:
                self.note(source, (*loc, "id"), f"duplicate id '{case.id}': first used at {first[case.id]}")
            first.setdefault(case.id, where)

    def golden(self, ids: list[str], metrics: Sequence[Spec], sources: Sequence[tuple[Document, Loc]]) -> Golden:
        golden = read_golden(self.name, self.config, ids)
        self.problems += golden.problems
        needing = [spec.name for spec in metrics if self.opened[spec.name].needs_golden]
        for case_id, (source, loc) in zip(ids, sources, strict=True):
            if needing and not golden.answers.get(case_id) and not golden.problems:
                self.note(
                    source,
                    (*loc, "id"),
                    f"no golden answer for '{case_id}' in {golden.file}: the metric {needing[0]} needs one",
                )
        return golden

    def case(self, raw: CaseSchema, source: tuple[Document, Loc], golden: Golden, checks: tuple[Spec, ...]) -> Case:
        document, loc = source
        answers = golden.answers.get(raw.id, ())
        return Case(
            id=raw.id,
            vars=raw.vars,
            tags=tuple(dict.fromkeys(raw.tags)),
            golden=answers,
            checks=checks + self.specs(raw.assert_, document, "assert", self.check, loc),
            digest=digest([raw.vars, list(answers)]),
            where=document.locate(loc),
            cluster=raw.cluster,
        )

    def prompts(self, raw: SuiteSchema, document: Document) -> dict[str, Prompt]:
        return {
            name: Prompt(
                name, tuple(Message(*turn.role_and_source) for turn in turns), document.locate(("prompts", name))
            )
            for name, turns in raw.prompts.items()
        }

    def gates(
        self, raw: SuiteSchema, document: Document, metrics: Sequence[Spec], cases: Sequence[CaseSchema]
    ) -> tuple[GateSpec, ...]:
        known = [*(spec.name for spec in metrics), *(set(registry.names("gate_kinds")) - {"score"})]
        tags = {tag for case in cases for tag in case.tags}
        gates: dict[tuple[str, str], GateSpec] = {}
        for index, gate in enumerate(raw.gates):
            loc = ("gates", index)
            if gate.metric not in known:
                hint = did_you_mean(gate.metric, known)
                self.note(document, (*loc, "metric"), f"no metric '{gate.metric}' in this suite{hint}")
            elif judge := getattr(self.opened.get(gate.metric), "judge", ""):
                self.note(document, (*loc, "metric"), _UNCALIBRATED.format(gate.metric, judge))
            if gate.tag and gate.tag not in tags:
                self.note(document, (*loc, "tag"), f"no case has the tag '{gate.tag}'{did_you_mean(gate.tag, tags)}")
            kind = registry.gate_kind(gate.metric)
            for option in ("tag", "slots"):
                if getattr(gate, option) and option not in kind.options:
                    self.note(document, (*loc, option), f"a gate on {gate.metric} does not take '{option}': remove it")
            if (gate.metric, gate.tag) in gates:
                self.note(document, loc, f"duplicate gate on '{gate.metric}'")
            rule = GateRule(gate.metric, gate.margin, gate.target, gate.tag, gate.slots, kind.unit)
            gates[gate.metric, gate.tag] = GateSpec(rule, document.locate(loc))
        return tuple(gates.values())

    def check_names(self, raw: SuiteSchema, document: Document) -> None:
        for index, model in enumerate(raw.models):
            try:
                self.config.model(model)
            except EvalHarnessError as error:
                self.note(document, ("models", index), str(error))
        for index, prompt in enumerate(raw.default_prompts):
            if prompt not in raw.prompts:
                self.note(
                    document,
                    ("default_prompts", index),
                    f"no prompt '{prompt}' in this suite{did_you_mean(prompt, raw.prompts)}",
                )

    def check_prompts(self, suite: Suite, document: Document) -> None:
        """Render each message with each case, to find broken templates early."""
        for prompt in suite.prompts.values():
            for index, turn in enumerate(prompt.messages):
                problem = next(filter(None, (self.try_render(turn, suite, case) for case in suite.cases)), None)
                if problem:
                    self.note(document, ("prompts", prompt.name, index, turn.role), problem)

    def try_render(self, turn: Message, suite: Suite, case: Case) -> str | None:
        try:
            self.renderer.text(turn.content, {**suite.vars, **case.vars})
        except TemplateError as error:
            return f"{error} (with case '{case.id}', {case.where})"
        return None


def _must_pass(item: Any) -> tuple[Any, Any]:
    """Split `{contains: Acme, must_pass: stable}` into the check and `must_pass`. Raises ValueError."""
    if not isinstance(item, dict) or "must_pass" not in item:
        return item, None
    if item["must_pass"] not in ("always", "stable"):
        raise ValueError(f"must_pass: expected always or stable, got {item['must_pass']!r}")
    return {name: value for name, value in item.items() if name != "must_pass"}, item["must_pass"]


def digest(value: Any) -> str:
    """The SHA-256 of a plain value, equal on every machine."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _from_row(row: dict[str, str]) -> dict[str, Any]:
    """A case from a CSV row: `id`, `tags` (separated by ;), and all other columns as variables."""
    tags = [tag.strip() for tag in row.get("tags", "").split(";") if tag.strip()]
    variables = {name: cell for name, cell in row.items() if name not in ("id", "tags")}
    return {**({"id": row["id"]} if "id" in row else {}), "tags": tags, "vars": variables}
