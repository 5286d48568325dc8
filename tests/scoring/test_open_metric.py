"""Metrics open by name, and score batches."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError, EvalHarnessError, MetricError
from evalharness.records import NotApplicable, Score, Spec
from evalharness.scoring.metrics import Metric, SampleView, open_metric
from evalharness.scoring.metrics.base import Responses, against_golden, of_text, signature
from evalharness.scoring.results import Scored, checked, score_samples

_LIGHT = sorted(set(registry.BUILT_IN["metrics"]) - {"embedding", "grounded", "judge"})
_OPTIONS: dict[str, dict[str, Any]] = {
    "regex": {"pattern": "a+"},
    "length": {"max_words": 3},
    "json_schema": {"schema": {"type": "object"}},
}


def _opened(name: str) -> Metric:
    return open_metric(Spec(name, _OPTIONS.get(name, {})), Config())


@pytest.mark.parametrize("name", _LIGHT)
def test_every_built_in_opens(name: str) -> None:
    """Every name of the registry opens a metric of that name, and its signature starts with it."""
    metric = _opened(name)
    assert metric.name == name
    assert metric.signature.split("|")[0] == name


@pytest.mark.parametrize(
    ("spec", "error", "reason"),
    [
        (Spec("rouge_ll"), LookupError, "unknown metric 'rouge_ll'; did you mean 'rouge_l'"),
        (Spec("rouge_l", {"stm": True}), ValueError, "'rouge_l' has no option 'stm'; did you mean 'stem'"),
        (Spec("edit_similarity", {"x": 1}), ValueError, "'edit_similarity' has no option 'x'; it has none"),
        (Spec("embedding", {"model": "a", "config": 1}), ValueError, "no option 'config'"),
        (Spec("rouge_l", {"stem": "no"}), ValueError, "option 'stem' of the metric 'rouge_l' is wrong: .* boolean"),
        (Spec("length", {"max_words": True}), ValueError, "option 'max_words' .* integer"),
        (Spec("bleu", {"tokenize": "flores200"}), ValueError, "option 'tokenize' .* '13a'"),
        (Spec("regex"), ValueError, "'regex' needs the option 'pattern'"),
        (Spec("regex", {"pattern": "("}), ValueError, "RE2"),
        (Spec("embedding", {"model": "minlm"}), ConfigError, "evalharness.embedders.minlm"),
    ],
)
def test_bad_specs(spec: Spec, error: type[Exception], reason: str) -> None:
    """The error for a wrong name or option has the nearest names."""
    with pytest.raises(error, match=reason):
        open_metric(spec, Config())


def test_all_metrics_of_all_answers() -> None:
    """Each answer gets a score from each metric that applies, in order."""
    answers = [SampleView.of("a b", ("a b",)), SampleView.of("aa"), SampleView.of("b", ("a b", "b"))]
    scored = score_samples([_opened("exact"), _opened("regex")], answers)
    exact, regex = _opened("exact").signature, _opened("regex").signature
    assert scored == [
        Scored([Score("exact", 1.0, exact), Score("regex", 1.0, regex)], [], []),
        Scored([Score("regex", 1.0, regex)], [], [NotApplicable("no golden answer", "exact")]),
        Scored([Score("exact", 1.0, exact), Score("regex", 0.0, regex)], [], []),
    ]


def test_nothing_to_do() -> None:
    """No answers or no metrics give no scores."""
    assert score_samples([_opened("exact")], []) == []
    assert score_samples([], [SampleView.of("a")]) == [Scored([], [], [])]


def test_an_answer_that_spoils_a_batch_spoils_only_itself() -> None:
    """After an exception for the whole batch, the metric scores answer by answer."""

    def picky(views: Sequence[SampleView], responses: Sequence[Responses]) -> list[float]:
        if any(view.text == "poison" for view in views):
            raise KeyError("no such word")
        return [0.5] * len(views)

    metric = Metric("picky", "picky|v:1", picky, needs_golden=False)
    good, bad, last = score_samples([metric], [SampleView.of("a"), SampleView.of("poison"), SampleView.of("b")])
    assert [score.value for score in good.scores + last.scores] == [0.5, 0.5]
    assert bad.scores == []
    assert [error.partition(" (")[0] for error in bad.errors] == ["picky: KeyError: 'no such word'"]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ([math.nan], "expected a score in [0, 1], got nan"),
        ([1.5], "expected a score in [0, 1], got 1.5"),
        ([-0.1], "expected a score in [0, 1], got -0.1"),
        ([Score("odd", 2.0, "odd")], "expected a score in [0, 1], got 2.0"),
        ([Score("odd", 0.5, "odd", parts={"tone": math.inf})], "expected finite parts, got {'tone': inf}"),
        ([Score("odd", 0.5, "odd", parts={"x" * 201: 1.0})], "got 1 with names of up to 201"),
        ([Score("odd", 0.5, "odd", parts=dict.fromkeys(map(str, range(1_001)), 1.0))], "at most 1,000 parts"),
        ([], "expected 1 results from the metric, got 0"),
        ([0.1, 0.2], "expected 1 results from the metric, got 2"),
        (["high"], "TypeError"),
    ],
)
def test_results_are_checked(result: list[Any], reason: str) -> None:
    """A result that is not a number in [0, 1] for each answer is an error of the metric."""
    (scored,) = score_samples([Metric("odd", "odd", lambda *_: result, needs_golden=False)], [SampleView.of("a")])
    assert scored.scores == []
    assert reason in scored.errors[0]


def test_a_rounding_step_is_cut_off() -> None:
    """1 + 1e-12 becomes 1, and -1e-12 becomes 0."""
    metric = _opened("exact")
    assert checked(metric, 1 + 1e-12) == Score("exact", 1.0, metric.signature)
    assert checked(metric, -1e-12) == Score("exact", 0.0, metric.signature)


def test_a_metric_explains_its_score() -> None:
    """A score keeps its shortened explanation and its parts; name and signature are always the metric's own."""
    score = Score("another", 0.5, "other", "because " * 1_000, {"tone": 1 / 3})
    metric = Metric("m", "m|v:1", lambda *_: [score], needs_golden=False)

    (scored,) = score_samples([metric], [SampleView.of("a")])

    assert scored.scores == [Score("m", 0.5, "m|v:1", ("because " * 1_000)[:2_000], {"tone": 0.333333})]


