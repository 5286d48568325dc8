"""One request through one provider, also at an endpoint that fails on purpose."""

from __future__ import annotations

from typing import Any

import pytest

from evalharness.config import Config, ModelConfig
from evalharness.errors import ProviderError
from evalharness.providers import Provider, open_provider
from evalharness.records import Request, Response
from evalharness.testing import FaultServer, ScriptedProvider, complete, request, response
from evalharness.testing.fault_server import Script, answering, first, hang, status, truncated

pytest_plugins = ["evalharness.testing.fixtures"]


class Careful(Provider):
    """Refuses a request before `prepare` and counts calls of `close`."""

    ready, closed = False, 0

    def prepare(self) -> None:
        """Become ready."""
        self.ready = True

    def complete(self, request: Request) -> Response:
        """The request's text."""
        if not self.ready:
            raise ProviderError("not prepared")
        return response(request.messages[-1].content)

    def close(self) -> None:
        """Count."""
        self.closed += 1


def remote(server: FaultServer) -> Provider:
    """A provider of the package at this endpoint."""
    options: dict[str, Any] = {"base_url": server.url, "model": "m"}
    return open_provider("m", Config(models={"m": ModelConfig(provider="openai", **options)}))


def test_prepares_completes_and_closes() -> None:
    """A plain provider is prepared before its request and closed after it, also after an error."""
    provider = Careful()
    assert complete(provider, request("Hello?")).text == "Hello?"
    assert provider.closed == 1
    with pytest.raises(ProviderError, match="for case 'b'"):
        complete(ScriptedProvider({"a": "Yes."}), request(case="b"))


def test_first_attempts_fail(fault_server: FaultServer) -> None:
    """A script fails the first attempts of each case; the log has every POST."""
    fault_server.script = first(status(503), times=2, then=answering("Yes."))
    for _ in range(2):
        with pytest.raises(ProviderError):
            complete(remote(fault_server), request("why?"))
    assert complete(remote(fault_server), request("why?")).text == "Yes."
    assert [(seen.case, seen.attempt) for seen in fault_server.log] == [("why?", 0), ("why?", 1), ("why?", 2)]


@pytest.mark.parametrize("script", [truncated, status(401), status(429, "slow down")])
def test_failures(fault_server: FaultServer, script: Script) -> None:
    """Half a reply and an error status are the provider's errors, not responses."""
    fault_server.script = script
    with pytest.raises(ProviderError):
        complete(remote(fault_server))


def test_hanging_endpoint(llm_project: Any, fault_server: FaultServer) -> None:
    """An endpoint that never replies is an error of each sample at the deadline."""
    fault_server.script = hang
    llm_project.configure(scripted={"provider": "openai", "base_url": fault_server.url, "model": "m", "deadline_s": 1})
    evaluation = llm_project.evaluate()
    assert evaluation.status == "error"
    assert {sample.error.kind for sample in evaluation.samples if sample.error} == {"deadline"}
