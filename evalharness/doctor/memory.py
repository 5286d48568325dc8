"""Local models: what they need of the machine's memory, and whether there is so much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalharness.doctor.finding import Finding
from evalharness.doctor.suites import SuiteCheck
from evalharness.errors import ProviderError
from evalharness.local.gguf import GgufProvider
from evalharness.local.gguf_server import GgufServerProvider
from evalharness.local.memory import Need, gigabytes
from evalharness.providers import Provider


def need_of(provider: Provider) -> Need | None:
    """Of a model in a file; None for any other. Raises ProviderError for a file that cannot be loaded."""
    if not isinstance(provider, GgufProvider | GgufServerProvider):
        return None
    if provider.file.refusal:
        raise ProviderError(provider.file.refusal, kind="load")
    return provider.need


def fits(needs: Mapping[str, Need], free: int | None) -> Iterator[Finding]:
    """A warning for each that does not fit, even alone."""
    for name, wanted in needs.items():
        if free is not None and wanted.total_bytes > free:
            short = f"{gigabytes(wanted.total_bytes)} GB, and {gigabytes(free)} GB are free"
            said = f"memory: {name} may need {short}: close something, or lower its context"
            yield Finding("models", "missing", said)


def together(needs: Mapping[str, Need], free: int | None, suites: Sequence[SuiteCheck]) -> Iterator[Finding]:
    """For each suite that asks several of them: whether they stay loaded."""
    for check in suites:
        names = [name for name in needs if name in check.models]
        if len(names) < 2:
            continue
        total = sum(needs[name].total_bytes for name in names)
        stay = free is None or total <= free
        how = "stay loaded together" if stay else "are loaded one after another"
        there = "" if free is None else f", and {gigabytes(free)} GB are free"
        said = f"memory: {check.name} asks {', '.join(names)}: they {how} ({gigabytes(total)} GB{there})"
        yield Finding("models", "ok", said)
