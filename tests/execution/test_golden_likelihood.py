"""Golden answers go from the suite to the model, and their log-probabilities to the score."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plans import run_plan

import evalharness
from evalharness.config import load_config
from evalharness.errors import ConfigError
from evalharness.evaluation.plan import Plan, make_plan
from evalharness.evaluation.planned_requests import FurtherRequests, Together
from evalharness.execution import RunOptions
from evalharness.providers.base import Provider
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Message, Params, Request, Response, Run, SampleKey, Timing, Usage
from evalharness.store.ledger import Ledger
from evalharness.suites import digest
from evalharness.testing import Project

SUITE = """\
schema: 1
models: [fake]
prompts:
  plain: [{user: "{{ question }}"}]
metrics: [golden_logprob]
cases:
  - {id: a, vars: {question: "A?"}}
  - {id: b, vars: {question: "B?"}}
"""
GOLDEN = 'a: "Yes."\nb: ["No.", "Never."]\n'
CONFIG = """\
[tool.evalharness.models.fake]
provider = "scripted"
answers = {"*" = "Yes."}
[tool.evalharness.models.remote]
provider = "openai"
base_url = "http://localhost:1/v1"
model = "m"
"""
Planner = Callable[..., Plan]


@pytest.fixture
def plan(tmp_path: Path) -> Planner:
    """A plan of the suite in `suite` with the scripted model `fake`."""

    def made(suite: str = SUITE, *, golden: str = GOLDEN, answers: Any = likely, **options: Any) -> Plan:
        project = Project(tmp_path)
        for file, text in (("pyproject.toml", CONFIG), ("suites/demo.yaml", suite), ("golden/demo.yaml", golden)):
            project.write(file, text)
        opened: dict[str, Provider] = {"fake": Recorded(answers)}
        return make_plan(evalharness.load_suite("demo", project.config), project.config, opened=opened, **options)

    return made


class Recorded(ScriptedProvider):
    """A model with recordable answers and an identity from its script alone."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.capabilities = replace(self.capabilities, recorded=True)


class Silent(ScriptedProvider):
    """A model without log-probabilities of golden answers."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.capabilities = replace(self.capabilities, golden_logprobs=False)


def likely(request: Request) -> Response:
    """Both tokens of the first golden answer have 1/2; the second token of the other one has 1/4."""
    golden = tuple((-0.693147, -0.693147 * number) for number, _ in enumerate(request.golden, start=1))
    own = (-0.105361,) if request.params.logprobs else ()
    return Response("Yes.", "stop", Usage(1, 1), Timing(0.1), logprobs=own, golden_logprobs=golden)


def scores(run: Run) -> list[dict[str, float]]:
    """The scores of each sample by metric."""
    return [{score.metric: score.value for score in sample.scores} for sample in run.samples]


def test_score_of_a_run(plan: Planner) -> None:
    """The best golden answer of a case counts, whatever the model answers."""
    run = run_plan(plan())
    assert run.complete
    assert scores(run) == [{"golden_logprob": 0.500024}, {"golden_logprob": 0.500024}]  # exp(-0.6931)


def test_rounded_where_it_comes_in(plan: Planner) -> None:
    """Logarithms have four digits, so that a stored response has the score of the fresh one; none is -0.0."""

    def precise(request: Request) -> Response:
        return replace(likely(request), golden_logprobs=((-0.12345678, -1e-9, 9e-7),) * len(request.golden))

    (first, _) = run_plan(plan(answers=precise)).samples
    assert first.response is not None
    assert json.dumps(first.response.golden_logprobs) == "[[-0.1235, 0.0, 0.0]]"


def test_golden_is_in_every_request(plan: Planner) -> None:
    """The request of each repeat and of each additional sample has the case's golden answers."""
    plans = plan(repeat=2)
    assert [request.golden for _, request in plans.requests] == [("Yes.",)] * 2 + [("No.", "Never.")] * 2
    further = Together(FurtherRequests(plans.requests, plans.requests.subjects(plans.planned.pairs), [0], "rerun"))
    assert [request.golden for request in further] == [("Yes.",), ("No.", "Never.")]