def test_best_golden() -> None:
    """The best of several golden answers counts; an exception is the error of one answer."""
    metric = against_golden("m", "m", lambda answer, golden: float(golden) / float(answer))
    first, second = metric.score([SampleView.of("10", ("1", "7", "3")), SampleView.of("x", ("1",))], [])
    assert first == 0.7
    assert isinstance(second, MetricError)


def test_own_errors_are_not_named_by_type() -> None:
    """An error of this package has its message alone; any other one has its type and a bounded length."""

    def fail(text: str) -> float:
        raise EvalHarnessError("no such model") if text == "ours" else OSError("x" * 10_000)

    ours, foreign = of_text("m", "m", fail).score([SampleView.of("ours"), SampleView.of("theirs")], [])
    assert str(ours) == "no such model"
    assert str(foreign).startswith("OSError: xxx")
    assert len(str(foreign)) <= 1_000


def test_signature_parts_cannot_be_confused() -> None:
    """Free text is quoted, so that it cannot pass for another option; a long one is a digest."""
    assert signature("m", a=True, b=3, c="x.y-z", d="x|e:1") == 'm|a:yes|b:3|c:x.y-z|d:"x|e:1"'
    assert signature("m", a="x" * 41) != signature("m", a="x" * 42)
    assert len(signature("m", a="x" * 4_000)) < 40


_ANSWERS = st.builds(
    SampleView.of,
    st.text(st.sampled_from('ab é退ไก่{"}[]1'), max_size=12),
    st.lists(st.text(st.sampled_from("ab é退ไก่"), max_size=12), max_size=3).map(tuple),
)


@pytest.mark.parametrize("name", _LIGHT)
@settings(max_examples=30, deadline=None)
@given(answers=st.lists(_ANSWERS, max_size=5))
def test_batch_is_one_by_one(name: str, answers: list[SampleView]) -> None:
    """The scores of an answer do not depend on its batch."""
    metric = _opened(name)
    together = score_samples([metric], answers)
    assert together == [score_samples([metric], [answer])[0] for answer in answers]
    assert all(0 <= score.value <= 1 for scored in together for score in scored.scores)


def test_opening_imports_nothing_heavy() -> None:
    """Metrics open without numpy, nltk, torch, jsonschema and sacrebleu, unless they need them to open."""
    code = f"""
import sys
from evalharness.config import Config
from evalharness.scoring.metrics import open_metric
from evalharness.scoring.checks import open_check
from evalharness.records import Spec
for name in {sorted(set(_LIGHT) - {"bleu", "chrf", "ter", "json_schema"})}:
    open_metric(Spec(name, {_OPTIONS}.get(name, {{}})), Config())
heavy = "numpy nltk rouge_score torch sentence_transformers jsonschema sacrebleu".split()
print([name for name in heavy if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
