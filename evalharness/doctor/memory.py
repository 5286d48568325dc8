"""Check whether the memory of this machine is enough for the local models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from evalharness.doctor.result import CheckResult
from evalharness.doctor.suites import SuiteCheck
from evalharness.local.memory import gigabytes


def check_memory(needs: Mapping[str, int], free: int | None) -> Iterator[CheckResult]:
    """A warning for each model that needs more than `free` bytes of memory."""
    for name, needed_bytes in needs.items():
        if free is not None and needed_bytes > free:
            sizes = f"{gigabytes(needed_bytes)} GB, but {gigabytes(free)} GB are free"
            message = f"memory: {name} may need {sizes}: close other programs or lower 'context'"
            yield CheckResult("models", "missing", message)


def check_sharing(needs: Mapping[str, int], free: int | None, suites: Sequence[SuiteCheck]) -> Iterator[CheckResult]:
    """For each suite, whether its models fit in `free` bytes of memory together."""
    for check in suites:
        names = [name for name in needs if name in check.models]
        if len(names) < 2:
            continue
        total = sum(needs[name] for name in names)
        stay = free is None or total <= free
        how = "stay loaded together" if stay else "are loaded one after another"
        available = "" if free is None else f", {gigabytes(free)} GB free"
        message = f"memory: {check.name} uses {', '.join(names)}: they {how} ({gigabytes(total)} GB{available})"
        yield CheckResult("models", "ok", message)
