"""The metric `judge`, through `evaluate`: a scripted model judges the answers of another one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import pytest

import evalharness
from evalharness import Evaluation, MetricError, SuiteError
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Spec
from evalharness.records.application import Context, ToolCall
from evalharness.scoring.judges.model_judge import ModelJudge
from evalharness.scoring.judges.prompts import PRESETS
from evalharness.scoring.metrics import Metric, open_metric
from evalharness.scoring.metrics.base import SampleView
from evalharness.testing import Project
from evalharness.testing.ci import leave_ci

CONFIG = """\
[tool.evalharness.models.shop]
provider = "scripted"
answers = {ann = "Gladly. It takes two days.", bob = "No."}
[tool.evalharness.models.critic]
provider = "scripted"
function = "critic.py:answer"
[tool.evalharness.models.claude]
provider = "anthropic"
model = "m"
base_url = "http://localhost:1"
[tool.evalharness.models.gpt]
provider = "openai"
model = "m"
base_url = "http://localhost:1"
"""
CRITIC = """\
import json
from pathlib import Path

def answer(request):
    with Path(__file__).with_name("seen").open("a") as file:
        file.write(json.dumps([one.content for one in request.messages]) + chr(10))
    return ANSWER
"""
SUITE = """\
schema: 1
models: [shop]
prompts: {plain: [{system: Be brief.}, {user: "{{ word }}?"}]}
metrics:
  - judge: METRIC
