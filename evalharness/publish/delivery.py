"""Send outcomes to destinations within a deadline: one thread each, so that a slow one delays no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from evalharness.foreign import describe
from evalharness.logs import get_logger
from evalharness.publish.destination import Opened, PublishError
from evalharness.report import Outcome
from evalharness.report.encode import one_line

MOST_S = 10.0
"""Seconds for all destinations together. A thread that hangs longer ends with the process."""
_INTERRUPTED = "the run was interrupted"
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one outcome at one destination."""

    name: str
    suite: str
    problem: str = ""
    """Why it was not published; empty if it was."""
    skipped: bool = False
    """Whether the destination gets failures alone, and this is none."""

    def __str__(self) -> str:
        if self.skipped:
            return f'{self.name}: {self.suite} skipped: when = "failure" publishes FAIL and ERROR alone'
        return f"{self.name}: {self.suite} " + (f"not published: {self.problem}" if self.problem else "published")


@dataclass(slots=True)
class _Sending:
    """One destination and what it has taken so far."""

    to: Opened
    outcomes: Sequence[Outcome]
    done: list[Delivery] = field(default_factory=list)

    def work(self) -> None:
        for outcome in self.outcomes:
            self.done.append(_delivered(self.to, outcome))

    def result(self) -> list[Delivery]:
        """A delivery for each outcome, in order; the late ones are problems."""
        done = list(self.done)
        late = [_name(outcome) for outcome in self.outcomes[len(done) :]]
        return done + [Delivery(self.to.name, suite, f"no answer within {MOST_S:g} s") for suite in late]


def publish_all(outcomes: Sequence[Outcome], destinations: Sequence[Opened]) -> list[Outcome]:
    """Publish outcomes. Returns them with a warning for each destination that did not take one.

    The status of an outcome stays as it is.
    """
    found = deliver(outcomes, destinations)
    return [_warned(outcome, found[number :: len(outcomes)]) for number, outcome in enumerate(outcomes)]


def not_published(outcomes: Sequence[Outcome], destinations: Sequence[Opened]) -> list[Outcome]:
    """The outcomes of an interrupted run, with a warning for each destination."""
    return [_warned(one, [Delivery(to.name, _name(one), _INTERRUPTED) for to in destinations]) for one in outcomes]


def _warned(outcome: Outcome, deliveries: Sequence[Delivery]) -> Outcome:
    lines = [f"publish: {one}" for one in deliveries if one.problem]
    return replace(outcome, warnings=(*outcome.warnings, *lines))


def deliver(outcomes: Sequence[Outcome], destinations: Sequence[Opened]) -> list[Delivery]:
    """Publish each outcome to each destination that takes it. Returns after `MOST_S` seconds at the latest.

    The deliveries of the first destination come first, each in the order of the outcomes.
    """
    sending = [_Sending(to, outcomes) for to in destinations]
    threads = [threading.Thread(target=one.work, daemon=True, name=f"publish-{one.to.name}") for one in sending]
    end = time.monotonic() + MOST_S
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    found = [delivery for one in sending for delivery in one.result()]
    for delivery in found:
        _log.info("publish: %s", delivery)
    return found


def _delivered(to: Opened, outcome: Outcome) -> Delivery:
    """Publish one outcome. Whatever the destination raises becomes the problem."""
    name = _name(outcome)
    if not to.takes(outcome):
        return Delivery(to.name, name, skipped=True)
    try:
        to.to.publish(outcome)
    except PublishError as error:
        return Delivery(to.name, name, one_line(str(error), 500))
    except (Exception, SystemExit) as error:  # code of another package may raise anything
        return Delivery(to.name, name, one_line(f"it raised {describe(error)}", 500))
    return Delivery(to.name, name)


def _name(outcome: Outcome) -> str:
    return one_line(outcome.run.header.suite, 80)
