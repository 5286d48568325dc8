"""Differences between two criteria: each one has a line, and the relaxing ones are marked."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import product
from typing import Any

import pytest

from evalharness.criteria.changes import MOST_CHANGES, changes
from evalharness.criteria.criteria import Criteria, as_json, criteria_of
from evalharness.errors import StoreError
from evalharness.records import (
    AcceptedRun,
    Baseline,
    BaselineCase,
    BaselineSample,
    Case,
    CriteriaChange,
    GateRule,
    GateSpec,
    Location,
    Message,
    Params,
    Prompt,
    Spec,
    Suite,
    TimeBounds,
)
from evalharness.testing import accepted_run, baseline_sample
from evalharness.testing import case as case_of

HERE = Location("suites/demo.yaml", 1, 1)
POLITE, SHORT = Spec("not_contains", {"value": "As an AI"}), Spec("max_words", {"value": 60})


def a_case(name: str, **rest: Any) -> Case:
    """A case with a golden answer, two tags and two assertions."""
    values = {"vars": {"q": name}, "tags": ("new", "old"), "golden": (f"{name}!",), "checks": (POLITE, SHORT)}
    return case_of(name, digest="", **values | rest)


def a_prompt(name: str, text: str = "{{ q }}") -> Prompt:
    """A prompt of one message."""
    return Prompt(name, (Message("user", text),), HERE)


def a_sample(
    run: str, text: str = "Yes.", score: float = 0.8, tokens: int = 10, total_s: float | None = 0.5
) -> BaselineSample:
    """A sample of an accepted run."""
    scores = {"rouge_l": score, "chrf": score}
    return baseline_sample(run, text=text, scores=scores, completion_tokens=tokens, total_s=total_s)


def a_run(name: str, **rest: Any) -> AcceptedRun:
    """An accepted run."""
    return accepted_run(name, **{"signatures": {"rouge_l": "r|1", "chrf": "c|1"}} | rest)


def a_baseline(*runs: AcceptedRun, **cases: BaselineCase) -> Baseline:
    """A baseline of two cases, with a sample of each run."""
    stored = BaselineCase("digest", tuple(a_sample(run.id) for run in runs), 2)
    return Baseline("b.jsonl", "demo", "small", "plain", runs, {"a": stored, "b": stored} | cases)


SUITE = Suite(
    name="demo",
    file="suites/demo.yaml",
    description="",
    models=("small", "large"),
    prompts={name: a_prompt(name) for name in ("plain", "kind")},
    default_prompts=("plain", "kind"),
    params=Params(max_tokens=64, seed=7),
    vars={"shop": "Acme"},
    metrics=(Spec("rouge_l"), Spec("chrf", {"order": 6})),
    gates=(GateSpec(GateRule("rouge_l", 0.05), HERE), GateSpec(GateRule("cost", 0.1, unit="ratio"), HERE)),
    cases=tuple(a_case(name) for name in "abcd"),
)
BASELINE = a_baseline(a_run("one"), a_run("two"))
CONFIG: Mapping[str, Any] = {
    "models": {
        "small": {"provider": "gguf", "path": "a.gguf", "price": {"input": 1.0, "output": 2.0, "cached_input": None}},
        "large": {"provider": "openai", "base_url": "https://a", "price": None},
    },
    "embedders": {"mini": {"path": "m"}},
    "limits": {"cases": 100},
}


@dataclass(frozen=True)
class World:
    """A suite with configuration, baselines and files."""

    suite: Suite = SUITE
    config: Mapping[str, Any] = field(default_factory=lambda: CONFIG)
    baselines: Mapping[tuple[str, str], Any] = field(default_factory=lambda: {("small", "plain"): BASELINE})
    files: Mapping[str, str] = field(default_factory=lambda: {"models/answers.json": "d1"})

    @property
    def criteria(self) -> Criteria:
        """The criteria of the suite."""
        return criteria_of(self.suite, config=self.config, baselines=self.baselines, files=self.files)


def suite(**edits: Any) -> World:
    """With another suite."""
    return World(suite=replace(SUITE, **edits))


def case_a(**edits: Any) -> World:
    """With another first case."""
    return suite(cases=(replace(SUITE.cases[0], **edits), *SUITE.cases[1:]))


def all_cases(**edits: Any) -> World:
    """With another value in every case."""
    return suite(cases=tuple(replace(case, **edits) for case in SUITE.cases))


def gates(**margins: float) -> World:
    """With these gates."""
    rules = (GateRule(name, margin, unit="ratio" if name == "cost" else "points") for name, margin in margins.items())
    return suite(gates=tuple(GateSpec(rule, HERE) for rule in rules))


def slo(at_least: float | None = 0.95, *, metric: str = "attainment", **within: float) -> World:
    """With one gate on responses in time."""
    rule = GateRule(metric, 0.05, within=TimeBounds(**within), at_least=at_least)
    return suite(gates=(GateSpec(rule, HERE),))


def setting(*path: str, to: Any) -> World:
    """With another value in the configuration; None removes it."""

    def put(table: Mapping[str, Any], rest: tuple[str, ...]) -> dict[str, Any]:
        value = put(table[rest[0]], rest[1:]) if len(rest) > 1 else to
        return {name: old for name, old in (dict(table) | {rest[0]: value}).items() if old is not None}

    return World(config=put(CONFIG, path))


def baseline(found: Any) -> World:
    """With another baseline, or without one for None."""
    return World(baselines={("small", "plain"): found})


def sampled(*samples: BaselineSample) -> World:
    """With other samples for the case a."""
    return baseline(replace(BASELINE, cases=dict(BASELINE.cases) | {"a": BaselineCase("digest", samples, 2)}))


ONE, TWO = a_sample("one"), a_sample("two")
LATIN = "\N{LATIN SMALL LETTER E WITH ACUTE}"

RELAXING: list[tuple[World, str]] = [
    (gates(rouge_l=0.2, cost=0.1), "gate rouge_l: margin 5 pts -> margin 20 pts"),
    (gates(rouge_l=0.05, cost=0.105), "gate cost: margin 10 % -> margin 10.5 %"),
    (gates(rouge_l=0.05), "gate cost: margin 10 % -> removed"),
    (gates(chrf=0.05, cost=0.1), "gate rouge_l: margin 5 pts -> removed"),
    (suite(gates=()), "gate rouge_l: margin 5 pts -> removed"),
    (suite(metrics=SUITE.metrics[1:]), "metric rouge_l: removed"),
    (
        suite(metrics=(Spec("contains", alias="rouge_l"), SUITE.metrics[1])),
        'metric rouge_l: no options -> {"metric": "contains"}',
    ),
    (suite(metrics=SUITE.metrics[:1]), 'metric chrf: {"order": 6} -> removed'),
    (suite(metrics=(Spec("rouge_l"), Spec("chrf", {"order": 1}))), 'metric chrf: {"order": 6} -> {"order": 1}'),
    (suite(metrics=(Spec("rouge_l"), Spec("chrf"))), 'metric chrf: {"order": 6} -> no options'),
    (
        suite(metrics=(Spec("rouge_l", {"stem": True}), SUITE.metrics[1])),
        'metric rouge_l: no options -> {"stem": true}',
    ),
    (suite(models=("small",)), "model large: removed"),
    (suite(default_prompts=("plain",)), "default prompt kind: removed"),
    (suite(params=Params(max_tokens=512, seed=7)), "params max_tokens: 64 -> 512"),
    (suite(params=Params(max_tokens=32, seed=7)), "params max_tokens: 64 -> 32"),
    (suite(params=Params(max_tokens=64, seed=None)), "params seed: 7 -> null"),
    (suite(params=Params(64, temperature=None, seed=7)), "params temperature: 0.0 -> null"),
    (suite(params=Params(64, seed=7, stop=("\n",))), 'params stop: [] -> ["\\n"]'),
    (suite(vars={"shop": "Other"}), 'shared variable shop: "Acme" -> "Other"'),
    (suite(vars={}), 'shared variable shop: "Acme" -> removed'),
    (suite(vars={"shop": "Acme", "more": 1}), "shared variable more: added 1"),
    (suite(cases=SUITE.cases[1:]), "case a: deleted"),
    (suite(cases=SUITE.cases[2:]), "2 cases (a, b): deleted"),
    (suite(cases=()), "4 cases (a, b, c, ...): deleted"),
    (suite(cases=(replace(SUITE.cases[0], id="z"), *SUITE.cases[1:])), "case a: renamed"),
    (case_a(vars={"q": "easier"}), "case a: variables changed"),
    (case_a(vars={"q": "a", "more": ""}), "case a: variables changed"),
    (case_a(golden=("yes",)), "case a: golden answers changed"),
    (case_a(golden=("a!", "yes")), "case a: golden answers added"),
    (case_a(golden=()), "case a: golden answers removed"),
    (case_a(golden=("a! ",)), "case a: golden answers changed"),
    (all_cases(golden=("yes",)), "4 cases (a, b, c, ...): golden answers changed"),
    (case_a(tags=("new",)), "case a: tag old removed"),
    (case_a(tags=("new", "other")), "case a: tag old removed"),
    (case_a(checks=(SHORT,)), 'assertion not_contains "As an AI": removed from case a'),
    (all_cases(checks=(SHORT,)), 'assertion not_contains "As an AI": removed from 4 cases (a, b, c, ...)'),
    (all_cases(checks=()), "assertion max_words 60: removed from 4 cases (a, b, c, ...)"),
    (case_a(checks=(POLITE, Spec("max_words", {"value": 61}))), "assertion max_words of case a: 60 -> 61"),
    (
        all_cases(checks=(Spec("not_contains", {"value": "As an AI model"}), SHORT)),
        'assertion not_contains of 4 cases (a, b, c, ...): "As an AI" -> "As an AI model"',
    ),
    (case_a(checks=(POLITE, Spec("max_chars", {"value": 60}))), "assertion max_words 60: removed from case a"),
    (
        suite(
            cases=tuple(
                replace(case, checks=(POLITE, *([Spec("max_words", {"value": 9})] if case.id == "a" else [])))
                for case in SUITE.cases
            )
        ),
        "assertion max_words 60: removed from 4 cases (a, b, c, ...)",
    ),
    (setting("models", "small", to=None), "configuration models.small: {"),
    (setting("models", "small", "path", to="b.gguf"), 'configuration models.small.path: "a.gguf" -> "b.gguf"'),
    (setting("models", "small", "sha256", to="x"), 'configuration models.small.sha256: none -> "x"'),
    (setting("models", "large", "base_url", to="https://b"), 'models.large.base_url: "https://a" -> "https://b"'),
    (setting("models", "large", "base_url", to=None), 'models.large.base_url: "https://a" -> none'),
    (setting("models", "small", "price", "input", to=0.5), "configuration models.small.price: {"),
    (setting("models", "small", "price", "cached_input", to=0.5), "configuration models.small.price: {"),
    (setting("models", "small", "price", to=None), "configuration models.small.price: {"),
    (setting("models", "large", "price", to={"input": 9.0}), 'models.large.price: none -> {"input": 9.0}'),
    (setting("embedders", "mini", "path", to="other"), 'configuration embedders.mini.path: "m" -> "other"'),
    (setting("embedders", "mini", to=None), 'configuration embedders.mini: {"path": "m"} -> none'),
    (setting("limits", "cases", to=101), "configuration limits.cases: 100 -> 101"),
    (setting("limits", "more", to=1), "configuration limits.more: none -> 1"),
    (setting("limits", to=None), "configuration limits.cases: 100 -> none"),
    (setting("pytest", to={"addopts": "-x"}), 'configuration pytest.addopts: none -> "-x"'),
    (setting("processes", to=2), "configuration processes: {} -> 2"),
    (baseline(None), "baseline small.plain: accepted run one, two -> deleted"),
    (
        baseline(StoreError("b.jsonl:1: lost")),
        "baseline small.plain: accepted run one, two -> cannot be read: b.jsonl:1: lost",
    ),
    (baseline(a_baseline(a_run("six"))), "baseline small.plain: replaced: accepted run one, two by accepted run six"),
    (baseline(a_baseline(a_run("two"))), "baseline small.plain: accepted run one removed"),
    (baseline(a_baseline(a_run("one"), a_run("two"), a_run("six"))), "baseline small.plain: accepted run six added"),
    (baseline(a_baseline(a_run("two"), a_run("one"))), "by hand: the order of the accepted runs differs"),
    (
        baseline(a_baseline(a_run("one", machine_class="x", request_digest="y"), a_run("two"))),
        "baseline small.plain: edited by hand: machine_class, request_digest of accepted run one",
    ),
    (
        baseline(a_baseline(a_run("one", signatures={"rouge_l": "r|2", "chrf": "c|1"}), a_run("two"))),
        "edited by hand: signatures of accepted run one",
    ),
    (sampled(a_sample("one", score=0.1), TWO), "edited by hand: 2 scores differ in accepted run one"),
    (sampled(ONE, a_sample("two", text="No.")), "edited by hand: 1 text differ in accepted run two"),
    (sampled(ONE, a_sample("two", tokens=99)), "edited by hand: 1 token count differ in accepted run two"),
    (sampled(ONE, a_sample("two", total_s=None)), "edited by hand: 1 time differ in accepted run two"),
    (sampled(ONE, TWO, TWO), "edited by hand: 2 scores, 1 text, 1 time, 2 token counts differ in accepted run two"),
    (sampled(ONE), "baseline small.plain: case a removed from accepted run two"),
    (baseline(replace(BASELINE, cases={"a": BASELINE.cases["a"]})), "case b removed from accepted run one"),
    (
        baseline(replace(BASELINE, cases={**BASELINE.cases, "z": BASELINE.cases["a"]})),
        "case z added to accepted run one",
    ),
    (
        baseline(replace(BASELINE, cases={**BASELINE.cases, "a": replace(BASELINE.cases["a"], digest="x")})),
        "edited by hand: 1 case digest differ in accepted run one",
    ),
    (World(files={"models/answers.json": "d2"}), "file models/answers.json: d1 -> d2"),
    (World(files={}), "file models/answers.json: d1 -> removed"),
    (World(files={"models/answers.json": "d1", "x": "d3"}), "file x: added d3"),
]

STRICTER: list[tuple[World, str]] = [
    (gates(rouge_l=0.05, cost=0.1, chrf=0.05), "gate chrf: added margin 5 pts"),
    (suite(models=("small", "large", "huge")), "model huge: added"),
    (gates(rouge_l=0.04, cost=0.1), "gate rouge_l: margin 5 pts -> margin 4 pts"),
    (suite(metrics=(*SUITE.metrics, Spec("bleu"))), "metric bleu: added"),
    (suite(default_prompts=("plain", "kind", "new")), "default prompt new: added"),
    (suite(cases=(*SUITE.cases, a_case("e"))), "case e: added"),
    (suite(cases=(*SUITE.cases, *(a_case(name) for name in "efgh"))), "4 cases (e, f, g, ...): added"),
    (case_a(tags=("new", "old", "more")), "case a: tag more added"),
    (case_a(checks=(POLITE, SHORT, Spec("json_valid", {"value": True}))), "assertion json_valid true: added to case a"),
    (all_cases(checks=(POLITE, Spec("max_words", {"value": 9}))), "max_words of 4 cases (a, b, c, ...): 60 -> 9"),
    (setting("models", "huge", to={"provider": "gguf"}), 'configuration models.huge: none -> {"provider": "gguf"}'),
    (setting("models", "small", "price", "input", to=1.5), "configuration models.small.price: {"),
    (setting("embedders", "new", to={"path": "n"}), 'configuration embedders.new: none -> {"path": "n"}'),
    (setting("limits", "cases", to=99), "configuration limits.cases: 100 -> 99"),
    (
        World(baselines={("small", "plain"): BASELINE, ("large", "plain"): a_baseline(a_run("six"))}),
        "baseline large.plain: new, accepted run six",
    ),
]

SAME: list[World] = [
    World(),
    suite(description="Another.", file="suites/moved.yaml"),
    suite(prompts={"plain": a_prompt("plain", "Say yes."), "kind": a_prompt("kind"), "third": a_prompt("third")}),
    suite(gates=SUITE.gates[::-1], metrics=SUITE.metrics[::-1], models=SUITE.models[::-1], cases=SUITE.cases[::-1]),
    all_cases(checks=(SHORT, POLITE, SHORT), tags=("old", "new"), digest="x", where=Location("x", 9, 9)),
    setting("models", "large", to={"base_url": "https://a", "provider": "openai"}),
    baseline(replace(BASELINE, file="moved", cases=dict([*BASELINE.cases.items()][::-1]))),
    baseline(replace(BASELINE, cases={name: replace(case, line=9) for name, case in BASELINE.cases.items()})),
]


def test_relaxing() -> None:
    """A difference that can let a worse answer pass has a line that is marked as relaxing."""
    failures = []
    for now, line in RELAXING:
        found = [str(change) for change in changes(World().criteria, now.criteria) if change.relaxes]
        if not any(line in one for one in found):
            failures.append(f"{line!r}: expected in {found}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize(("now", "line"), STRICTER, ids=[line for _, line in STRICTER])
def test_stricter(now: World, line: str) -> None:
    """A difference that only makes the criteria stricter is the only line, and is not marked."""
    (change,) = changes(World().criteria, now.criteria)
    assert line in str(change)
    assert not change.relaxes


SLO = slo(ttft=0.3, e2el=2.0)


@pytest.mark.parametrize(
    ("now", "line", "relaxes"),
    [
        (slo(0.9, ttft=0.3, e2el=2.0), "within ttft 300ms, e2el 2s, at least 90 %", True),
        (slo(0.99, ttft=0.3, e2el=2.0), "at least 99 %", False),
        (slo(ttft=0.4, e2el=2.0), "within ttft 400ms, e2el 2s", True),
        (slo(ttft=0.2, e2el=2.0), "within ttft 200ms, e2el 2s", False),
        (slo(ttft=0.3), "within ttft 300ms", True),
        (slo(ttft=0.3, e2el=2.0, tpot=0.05), "within ttft 300ms, tpot 50ms, e2el 2s", False),
        (slo(0.99, ttft=0.4, e2el=2.0), "at least 99 %", True),
        (slo(None, metric="goodput", ttft=0.3, e2el=2.0), "removed", True),
    ],
)
def test_bounds_of_times_and_shares(now: World, line: str, relaxes: bool) -> None:
    """A longer bound, a missing one and a smaller share relax a gate on attainment; the opposite does not."""
    found = changes(SLO.criteria, now.criteria)
    assert line in "; ".join(map(str, found))
    assert any(one.relaxes for one in found) == relaxes


@pytest.mark.parametrize("bound", [0.2, 0.4])
def test_other_bounds_of_goodput(bound: float) -> None:
    """Bounds of a gate on goodput select what it compares, so that shorter ones relax it as longer ones do."""
    then, now = (slo(None, metric="goodput", ttft=one) for one in (0.3, bound))
    (change,) = changes(then.criteria, now.criteria)
    assert change.relaxes


@pytest.mark.parametrize("now", SAME, ids=range(len(SAME)))
def test_same(now: World) -> None:
    """Order, places in files and the text of prompts are not part of the criteria."""
    assert changes(World().criteria, now.criteria) == []


def test_both_directions() -> None:
    """Of each difference and its reverse, at least one is marked as relaxing."""
    failures = []
    for now, line in RELAXING + STRICTER:
        forward, back = changes(World().criteria, now.criteria), changes(now.criteria, World().criteria)
        if not forward or not any(change.relaxes for change in (*forward, *back)):
            failures.append(f"{line!r}: {forward} and {back}")
    assert not failures, "\n".join(failures)


def test_every_field_counts() -> None:
    """A difference in any field of the criteria has a line."""
    other = World(
        suite=replace(
            SUITE,
            models=(),
            default_prompts=(),
            params=Params(),
            vars={},
            metrics=(),
            gates=(),
            cases=(),
        ),
        config={},
        baselines={},
        files={},
    ).criteria
    mine = replace(World().criteria, world={"max_steps": "10"}, attachments={"a.png": "d1"})
    for part in fields(Criteria):
        if part.name != "suite":
            assert changes(mine, replace(mine, **{part.name: getattr(other, part.name)})), part.name


def test_whole_suites() -> None:
    """Deleting a suite relaxes; adding one does not."""
    criteria = World().criteria
    deleted, added = changes(criteria, None), changes(None, criteria)
    assert [(str(change), change.relaxes) for change in deleted] == [("suite demo: 4 cases -> deleted", True)]
    assert [(str(change), change.relaxes) for change in added] == [("suite demo: new, 4 cases", False)]
    assert changes(None, None) == []


@pytest.mark.parametrize("now", [BASELINE, StoreError("other"), None])
def test_baseline_that_could_not_be_read(now: Any) -> None:
    """Any change to a damaged baseline relaxes."""
    (change,) = changes(baseline(StoreError("damaged")).criteria, baseline(now).criteria)
    assert change.relaxes
    assert change.then == "cannot be read: damaged"


def test_damaged_baseline_that_is_new() -> None:
    """A new baseline that is damaged relaxes."""
    (change,) = changes(baseline(None).criteria, baseline(StoreError("damaged")).criteria)
    assert (str(change), change.relaxes) == ("baseline small.plain: new, cannot be read: damaged", True)


def test_value_of_another_type() -> None:
    """`1`, `true`, `1.0` and `"1"` are four values, in options and in variables."""
    values = [1, True, 1.0, "1"]
    edits: list[Callable[[Any], World]] = [
        lambda value: case_a(vars={"q": value}),
        lambda value: suite(metrics=(Spec("chrf", {"order": value}),)),
    ]
    for edit in edits:
        for then in values:
            assert [bool(changes(edit(then).criteria, edit(now).criteria)) for now in values].count(False) == 1


def test_check_of_a_mapping() -> None:
    """A schema is one value, in any order of keys."""
    one, two = {"type": "object", "required": ["a"]}, {"required": ["a"], "type": "object"}
    then, now = (case_a(checks=(Spec("json_schema", {"value": schema}),)).criteria for schema in (one, two))
    assert changes(then, now) == []
    looser = case_a(checks=(Spec("json_schema", {"value": {"type": "object"}}),)).criteria
    assert any(change.relaxes for change in changes(then, looser))


@pytest.mark.parametrize(
    ("name", "then", "now", "relaxes"),
    [
        ("max_words", 60, 100, True),
        ("max_chars", 60, 9, False),
        ("min_words", 9, 8, True),
        ("min_chars", 9, 10, False),
        ("min_chars", 9, 100, False),
        ("contains", "ab", "b", True),
        ("regex", "a", ".*", True),
    ],
)
def test_bounds_have_a_direction(name: str, then: Any, now: Any, relaxes: bool) -> None:
    """A tighter bound does not relax. Any change of a text or a pattern does."""
    (change,) = changes(*(case_a(checks=(Spec(name, {"value": value}),)).criteria for value in (then, now)))
    assert change.relaxes is relaxes


HOSTILE: list[Callable[[str], World]] = [
    lambda text: case_a(id=text),
    lambda text: case_a(tags=(text,)),
    lambda text: case_a(golden=(text,), vars={text: text}),
    lambda text: case_a(checks=(Spec("contains", {"value": text}),)),
    lambda text: suite(vars={text: text}),
    lambda text: suite(metrics=(Spec(text, {text: text}),)),
    lambda text: suite(models=(text,), default_prompts=(text,)),
    lambda text: setting("models", text, to={"provider": text}),
    lambda text: setting("models", "small", text, to=text),
    lambda text: baseline(StoreError(text)),
    lambda text: baseline(a_baseline(a_run(text))),
    lambda text: baseline(a_baseline(a_run("one"), a_run(text))),
    lambda text: World(files={text: text}),
]


def is_shown_well(found: Sequence[CriteriaChange]) -> bool:
    """Whether there are changes, each one short line with a new value."""
    lines = [str(change) for change in found]
    return (
        bool(lines)
        and all(len(line) <= 300 and len(line.splitlines()) == 1 for line in lines)
        and all(change.now for change in found)
    )


def test_hostile_texts() -> None:
    """Untrusted texts stay on one short line, in both directions."""
    texts = ["a\nb\r\x0b\x0c\x85\u2028\u2029::error::", "x" * 10_000, "\ud83d", "\n", f"{LATIN}" * 500]
    failures = []
    for (number, edit), text in product(enumerate(HOSTILE), texts):
        for found in (changes(World().criteria, edit(text).criteria), changes(edit(text).criteria, World().criteria)):
            if not is_shown_well(found):
                failures.append(f"{number}, {text[:20]!a}: {[ascii(str(change))[:400] for change in found]}")
    assert not failures, "\n".join(failures)


def test_long_texts_that_begin_alike() -> None:
    """Two long texts that are equal after the cut are shown as changed."""
    then, now = (suite(vars={"shop": "x" * 500 + end}).criteria for end in "ab")
    (change,) = changes(then, now)
    assert str(change) == "shared variable shop: changed"


@pytest.mark.parametrize(("count", "lines"), [(MOST_CHANGES, MOST_CHANGES), (MOST_CHANGES + 57, MOST_CHANGES)])
def test_bounded(count: int, lines: int) -> None:
    """The number of lines is bounded, and the last line counts those that are left out."""
    found = changes(suite(vars={str(n): n for n in range(count)}).criteria, suite(vars={}).criteria)
    assert len(found) == lines
    assert all(change.relaxes for change in found)
    assert str(found[-1]) == (
        "58 more changes: not shown" if count > lines else f"shared variable {count - 1}: {count - 1} -> removed"
    )


def test_relaxing_changes_come_first() -> None:
    """A thousand harmless changes do not hide one that relaxes."""
    prompts = tuple(f"m{n}" for n in range(1_000))
    found = changes(World().criteria, suite(default_prompts=(*SUITE.default_prompts, *prompts), vars={}).criteria)
    assert str(found[0]) == 'shared variable shop: "Acme" -> removed'
    assert [change.relaxes for change in found] == [True] + [False] * (MOST_CHANGES - 1)
    assert found[-1] == CriteriaChange("802 more changes", "", "not shown", False)


@pytest.mark.parametrize("seed", range(5))
def test_same_lines_in_any_order(seed: int) -> None:
    """Equal criteria give equal lines, in any order of checks and tags."""
    shuffled = random.Random(seed)
    checks = [Spec("contains", {"value": str(n)}) for n in range(20)]
    tags = [str(n) for n in range(20)]
    expected = changes(all_cases(checks=tuple(checks), tags=tuple(tags)).criteria, World().criteria)
    shuffled.shuffle(checks)
    shuffled.shuffle(tags)
    assert changes(all_cases(checks=tuple(checks), tags=tuple(tags)).criteria, World().criteria) == expected


def test_json_is_canonical() -> None:
    """Equal values have equal texts."""
    assert (
        as_json({"b": (1, 2), "a": LATIN}) == as_json({"a": LATIN, "b": [1, 2]}) == f'{{"a": "{LATIN}", "b": [1, 2]}}'
    )
