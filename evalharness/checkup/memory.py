"""Local models: what they need of the machine's memory, and whether there is so much."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalharness.checkup.finding import Finding
from evalharness.checkup.suites import SuiteCheck
from evalharness.config import Config, resolve_path
from evalharness.providers import Provider
from evalharness.providers.gguf_header import read_header
from evalharness.providers.memory import GPU_SLOTS, PREFIXES, Need, default_slots, gigabytes, need


def need_of(provider: Provider, options: Mapping[str, Any], config: Config, free: int | None) -> Need:
    """Of a GGUF model, as it is configured. Raises ProviderError for a file that cannot be loaded."""
    header, context = read_header(resolve_path(str(options["path"]), config.root)), provider.identity()["context"]
    slots = options.get("slots") or (GPU_SLOTS if options.get("gpu_layers") else None)
    slots = slots or default_slots(header, context, PREFIXES, free, config.processes)
    return need(header, context, slots, PREFIXES, options.get("batch") or 512)


def fits(needs: Mapping[str, Need], free: int | None) -> Iterator[Finding]:
    """A warning for each that does not fit, even alone."""
    for name, wanted in needs.items():
        if free is not None and wanted.total_bytes > free:
            short = f"{gigabytes(wanted.total_bytes)} GB, and {gigabytes(free)} GB are free"
            yield Finding("models", "missing", f"memory: {name} needs {short}: close something, or lower its context")


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
