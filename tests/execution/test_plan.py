"""Plans and whole runs from Python, without pytest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from plans import run_plan

import evalharness
from evalharness.config import Config
from evalharness.errors import ConfigError
from evalharness.evaluation import planned_requests, requests
from evalharness.evaluation.evaluation import open_evaluation
from evalharness.evaluation.options import EvaluationOptions
from evalharness.evaluation.plan import Plan, make_plan
from evalharness.evaluation.resources import Resources
from evalharness.execution.keys import request_text
from evalharness.providers import Provider
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import GateRule, Request, Response, Sample, SampleKey
from evalharness.store import RunWriter, read_run
from evalharness.testing import Project

SUITE = """\
schema: 1
models: [fake]
prompts:
  plain: [{user: "{{ question }}"}]
  polite: [{system: "Be {{ mood }}."}, {user: "{{ question }}"}]
default_prompts: [plain]
params: {seed: 7}
vars: {mood: polite}
metrics: [exact]
assert: [{not_contains: "As an AI"}]
cases:
  - {id: a, vars: {question: "A?"}, tags: [vowel]}
  - {id: b, vars: {question: "B?"}}
gates: [{metric: exact, margin: 0.05}]
"""
PROJECT = """\
[tool.evalharness.models.fake]
provider = "scripted"
answers = {a = "Yes.", b = "As an AI, no."}
[tool.evalharness.models.other]
provider = "scripted"
answers = {"*" = ["One.", "Two."]}
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """A project of two cases, two prompts and two models."""
    project = Project(tmp_path)
    for file, text in {
        "pyproject.toml": PROJECT,
        "suites/demo.yaml": SUITE,
        "golden/demo.yaml": 'a: "Yes."\nb: "No."\n',
    }.items():
        project.write(file, text)
    return project.config


def a_plan(config: Config, **options: Any) -> Plan:
    """A plan of the suite."""
    return make_plan(evalharness.load_suite("demo", config), config, **options)


def test_complete_run(config: Config) -> None:
    """A suite that runs from Python gives a complete run, and reports each sample when it is done."""
    seen: list[Sample] = []
    run = run_plan(a_plan(config), on_sample=seen.append)
    assert run.complete
    assert run.samples == tuple(seen)
    assert (
        run.selected == run.header.planned == (SampleKey("a", "plain", "fake", 0), SampleKey("b", "plain", "fake", 0))
    )
    assert [sample.ok for sample in run.samples] == [True, False]
    assert run.samples[0].tags == ("vowel",)
    assert run.samples[1].failed_checks == ("must not contain 'As an AI'",)
    assert (run.header.suite, run.header.gates) == ("demo", (GateRule("exact", 0.05),))
    assert run.header.signatures.keys() == {"exact"}


def test_run_is_stored_and_read(config: Config, tmp_path: Path) -> None:
    """The run of a suite survives the disk."""
    run = run_plan(a_plan(config, models=["fake", "other"], prompts=["plain", "polite"]))
    writer = RunWriter(tmp_path / "run.jsonl", run.header)
    for sample in run.samples:
        writer.append(sample)
    writer.end(run)
    assert read_run(tmp_path / "run.jsonl") == run


def test_errors_make_a_run_incomplete(config: Config) -> None:
    """A case without an answer is in the run, which is then incomplete."""
    silent = ScriptedProvider({"a": "Yes."})
    run = run_plan(a_plan(config, opened={"fake": silent}))
    assert [bool(sample.error) for sample in run.samples] == [False, True]
    assert not run.complete


def test_leaving_early(config: Config) -> None:
    """An interrupt during the samples ends the run at once."""

    def interrupt(sample: Sample) -> None:
        raise KeyboardInterrupt

    slow = ScriptedProvider({"a": "Yes.", "b": {"text": "No.", "delay_s": 60}})
    with pytest.raises(KeyboardInterrupt):
        run_plan(a_plan(config, opened={"fake": slow}), on_sample=interrupt)