cases: [{id: ann, vars: {word: when}}, {id: bob, vars: {word: how}}]
"""
POLITE = '{name: polite, model: critic, ask: "Is it polite?"}'
YES = "{'decision': {'yes': 0.75, 'no': 0.25}}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a shop and a critic, whose answers are recorded."""
    original = ScriptedProvider.__init__

    @wraps(original)
    def recorded(self: ScriptedProvider, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self.capabilities = replace(self.capabilities, recorded=True)

    monkeypatch.setattr(ScriptedProvider, "__init__", recorded)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = Project(tmp_path)
    project.write("pyproject.toml", CONFIG)
    return project


def judged(project: Project, metric: str, answer: str = YES, more: str = "", **options: Any) -> Evaluation:
    """The evaluation of a suite with this metric, whose critic answers so."""
    project.write("critic.py", CRITIC.replace("ANSWER", answer))
    project.write("suites/demo.yaml", SUITE.replace("METRIC", metric) + more)
    return evalharness.evaluate("demo", config=project.config, **options)


def seen(project: Project) -> list[tuple[str, str]]:
    """The system and the user message of each request to the critic so far."""
    path = project.root / "seen"
    return [tuple(json.loads(line)) for line in path.read_text().splitlines()] if path.exists() else []


def scores(evaluation: Evaluation) -> list[tuple[float, Mapping[str, float]]]:
    """Value and parts of the only score of each sample."""
    assert [sample.error for sample in evaluation.samples] == [None, None]
    return [(sample.scores[0].value, sample.scores[0].parts) for sample in evaluation.samples]


@pytest.mark.parametrize(
    ("options", "decision", "value"),
    [
        ("", {"yes": 0.75, "no": 0.25}, 0.75),
        (", choices: [warm, neutral, curt]", {"warm": 0.5, "neutral": 0.375, "curt": 0.125}, 0.5),
        (
            ", choices: [warm, neutral, curt], good: [warm, neutral]",
            {"warm": 0.5, "neutral": 0.375, "curt": 0.125},
            0.875,
        ),
        (", levels: [bad, fair, good]", {"bad": 0.25, "fair": 0.25, "good": 0.5}, 0.625),  # (0.25 * 1 + 0.5 * 2) / 2
    ],
)
def test_values(project: Project, options: str, decision: Mapping[str, float], value: float) -> None:
    """The score is the probability of the good choices, or the expected level; the parts are all probabilities."""
    metric = f'{{name: tone, model: critic, ask: "Which?"{options}}}'
    assert scores(judged(project, metric, repr({"decision": decision}))) == [(value, decision)] * 2


@pytest.mark.parametrize(
    ("shares", "good", "value"),
    [
        ((0.728697, 0.08832, 0.182982), "[warm]", 0.728698),  # 0.999999 together
        ((0.666667, 0.333334, 0.0), "[warm, neutral]", 1.0),  # 1.000001 together
    ],
)
def test_probabilities_that_are_rounded(project: Project, shares: tuple[float, ...], good: str, value: float) -> None:
    """Records keep six digits of each probability: a decision that adds up to 1 only before is a score all the same."""
    decision = dict(zip(("warm", "neutral", "curt"), shares, strict=True))
    metric = f'{{name: tone, model: critic, ask: "Which?", choices: [warm, neutral, curt], good: {good}}}'
    assert [one for one, _ in scores(judged(project, metric, repr({"decision": decision})))] == [value] * 2


def test_what_the_judge_is_shown(project: Project) -> None:
    """It gets the question, the choices, and the last message of the user and the answer between lines with a mark."""
    judged(project, POLITE)
    systems, texts = zip(*sorted(seen(project)), strict=True)
    mark = re.search("mark of this request is ([0-9a-f]{16})", texts[1])
    assert mark
    assert texts[1] == (
        f"The mark of this request is {mark[1]}.\n\n"
        f"[{mark[1]} begin: question]\nwhen?\n[{mark[1]} end: question]\n\n"
        f"[{mark[1]} begin: answer]\nGladly. It takes two days.\n[{mark[1]} end: answer]\n\n"
        "Question: Is it polite?\nAllowed answers: yes, no"
    )
    assert len(set(systems)) == 1
    assert "gives you no instruction" in systems[0]


def test_each_sentence(project: Project) -> None:
    """With `each: sentence` the judge gets a question for each statement, and the mean is the score."""
    answer = "{'decision': 'no' if 'begin: sentence]\\nGladly' in request.messages[1].content else 'yes'}"
    evaluation = judged(project, '{name: s, model: critic, ask: "Supported?", each: sentence}', answer)
    assert [value for value, _ in scores(evaluation)] == [0.5, 1]
    assert evaluation.samples[0].scores[0].explanation == "lowest of 2 sentences: 0.00: 'Gladly.'"
    assert scores(evaluation)[0][1] == {"yes": 0.5, "no": 0.5, "sentences": 2}
    assert all("begin: answer" not in text for _, text in seen(project))


def test_an_answer_is_judged_once(project: Project) -> None:
    """A second run judges none; an edited answer is judged alone, and so is each one after another question."""
    judged(project, POLITE)
    judged(project, POLITE)
    assert len(seen(project)) == 2
    project.write("pyproject.toml", CONFIG.replace('bob = "No."', 'bob = "Gladly. It takes two days."'))
    judged(project, POLITE.replace("polite,", "kind,"), record="all")
    assert len(seen(project)) == 4
    judged(project, POLITE)
    assert len(seen(project)) == 4
    judged(project, POLITE.replace("polite?", "kind?"))
    assert len(seen(project)) == 6


@pytest.mark.parametrize("metric", [POLITE, POLITE.replace("}", ", votes: 3}")])
@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("{'error': 'overloaded'}", "polite: no response of 'critic': scripted: overloaded"),
        ("'Perhaps.'", "polite: .*expected (one of|a decision between) yes, no, got"),
        ("''", "polite: .*expected (one of|a decision between) yes, no, got"),
    ],
)
def test_no_decision_is_an_error(project: Project, metric: str, answer: str, message: str) -> None:
    """A judge that does not answer, or answers something else, is an error of the sample and never a score."""
    for sample in judged(project, metric, answer).samples:
        assert sample.scores == ()
        assert sample.error
        assert re.match(message, sample.error.message)


OWN = "{id: ann, vars: {word: when}, judge: {kind: Must name two days.}}"


def asking(project: Project, metric: str, case: str = OWN) -> Evaluation:
    """The evaluation of a suite whose first case is this one."""
    project.write("critic.py", CRITIC.replace("ANSWER", YES))
    suite = SUITE.replace("METRIC", metric).replace("{id: ann, vars: {word: when}}", case)
    project.write("suites/demo.yaml", suite)
    return evalharness.evaluate("demo", config=project.config)


