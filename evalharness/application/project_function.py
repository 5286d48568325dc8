"""A function of the project that checks or scores responses, in a supervised child process.

    [tool.evalharness.checks.is_german]
    call = "checks:is_german"

This process never imports the module. One call runs at a time, so that a crash has a certain cause.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from evalharness import registry
from evalharness.application.environment import environment_of
from evalharness.application.parameters import KNOWN, Parameters, parameters_of
from evalharness.application.source import Source, digest_of, find_source, identity_files_of
from evalharness.application.supervisor import Supervisor, supervise
from evalharness.application.toml_line import line_of
from evalharness.config import Config
from evalharness.errors import CheckError, ConfigError, NotStoredError, ProviderError, did_you_mean
from evalharness.function_config import FunctionConfig
from evalharness.module_files import function_files
from evalharness.records import SampleKey
from evalharness.records.names import NAME_RULE, is_name
from evalharness.scoring.metrics.base import SampleView

_NOT_STORED = {"messages", "contexts", "tool_calls", "data", "turns"}
"""What a baseline does not keep of an accepted answer."""
_RESERVED = {"checks": ("must_pass", "at"), "metrics": ("name",)}
_NO_CASE = SampleKey("", "", "", 0)
Kind = Literal["checks", "metrics"]


class ProjectFunction:
    """Calls the function of one table of the configuration. Thread-safe."""

    def __init__(self, kind: Kind, name: str, config: Config) -> None:
        """Check the table and find the module, without importing it. Raises ConfigError with the table."""
        self._table: FunctionConfig = getattr(config, kind)[name]
        self._root, self.name = config.root.resolve(), name
        table = f"[tool.evalharness.{kind}.{name}]"
        try:
            _check_name(kind, name)
            self._source, self.parameters = self._found()
            files = function_files(
                self._table.call, self._table.path, self._table.identity_files, self._table.options, self._root
            )
            self.digest = digest_of(files, self._root)[:12]
            """Of all files that a result depends on."""
            environment, self._refusal = environment_of(self._table.env)
        except ConfigError as error:
            line = line_of(config.root / "pyproject.toml", table, str(error))
            raise ConfigError(f"pyproject.toml{f':{line}' if line else ''}: {table}: {error}") from None
        self._lock = threading.Lock()
        self._supervisor = self._supervise(files, environment)

    def _found(self) -> tuple[Source, Parameters | None]:
        source = find_source(self._table.call, self._table.path, self._root)
        if self._table.identity_files:
            identity_files_of(self._table.identity_files, self._root)
        parameters = parameters_of(source.file, self._table.call.partition(":")[2])
        _check_options(self._table.options, parameters)
        return source, parameters

    def _supervise(self, files: Iterable[str], environment: Mapping[str, str]) -> Supervisor:
        return supervise(
            self._source,
            self._root,
            environment,
            self._table.deadline_s,
            options=self._table.options,
            files=[str(self._root / one) for one in files],
        )

    @property
    def beyond(self) -> tuple[str, ...]:
        """What the function reads that a baseline does not keep, by its source."""
        return tuple(one for one in (self.parameters.names if self.parameters else ()) if one in _NOT_STORED)

    def prepare(self) -> None:
        """Start the process and import the module. Raises CheckError."""
        if self._refusal:
            raise CheckError(self._refusal)
        try:
            self._supervisor.prepare()
        except ProviderError as error:
            raise CheckError(str(error)) from None

    def __call__(self, view: SampleView, value: Any) -> Any:
        """Return what the function returns for a response, as a JSON value.

        Raises CheckError: an exception with its place, a crash, a hang; NotStoredError for an accepted answer of which
        the function reads more than is stored.
        """
        with self._lock:
            if not self._supervisor.names:
                self.prepare()
            if view.stored and (beyond := sorted(self._supervisor.names & _NOT_STORED)):
                raise NotStoredError(f"it reads {', '.join(beyond)}, which a baseline does not keep")
            try:
                return self._supervisor.call(self._request(view, value), _NO_CASE)["answer"]
            except ProviderError as error:
                raise CheckError(str(error)) from None

    def _request(self, view: SampleView, value: Any) -> dict[str, Any]:
        """What the function reads."""
        names, added = self._supervisor.names, view.response.added() if self._supervisor.names & _NOT_STORED else {}
        every = {
            "text": view.text,
            "messages": [message.to_data() for message in view.messages],
            "variables": dict(view.vars),
            "golden": list(view.golden),
            "tags": list(view.tags),
            "data": added.get("data"),
            "value": value,
            **{name: added.get(name, []) for name in ("contexts", "tool_calls", "turns")},
        }
        return {name: every[name] for name in names}

    def close(self) -> None:
        """End the process at once."""
        self._supervisor.close()


def _check_name(kind: Kind, name: str) -> None:
    """Raise ConfigError for a name that hides another one, or that a suite cannot write."""
    noun = kind[:-1]
    if not is_name(name):
        raise ConfigError(f"expected {NAME_RULE}, got {name!r}")
    taken = [*registry.names(kind), *_RESERVED[kind], *(registry.names("gate_kinds") if kind == "metrics" else ())]
    if name in taken:
        raise ConfigError(f"'{name}' is the name of a built-in or installed {noun}: choose another name")


def _check_options(options: Mapping[str, Any], parameters: Parameters | None) -> None:
    """Raise ConfigError for an option that the function cannot get, and for a parameter that it does not get."""
    if taken := [name for name in options if name in KNOWN]:
        raise ConfigError(f"{taken[0]}: the function gets '{taken[0]}' of the response: choose another name")
    for name, value in options.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            raise ConfigError(f"{name}: expected a text, a finite number, true, false, a list or a table") from None
    if parameters is None:
        return
    if unknown := [name for name in options if not parameters.takes(name)]:
        known = [*FunctionConfig.model_fields, *(one for one in parameters.names if one not in KNOWN)]
        raise ConfigError(f"unknown key '{unknown[0]}'{did_you_mean(unknown[0], known)}")
    others = sorted(one for one in parameters.required if one not in KNOWN and one not in options)
    if len(others) > 1:
        raise ConfigError(
            f"call: unknown parameters {', '.join(others)}: expected {', '.join(KNOWN)}, options of this table, and "
            "one other parameter for the text of the response"
        )
