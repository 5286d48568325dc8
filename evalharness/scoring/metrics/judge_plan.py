"""What a judge metric asks: its question, the choices of the judge, and what it sees."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalharness.scoring.judges import sees
from evalharness.scoring.judges.base import YES_NO
from evalharness.scoring.judges.choices import checked_choices
from evalharness.scoring.judges.prompts import preset as open_preset
from evalharness.scoring.metrics import judge_pairs, sentences


@dataclass(frozen=True, slots=True)
class Plan:
    """The question of a metric, its choices and what the judge sees."""

    name: str
    ask: str
    """Empty if only cases have questions."""
    choices: tuple[str, ...]
    weights: Mapping[str, float]
    """By choice: what it counts."""
    sees: tuple[str, ...]
    each: str
    against: str = ""
    """`baseline` if the judge compares two answers."""

    def signed(self, **instrument: str) -> dict[str, Any]:
        """The parts of the signature. `gate/judged.py` reads the first ones; labels name the digest."""
        against, rest = {"against": self.against} if self.against else {}, self._rest()
        return {"question": _digest(rest | against), **against, **instrument, **rest}

    def _rest(self) -> dict[str, Any]:
        each = {"each": f"{self.each}-{sentences.RULES}"} if self.each else {}
        choices = ", ".join(f"{choice}={weight:g}" for choice, weight in self.weights.items())
        return {"ask": self.ask, "choices": choices, "sees": ", ".join(self.sees), **each, "v": 4}


def _digest(signed: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(signed, sort_keys=True).encode()).hexdigest()[:12]


def make_plan(
    name: str,
    ask: str,
    preset: str,
    choices: Sequence[str],
    levels: Sequence[str],
    good: Sequence[str],
    parts: Sequence[str],
    each: str,
    against: str,
) -> Plan:
    """The plan of these options. Raises ValueError for one that does not fit the others."""
    if against:
        judge_pairs.refuse({"preset": preset, "choices": choices, "levels": levels, "good": good, "each": each}, parts)
        choices, parts = judge_pairs.CHOICES, parts or judge_pairs.DEFAULT_SEES
    if ask and preset:
        raise ValueError("'ask' and 'preset' are both a question: remove one")
    if preset:
        found = open_preset(preset)
        ask, parts, each = found.ask, parts or found.sees, each or found.each
    if levels and (choices or good):
        raise ValueError("'levels' has no 'choices' and no 'good': remove them")
    answers = checked_choices(levels or choices or YES_NO, "levels" if levels else "choices")
    if levels:
        weights = {level: number / (len(answers) - 1) for number, level in enumerate(answers)}
    else:
        weights = _good(answers, good)
    parts = parts or (sees.DEFAULT[:1] if each else sees.DEFAULT)
    return Plan(name, ask.strip(), answers, weights, sees.checked(parts), each, against)


def _good(choices: Sequence[str], good: Sequence[str]) -> dict[str, float]:
    if odd := [choice for choice in good if choice not in choices]:
        raise ValueError(f"good: '{odd[0]}' is not among the choices {', '.join(choices)}")
    if len(set(good)) == len(choices):
        raise ValueError("good: every choice is good, so that the score is always 1")
    wanted = good or choices[:1]
    return {choice: float(choice in wanted) for choice in choices}
