"""The HTML report: one file that needs nothing else and trusts nothing that it shows.

    Run + Verdicts + baseline answers -> report_data -> JSON island -> report.js -> textContent

The page holds our own words only. Every text that came from somewhere else is in the island, where no character can end
it, and reaches the page as text; the policy in the page allows one script and one style sheet, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean, median
from typing import Any, Literal

from evalharness.records import RATIOS, SEVERITY, Run, Sample, SampleKey, Status, Timing, Verdict
from evalharness.report.diff import Segment, word_diff

MAX_TEXT = 50_000
"""Characters of one text that the report shows; the run record holds all of it."""

Answers = Mapping[tuple[str, str, str], str]
"""Answer text by (case, prompt, model)."""

_TEMPLATES = Path(__file__).parent / "templates"
"""Gates whose margin is a ratio."""
_UNSAFE = re.compile("[<>&\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff\ufffe\uffff]")
"""Could end the island, or would be changed or misread on the way through an HTML parser or an editor."""


def render_html(run: Run, verdicts: Sequence[Verdict], baseline: Answers, overall: Status, sentence: str) -> str:
    """The page. `baseline` is the baseline's latest answer to each (case, prompt, model); entries may be missing."""
    return "".join(html_pieces(run, verdicts, baseline, overall, sentence))


def html_pieces(
    run: Run, verdicts: Sequence[Verdict], baseline: Answers, overall: Status, sentence: str
) -> Iterator[str]:
    """The page piece by piece: that of many thousand cases is never in memory twice."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    pages = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined)
    style, script = _read("report.css"), _read("dom.js", "cases.js", "report.js")
    return pages.get_template("report.html.j2").generate(
        overall=overall,
        style=style,
        script=script,
        style_hash=_sha256(style),
        script_hash=_sha256(script),
        island=_island_pieces(report_data(run, verdicts, baseline, overall, sentence)),
    )


def report_data(
    run: Run, verdicts: Sequence[Verdict], baseline: Answers, overall: Status, sentence: str
) -> dict[str, Any]:
    """What the page shows, as plain data. Cases refer to `texts` by index: most texts occur many times."""
    texts = _Texts()
    metrics = list(dict.fromkeys([*run.header.metrics, *(s.metric for sample in run.samples for s in sample.scores)]))
    return {
        "overall": overall,
        "sentence": sentence,
        "facts": _facts(run),
        "extent": _extent(run),
        "answered": sum(sample.error is None for sample in run.samples),
        "planned": len(run.header.planned),
        "metrics": metrics,
        "gates": [_gate(verdict) for verdict in sorted(verdicts, key=_gravity)],
        "groups": _groups(run, metrics),
        "cases": [_case(sample, metrics, baseline, texts) for sample in sorted(run.samples, key=_worst_first)],
        "texts": list(texts.index),
    }


def island(data: Any) -> str:
    """JSON that stays itself inside a `<script>` element: it can neither end it nor begin a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _island_pieces(data: Mapping[str, Any]) -> Iterator[str]:
    """The same, item by item of its long lists."""
    for number, (name, value) in enumerate(data.items()):
        yield f"{',' if number else '{'}{island(name)}:"
        if isinstance(value, list) and value:
            yield from (f"{',' if index else '['}{island(item)}" for index, item in enumerate(value))
            yield "]"
        else:
            yield island(value)
    yield "}"


def _read(*names: str) -> str:
    return "\n".join((_TEMPLATES / name).read_text("utf-8") for name in names)


