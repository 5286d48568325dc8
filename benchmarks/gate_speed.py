"""The time of a decision: 1,000 cases, six metrics and four models, without fresh samples.

    python benchmarks/gate_speed.py

Prints the CPU seconds of one decision, and whether a second one gives the same verdicts to the bit.
"""

from __future__ import annotations

import sys
import time
from collections import Counter

import numpy as np

from evalharness.gate.decide import decide_run
from evalharness.records import GateRule, Sample
from evalharness.store.baselines import baseline_of
from evalharness.testing.builders import run, sample

CASES, METRICS, MODELS = 1000, 6, 4
NAMES = tuple(f"metric_{number}" for number in range(METRICS))
RULES = tuple(GateRule(name, 0.05) for name in NAMES)


def samples(rng: np.random.Generator, model: str, text: str) -> list[Sample]:
    """One answer to each case, with scores in steps of 0.01."""
    values = np.round(rng.beta(4, 2, (CASES, METRICS)), 2)
    scores = [dict(zip(NAMES, row, strict=True)) for row in values.tolist()]
    return [sample(f"case-{number}", text, scores=found, model=model) for number, found in enumerate(scores)]


def main() -> int:
    rng, models = np.random.default_rng(1), [f"model-{number}" for number in range(MODELS)]
    settings = {"gates": list(RULES), "metrics": NAMES, "signatures": {name: f"{name}|v:1" for name in NAMES}}
    before = [run(samples(rng, model, "Yes."), id="then", **settings) for model in models]
    baselines = {(model, "plain"): baseline_of(one, model, "plain") for model, one in zip(models, before, strict=True)}
    today = run([one for model in models for one in samples(rng, model, "No.")], **settings)
    started = time.process_time()
    first = decide_run(today, baselines, accept_command="accept")
    seconds = time.process_time() - started
    same = decide_run(today, baselines, accept_command="accept") == first
    ends = ", ".join(f"{count} {status}" for status, count in Counter(one.status for one in first).items())
    print(f"{len(first)} gates of {CASES:,} cases ({ends}): {seconds:.2f} s of CPU; the same verdicts again: {same}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
