"""The provider `decisions`: endpoints that decide between choices, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from json_server import JsonServer

import evalharness
from evalharness import ConfigError, Evaluation
from evalharness.evaluation.plan import make_plan
from evalharness.testing import Project

CONFIG = """\
[tool.evalharness.models.shop]
provider = "scripted"
price = {input = 0, output = 0}
answers = {ann = "Gladly.", bob = "No."}
[tool.evalharness.models.jev]
provider = "decisions"
api = "API"
model = "m"
base_url = "URL"
retries = 1
price = {input = 1_000_000, output = 0}
"""
SUITE = """\
schema: 1
models: [SUBJECT]
prompts: {plain: [{user: "{{ word }}?"}]}
metrics:
  - judge: {name: tone, model: jev, ask: "Which tone?", MORE}
cases: [{id: ann, vars: {word: when}}, {id: bob, vars: {word: how}}]
"""
CHOICES = "choices: [warm, neutral, curt]"
SHARES = {"warm": 0.7, "neutral": 0.2, "curt": 0.1}


class DecisionServer(JsonServer):
    """Answers with the probabilities in `shares`, or with `given`."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: dict[str, Any] = dict(SHARES)
        self.given: list[tuple[int, Any]] = []
        """Status and body of the next answers."""

    def reply(self, given: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[int, Any]:
        """The next given answer, else a sound one in the form of the API that is asked."""
        if self.given:
            return self.given.pop(0)
        usage = {"input_tokens": 12, "output_tokens": 0}
        answer = {"type": "choice", "choice": "warm", "confidence": 0.5}
        if isinstance(given["questions"], list):
            shares = [{"value": name, "probability": share} for name, share in self.shares.items()]
            return 200, {
                "model": "m-1",
                "usage": usage,
                "answers": [{**answer, "name": "decision", "probabilities": shares}],
            }
        return 200, {"model": "m-1", "usage": usage, "answers": {"decision": {**answer, "probabilities": self.shares}}}


@pytest.fixture
def server() -> Iterator[DecisionServer]:
    """A running endpoint of decisions."""
    found = DecisionServer()
    with found.serving():
        yield found


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with a cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Project(tmp_path)


def write(project: Project, url: str, more: str = CHOICES, *, api: str = "decisions", subject: str = "shop") -> None:
    """Write the configuration and a suite with one judge."""
    project.write("pyproject.toml", CONFIG.replace("URL", url).replace("API", api))
    project.write("suites/demo.yaml", SUITE.replace("MORE", more).replace("SUBJECT", subject))


def judged(project: Project, server: DecisionServer, api: str = "decisions", **options: Any) -> Evaluation:
    """The evaluation of answers that the endpoint judges."""
    write(project, f"http://localhost:{server.server_port}/v1", api=api)
    return evalharness.evaluate("demo", config=project.config, **options)


@pytest.mark.parametrize("api", ["decisions", "systemone"])
def test_decisions(project: Project, server: DecisionServer, api: str) -> None:
    """Each answer is one request, with the messages of the judge and its choices; the reply gives the probabilities."""
    evaluation = judged(project, server, api)
    scores = [sample.scores[0] for sample in evaluation.samples]
    assert [score.value for score in scores] == [0.7, 0.7]
    assert [score.parts for score in scores] == [SHARES, SHARES]
    assert [sample.metrics_cost_usd for sample in evaluation.samples] == [12, 12]
    assert {(method, path) for method, path, _ in server.requests} == {("POST", f"/v1/{api}")}
    bodies = [body for _, _, body in server.requests]
    assert len(bodies) == 2
    for body in bodies:
        text = body["input"] if api == "decisions" else body["state"]
        assert text.startswith("You are a careful judge.")
        assert text.endswith("Question: Which tone?\nAllowed answers: warm, neutral, curt")
        (question,) = body["questions"] if api == "decisions" else body["questions"].values()
        assert question["type"] == "choice"
        assert "allowed answers" in question["instructions"]
        if api == "decisions":
            assert [one["value"] for one in question["choices"]] == list(SHARES)
        else:
            assert list(question["criteria"]) == list(SHARES)


def test_decisions_are_recorded(project: Project, server: DecisionServer) -> None:
    """A second run sends nothing; the same answers at the other API are other requests."""
    judged(project, server)
    assert [one.scores[0].value for one in judged(project, server).samples] == [0.7, 0.7]
    assert len(server.requests) == 2
    judged(project, server, "systemone")
    assert len(server.requests) == 4


def test_rounded_probabilities(project: Project, server: DecisionServer) -> None:
    """Probabilities of two decimals need not add up to 1 exactly: they do in the score."""
    server.shares = {"warm": 0.33, "neutral": 0.33, "curt": 0.33}
    (score, _) = (sample.scores[0] for sample in judged(project, server).samples)
    assert sum(score.parts.values()) == pytest.approx(1, abs=2e-6)
    server.shares = {"warm": 1, "neutral": 0, "curt": 0.0}
    assert judged(project, server, record="all").samples[0].scores[0].value == 1


def _answers(**changes: Any) -> dict[str, Any]:
    shares = [{"value": name, "probability": share} for name, share in SHARES.items()]
    return {"model": "m", "answers": [{"type": "choice", "probabilities": shares, **changes}]}


def _shares(**changes: Any) -> dict[str, Any]:
    return _answers(probabilities=[{"value": name, "probability": one} for name, one in {**SHARES, **changes}.items()])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"model": "m", "answers": [{"type": "refusal", "name": "decision"}]},
            "refused: no decision: the model refuses",
        ),
        ({"model": "m", "answers": []}, "answers: expected one answer, got []"),
        ({"model": "m"}, "answers: expected one answer, got None"),
        ({"model": "m", "answers": {"other": {}}}, "answers: expected one answer, got {'other': {}}"),
        ({"model": "m", "answers": _answers()["answers"] * 2}, "answers: expected one answer"),
        (_answers(type="predicate"), "expected an answer of the type choice, got predicate"),
        (_answers(probabilities=None), "expected one for each of warm, neutral, curt, got None"),
        (_answers(probabilities=[["warm", 1]]), "expected one for each of warm, neutral, curt"),
        (_shares(warm=0.2), "expected numbers that add up to 1"),
        (_shares(warm=1.5), "expected one for each of warm, neutral, curt"),
        (_shares(warm=10**400), "expected one for each of warm, neutral, curt"),
        (_shares(warm=float("nan")), "probabilities: expected one for each"),
        (_shares(warm=True), "expected one for each of warm, neutral, curt"),
        (_shares(warm="0.7"), "expected one for each of warm, neutral, curt"),
        (_shares(hot=0.0), "expected one for each of warm, neutral, curt"),
        (_answers(probabilities=[{"value": "warm", "probability": 0.5}] * 2), "expected one for each of warm, neutral"),
        ({**_answers(), "usage": {"input_tokens": -1}}, "expected a token count, got '-1'"),
        ({**_answers(), "usage": [1]}, "usage: expected a JSON object"),
        ({**_answers(), "model": 3}, "model: expected a string, got '3'"),
        (["m"], "the response: expected a JSON object"),
    ],
)
def test_odd_replies(project: Project, server: DecisionServer, body: Any, message: str) -> None:
    """Whatever is no decision between these choices is an error of the sample, and never a score."""
    server.given = [(200, body)] * 4
    for sample in judged(project, server).samples:
        assert not sample.scores
        assert sample.error
        assert sample.error.message.startswith("tone: no response of 'jev': ")
        assert message in sample.error.message


