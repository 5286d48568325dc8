"""Samples are recorded as they arrive."""

from __future__ import annotations

import threading
from pathlib import Path

from evalharness.evaluation.api import evaluate
from evalharness.providers.scripted import ScriptedProvider
from evalharness.records import Request, Response, Sample
from evalharness.store import read_run
from evalharness.store.runs import PART, RECORD
from evalharness.testing import Project

RELEASED = "case-2"


class Held(ScriptedProvider):
    """A scripted model whose answer to one case waits until it is released."""

    def __init__(self) -> None:
        super().__init__({"*": "Yes."})
        self.released = threading.Event()

    def complete(self, request: Request) -> Response:
        """Answer, perhaps later."""
        if request.key.case == RELEASED:
            assert self.released.wait(30)
        return super().complete(request)


def test_a_slow_answer_keeps_no_other_back(tmp_path: Path) -> None:
    """Before the slow answer arrives, those before it are in the record."""
    project = Project(tmp_path)
    project.write_suite()
    model, recorded = Held(), list[str]()

    def seen(sample: Sample) -> None:
        if sample.key.case == "case-1" and not model.released.is_set():
            part = project.root / f"reports/demo/{RECORD}{PART}"
            recorded.extend(one.key.case for one in read_run(part).samples)
            model.released.set()

    evaluation = evaluate("demo", models={"scripted": model}, config=project.config, on_sample=seen)
    assert recorded == ["case-0", "case-1"]
    assert evaluation.run.complete
