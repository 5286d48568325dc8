"""Load `suites/NAME.yaml`, its case file and its goldens into a checked Suite."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from evalharness.config import Config
from evalharness.errors import EvalHarnessError, SuiteError, did_you_mean
from evalharness.records import ASSERTIONS, Case, IdIndex, Prompt, Run, Spec, Suite, Tool, World
from evalharness.records.names import NAME_RULE, is_name
from evalharness.suites.applicable import Applicable
from evalharness.suites.case_rows import CaseReader
from evalharness.suites.document import Document, Loc, problem, read_yaml
from evalharness.suites.gates import read_gates
from evalharness.suites.golden import Golden, entry_problems, read_golden
from evalharness.suites.params import constraint_problems, read_params
from evalharness.suites.prompts import PromptReader
from evalharness.suites.questions import asked, question_problems
from evalharness.suites.reading import Reading
from evalharness.suites.render import Renderer
from evalharness.suites.render_checks import RenderChecks, with_attachments
from evalharness.suites.schema import CaseSchema, SuiteSchema
from evalharness.suites.specs import BEYOND, SpecReader
from evalharness.suites.stored_cases import kept

if TYPE_CHECKING:  # only some suites have attachments
    from evalharness.suites.attachments import AttachmentReader

SUITE_FOLDER = "suites"
_WRITE = "write them as `CASE: answer`; a case without one is left out"
_SUITE = TypeAdapter(SuiteSchema)
_ENCODER = json.JSONEncoder(sort_keys=True, ensure_ascii=True)
"""Made once: it takes as long as to write a short case."""


def suite_names(root: Path) -> list[str]:
    """The names of the suites of a project, sorted."""
    return sorted(path.stem for path in (root / SUITE_FOLDER).glob("*.yaml"))


def suite_path(name: str, root: Path) -> Path:
    """The path of an existing suite. Raises SuiteError: another name, with similar ones; an invalid name."""
    path = root / SUITE_FOLDER / f"{name}.yaml"
    there = path.parent == root / SUITE_FOLDER and path.parent.is_dir()
    if not there or path.name not in os.listdir(path.parent):  # noqa: PTH208 - names alone
        known = suite_names(root)
        hint = did_you_mean(name, known) if known else f"; no suites in {SUITE_FOLDER}/: evalharness init writes one"
        if (root / SUITE_FOLDER / f"{name}.yml").exists():
            hint = f"; rename {SUITE_FOLDER}/{name}.yml to {name}.yaml"
        raise SuiteError([problem(f"{SUITE_FOLDER}/{name}.yaml", 0, 0, f"unknown suite '{name}'{hint}")])
    if not is_name(name):
        hint = f"invalid file name: expected {NAME_RULE}: rename the file"
        raise SuiteError([problem(f"{SUITE_FOLDER}/{name}.yaml", 0, 0, hint)])
    return path


def load_suite(name: str, config: Config) -> Suite:
    """The suite `name`. Raises SuiteError with all problems of its files."""
    return _Loader(name, config).load()


class _Loader(Reading):
    """Loads one suite."""

    def __init__(self, name: str, config: Config) -> None:
        super().__init__(suite_path(name, config.root), config)
        self._name = name

    def load(self) -> Suite:
        document = self.read(self.path, read_yaml)
        raw: SuiteSchema = self.checked(_SUITE, document)
        self._specs = SpecReader(self, logprobs=raw.params.logprobs)
        metrics = self._specs.metrics(raw.metrics, document)
        checks = self._specs.checks(raw.assert_, document)
        reader = CaseReader(self, document, raw.cases)
        golden = read_golden(self._name, self.config)
        prompts = PromptReader(self, document)
        tools, world = self._tools(raw, document)
        read = {name: prompts.prompt(name, given) for name, given in raw.prompts.items()}
        files, renderer = self._attachments(read), Renderer(self.config.limits)
        rendered = RenderChecks(read, raw.vars, renderer, self.config.limits, files)
        applicable = Applicable(self._applied(golden), {gate.tag for gate in raw.gates})
        self._digest_of = digest if reader.is_in_parts else _shared_digest
        made = (self._case(*row, golden, checks, world) for row in reader.rows())
        cases = kept(_passing(made, applicable.add, rendered.add), checks, may_be_many=reader.is_in_parts)
        survey = reader.survey
        self._check_golden(golden, reader.ids(), metrics)
        prompts.check_filled({*raw.vars, *survey.variables})
        suite = Suite(
            name=self._name,
            file=document.file,
            description=raw.description,
            models=tuple(raw.models),
            prompts=read,
            default_prompts=tuple(raw.default_prompts or raw.prompts),
            params=read_params(raw.params),
            tools=tools,
            world=world,
            vars=raw.vars,
            metrics=metrics,
            gates=read_gates(
                raw.gates, document, self._specs.opened, survey.tags, self, asserts=bool(raw.assert_) or survey.asserts
            ),
            cases=cases,
        )
        self.problems += constraint_problems(raw.params, document)
        self._check_names(raw, document)
        self._specs.check_judges(raw.models, document)
        if not self.problems:
            self._check_metrics(suite, applicable, document)
        self._check_assertions(suite)
        self.problems += rendered.problems()
        if survey.talks:
            self._check_turns(suite, renderer)
        if self.problems:
            raise self.error()
        return with_attachments(suite, files) if files else suite

    def _tools(self, raw: SuiteSchema, document: Document) -> tuple[tuple[Tool, ...], World | None]:
        """What the model may call, and what the calls return."""
        if not raw.tools and raw.world is None:
            return (), None
        from evalharness.suites.tools import read_tools
        from evalharness.suites.world import read_world

        tools = read_tools(raw.tools, document, self)
        return tools, read_world(raw.world, tools, document, self)

    def _attachments(self, prompts: Mapping[str, Prompt]) -> AttachmentReader | None:
        """What reads the pictures and documents of the messages; None for a suite without any."""
        if not any(message.attachments for prompt in prompts.values() for message in prompt.messages):
            return None
        from evalharness.suites.attachments import AttachmentReader

        return AttachmentReader(self.config.root, self.path.parent, self.config.limits)

    def _check_turns(self, suite: Suite, renderer: Renderer) -> None:
        """Note the turns that the prompts do not send, or that cannot be rendered."""
        from evalharness.suites.conversations import turn_problems

        self.problems += turn_problems(suite, renderer.variables, renderer.text)

    def _check_golden(self, golden: Golden, ids: IdIndex, metrics: Sequence[Spec]) -> None:
        """Note what is wrong with the golden answers of these cases."""
        self.problems += golden.problems or entry_problems(golden, ids, self.config)
        needing = [spec.name for spec in metrics if self._specs.opened[spec.score_name].needs_golden]
        if needing and ids and golden.is_missing:
            message = f"file not found: the metric {needing[0]} needs golden answers; {_WRITE}"
            self.problems.append(problem(golden.file, 0, 0, message))

    def _applied(self, golden: Golden) -> Mapping[str, Any]:
        """The metrics that must apply to a case. A missing golden file is a problem of its own."""
        metrics = self._specs.opened
        return {name: one for name, one in metrics.items() if not (golden.is_missing and one.needs_golden)}

    def _check_metrics(self, suite: Suite, applicable: Applicable, document: Document) -> None:
        """Note each metric that no case gives anything to score."""
        place = self._specs.places
        found = list(applicable.metric_problems(lambda name, why: document.problem(place[name], why)))
        self.problems += found or applicable.gate_problems(suite.gates)

    def _check_assertions(self, suite: Suite) -> None:
        """Note each gate on assertions that cannot compare them with accepted answers."""
        for gate in suite.gates:
            if gate.rule.metric == ASSERTIONS and (beyond := next(iter(self._specs.beyond.items()), None)):
                self.problems.append(problem(*gate.where, BEYOND.format("a gate on assertions", *beyond)))

    def _case(
        self,
        raw: CaseSchema,
        source: tuple[Document, Loc],
        golden: Golden,
        checks: tuple[Spec, ...],
        world: World | None,
    ) -> Case:
        document, loc = source
        if raw.judge:
            self.problems += question_problems(raw, document, loc, self._specs.opened)
        answers = golden.answers.get(raw.id, ())
        fields, data = _conversation(raw)
        more = data | ({"world": world.to_data()} if world else {})
        return Case(
            id=sys.intern(raw.id),  # baselines repeat ids
            vars=raw.vars,
            tags=tuple(dict.fromkeys(raw.tags)),
            golden=answers,
            checks=checks + self._specs.checks(raw.assert_, document, loc),
            digest=self._digest_of([raw.vars, list(answers), *([more] if more else []), *asked(raw)]),
            where=document.locate(loc),
            cluster=raw.cluster,
            questions=raw.judge,
            **fields,
        )

    def _check_names(self, raw: SuiteSchema, document: Document) -> None:
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


def _passing(cases: Iterable[Case], *checks: Callable[[Case], None]) -> Iterator[Case]:
    """The cases, each after these checks of it: reading all of them once more takes longer than a check."""
    for case in cases:
        for check in checks:
            check(case)
        yield case


def _conversation(raw: CaseSchema) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a case that concern its conversation, and their part of its digest."""
    if not raw.is_conversation:
        return {}, {}
    from evalharness.suites.conversations import conversation_data, conversation_fields

    return conversation_fields(raw), conversation_data(raw)


def _shared_digest(value: Any) -> str:
    """The digest of a case that stays in memory, as one text with that in a baseline."""
    return sys.intern(digest(value))


def digest(value: Any) -> str:
    """The SHA-256 of a plain value, equal on every machine."""
    return hashlib.sha256(_ENCODER.encode(value).encode()).hexdigest()


def request_digest(run: Run, model: str, prompt: str, identity: Mapping[str, Any] | None = None) -> str:
    """The digest of model, prompt and parameters of a run; `identity` replaces that of its model."""
    return digest([identity or run.header.models.get(model), run.header.prompts.get(prompt)])


def prompt_digest(suite: Suite, prompt: str) -> str:
    """The digest of a prompt's messages, tools and files, with the suite's variables and parameters."""
    messages = [turn.to_data() for turn in suite.prompts[prompt].messages]
    tools = [[tool.to_data() for tool in suite.tools]] if suite.tools else []
    files = sorted({(one.path, one.sha256) for one in suite.prompts[prompt].attachments.values()})
    return digest([messages, suite.vars, suite.params.to_data(), *tools, *([files] if files else [])])
