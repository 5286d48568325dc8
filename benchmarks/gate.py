"""The acceptance benchmark of the gate: simulated rates of false alarms, false passes and detected drops.

    python benchmarks/gate.py                 every row at full size: minutes
    python benchmarks/gate.py --ci            small sizes: under a minute
    python benchmarks/gate.py A3 P3           these rows only
    python benchmarks/gate.py --scale 0.25    a quarter of the suites
    python benchmarks/gate.py --write FILE    write the table to a file too
    python benchmarks/gate.py --jobs 8        number of rows at once

Rows: A false alarms, P power, N false passes, D the reported detectable drop and needed cases, S tags, U equal
answers, L latency, T attainment, G goodput, C cost, H stable assertions, O oracles, J `assess_scores` against its
parts, W own words in golden answers. Rows without a requirement are for information. The data are synthetic
(gate_data.py) or real answers (real_answers.py), the code under test is the real one. The exit status is 1 if a row
fails.

A rate of false alarms may be three standard errors of the simulation above its nominal value, or at the required value
if that is larger. At smaller sizes, a power may be three standard errors below the required value.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from gate_amounts import c1, c2, l1, l2, l3
from gate_forecasts import d1, d2
from gate_in_time import g1, g2, t1, t2
from gate_parts import h1, j1, o1
from gate_passing import n1, n2, n3, n4, n5
from gate_table import HEAD, LINE, Check, Setting, line, page
from gate_unchanged import a1, a2, a3, a4, a5, a6, a7, f2, f3, f4, u1
from gate_worse import p1, p2, p3, p4, p5, p6, s1, w1

ROWS: dict[str, Callable[[Setting], Iterator[Check]]] = {
    row.__name__.upper(): row
    for row in (
        a1,
        a2,
        a3,
        a4,
        a5,
        a6,
        a7,
        f2,
        f3,
        f4,
        p1,
        p2,
        p3,
        p4,
        n1,
        n2,
        d1,
        d2,
        l1,
        l2,
        l3,
        c1,
        h1,
        o1,
        j1,
        p5,
        n3,
        c2,
        p6,
        w1,
        s1,
        u1,
        n4,
        n5,
        t1,
        t2,
        g1,
        g2,
    )
}


def measured(row: str, *, ci: bool, scale: float = 1.0) -> list[Check]:
    """The lines of a row of the table."""
    return list(ROWS[row](Setting(list(ROWS).index(row), ci, scale)))


def timed(row: str, *, ci: bool, scale: float) -> tuple[float, list[Check]]:
    """The lines of a row, with the seconds that they took."""
    start = time.perf_counter()
    checks = measured(row, ci=ci, scale=scale)
    return time.perf_counter() - start, checks


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Simulate the error rates of the gate.")
    parser.add_argument("rows", nargs="*", metavar="ROW", help=" ".join(ROWS))
    parser.add_argument("--ci", action="store_true", help="use small sizes")
    parser.add_argument("--scale", type=float, default=1.0, metavar="SHARE", help="share of the full number of suites")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="number of rows at once")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the table to a file, without seconds")
    chosen = parser.parse_args()
    if unknown := set(chosen.rows) - set(ROWS):
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    return chosen


def main() -> int:
    chosen = arguments()
    lines, ok = list[str](), True
    print(f"{HEAD} seconds |\n{LINE}---|")
    names = chosen.rows or list(ROWS)
    with ProcessPoolExecutor(chosen.jobs) as pool:
        for row, (seconds, checks) in zip(
            names, pool.map(partial(timed, ci=chosen.ci, scale=chosen.scale), names), strict=True
        ):
            new = [line(row, check) for check in checks]
            print(
                *(f"{one} {seconds:.1f} |" for one in new[:1]), *(f"{one} |" for one in new[1:]), sep="\n", flush=True
            )
            lines += new
            ok = ok and all(check.ok for check in checks)
    if chosen.write:
        chosen.write.write_text(page(lines, chosen.scale), encoding="utf-8")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
