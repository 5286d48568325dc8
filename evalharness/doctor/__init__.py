"""Is everything there that the suites of a project need? Asks no model unless told to, and writes nothing.

installed, configuration, suites, models, repository, ledger ── check_up ──> Finding, one after the other
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalharness.doctor.finding import Finding, Status
from evalharness.doctor.installed import installed
from evalharness.doctor.models import check_embedders, check_models
from evalharness.doctor.places import check_configuration, check_ledger, check_repository
from evalharness.doctor.suites import check_suites
from evalharness.suites import suite_names

__all__ = ["Finding", "Status", "check_up"]


def check_up(root: Path, *, load: bool = False, ping: bool = False) -> Iterator[Finding]:
    """Every finding, as soon as it is there. `load`: have each local model answer one token; `ping`: each endpoint."""
    yield from installed()
    config, finding = check_configuration(root)
    yield finding
    if config is not None:
        suites = [*check_suites(config)]
        yield from (check.finding for check in suites) if suites else [_no_suite(root)]
        yield from check_models(config, suites, load=load, ping=ping)
        yield from check_embedders(config, suites)
    elif names := suite_names(root):
        yield Finding("suites", "broken", f"{', '.join(names)}: not read, for the configuration is broken", needed=True)
    yield check_repository(root)
    if config is not None:
        yield check_ledger(config)


def _no_suite(root: Path) -> Finding:
    return Finding("suites", "missing", f"there is none under {root / 'suites'}: evalharness init writes one")
