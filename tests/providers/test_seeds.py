"""`seed: null` in a suite: every provider sends no seed, in every repeat."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gguf_files import little

from evalharness.config import Config, ModelConfig
from evalharness.providers import Provider, open_provider
from evalharness.records import Params, Request, SampleKey
from evalharness.suites import another_sample
from evalharness.testing import request

REMOTE = {"base_url": "http://127.0.0.1:9/v1", "model": "m"}
FILE = {"path": "model.gguf"}
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "openai": REMOTE,
    "anthropic": REMOTE,
    "gguf-server": FILE,
    "scripted": {"answers": {"*": "Yes."}},
}


def opened(root: Path, provider: str, options: Mapping[str, Any]) -> Provider:
    """The provider with these options."""
    little(root / "model.gguf")
    model = ModelConfig.model_validate({"provider": provider, **options})
    return open_provider("m", Config(root=root, models={"m": model}))


def samples() -> list[Request]:
    """Samples of one case without a seed, for every purpose."""
    first = request(params=Params(seed=None, temperature=0.7))
    second = another_sample(first, 1, "confirm")
    return [first, second, another_sample(first, 1, "rerun"), another_sample(first, 1, "reference")]


@pytest.mark.parametrize(("provider", "options"), OPTIONS.items(), ids=OPTIONS)
def test_no_seed_is_sent(tmp_path: Path, provider: str, options: Mapping[str, Any]) -> None:
    """What goes to the model has no seed; with `seed: 0` it has one, where the model takes any."""
    model = opened(tmp_path, provider, options)
    for sample in samples():
        wire = model.wire(sample)
        assert {**wire, **wire.get("params", {})}.get("seed") is None
    if provider != "anthropic":  # its format has no seed
        wire = model.wire(request(params=Params(seed=0)))
        assert {**wire, **wire.get("params", {})}["seed"] == 0


def test_a_local_model_without_a_seed(tmp_path: Path) -> None:
    """The provider `gguf` derives a seed from case, repeat and purpose: samples differ, and a second run is equal."""
    model = opened(tmp_path, "gguf", FILE)
    other = request(case="other", params=Params(seed=None, temperature=0.7))
    seeds = [model.wire(sample)["params"]["seed"] for sample in [*samples(), other]]
    assert len(set(seeds)) == 5
    assert seeds == [model.wire(sample)["params"]["seed"] for sample in [*samples(), other]]


def test_a_planned_sample_of_more_repeats_replays_a_confirmed_one(tmp_path: Path) -> None:
    """A confirmation continues the count of the planned samples, so both have the same seed."""
    model = opened(tmp_path, "gguf", FILE)
    first = request(params=Params(seed=None, temperature=0.7))
    planned = request(params=first.params, repeat=1)
    assert model.wire(another_sample(first, 1, "confirm"))["params"] == model.wire(planned)["params"]
    assert planned.key == SampleKey("case-0", "plain", "scripted", 1)
