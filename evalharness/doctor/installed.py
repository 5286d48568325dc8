"""What is installed: Python, evalharness, and the packages of its extras."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version

from packaging.requirements import Requirement

from evalharness import __version__
from evalharness.doctor.finding import Finding

_NOT_FOR_USERS = ("dev", "all")


def installed() -> Iterator[Finding]:
    """A finding for each; an extra that is not there is missed only by what needs it, which says so itself."""
    yield Finding("installed", "ok", f"python {platform.python_version()}")
    yield Finding("installed", "ok", f"evalharness {__version__}")
    for extra, package in sorted(_extras()):
        try:
            yield Finding("installed", "ok", f"{package} {version(package)}, for [{extra}]")
        except PackageNotFoundError:
            yield Finding("installed", "missing", f"{package}: pip install 'evalharness[{extra}]'")


def _extras() -> set[tuple[str, str]]:
    """The extras that evalharness's own metadata names, each with its packages."""
    try:
        own = distribution("evalharness")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return set()
    wanted = [Requirement(line) for line in own.requires or ()]
    extras = [extra for extra in own.metadata.get_all("Provides-Extra") or () if extra not in _NOT_FOR_USERS]
    return {
        (extra, requirement.name)
        for extra in extras
        for requirement in wanted
        if requirement.marker and requirement.marker.evaluate({"extra": extra}) and requirement.name != "evalharness"
    }
