"""The fixture `llm`: run a suite inside a test, and check the answers of an application."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from evalharness.errors import ConfigError, EvalHarnessError, did_you_mean
from evalharness.evaluation.given import GivenAnswers
from evalharness.pytest_plugin._output import failure
from evalharness.pytest_plugin.items import CHECKED
from evalharness.records import Context, Response, Sample, SampleKey, Timing, Usage
from evalharness.redaction import shortened
from evalharness.report.explain import explain_sample
from evalharness.report.terminal import summary_lines
from evalharness.suites import suite_names

if TYPE_CHECKING:
    from evalharness.evaluation.evaluation import Evaluation
    from evalharness.pytest_plugin.suites import Suites


@contextmanager
def _failing_the_test() -> Iterator[None]:
    """Fail the test with the message of an error, without the frames of this package."""
    try:
        yield
    except EvalHarnessError as error:
        raise failure(error) from None


class LLM:
    """The value of the fixture `llm`."""

    def __init__(self, item: pytest.Item, suites: Suites) -> None:
        self._item, self._suites = item, suites

    @_failing_the_test()
    def evaluate(self, suite: str, **arguments: Any) -> Evaluation:
        """Run a suite, and fail the test if the result is not green.

        Takes the arguments of `evalharness.evaluate`; the defaults are the options of the command line. Returns the
        finished evaluation. An error, such as an unknown suite, fails the test.
        """
        from evalharness.evaluation.api import evaluate

        evaluation = evaluate(suite, **self._suites.arguments() | arguments)
        options = self._suites.resources.options
        if options.accept:
            evaluation.accept(because=options.because)
        outcome = evaluation.outcome
        assert outcome is not None
        if outcome.exit_status(fail_inconclusive=self._suites.fail_inconclusive):
            lines = [line for line, _ in summary_lines(outcome)]
            raise failure("\n".join(lines))
        return evaluation

    @_failing_the_test()
    def check(
        self,
        *,
        case: str,
        answer: str | Response,
        contexts: Sequence[str | Context] = (),
        suite: str | None = None,
        model: str = "app",
        prompt: str | None = None,
    ) -> Sample:
        """Score an answer of your application, and fail the test if a hard assertion does not hold.

        The sample joins the run record, and at the end of the session the gates of the suite compare the run with the
        baseline of `model`. Each case can be checked once in a session.

        Args:
            case: The id of the case in the suite.
            answer: The text, or a Response with token counts and timing.
            contexts: What the application retrieved: texts, or `Context` records with id and score.
            suite: The suite. Default: the marker `llm_suite("NAME")` of the test, else the only suite.
            model: The name of the application, as in the name of its baseline.
            prompt: The prompt that renders the messages of the sample. Default: the suite's first one.

        Returns the scored sample. An unknown suite, case or prompt, a case that was checked before, or an answer of
        another type fails the test.

        """
        response = _response(answer, contexts)
        evaluation = self._suites.open_checked(suite or self._suite_name(), model, prompt)
        key = _key(evaluation, case)
        given = evaluation.plan.providers[key.model]
        assert isinstance(given, GivenAnswers)
        given.give(evaluation.name, key, response)
        sample = evaluation.wait(key)
        self._keep(evaluation.name, sample)
        if not sample.ok:
            where = evaluation.plan.case(case).where
            raise failure(explain_sample(sample, where))
        return sample

    def _keep(self, suite: str, sample: Sample) -> None:
        """Record the sample at once, so that an interrupt keeps it. An xdist worker sends it with the test's report."""
        if self._suites.is_worker:
            self._item.stash.setdefault(CHECKED, {}).setdefault(suite, []).append(sample)
        else:
            self._suites.add(suite, [sample])

    def _suite_name(self) -> str:
        marker = self._item.get_closest_marker("llm_suite")
        if marker is not None and marker.args:
            return str(marker.args[0])
        names = suite_names(self._suites.resources.config.root)
        if len(names) != 1:
            raise ConfigError('check() needs suite="NAME", or the marker pytest.mark.llm_suite("NAME") on the test')
        return names[0]


def _key(evaluation: Evaluation, case: str) -> SampleKey:
    (model, prompt), *_ = evaluation.header.planned.pairs
    known = evaluation.header.planned.cases(model, prompt)
    if case not in known:
        raise ConfigError(f"{evaluation.plan.suite.file}: unknown case '{case}'{did_you_mean(case, known)}")
    return SampleKey(case, prompt, model, 0)


def _response(answer: str | Response, contexts: Sequence[str | Context]) -> Response:
    if isinstance(contexts, str) or not all(isinstance(one, str | Context) for one in contexts):
        raise ConfigError(f"check(): 'contexts' must be a list of texts, got {shortened(contexts, 40)!r}")
    records = tuple(Context(one) if isinstance(one, str) else one for one in contexts)
    if isinstance(answer, Response):
        return replace(answer, contexts=records) if records else answer
    if not isinstance(answer, str):
        hint = "; await it first" if inspect.isawaitable(answer) else ""
        raise ConfigError(f"check(): 'answer' must be a str or a Response, got {type(answer).__name__}{hint}")
    usage = Usage(0, len(answer.split()), estimated=True)
    return Response(answer, "stop", usage, Timing(total_s=0.0), contexts=records)
