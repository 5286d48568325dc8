"""Two real models in an engine: they run one after another and stay loaded as memory allows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plans import open_pipeline
from processes import HANG_S, lives

from evalharness.execution import RunOptions
from evalharness.records import Case, Location
from evalharness.scoring.scorer import Scorer


def send(pipeline, make_request, model, count):
    """The futures of so many requests to a model."""
    made = []
    for number in map(str, range(count)):
        request = make_request(f"What is {number} plus {number}?", case=number, max_tokens=4)
        request = replace(request, key=request.key._replace(model=model))
        made.append(pipeline.submit(Case(number, {}, (), (), (), "d", Location("s.yaml")), request, Scorer([])))
    return made


@pytest.mark.parametrize("fit", [1, pytest.param(2, marks=pytest.mark.deep)])
def test_one_model_at_a_time(open_gguf, make_request, fit):
    """Two models that do not fit together load one after another; if they fit, both stay. All cases get answers,
    also when a model loads again.
    """
    models = {name: open_gguf(context=512, slots=4) for name in ("a", "b")}
    with open_pipeline(
        models, options=RunOptions(memory_bytes=fit * models["a"].capabilities.memory_bytes)
    ) as pipeline:
        for names in ("ab", "a"):
            waiting = [future for name in names for future in send(pipeline, make_request, name, 5)]
            assert [future.result(HANG_S).error for future in waiting] == [None] * len(waiting)
            assert sum(lives(model.child_pid) for model in models.values()) == fit


@pytest.mark.parametrize(("concurrency", "slots"), [(None, 4), pytest.param(3, 3, marks=pytest.mark.deep), (1, 1)])
def test_slots_of_a_timing(open_gguf, make_request, concurrency, slots):
    """A timing has the number of slots that could be busy, limited by the concurrency."""
    with open_pipeline({"a": open_gguf(context=512, slots=4)}, options=RunOptions(concurrency=concurrency)) as pipeline:
        samples = [future.result(HANG_S) for future in send(pipeline, make_request, "a", 5)]
    assert {sample.response.timing.slots for sample in samples} == {slots}