def test_order_of_requests(config: Config) -> None:
    """Requests are ordered by model, prompt and case; a name given twice counts once."""
    plan = a_plan(config, models=["other", "fake", "other"], prompts=["polite", "plain", "polite"])
    keys = [request.key for _, request in plan.requests]
    assert keys == [
        SampleKey(case, prompt, model, 0)
        for model in ("other", "fake")
        for prompt in ("polite", "plain")
        for case in ("a", "b")
    ]
    assert set(plan.request_digests) == {
        (model, prompt) for model in ("other", "fake") for prompt in ("polite", "plain")
    }


def test_each_repeat_has_a_seed(config: Config) -> None:
    """Each repeat has its own seed, counted from the suite's seed."""
    requests: list[Request] = []

    def script(request: Request) -> str:
        requests.append(request)
        return f"Sample {request.key.repeat}."

    run = run_plan(a_plan(config, repeat=3, opened={"fake": ScriptedProvider(script)}))
    assert [(r.key.case, r.key.repeat, r.params.seed) for r in requests] == [
        (case, repeat, 7 + repeat) for case in "ab" for repeat in range(3)
    ]
    assert [sample.response.text for sample in run.samples[:3] if sample.response] == [
        "Sample 0.",
        "Sample 1.",
        "Sample 2.",
    ]


def test_deterministic_models_get_one_request(config: Config) -> None:
    """A deterministic provider gets one request per case."""
    once = ScriptedProvider({"*": "Yes."}, repeats_differ=False)
    run = run_plan(a_plan(config, repeat=3, opened={"fake": once}, models=["fake", "other"]))
    assert [key.repeat for key in run.header.planned if key.model == "fake"] == [0, 0]
    assert [key.repeat for key in run.header.planned if key.model == "other"] == [0, 1, 2, 0, 1, 2]
    assert run.complete


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompts": ["plane"]}, "has no prompt 'plane'; did you mean 'plain'"),
        ({"models": ["fak"]}, "models.fak"),
        ({"repeat": 0}, "at least 1"),
        ({"repeat": -1}, "at least 1"),
    ],
)
def test_wrong_options(config: Config, options: dict[str, Any], message: str) -> None:
    """An unknown name or zero repeats is refused before any request."""
    with pytest.raises(ConfigError, match=message):
        a_plan(config, **options)


def test_prompt_digest(config: Config, tmp_path: Path) -> None:
    """The prompt digest changes with template, shared variables and parameters, and not with a case or a model's
    name in the suite.
    """
    before = a_plan(config).request_digests["fake", "plain"]
    suite = tmp_path / "suites" / "demo.yaml"
    for edit, changes in {
        ("{{ question }}", "Q: {{ question }}"): True,
        ("seed: 7", "seed: 8"): True,
        ("mood: polite", "mood: curt"): True,
        ("B?", "Bee?"): False,
        ("margin: 0.05", "margin: 0.5"): False,
    }.items():
        suite.write_text(SUITE.replace(*edit))
        assert (a_plan(config).request_digests["fake", "plain"] != before) is changes, edit


def test_run_starts_before_it_ends(config: Config) -> None:
    """The header has the start time of the run, not its end."""
    slow = ScriptedProvider({"*": "Yes."}, delay_s=0.6)
    started: list[str] = []
    plan = a_plan(config, opened={"fake": slow})
    run = run_plan(plan, on_sample=lambda _: started.append(plan.header().started_at))
    assert run.header.started_at < started[-1]


DIGEST = "10a55cbc847f92a0daacebd1a0fa8df0b3daa75f28657e917033f2086d24c652"
"""The digest of the prompt `plain` in version 0.1."""


FIRST_PARAMS = {"max_tokens", "temperature", "seed", "top_p", "top_k", "min_p", "repeat_penalty", "stop"}


class Plain(Provider):
    """A provider with the defaults of `Provider`."""


