"""How often a judge is asked: once for each answer, across runs, edits and equal answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from deciding import deciding, streaming, with_logprobs

from evalharness.testing import FaultServer, Project
from evalharness.testing.fault_server import Received, Reply, Script, answering, status

ANSWERS = {"ann": "You have 30 days.", "bob": "We open at nine.", "cat": "Gladly."}
POLITE = {"name": "polite", "model": "critic", "ask": "Is it polite?"}


def shop_and_critic(request: Received) -> Reply:
    """The shop repeats what the case asks it to say; the critic decides."""
    said = request.case.rpartition("say ")[2]
    return deciding(request) if request.model == "critic" else answering(said)(request)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """An endpoint with both models, which counts the requests."""
    with FaultServer(shop_and_critic) as running:
        yield running


class Shop:
    """A project whose model and judge are behind the endpoint, and the requests of each evaluation."""

    def __init__(self, root: Path, server: FaultServer) -> None:
        self.project, self._server = Project(root), server
        self.answers = dict(ANSWERS)
        self.metric: dict[str, Any] = dict(POLITE)
        self.values: list[float | None] = [0.75] * 3

    def requests(self, **options: Any) -> Counter[str]:
        """Evaluate, and return the requests by model."""
        before = len(self._server.log)
        cases = [{"id": case, "vars": {"question": f"say {said}"}} for case, said in self.answers.items()]
        metrics = [{"judge": self.metric}]
        self.project.write_suite(ANSWERS, models=["shop"], cases=cases, metrics=metrics, gates=None)
        remote = {"provider": "openai", "base_url": self._server.url}
        self.project.configure(shop={**remote, "model": "shop"}, critic={**remote, "model": "critic"})
        found = {one.key.case: one.scores for one in self.project.evaluate(**options).samples}
        assert [found[case][0].value if found[case] else None for case in ANSWERS] == self.values
        return Counter(one.model for one in self._server.log[before:])


@pytest.fixture
def shop(tmp_path: Path, server: FaultServer) -> Shop:
    """A project without recordings."""
    return Shop(tmp_path, server)


def test_a_second_run_judges_nothing(shop: Shop) -> None:
    """With recordings, a second run sends no request to the model and none to the judge, also if it may send none."""
    assert shop.requests() == {"shop": 3, "critic": 3}
    assert shop.requests() == {}
    assert shop.requests(record="none") == {}


def test_an_edited_answer_is_judged_alone(shop: Shop) -> None:
    """After one case has another answer, one answer is judged; after the edit is undone, none."""
    shop.requests()
    shop.answers["bob"] = "We open at ten."
    assert shop.requests() == {"shop": 1, "critic": 1}
    shop.answers["bob"] = ANSWERS["bob"]
    assert shop.requests() == {}
    shop.answers["bob"] = "We open at ten."
    assert shop.requests() == {}


def test_another_question_judges_each_answer_again(shop: Shop) -> None:
    """An edit of the question asks the judge about all answers, and the model about none; its name asks no one."""
    shop.requests()
    shop.metric["ask"] = "Is it kind?"
    assert shop.requests() == {"critic": 3}
    shop.metric["name"] = "kind"
    assert shop.requests() == {}
    shop.metric["choices"] = ["yes", "no", "unclear"]
    assert shop.requests() == {"critic": 3}


def test_equal_answers_are_judged_once(shop: Shop) -> None:
    """A judge that sees the answer alone gets one request for equal answers of several cases."""
    shop.metric["sees"] = ["answer"]
    shop.answers = {"ann": "Gladly.", "bob": "now say Gladly.", "cat": "please say Gladly."}
    assert shop.requests() == {"shop": 3, "critic": 1}


def test_votes_are_recorded_each(shop: Shop) -> None:
    """Each vote is a request of its own, and a second run sends none."""
    shop.metric["votes"], shop.values = 4, [1.0] * 3
    assert shop.requests() == {"shop": 3, "critic": 12}
    assert shop.requests() == {}
    shop.answers["bob"] = "We open at ten."
    assert shop.requests() == {"shop": 1, "critic": 4}


def test_a_reasoning_is_recorded(shop: Shop) -> None:
    """A judge that thinks has two requests for each answer; a second run sends none, and an edit those of one."""
    shop.metric["think"] = True
    assert shop.requests() == {"shop": 3, "critic": 6}
    assert shop.requests() == {}
    shop.answers["bob"] = "We open at ten."
    assert shop.requests() == {"shop": 1, "critic": 2}


@pytest.mark.parametrize("fault", [status(400), streaming(with_logprobs(None))], ids=["400", "no log-probabilities"])
def test_an_error_is_judged_again(shop: Shop, server: FaultServer, fault: Script) -> None:
    """A judge's error is not recorded: the next run judges this answer alone."""

    def faulty(request: Received) -> Reply:
        return (fault if request.model == "critic" and "begin: answer]\nWe open" in request.case else shop_and_critic)(
            request
        )

    server.script = faulty
    shop.values[1] = None
    assert shop.requests() == {"shop": 3, "critic": 3}
    server.script, shop.values[1] = shop_and_critic, 0.75
    assert shop.requests() == {"critic": 1}


def test_record_all_asks_again(shop: Shop) -> None:
    """`record="all"` judges each answer again, and the run after it nothing."""
    shop.requests()
    assert shop.requests(record="all") == {"shop": 3, "critic": 3}
    assert shop.requests() == {}
