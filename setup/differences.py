"""List the installed packages whose versions are not those of the lock: `package  locked -> installed`.

.venv-newest/bin/python setup/differences.py
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

LOCK = Path(__file__).resolve().parent / "constraints.txt"


def locked(lines: Iterable[str]) -> dict[str, str]:
    """Return the version of each package that the lock names for this Python and platform."""
    wanted = (Requirement(line) for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return {
        canonicalize_name(one.name): next(iter(one.specifier)).version
        for one in wanted
        if one.marker is None or one.marker.evaluate()
    }


def installed() -> dict[str, str]:
    """Return the version of each package of this environment."""
    return {canonicalize_name(one.metadata["Name"]): one.version for one in distributions()}


def differences(lock: dict[str, str], found: dict[str, str]) -> Iterator[str]:
    """Yield a line for each package of the lock that is installed in another version. Build labels do not count."""
    for name in sorted(lock.keys() & found.keys()):
        if lock[name] != found[name].partition("+")[0]:
            yield f"{name}  {lock[name]} -> {found[name]}"


def main() -> None:
    """Print the differences."""
    lock, found = locked(LOCK.read_text(encoding="utf-8").splitlines()), installed()
    lines = list(differences(lock, found))
    print(f"{len(lines)} of {len(lock.keys() & found.keys())} locked packages are installed in another version")
    print(*lines, sep="\n")


if __name__ == "__main__":
    main()
