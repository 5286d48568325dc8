"""Which of several models and prompts is best, in one sentence.

For reading only: no gate uses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evalharness.amounts import amount, level

if TYPE_CHECKING:  # brings numpy
    from evalharness.gate.pairwise import Pairwise

CLEAR = 0.05
"""The adjusted p-value below which a lead is clear."""
_PRICES = (("cost_per_1000_usd", "dearer"), ("total_p50_s", "slower"))
_NOTABLE = 1.5
"""The smallest ratio of prices or times that is worth a word."""


@dataclass(frozen=True, slots=True)
class Leader:
    """The column with the best mean on most metrics."""

    column: int
    leads: int
    """Number of metrics on which no other column has a better mean."""
    clear: int
    """Number of these on which it is clearly better than every other column."""
    metrics: int
    """Number of metrics that at least two columns have."""
    ahead: tuple[str, float, int, float]
    """On its first such metric: the metric, its mean, the next column and how far it is behind, in points."""
    prices: tuple[tuple[int, str, float], ...] = ()
    """How much dearer or slower the cheapest or fastest column is: its number, the word, the ratio. A ratio below 1
    means that the leader is dearer or slower."""


def leader(columns: Sequence[Mapping[str, Any]], pairs: Sequence[Pairwise], metrics: Sequence[str]) -> Leader | None:
    """Return the leader of the columns, as `summary` describes them; None where nothing decides.

    `pairs`: every two columns, with bare names of metrics.
    """
    shared = [index for index in range(len(metrics)) if sum(one["scores"][index][0] is not None for one in columns) > 1]
    best = {index: _best(columns, index) for index in shared}
    if len(columns) < 2 or not shared:
        return None
    wins = [[index for index in shared if number in best[index]] for number in range(len(columns))]
    first = max(range(len(columns)), key=lambda number: (len(wins[number]), _total(columns[number], shared), -number))
    if all(set(found) == set(range(len(columns))) for found in best.values()):
        return None  # all columns are equal
    clear = sum(_is_clear(first, metrics[index], pairs) for index in wins[first])
    ahead = _ahead(columns, first, wins[first][0], metrics)
    return Leader(first, len(wins[first]), clear, len(shared), ahead, _compared(columns, first))


def _ahead(
    columns: Sequence[Mapping[str, Any]], first: int, index: int, metrics: Sequence[str]
) -> tuple[str, float, int, float]:
    means = {n: one["scores"][index][0] for n, one in enumerate(columns) if one["scores"][index][0] is not None}
    own = means.pop(first)
    second = max(means, key=lambda number: means[number])
    return metrics[index], own, second, own - means[second]


def _best(columns: Sequence[Mapping[str, Any]], index: int) -> list[int]:
    """The columns with the best mean of a metric."""
    means = {n: one["scores"][index][0] for n, one in enumerate(columns) if one["scores"][index][0] is not None}
    top = max(means.values())
    return [number for number, mean in means.items() if mean == top]


def _total(column: Mapping[str, Any], metrics: Sequence[int]) -> float:
    return sum(column["scores"][index][0] or 0.0 for index in metrics)


def _is_clear(first: int, metric: str, pairs: Sequence[Pairwise]) -> bool:
    """Whether each comparison of the leader on a metric has a small p-value."""
    mine = [one for one in pairs if one.metric == metric and first in (one.first, one.second)]
    return bool(mine) and all(one.p_value < CLEAR and (one.change > 0) == (one.second == first) for one in mine)


def _compared(columns: Sequence[Mapping[str, Any]], first: int) -> tuple[tuple[int, str, float], ...]:
    found = []
    for key, word in _PRICES:
        prices = {number: one[key] for number, one in enumerate(columns) if one[key]}
        others = {number: price for number, price in prices.items() if number != first}
        if first in prices and others:
            cheapest = min(others, key=lambda number: others[number])
            found.append((cheapest, word, others[cheapest] / prices[first]))
    return tuple(found)


def sentence(found: Leader | None, names: Sequence[str]) -> str:
    """Return the result in words: `smollm2 leads on 4 of 4 metrics, clearly on 3: ...; gemma is 3.0x cheaper`."""
    if found is None:
        return f"{len(names)} side by side, and no metric tells them apart"
    clear = {0: "on none of them clearly", found.leads: "each clearly"}.get(found.clear, f"clearly on {found.clear}")
    of = f"{found.leads} of {found.metrics} metrics" if found.metrics > 1 else "the only metric"
    metric, mean, second, distance = found.ahead
    ahead = f"{metric} {level(mean, 'points')}, {amount(distance, 'points')} ahead of {names[second]}"
    said = [f"{names[found.column]} leads on {of}, {clear if found.metrics > 1 else _alone(found)}: {ahead}"]
    return "; ".join([*said, *(_price(names, *one) for one in found.prices if max(one[2], 1 / one[2]) >= _NOTABLE)])


def _alone(found: Leader) -> str:
    return "clearly" if found.clear else "but not clearly"


def _price(names: Sequence[str], number: int, word: str, ratio: float) -> str:
    if ratio >= 1:
        return f"the next, {names[number]}, is {ratio:.1f}x {word}"
    return f"{names[number]} is {1 / ratio:.1f}x {_OPPOSITE[word]}"


_OPPOSITE = {"dearer": "cheaper", "slower": "faster"}
