"""Every assertion type of promptfoo in every form: converted to the same check, or listed with its file and line.

The names are those of promptfoo 0.121, src/types/index.ts (`BaseAssertionTypesSchema`, `SpecialAssertionTypesSchema`),
and of earlier versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest
import yaml
from promptfoo_project import Imported, PromptfooProject

Checks = list[dict[str, Any]]

CHECKS: dict[str, tuple[str, Checks, Checks | None]] = {
    "contains": ("x", [{"contains": "x"}], [{"not_contains": "x"}]),
    "contains-all": ("x, y", [{"contains": "x"}, {"contains": "y"}], None),
    "contains-any": ("x, y", [{"regex": "(x|y)"}], [{"not_regex": "(x|y)"}]),
    "equals": ("x", [{"equals": "x"}], [{"not_equals": "x"}]),
    "icontains": ("x", [{"regex": "(?i)x"}], [{"not_regex": "(?i)x"}]),
    "icontains-all": ("x, y", [{"regex": "(?i)x"}, {"regex": "(?i)y"}], None),
    "icontains-any": ("x, y", [{"regex": "(?i)(x|y)"}], [{"not_regex": "(?i)(x|y)"}]),
    "is-json": ("{type: object}", [{"json_schema": {"type": "object"}}], None),
    "regex": ("x+", [{"regex": "x+"}], [{"not_regex": "x+"}]),
    "starts-with": ("x", [{"regex": r"\Ax"}], [{"not_regex": r"\Ax"}]),
    "word-count": ("3", [{"min_words": 3}, {"max_words": 3}], None),
}
"""Type -> a value, the checks, and the checks of its negation, if there are any."""
REFERENCES = {
    "bleu": "bleu",
    "levenshtein": "edit_similarity",
    "rouge-n": "rouge_1",
}
"""Types that compare with an answer, which becomes golden, and the metric."""
PROGRAMS = ["javascript", "python"]
"""Types that become a check to write in Python, and are listed."""
GATES = {"cost": "0.01", "latency": "3000"}
LEFT_OUT = """
    agent-rubric answer-relevance classifier contains-html contains-json contains-sql contains-xml
    context-faithfulness context-recall context-relevance conversation-relevance factuality finish-reason g-eval gleu
    guardrails is-html is-refusal is-sql is-valid-function-call is-valid-openai-function-call
    is-valid-openai-tools-call is-xml llm-rubric meteor model-graded-closedqa model-graded-factuality
    moderation perplexity perplexity-score pi rouge-l rouge-s ruby search-rubric similar similar:cosine similar:dot
    similar:euclidean
    skill-used tool-call-f1 trace-error-spans trace-span-count trace-span-duration trajectory:goal-success
    trajectory:step-count trajectory:tool-args-match trajectory:tool-sequence trajectory:tool-used webhook
