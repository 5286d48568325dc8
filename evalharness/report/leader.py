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
    """Number of metrics by which all columns that have them can be compared."""
    ahead: tuple[str, float, int, float] | None
    """On the first such metric without a tie: the metric, its mean, the next column, and how many points that is
    behind."""
    prices: tuple[tuple[int, str, float], ...] = ()
    """How much dearer or slower the cheapest or fastest column is: its number, the word, the ratio. A ratio below 1
    means that the leader is dearer or slower."""


def leader(columns: Sequence[Mapping[str, Any]], pairs: Sequence[Pairwise], metrics: Sequence[str]) -> Leader | None:
    """Return the leader of the columns, as `summary` describes them; None where nothing decides.

    `pairs`: every two columns, with bare names of metrics.
    """
    shared = [index for index, metric in enumerate(metrics) if _compares(columns, index, metric, pairs)]
    best = {index: _best(columns, index) for index in shared}
    if not shared:
        return None
    wins = [[index for index in shared if number in best[index]] for number in range(len(columns))]
    first = max(range(len(columns)), key=lambda number: (len(wins[number]), _total(columns[number], shared), -number))
    if all(set(found) == set(range(len(columns))) for found in best.values()):
        return None  # all columns are equal
    clear = sum(_is_clear(first, metrics[index], pairs) for index in wins[first])
    ahead = next((one for index in wins[first] if (one := _ahead(columns, first, index, metrics))[3] > 0), None)
    return Leader(first, len(wins[first]), clear, len(shared), ahead, _compared(columns, first))


def _means(columns: Sequence[Mapping[str, Any]], index: int) -> dict[int, float]:
    """The mean of a metric in each column that has it."""
    return {n: one["scores"][index][0] for n, one in enumerate(columns) if one["scores"][index][0] is not None}


def _compares(columns: Sequence[Mapping[str, Any]], index: int, metric: str, pairs: Sequence[Pairwise]) -> bool:
    """Whether every two columns with this metric have cases and settings of it in common."""
    having = _means(columns, index)
    compared = sum(one.metric == metric for one in pairs)
    return len(having) > 1 and compared >= len(having) * (len(having) - 1) // 2


def _ahead(
    columns: Sequence[Mapping[str, Any]], first: int, index: int, metrics: Sequence[str]
) -> tuple[str, float, int, float]:
    means = _means(columns, index)
    own = means.pop(first)
    second = max(means, key=lambda number: means[number])
    return metrics[index], own, second, own - means[second]


def _best(columns: Sequence[Mapping[str, Any]], index: int) -> list[int]:
    """The columns with the best mean of a metric."""
    means = _means(columns, index)
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
        return f"{len(names)} side by side, and no metric says which is best"
    clear = {0: "on none of them clearly", found.leads: "each clearly"}.get(found.clear, f"clearly on {found.clear}")
    of = f"{found.leads} of {found.metrics} metrics" if found.metrics > 1 else "the only metric"
    said = [f"{names[found.column]} leads on {of}, {clear if found.metrics > 1 else _alone(found)}"]
    if found.ahead:
        metric, mean, second, distance = found.ahead
        said[0] += f": {metric} {level(mean, 'points')}, {amount(distance, 'points')} ahead of {names[second]}"
    return "; ".join([*said, *(_price(names, *one) for one in found.prices if max(one[2], 1 / one[2]) >= _NOTABLE)])


def _alone(found: Leader) -> str:
    return "clearly" if found.clear else "but not clearly"


def _price(names: Sequence[str], number: int, word: str, ratio: float) -> str:
    if ratio >= 1:
        return f"the next, {names[number]}, is {ratio:.1f}x {word}"
    return f"{names[number]} is {1 / ratio:.1f}x {_OPPOSITE[word]}"


_OPPOSITE = {"dearer": "cheaper", "slower": "faster"}