def test_faults_are_retried(project: Project, server: DecisionServer) -> None:
    """An overloaded endpoint is asked again, a rejected request is not."""
    server.given = [(503, {"error": {"message": "busy"}})]
    assert [sample.error for sample in judged(project, server).samples] == [None, None]
    assert len(server.requests) == 3
    server.given = [(400, {"error": {"message": "no such model"}})] * 2
    samples = judged(project, server, record="all").samples
    assert all(sample.error and "no such model" in sample.error.message for sample in samples)
    assert len(server.requests) == 5


def test_missing_token_counts(project: Project, server: DecisionServer) -> None:
    """A reply without token counts costs an estimate from the texts."""
    server.given = [(200, _answers())] * 2
    costs = [sample.metrics_cost_usd for sample in judged(project, server).samples]
    assert all(cost and cost > 100 for cost in costs)


@pytest.mark.parametrize(
    ("more", "subject", "message"),
    [
        (CHOICES, "jev", "the model 'jev' writes no text: it can only judge the answers of others"),
        ("votes: 3", "shop", "the model 'jev' writes no text: remove votes or think, or name another model"),
        ("think: true", "shop", "the model 'jev' writes no text: remove votes or think, or name another model"),
    ],
)
def test_what_writes_no_text(project: Project, more: str, subject: str, message: str) -> None:
    """A model that only decides is refused as a subject, with `think` and with `votes`, before the first request."""
    write(project, "http://localhost:1", f"itself: true, {more}", subject=subject)
    with pytest.raises(ConfigError) as caught:
        make_plan(evalharness.load_suite("demo", project.config), project.config)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('api = "chat"', "'api'"),
        ("extra = {questions = []}", "'extra' cannot contain questions: each request sets it"),
        ('extra = {model = "x"}', "'extra' cannot contain model"),
    ],
)
def test_options(project: Project, line: str, message: str) -> None:
    """A wrong option is refused with its name."""
    write(project, "http://localhost:1")
    text = (project.root / "pyproject.toml").read_text()
    project.write("pyproject.toml", text.replace('api = "decisions"\n', f"{line}\n"))
    with pytest.raises(ConfigError) as caught:
        make_plan(evalharness.load_suite("demo", project.config), project.config)
    assert message in str(caught.value)