def test_golden_is_sent_only_if_needed(plan: Planner) -> None:
    """Without a metric that needs it, a request has no golden answer."""
    requests: list[Request] = []

    def script(request: Request) -> str:
        requests.append(request)
        return "Yes."

    run_plan(plan(SUITE.replace("golden_logprob", "exact, rouge_l"), answers=script))
    assert [request.golden for request in requests] == [(), ()]


def test_a_model_that_cannot(plan: Planner, tmp_path: Path) -> None:
    """A model without log-probabilities is refused by name before any request, with the models that have them."""
    suite = SUITE.replace("[fake]", "[fake, remote]")
    with pytest.raises(ConfigError, match=r"metrics: golden_logprob needs .* the model 'remote' .* provider gguf"):
        plan(suite)
    assert plan(suite, models=["fake"]).requests
    suite = evalharness.load_suite("demo", load_config(tmp_path))
    with pytest.raises(ConfigError, match="the model 'fake' does not return it"):
        make_plan(suite, load_config(tmp_path), models=["fake"], opened={"fake": Silent({"*": "Yes."})})


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_remote_models_have_no_logprobs(plan: Planner, tmp_path: Path, provider: str) -> None:
    """A remote model refuses the metric as an unsupported parameter, and no option enables it."""
    suite = SUITE.replace("golden_logprob]", "exact]\nparams: {logprobs: true, temperature: null}")
    plan(suite)
    config = CONFIG.replace('"openai"', f'"{provider}"')
    (tmp_path / "pyproject.toml").write_text(config)
    loaded = load_config(tmp_path)
    with pytest.raises(ConfigError, match="the model 'remote' does not support logprobs"):
        make_plan(evalharness.load_suite("demo", loaded), loaded, models=["remote"])
    (tmp_path / "pyproject.toml").write_text(config + 'takes = ["logprobs"]\n')
    loaded = load_config(tmp_path)
    with pytest.raises(ConfigError, match="'takes' cannot contain logprobs"):
        make_plan(evalharness.load_suite("demo", loaded), loaded, models=["remote"])


@pytest.mark.parametrize(
    "answers",
    [
        {"*": "Yes."},
        {"*": {"text": "Yes.", "golden_logprobs": [[-1]]}},  # b has two
        {"a": "Yes.", "b": {"text": "Yes.", "golden_logprobs": [[-1], [-1]]}},
        {"*": {"text": "Yes.", "golden_logprobs": [[-1], []]}},
        {"*": {"text": "Yes.", "golden_logprobs": [[0.5], [-1]]}},
        {"*": {"text": "Yes.", "golden_logprobs": [-1, -1]}},
        {"*": {"text": "Yes.", "golden_logprobs": [["-1"], [True]]}},
        lambda request: replace(likely(request), golden_logprobs=((float("nan"),),) * len(request.golden)),
        lambda request: replace(likely(request), golden_logprobs=((float("-inf"),),) * len(request.golden)),
        lambda request: replace(likely(request), golden_logprobs=[[-1.0]] * len(request.golden)),
    ],
)
def test_what_is_missing_or_none_is_never_green(plan: Planner, answers: Any) -> None:
    """A case with missing or invalid log-probabilities is an error, and the run is incomplete."""
    run = run_plan(plan(answers=answers))
    assert any(sample.error for sample in run.samples)
    assert not run.complete
    assert all(not sample.scores for sample in run.samples if sample.error)


def test_scripted_tables_have_logprobs(plan: Planner) -> None:
    """The scripted provider's table holds both kinds, and returns each on request."""
    answers = {
        "*": {"text": "Yes.", "logprobs": [-1, -3], "golden_logprobs": [[0]]},
        "b": {"text": "", "golden_logprobs": [[-2], [-1]]},
    }
    run = run_plan(plan(answers=answers))
    assert scores(run) == [{"golden_logprob": 1.0}, {"golden_logprob": 0.367879}]
    assert [sample.response.logprobs for sample in run.samples if sample.response] == [(), ()]
    certain = SUITE.replace("golden_logprob]", "answer_logprob]\nparams: {logprobs: true}")
    run = run_plan(plan(certain, answers=answers))
    assert scores(run) == [{"answer_logprob": 0.135335}, {}]  # exp(-2); an empty answer has no token
    assert run.samples[1].error is not None
    assert [sample.response.golden_logprobs for sample in run.samples if sample.response] == [(), ()]


