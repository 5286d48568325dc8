"""The suite of an imported data set: metrics that fit its golden answers, and a gate that its size can decide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from evalharness.importers.margins import decidable_margin

_SHORT_WORDS = 3
_WITHOUT_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: word metrics see one word."""


def metrics_for(goldens: Sequence[str], fixed: Sequence[Any]) -> list[Any]:
    """Metrics for a sample of the golden answers, the first one for the gate.

    `fixed` are those of the kind of data. Without golden answers, only an empty answer counts as bad.
    """
    if not goldens:
        return [{"length": {"min_chars": 1}}]
    if fixed:
        return [*fixed]
    if not all(re.search(r"\w", golden) for golden in goldens):  # signs and emoji have no words to compare
        return [{"exact": {"ignore_case": True}}, {"contains": {"ignore_case": True}}]
    text = "".join(goldens)
    if len(_WITHOUT_SPACES.findall(text)) > 0.3 * len(text):
        return ["chrf", {"contains": {"ignore_case": True}}]
    short = sum(len(golden.split()) <= _SHORT_WORDS for golden in goldens)
    if short >= 0.8 * len(goldens):
        return ["token_f1", {"contains": {"ignore_case": True}}]
    return ["rouge_l", "token_f1"]


def suite_of(
    name: str, prompt: Any, metrics: Sequence[Any], models: Sequence[str], cases: int, description: str
) -> dict[str, Any]:
    """The suite as plain data, with the cases in a file of their own, and a gate on the first metric.

    `cases` is the number of cases that this metric scores.
    """
    first = metrics[0] if isinstance(metrics[0], str) else next(iter(metrics[0]))
    suite = {
        "schema": 1,
        "description": description,
        "models": list(models),
        "prompts": {"default": prompt},
        "metrics": list(metrics),
        "cases": f"cases/{name}.jsonl",
        "gates": [{"metric": first, "margin": decidable_margin(cases)}],
    }
    return {key: value for key, value in suite.items() if value}