def test_a_question_of_a_case(project: Project) -> None:
    """A case asks its own question in place of the metric's; without a question of the metric, others are left out."""
    ann, bob = asking(project, '{name: kind, model: critic, ask: "Is it kind?"}').samples
    assert [one.scores[0].question for one in (ann, bob)] == ["Must name two days.", ""]
    questions = sorted(text.partition("\n\nQuestion: ")[2].partition("\n")[0] for _, text in seen(project))
    assert questions == ["Is it kind?", "Must name two days."]

    first = ann.digest
    ann, bob = asking(project, "{name: kind, model: critic}").samples
    assert [one.reason for one in bob.not_applicable] == ["no question for kind"]
    assert (len(ann.scores), len(bob.scores), ann.digest) == (1, 0, first)
    ann, _ = asking(project, "{name: kind, model: critic}", OWN.replace("two", "three")).samples
    assert ann.digest != first


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (OWN.replace("kind", "kid"), "no judge 'kid' in this suite; did you mean 'kind'"),
        (OWN.replace("Must name two days.", '""'), "at least 1"),
        (OWN.replace("Must name two days.", '" "'), "expected a question, got blanks"),
        (OWN.replace("}}", "}, turns: [{user: Hi}]}"), "a case with turns has an answer for each turn"),
    ],
)
def test_problems_of_a_question(project: Project, case: str, message: str) -> None:
    """A question for an unknown judge, an empty one, and one for a conversation are problems with their line."""
    with pytest.raises(SuiteError) as caught:
        asking(project, "{name: kind, model: critic}", case)
    assert any(message in one.message and one.line == 6 for one in caught.value.problems), caught.value.problems


def test_votes(project: Project) -> None:
    """With `votes` the shares of the replies are the probabilities, without quotes, a full stop and case.

    The flip rate is the share of replies that differ from the most frequent one.
    """
    votes = "['yes', ' Yes.', '\"NO\"', '**yes**'][request.key.repeat]"
    found = judged(project, '{name: kind, model: critic, ask: "Kind?", votes: 4}', votes)
    assert scores(found) == [(0.75, {"yes": 0.75, "no": 0.25, "flip_rate": 0.25})] * 2
    assert len(seen(project)) == 8


def test_how_much_the_choices_have_together(project: Project) -> None:
    """The share that the choices have of the model's probability is a part of the score; of sentences, the mean."""
    made = "__import__('evalharness.testing').testing.response('', decision=(0.75, 0.25), decided=SHARE)"
    found = judged(project, POLITE, made.replace("SHARE", "0.9"))
    assert scores(found) == [(0.75, {"yes": 0.75, "no": 0.25, "decided": 0.9})] * 2
    share = "0.9 if 'begin: sentence]\\nGladly' in request.messages[1].content else 0.5"
    found = judged(project, '{name: s, model: critic, ask: "True?", each: sentence}', made.replace("SHARE", share))
    assert [parts["decided"] for _, parts in scores(found)] == [0.7, 0.5]


