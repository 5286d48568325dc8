"""A stream that is cut anywhere is an error: it could pass for a short answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from faults import CUTS, cut_at
from plans import open_pipeline

from evalharness.config import Config, ModelConfig
from evalharness.providers import open_provider
from evalharness.records import Sample
from evalharness.scoring.scorer import Scorer
from evalharness.testing import case, request
from evalharness.testing.fault_server import FaultServer, Received, Reply


def cut_at_case(seen: Received) -> Reply:
    """Close the connection in good order after as many bytes of the body as the case names."""
    return cut_at(int(seen.case))(seen)


def samples_of_cuts(server: FaultServer, root: Path, step: int) -> dict[int, Sample]:
    """A sample for each `step`th place of a cut, and for the whole answer."""
    model = ModelConfig(provider="openai", base_url=server.url, model="m", retries=0)  # type: ignore[call-arg]
    provider, scorer = open_provider("m", Config(root=root, models={"m": model})), Scorer([])
    with open_pipeline({"m": provider}) as pipeline:
        waiting = {}
        for number in [*range(0, len(CUTS), step), len(CUTS)]:
            name = str(number)
            waiting[number] = pipeline.submit(case(name), request(name, case=name, model="m"), scorer)
        return {number: sample.result(60) for number, sample in waiting.items()}


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.deep)])
def test_no_cut_is_accepted(tmp_path: Path, step: int) -> None:
    """A stream cut after any of more than 2,000 bytes is an error, and only the whole one is an answer."""
    with FaultServer(cut_at_case) as server:
        samples = samples_of_cuts(server, tmp_path, step)
    assert len(CUTS) > 2000
    assert [number for number, sample in samples.items() if sample.response] == [len(CUTS)]
    kinds = {sample.error.kind for sample in samples.values() if sample.error}
    assert kinds == {"truncated"}