def with_ledger(plan: Plan, tmp_path: Path, record: Any) -> Run:
    """The plan's run, with its responses recorded in a ledger."""
    with closing(Ledger(tmp_path / "ledger.sqlite")) as ledger:
        return run_plan(plan, options=RunOptions(record=record), ledger=ledger)


def test_replayed(plan: Planner, tmp_path: Path) -> None:
    """A replayed response has its logarithms and the same score."""
    both = SUITE.replace("golden_logprob]", "golden_logprob, answer_logprob]\nparams: {logprobs: true}")
    first = with_ledger(plan(both), tmp_path, "once")
    again = with_ledger(plan(both, answers={}), tmp_path, "none")
    assert again.complete
    assert [sample.recorded_at != "" for sample in again.samples] == [True, True]
    assert scores(again) == scores(first)
    assert [sample.response for sample in again.samples] == [sample.response for sample in first.samples]


@pytest.mark.parametrize(
    ("before", "golden", "message"),
    [
        (
            SUITE.replace("golden_logprob", "exact"),
            GOLDEN,
            'differs in wire.golden[0]: recorded nothing, requested "Yes."',
        ),
        (SUITE, GOLDEN.replace("Yes.", "Yeah."), 'differs in wire.golden[0]: recorded "Yeah.", requested "Yes."'),
    ],
)
def test_a_response_without_them_is_no_replay(
    plan: Planner, tmp_path: Path, before: str, golden: str, message: str
) -> None:
    """A response recorded without the metric, or for another golden answer, is a miss with that reason."""
    with_ledger(plan(before, golden=golden), tmp_path, "once")
    (first, _) = with_ledger(plan(), tmp_path, "none").samples
    assert first.error is not None
    assert message in first.error.message
    assert with_ledger(plan(), tmp_path, "once").complete


def test_a_recorded_response_that_lacks_them(plan: Planner, tmp_path: Path) -> None:
    """A recorded response without log-probabilities has an error with the next step, and no score."""
    with_ledger(plan(answers={"*": "Yes."}), tmp_path, "once")
    run = with_ledger(plan(), tmp_path, "none")
    assert ["--llm-record=all" in sample.error.message for sample in run.samples if sample.error] == [True, True]
    assert with_ledger(plan(), tmp_path, "all").complete


REQUEST = Request(SampleKey("a", "p", "m", 0), (Message("user", "A?"),), 0, Params())
BEFORE = {
    "max_tokens": 256,
    "temperature": 0.0,
    "seed": None,
    "top_p": 1.0,
    "top_k": 0,
    "min_p": 0.0,
    "repeat_penalty": 1.0,
    "stop": (),
}
"""The parameters of a request before log-probabilities existed."""


def test_keys_stay_what_they_were(plan: Planner) -> None:
    """A request without log-probabilities has the body and the digest of older versions, so that recordings and
    baselines stay valid.
    """
    assert Provider.wire(Recorded({}), REQUEST) == {
        "messages": [{"role": "user", "content": "A?"}],
        "shared_prefix": 0,
        "params": BEFORE,
    }
    messages = [{"role": "user", "content": "{{ question }}"}]
    assert plan().prompt_digests == {"plain": digest([messages, {}, BEFORE])}


def test_keys_depend_on_logprobs(plan: Planner) -> None:
    """Golden answers and `logprobs: true` are in a request's key, and `logprobs: true` is in the prompt's digest."""
    options = replace(REQUEST, golden=("Yes.",), params=Params(logprobs=True))
    wire = Provider.wire(Recorded({}), options)
    assert (wire["golden"], wire["params"]) == (["Yes."], BEFORE | {"logprobs": True})
    digests = plan().prompt_digests
    assert plan(SUITE + "params: {logprobs: true}\n").prompt_digests != digests
    assert plan(SUITE + "params: {logprobs: false}\n").prompt_digests == digests
