"""What a team reads about a finished evaluation, built once for all destinations.

Every text is one printable line of bounded length without keys, and may contain any markup: suites and models are
untrusted, so each destination encodes it or puts it where nothing is markup.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from evalharness.records import SEVERITY, Verdict
from evalharness.report import Outcome
from evalharness.report.causes import causes
from evalharness.report.diffs import AnswerDiff
from evalharness.report.encode import one_line

MOST_GATES, MOST_CASES, MOST_CAUSES = 10, 5, 3
_HEADLINE_CHARS, _LINE_CHARS, _NAME_CHARS = 200, 400, 80
_JOB_VARIABLES = ("CI_JOB_URL", "BUILDKITE_BUILD_URL", "CIRCLE_BUILD_URL", "BUILD_URL")
"""The address of the CI job: GitLab, Buildkite, CircleCI, Jenkins."""


@dataclass(frozen=True, slots=True)
class Message:
    """The texts about one run."""

    suite: str
    run: str
    word: str
    """The status in capitals."""
    headline: str
    gates: tuple[str, ...]
    """A line for each gate that did not pass, the worst first; without any, for each that passed."""
    cases: tuple[str, ...]
    """A line for each error, then for each of the worst cases: names and numbers, no answers."""
    command: str
    """The command that repeats the run."""
    commit: str
    """The commit of the run; empty if unknown."""
    job: str
    """The http(s) address of the CI job; empty if unknown."""

    @property
    def title(self) -> str:
        """The status and the suite."""
        return f"{self.word}: {self.suite}"

    def lines(self) -> list[str]:
        """The message as plain text."""
        lines = [self.title, self.headline, "", *self.gates]
        lines += ["", "worst cases:", *(f"- {case}" for case in self.cases)] if self.cases else []
        more = (("run", self.run), ("commit", self.commit), ("job", self.job), ("repeat", self.command))
        return [*lines, "", *(f"{name}: {value}" for name, value in more if value)]


def message_of(outcome: Outcome) -> Message:
    """The texts about an outcome."""
    git = outcome.run.header.environment.get("git")
    commit = git.get("commit", "") if isinstance(git, dict) else ""
    return Message(
        suite=one_line(outcome.run.header.suite, _NAME_CHARS),
        run=one_line(outcome.run.header.id, _NAME_CHARS),
        word=outcome.word,
        headline=one_line(outcome.headline, _HEADLINE_CHARS),
        gates=tuple(_gates(outcome)),
        cases=(*_causes(outcome), *_cases(outcome)),
        command=one_line(outcome.again, _LINE_CHARS),
        commit=one_line(str(commit), _NAME_CHARS),
        job=_job(),
    )


def _gates(outcome: Outcome) -> Iterator[str]:
    gating = [verdict for verdict in outcome.shown if verdict.gating]
    red = [verdict for verdict in gating if verdict.status != "pass"] or gating
    ranked = sorted(red, key=lambda verdict: -SEVERITY.index(verdict.status))
    yield from (
        one_line(f"{one.status.upper()} {_subject(one)}: {one.reason}", _LINE_CHARS) for one in ranked[:MOST_GATES]
    )
    if len(ranked) > MOST_GATES:
        yield f"... and {len(ranked) - MOST_GATES} more gates"
    for change in outcome.relaxing[:MOST_CASES]:
        yield one_line(f"relaxed criteria: {change}", _LINE_CHARS)


def _subject(verdict: Verdict) -> str:
    of = f" of {verdict.tag}" if verdict.tag else ""
    return f"{verdict.metric}{of} ({verdict.model}, {verdict.prompt}{', pinned' if verdict.pinned else ''})"


def _causes(outcome: Outcome) -> Iterator[str]:
    for cause in causes(outcome.run.samples)[:MOST_CAUSES]:
        yield one_line(f"{cause.count}: {cause.headline}", _LINE_CHARS)


def _cases(outcome: Outcome) -> Iterator[str]:
    worst = outcome.contents.answers.bad[:MOST_CASES]
    return (one_line(f"{answer.sample.key.case}: {_what(answer)}", _LINE_CHARS) for answer in worst)


def _what(answer: AnswerDiff) -> str:
    return answer.sample.failed_checks[0] if answer.sample.failed_checks else answer.moved


def _job() -> str:
    """The address of this CI job, from the variables of its system."""
    get = os.environ.get
    github = (get("GITHUB_SERVER_URL"), get("GITHUB_REPOSITORY"), get("GITHUB_RUN_ID"))
    urls = [f"{github[0]}/{github[1]}/actions/runs/{github[2]}"] if all(github) else []
    urls += [url for name in _JOB_VARIABLES if (url := get(name, ""))]
    return next((one_line(url, _LINE_CHARS) for url in urls if _is_address(url)), "")


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not set(url) & set(" <>|\"'`\\")