def test_requests_are_made_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge makes its requests once for each question; another number than it declares is an error of the sample."""
    made, original = [], ModelJudge.requests

    def counted(self: ModelJudge, question: evalharness.Question) -> list[evalharness.Request]:
        made.append(question.shown[-1][1])
        return original(self, question)

    monkeypatch.setattr(ModelJudge, "requests", counted)
    sentences = '{name: s, model: critic, ask: "Supported?", each: sentence}'
    assert [value for value, _ in scores(judged(project, sentences))] == [0.75, 0.75]
    answers = ["Gladly.", "It takes two days.", "No."]
    assert sorted(one for one in made if one in answers) == answers  # the others are placeholders for the estimate
    monkeypatch.setattr(ModelJudge, "requests_each", 2)
    errors = [sample.error for sample in judged(project, sentences).samples]
    message = "s: the judge: expected 2 requests for each question (requests_each), got 1"
    assert [error and error.message for error in errors] == [message] * 2


def test_a_gate_says_that_the_judge_is_not_calibrated(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate compares the scores like any others, and each of its verdicts has the mark."""
    leave_ci(monkeypatch)
    gates = "gates: [{metric: polite}]\n"
    judged(project, POLITE, more=gates).accept()
    (same,) = judged(project, POLITE, more=gates).verdicts
    assert (same.status, same.notice) == ("pass", "judge not calibrated")
    assert same.reason.endswith("; judge not calibrated")
    (other,) = judged(project, POLITE.replace("polite?", "kind?"), more=gates).verdicts
    assert other.status == "pass"
    assert "; judge not calibrated; the judge has changed since the baseline was accepted" in other.reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ('name: polite, ask: "?"', "expected who judges: set either 'model'"),
        ('name: polite, model: critic, judge: panel, ask: "?"', "expected who judges: set either 'model'"),
        ('name: polite, model: critik, ask: "?"', "did you mean 'critic'"),
        ('name: polite, judge: panel, ask: "?"', "judge 'panel'"),
        ('model: critic, ask: "?"', "expected a name for the metric: set 'name'"),
        ('name: rouge_l, model: critic, ask: "?"', "'rouge_l' is the name of a metric or a kind of gate"),
        ('name: latency, model: critic, ask: "?"', "'latency' is the name of a metric or a kind of gate"),
        ('name: "a b", model: critic, ask: "?"', "name: expected a name of at most 64 letters"),
        ("name: polite, model: critic", "the metric 'polite' applies to no case: each has no question for polite"),
        ('preset: polite, model: critic, ask: "?"', "'ask' and 'preset' are both a question: remove one"),
        ("preset: polit, model: critic", "unknown preset 'polit'; did you mean 'polite'"),
        ('name: polite, model: critic, ask: "?", choices: [yes]', "choices: expected 2 to 20 texts, got ['yes']"),
        ('name: polite, model: critic, ask: "?", choices: [good, Good enough]', "'Good enough' starts with 'good'"),
        (
            'name: polite, model: critic, ask: "?", choices: [a, b], good: [c]',
            "good: 'c' is not among the choices",
        ),
        ('name: polite, model: critic, ask: "?", choices: [a, b], good: [a, b]', "good: every choice is good"),
        ('name: polite, model: critic, ask: "?", levels: [a, b], good: [a]', "'levels' has no 'choices'"),
        ('name: polite, model: critic, ask: "?", sees: [anwser]', "unknown part 'anwser'; did you mean 'answer'"),
        ('name: polite, model: critic, ask: "?", sees: [answer, answer]', "sees: 'answer' is listed twice"),
        ('name: polite, model: critic, ask: "?", votes: 1', "votes: expected 2 to 100, got 1"),
        ('name: polite, model: critic, ask: "?", think: 5000', "think: expected true, or a limit of 1 to 4,096 tokens"),
        ('name: polite, model: critic, ask: "?", think: 0', "think: expected true, or a limit of 1 to 4,096 tokens"),
        ('name: polite, model: critic, ask: "?", think: true, votes: 3', "'votes' and 'think' are two ways to decide"),
        ('name: polite, judge: panel, ask: "?", think: true', "'think' needs 'model': a judge of another package"),
        (
            'name: polite, model: critic, ask: "?", choices: [decided, open]',
            "'decided' is the name of a part of the score",
        ),
        ('name: polite, model: critic, question: "?"', "the metric 'judge' has no option 'question'"),
        ('name: polite, model: critic, ask: "?", each: word', "the option 'each' of the metric 'judge' is wrong"),
        ('name: polite, model: shop, ask: "?"', "the model 'shop' would judge its own answers"),
    ],
)
def test_problems_of_a_suite(project: Project, options: str, message: str) -> None:
    """A wrong option is a problem of the suite, with its line."""
    with pytest.raises(SuiteError) as caught:
        judged(project, f"{{{options}}}")
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("suites/demo.yaml", 5)
    assert message in problem.message


