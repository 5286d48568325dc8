"""Destinations of finished evaluations, by the names of `[tool.evalharness.publish.NAME]`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from evalharness import registry
from evalharness.config import Config
from evalharness.errors import ConfigError, EvalHarnessError, did_you_mean
from evalharness.modules import import_modules
from evalharness.publish_config import PublishConfig, When
from evalharness.redaction import Secret
from evalharness.report import Outcome

FAILURES = ("FAIL", "ERROR")
"""The words of outcomes that `when = "failure"` publishes."""


class PublishError(EvalHarnessError):
    """A destination did not take a run. The text names no key and no path of a secret address."""


class Destination(Protocol):
    """Made by a factory of the registry, with the options of `[tool.evalharness.publish.NAME]`.

    A factory that has the parameter `config` gets the configuration. It checks its options and opens no connection. A
    destination may also have:

    when: the runs that it gets unless the configuration says otherwise; without it, "failure"
    modules: names of what `publish` imports on first use, because it runs in a thread, and threads import nothing
    remote: False if `publish` opens no connection, so that `offline = true` permits it
    """

    def publish(self, outcome: Outcome) -> None:
        """Send or write the outcome. Raises PublishError: it was not taken; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A destination under its name."""

    name: str
    to: Destination
    when: When

    def takes(self, outcome: Outcome) -> bool:
        """Whether this destination gets the outcome."""
        return self.when == "always" or outcome.word in FAILURES


def secret_of(variable: str) -> str:
    """The value of a variable, redacted in all output from now on. Raises PublishError: it is unset, or no name."""
    try:
        return Secret(variable).reveal()
    except LookupError as error:
        raise PublishError(str(error.args[0])) from None


def open_destinations(names: Iterable[str], config: Config) -> tuple[Opened, ...]:
    """The configured destinations of these names, each once.

    Raises ConfigError: no such table, kind or option, a refused value, or `offline = true`.
    """
    opened = tuple(_open(name, config) for name in dict.fromkeys(names))
    for one in opened:
        import_modules(getattr(one.to, "modules", ()))
    return opened


def _open(name: str, config: Config) -> Opened:
    place = f"[tool.evalharness.publish.{name}]"
    if name not in config.publish:
        raise ConfigError(f"unknown destination '{name}': no {place} in pyproject.toml{_hint(name, config)}")
    table = config.publish[name]
    try:
        made: Destination = registry.make("destinations", table.to or name, table.options, config=config)
    except (LookupError, TypeError, ValueError, ConfigError) as error:
        raise ConfigError(f"{place}: {error.args[0] if error.args else error}{_kind_hint(name, table)}") from None
    if config.offline and getattr(made, "remote", True):
        raise ConfigError(f"{place}: offline = true in [tool.evalharness] forbids connections; remove one of them")
    usual: When = getattr(made, "when", "failure")
    return Opened(name, made, table.when or usual)


def _hint(name: str, config: Config) -> str:
    """The nearest configured names, or how to configure a destination of this kind."""
    known = registry.names("destinations")
    return "; write one: docs/publish.md" if name in known else did_you_mean(name, config.publish)


def _kind_hint(name: str, table: PublishConfig) -> str:
    """What names the kind, where the name of the table is no kind."""
    return "" if table.to or name in registry.names("destinations") else f"; name the kind: to = ... ({_kinds()})"


def _kinds() -> str:
    return ", ".join(registry.names("destinations"))