@pytest.mark.parametrize("params", ["{seed: 7}", '{seed: 7, grammar: ""}'])
def test_new_parameters_leave_digests(config: Config, params: str) -> None:
    """An unset new parameter changes no digest, key or record, so that accepted runs stay valid."""
    suite = config.root / "suites/demo.yaml"
    suite.write_text(suite.read_text().replace("{seed: 7}", params))
    plan = a_plan(config)
    text = request_text(Plain(), {}, plan.requests[0][1])
    assert plan.prompt_digests == {"plain": DIGEST}
    assert plan.header().params.keys() == json.loads(text)["wire"]["params"].keys() == FIRST_PARAMS


@pytest.mark.parametrize("params", ['grammar: "root ::= [a-z]"', "json_schema: {type: integer}"])
def test_new_parameters_count(config: Config, params: str) -> None:
    """A new parameter that is set changes digest, key and record."""
    suite = config.root / "suites/demo.yaml"
    suite.write_text(suite.read_text().replace("{seed: 7}", f"{{seed: 7, {params}}}"))
    plan = a_plan(config)
    text = request_text(Plain(), {}, plan.requests[0][1])
    assert plan.prompt_digests["plain"] != DIGEST
    assert plan.header().params.keys() == json.loads(text)["wire"]["params"].keys() > FIRST_PARAMS


def test_requests_of_a_large_plan_are_made_when_wanted(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan that is too large to be kept gives equal requests, one by one, in order, by place and by key."""
    held = a_plan(config, models=["other", "fake"], prompts=["polite", "plain"], repeat=2).requests
    monkeypatch.setattr(planned_requests, "MOST_HELD", 3)
    made = a_plan(config, models=["other", "fake"], prompts=["polite", "plain"], repeat=2).requests
    assert held[0] is held[0]
    assert made[0] is not made[0]
    assert list(made) == list(held) == [held.turn(key) for key in held.keys]
    assert made[1:5] == list(made)[1:5]
    assert list(made.alone()) == [request for _, request in held]
    assert list(made.alone(held.keys[2:4])) == made.alone()[2:4] == [request for _, request in held[2:4]]
    first = made.first("fake", "plain", "b")
    assert first is not None
    assert (first[0].id, first[1].key) == ("b", ("b", "plain", "fake", 0, "planned"))
    assert made.first("fake", "plain", "z") is None
    subjects = list(made.subjects([("fake", "plain")]))
    assert subjects == [("fake", "plain", "a"), ("fake", "plain", "b")]
    further = planned_requests.FurtherRequests(made, subjects, range(2, 4), "confirm")
    assert [request.key[3:] for _, request in further] == [(2, "confirm")] * 2 + [(3, "confirm")] * 2
    assert (further[3][0].id, further[1:3], len(further)) == ("b", list(further)[1:3], 4)
    both = planned_requests.Together((), held, further)
    assert (list(both), both[-1], len(both)) == ([one for _, one in (*held, *further)], further[3][1], len(held) + 4)
    assert both[::5] == list(both)[::5]
    with pytest.raises(IndexError):
        both[len(both)]


class Counted(ScriptedProvider):
    """A scripted model that counts its answers."""

    asked = 0

    def complete(self, request: Request) -> Response:
        """Count and answer."""
        self.asked += 1
        return super().complete(request)


def test_a_sample_that_is_waited_for_early_is_sent_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Samples may be waited for in any order: each request is sent once."""
    monkeypatch.setattr(requests, "MOST_AHEAD", 4)
    cases = "".join(f"  - {{id: c{number}, vars: {{question: x}}}}\n" for number in range(20))
    project = Project(tmp_path)
    project.write("pyproject.toml", PROJECT)
    project.write(
        "suites/demo.yaml", f"{SUITE.partition('  - {id: a')[0]}{cases}".replace("exact", "{length: {max_words: 5}}")
    )
    fake = Counted({"*": "Yes."})
    resources = Resources(project.config, EvaluationOptions(baseline="none"), ("demo",), {"fake": fake})
    evaluation = open_evaluation("demo", resources)
    with resources:
        evaluation.start()
        for key in reversed(evaluation.selected):
            evaluation.add(evaluation.wait(key))
    assert evaluation.finish().run.complete
    assert fake.asked == 20
