"""Model-graded assertions of promptfoo become questions to a judge, or one line for each type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from promptfoo_project import Imported, PromptfooProject

import evalharness

HEAD = "prompts: ['{{q}}']\nproviders: [openai:gpt-4o-mini]\n"
SHOP = {"q": "How long?", "query": "How long?", "context": "Returns take 30 days. We open at nine."}
CONSISTENT = "Is the answer free of contradictions to this reference? It may say less or more."
MEETS = "Does the answer meet this criterion?"
CRITIC = """\
import json
from pathlib import Path

def answer(request):
    with Path(__file__).with_name("seen").open("a") as file:
        file.write(json.dumps(request.messages[-1].content) + chr(10))
    return {"decision": {"yes": 0.75, "no": 0.25}}
"""


@pytest.fixture
def project(tmp_path: Path) -> PromptfooProject:
    """A project with the model `critic`."""
    project = PromptfooProject(tmp_path)
    project.configure(critic={"provider": "scripted", "function": "critic.py:answer"})
    project.write("critic.py", CRITIC)
    return project


def text_of(*tests: list[dict[str, Any]], default: dict[str, Any] | None = None, **variables: Any) -> str:
    """A configuration whose tests have these assertions."""
    cases = [{"vars": {**SHOP, **variables}, "assert": asserts} for asserts in tests]
    lines = "".join(f" - {json.dumps(one)}\n" for one in cases)
    return f"{HEAD}defaultTest: {json.dumps(default or {})}\ntests:\n{lines}"


def judged(project: PromptfooProject, *tests: list[dict[str, Any]], **how: Any) -> Imported:
    """The import with the judge `critic`."""
    return project.result_of(text_of(*tests, **how), options=["--judge", "critic"])


def judges(found: Imported) -> dict[str, dict[str, Any]]:
    """The options of the judges by name, without the model, which is the same in all."""
    options = [one["judge"] for one in found.suite["metrics"] if isinstance(one, dict) and "judge" in one]
    assert {one.pop("model") for one in options} <= {"critic"}
    return {one.pop("name"): one for one in options}


KINDS: dict[str, tuple[Any, str, dict[str, Any]]] = {
    "llm-rubric": ("Is not\nrude", "rubric", {"ask": f"{MEETS}\nIs not\nrude", "sees": ["answer"]}),
    "model-graded-closedqa": ("Is kind", "closedqa", {"ask": f"{MEETS} Is kind", "sees": ["question", "answer"]}),
    "g-eval": ("Is kind", "g_eval", {"ask": f"{MEETS} Is kind", "sees": ["question", "answer"]}),
    "factuality": (
        "30 days",
        "factuality",
        {
            "ask": f"{CONSISTENT} 30 days",
            "sees": ["question", "answer"],
        },
    ),
    "model-graded-factuality": (
        "{{context}}",
        "factuality",
        {
            "ask": "Is the answer free of contradictions to this reference? It may say less or more. "
            + SHOP["context"],
            "sees": ["question", "answer"],
        },
    ),
    "answer-relevance": (
        None,
        "relevance",
        {"ask": "Does the answer address what the question asks for?", "sees": ["question", "answer"]},
    ),
    "context-faithfulness": (
        None,
        "faithfulness",
        {
            "ask": "Is everything that the sentence says supported by the context?",
            "sees": ["context"],
            "each": "sentence",
        },
    ),
    "context-recall": (
        "30 days",
        "recall",
        {"ask": "Does the context contain all of this information? 30 days", "sees": ["context"]},
    ),
    "context-relevance": (
        None,
        "focus",
        {
            "ask": "Does the context contain what the question needs, and little else?",
            "sees": ["question", "context"],
        },
    ),
}
"""Type -> its value, and the name and the options of the judge."""


def assertion(kind: str, value: Any, **more: Any) -> dict[str, Any]:
    """An assertion."""
    return {"type": kind, **({"value": value} if value is not None else {}), **more}


@pytest.mark.parametrize("negated", [False, True], ids=["plain", "not"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_grader(project: PromptfooProject, kind: str, negated: bool) -> None:
    """Each type is a question with a gate and one line of the list; of a negated one, no is the good answer."""
    value, name, options = KINDS[kind]
    written = f"not-{kind}" if negated else kind
    found = judged(project, [assertion(written, value, threshold=0.8)])
    expected = {f"not_{name}": {**options, "good": ["no"]}} if negated else {name: options}
    assert judges(found) == expected
    assert [gate["metric"] for gate in found.suite["gates"]] == ["length", *expected]
    lines = [line for line in found.left_out if f"assertion {written}: " in line]
    assert len(lines) == 1
    assert "now a metric by the judge 'critic'" in lines[0]
    assert "the threshold (0.8) is dropped" in lines[0]
    assert (found.checks, found.golden) == ([[]], {})


def test_an_imported_suite_runs(project: PromptfooProject) -> None:
    """The judge is asked each criterion about the answer, and each case has its scores."""
    one = [assertion("llm-rubric", "Names {{q}}"), assertion("context-faithfulness", None)]
    two = [assertion("not-llm-rubric", "Is rude")]
    judged(project, one, two)
    suite = yaml.safe_load(project.read("suites/s.yaml"))
    project.write("suites/s.yaml", yaml.safe_dump({**suite, "models": ["scripted"]}))
    project.answer({"*": "It takes 30 days."})
    samples = evalharness.evaluate("s", config=project.config).samples
    found = [{score.metric: score.value for score in sample.scores if score.metric != "length"} for sample in samples]
    assert found == [{"rubric": 0.75, "faithfulness": 0.75}, {"not_rubric": 0.25}]
    seen = [json.loads(line) for line in project.read("seen").splitlines()]
    asked = [text.partition("Question: ")[2].partition("\n")[0] for text in seen]
    assert sorted(asked) == sorted(
        [f"{MEETS} Names How long?", KINDS["context-faithfulness"][2]["ask"], f"{MEETS} Is rude"]
    )


def test_a_shared_criterion(project: PromptfooProject) -> None:
    """One for all tests is the question of the metric; one with a template or of some tests is a question of cases."""
    default = {"assert": [assertion("llm-rubric", "Is kind"), assertion("llm-rubric", "Answers {{q}}")]}
    found = judged(project, [], [assertion("llm-rubric", "Is brief")], default=default)
    assert judges(found) == {
        "rubric": {"ask": f"{MEETS} Is kind", "sees": ["answer"]},
        "rubric-2": {"sees": ["answer"]},
        "rubric-3": {"sees": ["answer"]},
    }
    assert [case["judge"] for case in found.suite["cases"]] == [
        {"rubric-2": f"{MEETS} Answers How long?"},
        {"rubric-2": f"{MEETS} Is brief", "rubric-3": f"{MEETS} Answers How long?"},
    ]
    assert [gate["metric"] for gate in found.suite["gates"]] == ["length", "rubric", "rubric-2", "rubric-3"]


def test_few_cases_with_a_criterion(project: PromptfooProject) -> None:
    """A judge of fewer than half of the cases has no gate."""
    found = judged(project, [assertion("llm-rubric", "Is kind")], [], [])
    assert [gate["metric"] for gate in found.suite["gates"]] == ["length"]
    assert [case.get("judge") for case in found.suite["cases"]] == [{"rubric": f"{MEETS} Is kind"}, None, None]


def test_names_and_weights(project: PromptfooProject) -> None:
    """`metric` names the judge, also if it is the name of another metric; weight 0 has no gate; others are listed."""
    asserts = [
        assertion("llm-rubric", "a", metric="Tone of voice"),
        assertion("llm-rubric", "b", metric="exact"),
        assertion("llm-rubric", "c", weight=0),
        assertion("llm-rubric", "d", weight=2),
    ]
    found = judged(project, asserts)
    assert list(judges(found)) == ["Tone-of-voice", "exact-2", "rubric", "rubric-2"]
    assert [gate["metric"] for gate in found.suite["gates"]] == ["length", "Tone-of-voice", "exact-2", "rubric-2"]
    assert found.says("assertion llm-rubric: 'weight' has no equivalent")


def test_criteria_of_g_eval(project: PromptfooProject) -> None:
    """Each criterion of a list is a question of its own."""
    found = judged(project, [assertion("g-eval", ["Is kind", "Is brief"])])
    assert [one["ask"] for one in judges(found).values()] == [f"{MEETS} Is kind", f"{MEETS} Is brief"]
    assert found.says("assertion g-eval: ", "with yes or no for a grade from 0 to 10")


def test_a_comparison(project: PromptfooProject) -> None:
    """`select-best` compares each answer with the accepted one, and its line says so."""
    found = judged(project, [assertion("select-best", "the kindest")], [assertion("select-best", "the shortest")])
    assert judges(found) == {"best": {"against": "baseline"}}
    asked = [case["judge"]["best"] for case in found.suite["cases"]]
    assert asked == ["Which answer fits this better? the kindest", "Which answer fits this better? the shortest"]
    assert found.says("assertion select-best: ", "the accepted answer in place of those of other prompts and models")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (assertion("llm-rubric", None), "expected a criterion"),
        (assertion("llm-rubric", "  "), "expected a criterion"),
        (assertion("factuality", {}), "expected a criterion"),
        (assertion("g-eval", []), "expected a criterion"),
        (assertion("llm-rubric", "{{ nothing }}"), "'nothing' is undefined"),
        (assertion("llm-rubric", "file://rubric.js"), "its value is a program, which is not run"),
        (assertion("llm-rubric", "a", rubricPrompt="b"), "'rubricPrompt' has no equivalent"),
        (assertion("context-recall", "a", contextTransform="output.x"), "'contextTransform' has no equivalent"),
        (assertion("select-best", None), "expected a criterion"),
        (assertion("not-select-best", "the funniest"), "its negation has no equivalent"),
        (assertion("search-rubric", "a"), "no equivalent check"),
    ],
)
def test_graders_without_an_equivalent(project: PromptfooProject, item: dict[str, Any], reason: str) -> None:
    """One whose meaning would be lost is listed with its line, also with a judge."""
    found = judged(project, [item])
    assert judges(found) == {}
    assert found.says("promptfooconfig.yaml:5:", f"assertion {item['type']}: {reason}")


def test_settings_of_a_grader(project: PromptfooProject) -> None:
    """The model and the prompt of a grader are listed, and its criterion is kept."""
    options = {"options": {"provider": "openai:gpt-4o", "rubricPrompt": "Grade {{output}}"}}
    found = judged(project, [assertion("llm-rubric", "Is kind", provider="openai:o3")], default=options)
    assert list(judges(found)) == ["rubric"]
    assert found.says("assertion llm-rubric: 'provider' has no equivalent: --judge names the judge of all")
    assert found.says("option 'provider' has no equivalent: --judge names the judge of all cases")
    assert found.says("option 'rubricPrompt' has no equivalent: a judge has a frame of its own")


def test_a_context_that_is_missing(project: PromptfooProject) -> None:
    """Types about a context need the variable; it may be one of defaultTest."""
    default = {"vars": {"context": "From nine."}, "assert": [assertion("context-faithfulness", None)]}
    found = judged(project, [], [assertion("context-recall", "nine")], default=default, context="")
    assert judges(found) == {}
    assert found.says("assertion context-faithfulness: expected a variable 'context'")
    assert found.says("assertion context-recall: expected a variable 'context'")


def test_without_a_judge(project: PromptfooProject) -> None:
    """The suite is valid without the questions, and one line for each type names what to do and the places."""
    rubric = [assertion("llm-rubric", "Is kind"), assertion("factuality", "a")]
    found = project.result_of(text_of(rubric, rubric, rubric))
    assert judges(found) == {}
    lines = [line for line in found.left_out if "assertion" in line]
    assert len(lines) == 2
    needs = "needs a judge: configure a model in pyproject.toml, and import again with --judge MODEL"
    places = "(2 more: promptfooconfig.yaml:6, promptfooconfig.yaml:7)"
    assert lines == [
        f"promptfooconfig.yaml:5: assertion {kind}: {needs} {places}" for kind in ("llm-rubric", "factuality")
    ]


def test_a_long_list(project: PromptfooProject) -> None:
    """The number of places is in the line before them, and long lists of places and thresholds end."""
    found = judged(project, *([assertion("llm-rubric", "Is kind", threshold=number / 50)] for number in range(1, 41)))
    (line,) = (line for line in found.left_out if "assertion" in line)
    assert "(0.02, 0.04, 0.06, 0.08, 0.1, ...) is dropped" in line
    assert "(39 more: promptfooconfig.yaml:6, " in line
    assert line.endswith("promptfooconfig.yaml:15, ...)")


@pytest.mark.parametrize(
    ("judge", "reason"),
    [("kritic", "did you mean 'critic'"), ("gpt-4o-mini", "gpt-4o-mini"), ("", "needs a judge")],
)
def test_a_judge_that_cannot_be(project: PromptfooProject, judge: str, reason: str) -> None:
    """An unknown judge is an error, and no file is written; an empty one is none."""
    result = project.convert(text_of([assertion("llm-rubric", "Is kind")]), "--judge", judge)
    assert (result.exit_code == 0) == (not judge)
    assert reason in " ".join(result.output.split())
    assert (project.root / "suites/promptfoo.yaml").exists() == (not judge)


def test_a_model_does_not_judge_itself(project: PromptfooProject) -> None:
    """A judge that is one of the imported models is refused."""
    project.configure(**{"gpt-4o-mini": {"provider": "openai", "model": "m", "base_url": "http://localhost:1"}})
    result = project.convert(text_of([assertion("llm-rubric", "Is kind")]), "--judge", "gpt-4o-mini")
    assert result.exit_code == 1
    assert "would judge its own answers" in " ".join(result.output.split())