def _sha256(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


class _Texts:
    """Every text once, in the order of first use."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.index.setdefault(_bounded(text), len(self.index))

    def all(self, texts: Iterable[str]) -> list[int]:
        return [self(text) for text in texts]


def _bounded(text: str) -> str:
    left_out = len(text) - MAX_TEXT
    return text if left_out <= 0 else f"{text[:MAX_TEXT]}\n[evalharness: {left_out} more characters are in run.jsonl]"


def _facts(run: Run) -> dict[str, str]:
    header = run.header
    return {
        "suite": header.suite,
        "file": header.file,
        "started": header.started_at,
        "commit": _commit(header.environment.get("git")),
        "machine": header.machine_class,
        "run": header.id,
    }


def _commit(git: Any) -> str:
    if not isinstance(git, Mapping) or not git.get("commit"):
        return ""
    return str(git["commit"])[:12] + (" with local changes" if git.get("dirty") else "")


def _extent(run: Run) -> str:
    """One word for how much of the plan is behind the verdict."""
    if run.complete:
        return "complete"
    if run.stopped:
        return "stopped"
    return "partial" if len(run.selected) < len(run.header.planned) else "incomplete"


def _gravity(verdict: Verdict) -> tuple[bool, int]:
    """Sorts what decides before what informs, and bad before good."""
    return not verdict.gating, -SEVERITY.index(verdict.status)


def _gate(verdict: Verdict) -> dict[str, Any]:
    """A verdict; the page speaks of drops only."""
    return {
        "model": verdict.model,
        "prompt": verdict.prompt,
        "metric": verdict.metric,
        "status": verdict.status,
        "reason": verdict.reason,
        "gating": verdict.gating,
        "ratio": verdict.metric in RATIOS,
        "margin": _number(verdict.margin),
        "drop": _number(verdict.drop),
        "bound": _number(verdict.largest_drop),
        "p_value": _number(verdict.p_value),
        "cases": verdict.cases,
    }


def _groups(run: Run, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """One entry per model and prompt, also where not a single planned sample came back."""
    planned = Counter((key.model, key.prompt) for key in run.header.planned)
    samples: dict[tuple[str, str], list[Sample]] = {pair: [] for pair in planned}
    for sample in run.samples:
        samples.setdefault((sample.key.model, sample.key.prompt), []).append(sample)
    return [
        {"model": model, "prompt": prompt, "planned": planned[model, prompt], **_summary(group, metrics)}
        for (model, prompt), group in samples.items()
    ]


def _summary(group: Sequence[Sample], metrics: Sequence[str]) -> dict[str, Any]:
    responses = [sample.response for sample in group if sample.response]
    timed = [sample.response.timing for sample in group if sample.response and sample.latency_s is not None]
    totals = _known(timing.total_s for timing in timed)
    costs = _known(sample.cost_usd for sample in group)
    scores = [_known(score.value for s in group if (score := s.score(metric))) for metric in metrics]
    return {
        "samples": len(group),
        "errors": sum(sample.error is not None for sample in group),
        "failed": sum(bool(sample.failed_checks) for sample in group),
        "scores": [[_mean(values), len(values)] for values in scores],
        "total_p50_s": _median(totals),
        "total_p95_s": _quantile(totals, 0.95),
        "first_token_p50_s": _median(_known(timing.first_token_s for timing in timed)),
        "decode_p50": _median(_known(timing.decode_tokens_per_s for timing in timed)),
        "timed": len(timed),
        "cost_per_1000_usd": _mean([cost * 1000 for cost in costs]),
        "prompt_tokens": _mean([response.usage.prompt_tokens for response in responses]),
        "completion_tokens": _mean([response.usage.completion_tokens for response in responses]),
    }


def _worst_first(sample: Sample) -> tuple[int, float, SampleKey]:
    """Errors, then failed checks, then the lowest mean score."""
    rank = 0 if sample.error else 1 if sample.failed_checks else 2
    return rank, _mean(_known(score.value for score in sample.scores)) or 0.0, sample.key


def _case(sample: Sample, metrics: Sequence[str], baseline: Answers, texts: _Texts) -> dict[str, Any]:
    key, response = sample.key, sample.response
    return {
        "case": texts(key.case),
        "prompt": texts(key.prompt),
        "model": texts(key.model),
        "repeat": key.repeat,
        "tags": texts.all(sample.tags),
        "messages": [[texts(message.role), texts(message.content)] for message in sample.messages],
        "golden": texts.all(sample.golden),
        "answer": texts(response.text) if response else None,
        "diff": _diff(baseline.get((key.case, key.prompt, key.model)), response.text if response else None),
        "scores": [[metrics.index(s.metric), _number(s.value), texts(s.signature)] for s in sample.scores],
        "failed": texts.all(sample.failed_checks),
        "error": [texts(sample.error.kind), texts(sample.error.message)] if sample.error else None,
        "finish": response.finish_reason if response else None,
        "tokens": [response.usage.prompt_tokens, response.usage.completion_tokens] if response else None,
        "timing": _timing(response.timing) if response else None,
    }


def _diff(old: str | None, new: str | None) -> list[Segment] | Literal["same"] | None:
    """None where one side has no answer, else "same" or the word diff."""
    if old is None or new is None:
        return None
    return "same" if old == new else word_diff(_bounded(old), _bounded(new))


def _timing(timing: Timing) -> list[float | None]:
    rates = timing.prompt_tokens_per_s, timing.decode_tokens_per_s
    return [_number(value) for value in (timing.total_s, timing.first_token_s, *rates)]


def _number(value: float | None) -> float | None:
    """Six digits are more than anybody reads; what is not a number is not shown as one."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def _mean(values: Sequence[float]) -> float | None:
    return _number(fmean(values)) if values else None


def _median(values: Sequence[float]) -> float | None:
    return _number(median(values)) if values else None


def _quantile(values: Sequence[float], q: float) -> float | None:
    """Linear between the two nearest ranks, as numpy does by default."""
    if not values:
        return None
    ordered, place = sorted(values), q * (len(values) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return _number(low + (high - low) * (place % 1))
