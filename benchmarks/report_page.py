"""The size of a report of 10,000 cases x 4 models, and the seconds to write and to open it.

    python benchmarks/report_page.py

Goals: written in under 5 s, opened in under 1 s by the browser's clock, at most 12 MB. Needs Chromium.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from evalharness.records import Message, Response, Run, RunHeader, Sample, SampleKey, Score, Timing, Usage
from evalharness.report.columns import BaselineView, columns_of
from evalharness.report.html import Page, facts_of, html_pieces

CASES, MODELS, METRICS, ROUNDS = 10_000, 4, ("rouge_l", "chrf", "embedding"), 5
BEGINNINGS, ENDS = ("re", "un", "de", "con", "pro", "ex", "in", "sub"), ("turn", "port", "tract", "form", "cept", "mit")
WORDS = [f"{beginning}{end}" for beginning in BEGINNINGS for end in ENDS]
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")


def samples(random: Random) -> Iterator[Sample]:
    """Samples with responses of 40 words, one prompt, a question for each case."""
    policy = Message("system", " ".join(random.choices(WORDS, k=60)))
    for number in range(CASES):
        question = Message("user", " ".join(random.choices(WORDS, k=15)))
        golden = (" ".join(random.choices(WORDS, k=20)),)
        for model in range(MODELS):
            answer = Response(
                " ".join(random.choices(WORDS, k=40)), "stop", Usage(90, 50), Timing(random.random() + 0.2)
            )
            scores = tuple(Score(metric, round(random.random(), 4), metric) for metric in METRICS)
            key = SampleKey(f"case-{number:05}", "concise", f"model-{model}", 0)
            yield Sample(key, "", (f"tag-{number % 12}",), (policy, question), golden, answer, scores, cost_usd=0.001)


def a_page() -> Page:
    """A page on which every response differs from the baseline."""
    random = Random(1)
    found = tuple(samples(random))
    keys = tuple(sample.key for sample in found)
    names = ("20260101T000000Z-abcdef", "large", "suites/large.yaml", "2026-01-01T00:00:00+00:00")
    header = RunHeader(*names, {}, {}, {}, METRICS, {}, (), keys, "here", {})
    run = Run(header, found, keys)
    before: dict[tuple[str, str], dict[str, BaselineView]] = {}
    for sample in found:
        words = sample.response.text.split() if sample.response else []
        was = BaselineView(
            " ".join([*words[:20], *random.choices(WORDS, k=20)]), {"rouge_l": 0.5}, signatures={"rouge_l": "rouge_l"}
        )
        before.setdefault((sample.key.model, sample.key.prompt), {})[sample.key.case] = was
    return Page(
        "pass", "for measuring", facts_of(run), columns_of(run, before), answered=len(found), planned=len(found)
    )


def opened_s(file: Path) -> list[tuple[float, float]]:
    """Seconds until the browser has loaded the page, and until it has rendered the list of cases, five times."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*QUIET])
        for _ in range(ROUNDS):
            page = browser.new_page()
            page.goto(file.as_uri())
            page.wait_for_selector("body[data-ready]")
            loaded: Any = page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")
            rendered: Any = page.evaluate("performance.getEntriesByName('rendered')[0].startTime")
            found.append((loaded / 1000, rendered / 1000))
            page.close()
        browser.close()
    return found


def main() -> int:
    """Print size and times."""
    page = a_page()
    with tempfile.TemporaryDirectory() as folder:
        file, written = Path(folder) / "report.html", []
        for _ in range(3):
            start = time.perf_counter()
            with file.open("w", encoding="utf-8") as out:
                out.writelines(html_pieces(page))
            written.append(time.perf_counter() - start)
        megabytes = file.stat().st_size / 1e6
        opened = opened_s(file)
    loaded, rendered = (median(values) for values in zip(*opened, strict=True))
    print(
        f"{CASES:,} cases x {MODELS} models: {megabytes:.1f} MB (goal 12), written in {median(written):.2f} s (goal 5)"
    )
    print(f"opened in {loaded:.2f} s, cases rendered after {rendered:.2f} s (goal 1)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
