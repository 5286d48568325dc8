"""How the gates of a run share alpha.

    gates that stood at the merge base   corrected among themselves: what a change adds takes nothing from them
    gates that the change adds           corrected among all gates of the run

Without a merge base all gates stand. Unchanged gates fail at the rate alpha at most, and a run of a change that adds n
of N gates at alpha (1 + n / N) at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.gate.context import GateContext
from evalharness.gate.evidence import Sequential
from evalharness.gate.kinds import GateKind
from evalharness.gate.slices import SHARE
from evalharness.gate.stats.permutation import holm
from evalharness.records import GateRule


@dataclass(frozen=True, slots=True)
class PendingGate:
    """A gate with its evidence. Its verdict needs the evidence of all gates."""

    kind: GateKind
    context: GateContext
    evidence: Any


@dataclass(frozen=True, slots=True)
class Standing:
    """The gates that stood at the merge base."""

    rules: frozenset[tuple[str, str]]
    """Metric and tag of each gate."""
    pairs: frozenset[tuple[str, str]]
    """Models and prompts with a baseline."""
    pinned: frozenset[tuple[str, str]]
    """Models and prompts with a pinned baseline."""

    def has_rule(self, rule: GateRule) -> bool:
        """Whether the suite had this gate, with any margin."""
        return (rule.metric, rule.tag) in self.rules

    def has_gate(self, context: GateContext) -> bool:
        """Whether this gate of a model and prompt was decided then."""
        pairing = context.pairing
        pairs = self.pinned if pairing.pinned else self.pairs
        return self.has_rule(context.rule) and (pairing.model, pairing.prompt) in pairs


Corrected = dict[int, tuple[tuple[float, ...], int]]
"""`id` of a gate -> its adjusted p-values, one for each look, and the number of gates that share its part of alpha."""


def corrected(gates: Iterable[PendingGate], standing: Standing | None) -> Corrected:
    """The p-values of the gates that share alpha, adjusted for their number."""
    sharing = [gate for gate in gates if gate.kind.shares_alpha]
    old = [gate for gate in sharing if standing is None or standing.has_gate(gate.context)]
    return {**(_shared(sharing) if len(old) < len(sharing) else {}), **_shared(old)}


def gates_sharing(rule: GateRule, rules: Iterable[GateRule], standing: Standing | None) -> int:
    """The number of rules that share alpha with this one, among those that share it at all."""
    is_old = standing is None or standing.has_rule(rule)
    return sum(not is_old or standing is None or standing.has_rule(other) for other in rules)


def _shared(gates: Sequence[PendingGate]) -> Corrected:
    """Gates on tags share a fixed part, so that they take little power from the gates on whole suites."""
    found: Corrected = {}
    by_tag = [gate for gate in gates if gate.context.rule.tag]
    whole = [gate for gate in gates if not gate.context.rule.tag]
    for family, share in ((whole, 1 - SHARE if by_tag else 1.0), (by_tag, SHARE)):
        every = each_look([p_values_of(gate.evidence) for gate in family])
        for gate, p_values in zip(family, every, strict=True):
            found[id(gate)] = (tuple(min(1.0, p_value / share) for p_value in p_values), len(family))
    return found


def each_look(every: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
    """The p-values of each gate after Holm's correction at each of its looks.

    A gate that was decided earlier keeps its last p-value in the corrections of later looks.
    """
    looks = max(map(len, every), default=0)
    adjusted = [holm([values[min(look, len(values) - 1)] for values in every]) for look in range(looks)]
    return [tuple(at[number] for at in adjusted[: len(values)]) for number, values in enumerate(every)]


def p_values_of(evidence: Any) -> tuple[float, ...]:
    """The p-values of the evidence: one for each look at fresh samples, or the only one."""
    return evidence.p_values if isinstance(evidence, Sequential) else (evidence.p_value,)
