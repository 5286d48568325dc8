"""A provider for answers that exist already: of an application that a test calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalharness.errors import ConfigError, ProviderError
from evalharness.providers import Capabilities, Provider
from evalharness.records import Request, Response, SampleKey


class GivenAnswers(Provider):
    """Completes each request with the response that was given for it; it cannot generate another one."""

    capabilities = Capabilities(concurrency=20, repeatable=False, tools=True)

    def __init__(self, name: str) -> None:
        self._name = name
        self._given: dict[SampleKey, Response] = {}
        self._seen: set[tuple[str, SampleKey]] = set()

    def identity(self) -> Mapping[str, Any]:
        """The name of the application: the code of the repository decides the rest."""
        return {"provider": "application", "name": self._name}

    def give(self, suite: str, key: SampleKey, response: Response) -> None:
        """Keep a response for its request. Raises ConfigError if the request of this suite was completed before."""
        if (suite, key) in self._seen:
            raise ConfigError(f"case '{key.case}' of {self._name} was checked before: check a case once in a session")
        self._seen.add((suite, key))
        self._given[key] = response

    def complete(self, request: Request) -> Response:
        """The response that was given. Raises ProviderError without one."""
        response = self._given.pop(request.key, None)
        if response is None:
            raise ProviderError(f"no answer was given for case '{request.key.case}'", kind="missing")
        return response
