"""Check whether a project has everything that its suites need. Writes nothing.

Sends no request to a model unless `load` or `ping` is set.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from evalharness.doctor.extensions import check_extensions
from evalharness.doctor.installed import installed
from evalharness.doctor.models import check_cross_encoders, check_embedders, check_models
from evalharness.doctor.project import check_configuration, check_ledger, check_repository
from evalharness.doctor.result import CheckResult, Status
from evalharness.doctor.suites import check_suites
from evalharness.suites import suite_names

__all__ = ["CheckResult", "Status", "diagnose"]


def diagnose(root: Path, *, load: bool = False, ping: bool = False) -> Iterator[CheckResult]:
    """The results of all checks, each as soon as it is known.

    `load` and `ping` send a request for one token to each local model and to each endpoint.
    """
    yield from installed()
    config, result = check_configuration(root)
    yield result
    if config is not None:
        yield from check_extensions(config)
        suites = [*check_suites(config)]
        yield from (check.result for check in suites) if suites else [_no_suite(root)]
        yield from check_models(config, suites, load=load, ping=ping)
        yield from check_embedders(config, suites)
        yield from check_cross_encoders(config, suites)
    elif names := suite_names(root):
        yield CheckResult(
            "suites", "broken", f"{', '.join(names)}: not checked, because the configuration is invalid", needed=True
        )
    yield check_repository(root)
    if config is not None:
        yield check_ledger(config)


def _no_suite(root: Path) -> CheckResult:
    return CheckResult("suites", "missing", f"no suites in {root / 'suites'}: run evalharness init to write one")
