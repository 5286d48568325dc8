"""Rows T and G: responses in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import gate_data as data
import numpy as np
from gate_data import Floats, Rng
from gate_table import Check, Setting, at_least, at_most

from evalharness.gate.attainment import assess_attainment
from evalharness.gate.evidence import GateResult
from evalharness.gate.goodput import Timed, assess_goodput

TARGET, BOUND_S = 0.95, 2.5
"""The share of responses in time that the gate requires, and the bound of seconds for goodput."""
CLUSTER, REPEATS, STALL = 5, 4, 10
"""Turns of a conversation, samples of a case, and responses in a row that a stall of the endpoint delays."""


def attained(in_time: Floats, cluster: int = 1) -> str:
    """The verdict on cases x samples, 1 in time; so many neighbours are one cluster."""
    samples = {f"{case}": [bool(one) for one in found] for case, found in enumerate(in_time)}
    clusters = {f"{case}": f"{case // cluster}" for case in range(len(in_time))} if cluster > 1 else {}
    return assess_attainment(samples, TARGET, clusters=clusters).verdict


def alone(rng: Rng, n: int, share: float) -> str:
    """Independent responses."""
    return attained(rng.random((n, 1)) < share)


def in_conversations(rng: Rng, n: int, share: float) -> str:
    """Turns of conversations, each with its own share of turns in time; half of the variance is between them."""
    shares = np.repeat(data.pass_rates(rng, n // CLUSTER, share), CLUSTER)
    return attained(rng.random((n, 1)) < shares[:, None], CLUSTER)


def repeated(rng: Rng, n: int, share: float) -> str:
    """Several samples of each case, each case with its own share; half of the variance is between them."""
    return attained(data.pass_fail(rng, data.pass_rates(rng, n, share), REPEATS))


def with_stalls(rng: Rng, n: int, share: float) -> str:
    """Responses that are late in rows of ten, when the endpoint stalls."""
    late = np.repeat(rng.random(n // STALL) >= share, STALL)
    return attained(~late[:, None])


WORLDS: dict[str, tuple[Callable[[Rng, int, float], str], bool]] = {
    "independent responses": (alone, True),
    "conversations of 5 turns": (in_conversations, True),
    "4 samples of a case": (repeated, True),
    "stalls of 10 responses, not known as clusters": (with_stalls, False),
}
"""Name -> the world, and whether the gate promises its error rates there."""


def t1(at: Setting) -> Iterator[Check]:
    """The share in time is exactly the target: FAIL at 1 %, PASS at 5 %."""
    suites = at.size(10_000, 100)
    for number, (name, (world, is_promised)) in enumerate(WORLDS.items()):
        for cell, n in enumerate((100, 500)):
            rng = at.rng(10 * number + cell)
            words = [world(rng, n, TARGET) for _ in range(suites)]
            for word, alpha in (("FAIL", 0.01), ("PASS", 0.05)):
                label = f"attainment 95 % of 95 %, n = {n}, {name}: {word}"
                rate = words.count(word) / suites
                yield at_most(label, rate, suites, alpha, alpha) if is_promised else Check(label, rate, suites)


def t2(at: Setting) -> Iterator[Check]:
    """A share on either side of the target."""
    suites = at.size(2_000, 150)
    for cell, (n, share, word, page) in enumerate(((200, 0.99, "PASS", 0.9), (200, 0.88, "FAIL", 0.7))):
        rng = at.rng(cell)
        rate = sum(alone(rng, n, share) == word for _ in range(suites)) / suites
        yield at_least(at, f"attainment {100 * share:g} % of 95 %, n = {n}: {word}", rate, suites, page)


def goodput(rng: Rng, n: int, factor: float, machine: float, *, slower_first: float = 1.0) -> GateResult:
    """The result for both versions in turns, the new one slower by a factor in the seconds for each response in time.

    A response that is late counts nothing, so the bound of the new version is longer by the same factor.
    """
    (before, after), _ = data.session_seconds(rng, data.case_seconds(rng, n), 2, machine)
    before, after = data.asked_first((before, after), slower_first)
    return assess_goodput(
        timed(before, BOUND_S), timed(after * factor, BOUND_S * factor), seed=str(rng.integers(2**60))
    )


def timed(seconds: Floats, bound: float) -> Timed:
    """The responses of a version, one of each case."""
    return {f"{case}": [(bool(one <= bound), float(one))] for case, one in enumerate(seconds)}


def g1(at: Setting) -> Iterator[Check]:
    """No change fails, and a change of exactly the margin passes, as rarely as promised."""
    suites, machines = at.size(2_000, 40), (0.0, 0.1, 0.2)
    for cell, (n, factor, word, alpha) in enumerate(
        ((50, 1.0, "FAIL", 0.01), (200, 1.0, "FAIL", 0.01), (50, 1.1, "PASS", 0.05), (200, 1.1, "PASS", 0.05))
    ):
        rates = []
        for number, machine in enumerate(machines):
            rng = at.rng(10 * cell + number)
            rates.append(sum(goodput(rng, n, factor, machine).verdict == word for _ in range(suites)) / suites)
        label = f"goodput, n = {n}, {factor:g} x the seconds: {word}, worst of 3 machine noises"
        yield at_most(label, max(rates), suites, alpha, alpha)
    rng = at.rng(100)
    words = [goodput(rng, 50, 1.0, 0.1, slower_first=1.1).verdict for _ in range(suites)]
    label = "goodput, n = 50, the version asked first is 10 % slower: FAIL"
    yield at_most(label, words.count("FAIL") / suites, suites, 0.01, 0.01)


def g2(at: Setting) -> Iterator[Check]:
    """A fifth of the goodput is lost."""
    suites = at.size(1_000, 40)
    for cell, n in enumerate((50, 200)):
        rng = at.rng(cell)
        rate = sum(goodput(rng, n, 1.25, 0.1).verdict == "FAIL" for _ in range(suites)) / suites
        yield at_least(at, f"goodput, n = {n}, 20 % lost: FAIL", rate, suites, 0.75 if n > 50 else 0.35)