""".split()  # noqa: SIM905
SPECIAL = ["human", "max-score", "select-best"]
"""Types without a negation."""
TYPES = [*CHECKS, *REFERENCES, *GATES, *PROGRAMS, *LEFT_OUT]

PLACES = ("test", "set", "default", "cell")
HEAD = "prompts: ['{{q}}']\nproviders: [openai:gpt-4o-mini]\n"


def value_of(kind: str) -> str:
    """A value that fits the type."""
    return CHECKS[kind][0] if kind in CHECKS else GATES.get(kind, "Paris")


def assertion(kind: str, *, negated: bool, threshold: bool) -> dict[str, Any]:
    """The assertion in YAML."""
    found: dict[str, Any] = {"type": f"not-{kind}" if negated else kind, "value": value_of(kind)}
    return found | ({"threshold": 0.5} if threshold else {})


def cell(kind: str, *, negated: bool, threshold: bool) -> str:
    """The assertion in a cell of a table."""
    return f"{'not-' if negated else ''}{kind}{'(0.5)' if threshold else ''}: {value_of(kind)}"


def imported(project: PromptfooProject, place: str, kinds: list[str], **form: bool) -> Iterator[Imported]:
    """What the command makes of each type; all types of a place in one configuration where it can have several."""
    assertions = [assertion(kind, **form) for kind in kinds]
    if place == "cell":
        rows = [f'q,"{cell(kind, **form)}"' for kind in kinds]
        yield project.result_of(f"{HEAD}tests: t.csv\n", t__csv="\n".join(["q,__expected", *rows, ""]))
    elif place == "default":
        shared = json.dumps({"assert": assertions}).replace("}, {", "},\n {")
        yield project.result_of(f"{HEAD}defaultTest: {shared}\ntests: [{{vars: {{q: x}}}}]\n")
    else:
        sets = [{"type": "assert-set", "assert": [one]} if place == "set" else one for one in assertions]
        tests = [f" - {json.dumps({'vars': {'q': 'x'}, 'assert': [one]})}" for one in sets]
        yield project.result_of("\n".join([HEAD, "tests:", *tests, ""]))


@pytest.mark.parametrize("threshold", [False, True], ids=["bare", "threshold"])
@pytest.mark.parametrize("negated", [False, True], ids=["plain", "not"])
@pytest.mark.parametrize("place", PLACES)
def test_every_type(project: PromptfooProject, place: str, negated: bool, threshold: bool) -> None:
    """Each type is that type here, or a line of the list names it with its place; nothing else becomes golden."""
    kinds = TYPES if negated else [*TYPES, *SPECIAL]
    (found,) = imported(project, place, kinds, negated=negated, threshold=threshold)
    checks = [found.suite.get("assert", [])] if place == "default" else found.checks
    wanted = [checks_of(kind, negated=negated) for kind in kinds]
    assert checks == ([[*chain(*wanted)]] if place == "default" else wanted)
    for kind in [kind for kind, mine in zip(kinds, wanted, strict=True) if not mine or kind in PROGRAMS]:
        assert places(found, f"not-{kind}" if negated else kind), kind
    golden = [] if negated else [value_of(kind) for kind in kinds if kind in ("equals", *REFERENCES)]
    answers = [*chain(*found.golden.values())]
    assert answers == (list(dict.fromkeys(golden)) if place == "default" else golden)
    kept = [] if negated else [*GATES]
    assert [gate["metric"] for gate in found.suite["gates"] if gate["metric"] in GATES] == kept


def checks_of(kind: str, *, negated: bool) -> Checks:
    """The checks that a type becomes."""
    if kind in PROGRAMS:
        return [{f"{kind}_1": True}]
    _, plain, opposite = CHECKS.get(kind, ("", [], None))
    return (opposite or []) if negated else plain


def places(found: Imported, kind: str) -> list[str]:
    """The lines of the list that name this type, each with a file and a line."""
    lines = [line for line in found.left_out if f": assertion {kind}: " in line]
    assert all(int(line.split(":")[1]) > 1 for line in lines)
    return lines


@pytest.mark.parametrize("kind", [*TYPES, *SPECIAL])
def test_a_type_without_a_value_in_a_cell(project: PromptfooProject, kind: str) -> None:
    """A cell with the name of a type alone is that type, and not an answer."""
    found = project.result_of(f"{HEAD}tests: t.csv\n", t__csv=f"q,__expected\nx,{kind}\n")
    assert found.golden == {}
    assert found.checks == [[{"json_valid": True}]] if kind == "is-json" else places(found, kind)


def test_no_type_is_missing() -> None:
    """The package knows the types of this table, so that a cell with one of them is not taken for an answer."""
    from evalharness.importers.promptfoo import cells

    assert sorted(cells._TYPES) == sorted([*TYPES, *SPECIAL])


def test_types_of_later_versions(project: PromptfooProject) -> None:
    """In YAML an unknown type is listed; so are an assertion without a type, a text, and the types of red teams."""
    items = ["{type: is-haiku, value: x}", "{value: x}", "just a text", "{type: 'promptfoo:redteam:pii'}"]
    text = f"{HEAD}tests:\n - vars: {{q: x}}\n   assert:\n" + "".join(f"    - {item}\n" for item in items)
    found = project.result_of(text)
    assert (found.checks, found.golden) == ([[]], {})
    assert [line.split(":")[1] for line in found.left_out] == ["6", "7", "8", "9"]
    assert yaml.safe_load(project.read("suites/s.yaml"))["metrics"] == [{"length": {"min_words": 1}}]
