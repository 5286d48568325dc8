"""Check the installed versions of Python, evalharness and optional packages."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version

from packaging.requirements import Requirement

from evalharness import __version__
from evalharness.doctor.result import CheckResult

_NOT_FOR_USERS = ("dev", "all")


def installed() -> Iterator[CheckResult]:
    """A result for Python, evalharness and each optional package."""
    yield CheckResult("installed", "ok", f"python {platform.python_version()}")
    yield CheckResult("installed", "ok", f"evalharness {__version__}")
    for extra, package in sorted(_extras()):
        try:
            yield CheckResult("installed", "ok", f"{package} {version(package)}, for [{extra}]")
        except PackageNotFoundError:
            yield CheckResult("installed", "missing", f"{package} is not installed: pip install 'evalharness[{extra}]'")


def _extras() -> set[tuple[str, str]]:
    """Pairs of an extra and a package, from the metadata of evalharness."""
    try:
        own = distribution("evalharness")
    except PackageNotFoundError:  # a checkout that is not installed
        return set()
    wanted = [Requirement(line) for line in own.requires or ()]
    extras = [extra for extra in own.metadata.get_all("Provides-Extra") or () if extra not in _NOT_FOR_USERS]
    return {
        (extra, requirement.name)
        for extra in extras
        for requirement in wanted
        if requirement.marker and requirement.marker.evaluate({"extra": extra}) and requirement.name != "evalharness"
    }
