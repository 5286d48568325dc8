"""Convert tests and scenarios of promptfoo to cases, one per combination of variables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice, product
from typing import Any

from evalharness.importers.names import tag_name, unique_ids
from evalharness.importers.promptfoo.case_files import read_scenarios, read_tests
from evalharness.importers.promptfoo.source import Node, Source
from evalharness.importers.promptfoo.variables import Choices, read_vars

_KNOWN = ("description", "vars", "assert", "metadata", "options", "threshold")
_OPTIONS = ("prefix", "suffix", "disableVarExpansion", "disableDefaultAsserts")
_TRANSFORMS = ("transform", "postprocess")
_GRADING = {
    "provider": "--judge names the judge of all cases",
    "rubricPrompt": "a judge has a frame of its own",
}
_MAX_COMBINATIONS = 10_000


@dataclass(frozen=True)
class ImportedTest:
    """A test, or what all tests share, before lists of values become cases."""

    node: Node
    label: str = ""
    vars: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    asserts: tuple[Node, ...] = ()
    options: Mapping[str, Node] = field(default_factory=dict)

    def merged(self, test: ImportedTest) -> ImportedTest:
        """The test with everything that `test` adds or overrides, such as a row of a scenario with its tests."""
        return replace(
            test,
            label=test.label or self.label,
            vars={**self.vars, **test.vars},
            tags=(*self.tags, *test.tags),
            asserts=(*self.asserts, *test.asserts),
        )

    def has(self, name: str) -> bool:
        """Whether an option is true."""
        found = self.options.get(name)
        return found is not None and found.is_true


@dataclass
class ImportedCase:
    """A case before its assertions are converted."""

    test: ImportedTest
    vars: dict[str, Any]
    tags: list[str]
    id: str = ""


def read_test(source: Source, node: Node, where: str) -> ImportedTest:
    """A test, the default test or a row of a scenario; notes about parts without an equivalent."""
    if node and not isinstance(node.value, dict):
        source.note(node, "a test must be a mapping")
        return ImportedTest(node)
    source.note_unknown_keys(node, _KNOWN, where)
    source.note_unknown_keys(node["options"], (*_OPTIONS, *_TRANSFORMS, *_GRADING), f"{where}option ")
    for name in filter(node["options"].__getitem__, _TRANSFORMS):
        source.note(
            node["options"][name], f"{where}option '{name}' has no equivalent: the checks read the whole answer"
        )
    for name in filter(node["options"].__getitem__, _GRADING):
        source.note(node["options"][name], f"{where}option '{name}' has no equivalent: {_GRADING[name]}")
    if node["threshold"]:
        source.note(node["threshold"], f"{where}'threshold' has no equivalent: every check must pass")
    return ImportedTest(
        node,
        node["description"].text,
        read_vars(source, node["vars"]),
        tuple(_tags(source, node["metadata"])),
        tuple(node["assert"].each()),
        dict(node["options"].items()),
    )


def read_cases(source: Source, top: Node, defaults: ImportedTest, *, expand: bool) -> list[ImportedCase]:
    """The cases in order, each with a unique id; one without variables if there are no tests."""
    tests = [read_test(source, node, "of a test: ") for node in read_tests(source, top["tests"])]
    for row, test in read_scenarios(source, top["scenarios"]):
        tests.append(read_test(source, row, "of a scenario: ").merged(read_test(source, test, "of a test: ")))
    if not tests:
        tests = [ImportedTest(top["tests"])]
        if top["tests"].value or top["scenarios"].value:
            source.note(top["tests"], "no test can be imported: complete the case 'test-1'")
    every = (case for test in tests for case in _expanded(source, _with_defaults(test, defaults), defaults, expand))
    found = [*islice(every, source.limits.cases)]
    if next(every, None) is not None:
        source.note(top["tests"], f"more than limits.cases = {source.limits.cases} tests: the others are skipped")
    for case, name in zip(found, unique_ids((case.test.label for case in found), "test"), strict=True):
        case.id = name
    return found


def _with_defaults(test: ImportedTest, defaults: ImportedTest) -> ImportedTest:
    return replace(
        test, tags=(*defaults.tags, *test.tags), options={**defaults.options, **test.options}, asserts=test.asserts
    )


def _expanded(source: Source, test: ImportedTest, defaults: ImportedTest, expand: bool) -> Iterator[ImportedCase]:
    """A case for each combination of the values of lists, also of lists in the defaults."""
    shared = {name: value for name, value in defaults.vars.items() if isinstance(value, Choices)}
    own = {**shared, **test.vars}
    lists = {name: value for name, value in own.items() if isinstance(value, Choices)}
    if not expand or test.has("disableVarExpansion"):
        own |= {name: [*value] for name, value in lists.items()}
        lists = {}
    combinations = product(*lists.values())
    for values in islice(combinations, _MAX_COMBINATIONS):
        yield ImportedCase(test, own | dict(zip(lists, values, strict=True)), [*dict.fromkeys(test.tags)])
    if next(combinations, None) is not None:
        source.note(test.node, f"more than {_MAX_COMBINATIONS:,} combinations of variables: the others are skipped")


def _tags(source: Source, metadata: Node) -> list[str]:
    """Tags such as `topic=refunds`, one for each scalar value."""
    tags = []
    for name, item in metadata.items():
        values = [json.dumps(value) if isinstance(value := one.plain, bool) else value for one in item.each()]
        if any(isinstance(value, Mapping | list) for value in values):
            source.note(item, f"metadata '{name}' must be a scalar or a list of scalars: it is skipped")
            continue
        tags += [tag_name(f"{name.removesuffix('[]')}={value}") for value in values if value is not None]
    return tags