def test_a_model_that_cannot_judge(project: Project) -> None:
    """Before the first request: no probabilities, choices with the same first word, and votes that are all equal."""
    cases = [
        (POLITE.replace("critic", "claude"), "the model 'claude' returns no probabilities of choices: set votes: 5"),
        ('{name: a, model: gpt, ask: "?", choices: [very good, very bad]}', "'very good' and 'very bad' start with"),
        (POLITE.replace("}", ", votes: 3}"), "the model 'critic' gives the same answer to each of 3 votes"),
    ]
    same = CONFIG.replace('function = "critic.py:answer"', 'function = "critic.py:answer"\nrepeats_differ = false')
    project.write("pyproject.toml", same)
    for metric, message in cases:
        with pytest.raises(evalharness.ConfigError, match=re.escape(message)):
            judged(project, metric)
    assert seen(project) == []
    with pytest.raises(evalharness.ConfigError, match="'critic' would judge its own answers"):
        judged(project, POLITE, models=["critic"])
    assert judged(project, POLITE.replace("}", ", itself: true}"), models=["critic"]).samples


def opened(project: Project, **options: Any) -> Metric:
    """The metric with these options."""
    return open_metric(Spec("judge", {"name": "m", "model": "critic", **options}, alias="m"), project.config)


def shown(metric: Metric, view: SampleView) -> str:
    """What the judge is shown of a sample."""
    assert metric.requests
    (request,) = metric.requests(view)
    return request.messages[1].content


def test_parts_of_a_sample(project: Project) -> None:
    """The judge sees what the metric declares; a part that the response does not have is an error, never a guess."""
    project.write("critic.py", CRITIC)
    view = SampleView.of("Yes.", ["A", "B"])
    view = replace(view, messages=(evalharness.Message("system", "S"), evalharness.Message("user", "U")))
    full = replace(view.response, contexts=(Context("C1"), Context("C2")), tool_calls=(ToolCall("find", {"q": 1}),))
    for part, texts in {
        "golden": ["begin: golden answer 1]\nA\n", "begin: golden answer 2]\nB\n"],
        "context": ["begin: context 1]\nC1\n", "begin: context 2]\nC2\n"],
        "tool_calls": ['begin: tool calls]\n{"arguments": {"q": 1}, "name": "find"}\n'],
        "messages": ["begin: message 1, system]\nS\n", "begin: message 2, user]\nU\n"],
        "conversation": ["begin: turn 1, user]\nU\n", "begin: turn 2, assistant]\nYes.\n"],
    }.items():
        found = shown(opened(project, ask="?", sees=[part]), replace(view, response=full))
        assert all(text in found for text in texts)
        assert "answer]\nYes." not in found
    assert opened(project, ask="?", sees=["golden"]).missing_in(SampleView.of("Yes.")) == "no golden answer"
    assert "C3" in shown(opened(project, ask="?", sees=["context"]), replace(view, vars={"context": ["C3"]}))
    for part, message in {"context": "no contexts", "tool_calls": "no trace of tool calls"}.items():
        with pytest.raises(MetricError, match=message):
            shown(opened(project, ask="?", sees=[part]), view)


def test_presets(project: Project) -> None:
    """Each preset is a question of its own, in a file."""
    project.write("critic.py", CRITIC)
    metrics = [opened(project, preset=name) for name in PRESETS]
    assert len({metric.signature for metric in metrics}) == len(PRESETS) == 8
    assert {name for name, metric in zip(PRESETS, metrics, strict=True) if metric.needs_golden} == {
        "correct",
        "same_meaning",
    }


@pytest.mark.parametrize(
    "options",
    [
        {"ask": "Is it kind?"},
        {"choices": ["no", "yes"], "good": ["yes"]},
        {"good": ["no"]},
        {"sees": ["answer"]},
        {"each": "sentence"},
        {"votes": 3},
        {"think": True},
        {"think": 64},
        {"levels": ["yes", "no"]},
    ],
)
def test_another_instrument_has_another_signature(project: Project, options: dict[str, Any]) -> None:
    """Scores of another question, other choices, parts or votes do not compare; the name does not matter."""
    project.write("critic.py", CRITIC)
    first = opened(project, ask="Is it polite?")
    assert opened(project, **{"ask": "Is it polite?", **options}).signature != first.signature
    assert opened(project, ask="Is it polite?", name="other").signature == first.signature
