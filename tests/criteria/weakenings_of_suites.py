"""Weakenings of suites, goldens, baselines, recordings and labels."""

from __future__ import annotations

import json

from trust_project import (
    BAD,
    BASELINE,
    CASES,
    DEMO,
    GOLDEN,
    IDS,
    LABELS,
    PINNED,
    RECORDING,
    SUITE,
    VERDICTS,
    Row,
    a_case,
    attributed,
    badly_accepted,
    both,
    golden,
    gone,
    link,
    moved,
    put,
    replaced,
    swap,
    without_case,
)

_GATES = SUITE[SUITE.index("gates:") :]
_FIRST = "  - {metric: rouge_l, margin: 15%}\n"
_TURNS = '\n    - user: "{{ question }} {{ shop }}"'
_CSV = "id,tags,question\n" + "".join(f"{name},hard,Say: within 30 days\n" for name in IDS)

SUITES = [
    Row("delete the suite", gone(DEMO, GOLDEN), "unknown suite 'demo'", alone=True),
    Row(
        "rename the suite with its goldens and baselines",
        both(
            moved(DEMO, "suites/renamed.yaml"),
            moved(GOLDEN, "golden/renamed.yaml"),
            moved("golden/baselines/demo", "golden/baselines/renamed"),
        ),
        "suite demo: deleted",
        suite="renamed",
    ),
    Row("delete another suite", gone("suites/second.yaml", "golden/second.yaml"), "suite second: deleted"),
    Row(
        "delete a case with its golden answer",
        both(swap(CASES, a_case("case-3"), ""), swap(GOLDEN, golden("case-3"), "")),
        "case case-3: deleted",
        alone=True,
    ),
    Row(
        "rename a case with its golden answer",
        both(swap(CASES, '"case-0",', '"case-x",'), swap(GOLDEN, "case-0:", "case-x:")),
        "case case-0: renamed",
    ),
    Row(
        "name a shorter case file",
        both(swap(DEMO, "cases.jsonl", "short.jsonl"), put(GOLDEN, golden(*IDS[:5]))),
        "15 cases (case-5, case-6, case-7, ...): deleted",
        alone=True,
    ),
    Row(
        "name a case file in another format with easier questions",
        both(put("suites/cases.csv", _CSV), swap(DEMO, "cases.jsonl", "cases.csv")),
        "variables changed",
    ),
    Row(
        "ask an easier question", swap(CASES, "Can I return case-0?", "Say: 30 days."), "case case-0: variables changed"
    ),
    Row(
        "put an answer into the messages of a case",
        swap(CASES, a_case("case-1"), a_case("case-1", messages=[{"user": "Hi"}, {"assistant": "30 days."}])),
        "case case-1: conversation changed",
    ),
    Row("put all cases into one cluster", swap(CASES, '"tags"', '"cluster": "one", "tags"'), "variables changed"),
    Row("put the answer into a shared variable", swap(DEMO, "shop: Acme", "shop: Say 30 days"), "shared variable shop"),
    Row("remove a gated tag from cases", swap(CASES, a_case("case-1"), a_case("case-1", tags=[])), "tag hard removed"),
    Row("dilute a gate with easy cases", swap(CASES, '["easy"]', '["easy", "hard"]'), "tag hard added"),
    Row("widen a margin", swap(DEMO, _FIRST, _FIRST.replace("15%", "50%")), "gate rouge_l: margin 15 pts -> margin 50"),
    Row("remove a gate", swap(DEMO, _FIRST, ""), "gate rouge_l: margin 15 pts -> removed"),
    Row("remove all gates", swap(DEMO, _GATES, ""), "gate rouge_l of hard: margin 15 pts, worst 60 pts -> removed"),
    Row("remove a gate on assertions", swap(DEMO, "  - {metric: assertions, margin: 15%}\n", ""), "gate assertions: "),
    Row(
        "gate a part of the cases instead of all",
        swap(DEMO, _FIRST, "  - {metric: rouge_l, margin: 15%, tag: easy}\n"),
        "gate rouge_l: margin 15 pts -> removed",
    ),
    Row(
        "gate the population instead of the suite",
        swap(DEMO, _FIRST, "  - {metric: rouge_l, margin: 15%, target: population}\n"),
        "gate rouge_l: margin 15 pts -> removed",
    ),
    Row(
        "gate another metric instead",
        swap(DEMO, _FIRST, "  - {metric: token_f1, margin: 15%}\n"),
        "gate rouge_l: margin 15 pts -> removed",
    ),
    Row(
        "gate latency instead of cost",
        swap(DEMO, "metric: cost", "metric: latency"),
        "gate cost: margin 10 % -> removed",
    ),
    Row("match an easier pattern", swap(DEMO, '"within 30 days"}', '"o"}'), "metric regex: "),
    Row("ignore case in a pattern", swap(DEMO, '30 days"}', '30 days", ignore_case: true}'), "metric regex: "),
    Row(
        "change the options of a gated metric",
        swap(DEMO, "- rouge_l\n", "- {rouge_l: {tokenizer: rouge}}\n"),
        "metric rouge_l: ",
    ),
    Row("remove a metric", swap(DEMO, "  - token_f1\n", ""), "metric token_f1: "),
    Row("remove an assertion of all cases", swap(DEMO, "  - not_contains: FORBIDDEN\n", ""), "assertion not_contains"),
    Row("remove an assertion of one case", swap(CASES, a_case("case-2"), a_case("case-2", **{"assert": []})), "banana"),
    Row("look for another text", swap(DEMO, "FORBIDDEN", "FORBIDDEN WORD"), '"FORBIDDEN" -> "FORBIDDEN WORD"'),
    Row("raise the bound of an assertion", swap(DEMO, "max_words: 60", "max_words: 600"), "assertion max_words of 20"),
    Row(
        "let an assertion fail now and then",
        swap(DEMO, "- max_words: 60", "- {max_words: 60, must_pass: stable}"),
        "must_pass of max_words 60 of 20 cases (case-0, case-1, case-10, ...): always -> stable",
    ),
    Row(
        "let the accepted runs excuse an assertion",
        swap(DEMO, "- max_words: 60", "- {max_words: 60, must_pass: baseline}"),
        "always -> baseline",
    ),
    Row(
        "let the accepted runs excuse a stable assertion",
        swap(DEMO, "{not_contains: UNSTABLE, must_pass: stable}", "{not_contains: UNSTABLE, must_pass: baseline}"),
        "stable -> baseline",
    ),
    Row(
        "let a share of the cases break an assertion",
        swap(DEMO, "- max_words: 60", "- {max_words: 60, must_pass: 90%}"),
        "always -> 90%",
    ),
    Row(
        "let an assertion look at another part of the answer",
        swap(DEMO, "- max_words: 60", "- {max_words: 60, at: $.text}"),
        "assertion max_words 60: removed from 20 cases",
    ),
    Row("lower the share that keeps an assertion", swap(DEMO, "must_pass: 90%", "must_pass: 80%"), "90% -> 80%"),
    Row(
        "let a single case lose more",
        swap(DEMO, "worst: 0.6", "worst: 0.65"),
        "worst 60 pts -> ",
    ),
    Row("let a single case lose any number of points", swap(DEMO, ", worst: 0.6", ""), "worst 60 pts -> margin 15 pts"),
    Row("give the answer more tokens", swap(DEMO, "max_tokens: 64", "max_tokens: 512"), "params max_tokens: 64 -> 512"),
    Row("sample another way", swap(DEMO, "temperature: 0", "temperature: 1"), "params temperature: 0.0 -> 1.0"),
    Row("choose another seed", swap(DEMO, "seed: 7", "seed: 8"), "params seed: 7 -> 8"),
    Row("end answers at a text", swap(DEMO, "seed: 7}", 'seed: 7, stop: "sorry"}'), "params stop: "),
    Row("force an answer with a grammar", swap(DEMO, "seed: 7}", "seed: 7, grammar: 'root ::= \"30\"'}"), "grammar"),
    Row("judge another prompt", swap(DEMO, "[plain]", "[careless]"), "default prompt plain: removed"),
    Row("judge another model", swap(DEMO, "[fake]", "[other]"), "model fake: removed"),
    Row(
        "write a key twice",
        swap(DEMO, "margin: 15%}", "margin: 15%, margin: 50%}"),
        "duplicate key 'margin'",
        alone=True,
    ),
    Row("write a second document behind the first", swap(DEMO, SUITE, f"{SUITE}---\n{SUITE}"), "demo.yaml", alone=True),
    Row("save the suite as UTF-16", put(DEMO, SUITE.encode("utf-16")), "not UTF-8", alone=True),
    Row(
        "read the prompt from a file above the project",
        swap(DEMO, _TURNS, " {file: ../../outside/plain.md}"),
        "'../../outside/plain.md' leaves the project",
        alone=True,
    ),
    Row(
        "make the prompt's file a symbolic link",
        both(swap(DEMO, _TURNS, " {file: ../plain.md}"), put("x.md", "{{ question }}\n"), link("plain.md", "x.md")),
        "symbolic link",
        alone=True,
    ),
    Row(
        "read the prompt from a hidden file",
        both(swap(DEMO, _TURNS, " {file: ../.git/plain.md}"), put(".git/plain.md", "{{ question }}\n")),
        "'../.git/plain.md' is hidden",
        alone=True,
    ),
    Row(
        "make the suite a symbolic link",
        both(put("easy.yaml", SUITE), link(DEMO, "../easy.yaml")),
        "symbolic link",
        alone=True,
    ),
]

GOLDENS = [
    Row("write the bad answers into the goldens", put(GOLDEN, golden(*IDS, answer=BAD)), "golden answers changed"),
    Row(
        "add an easy golden answer",
        swap(GOLDEN, "case-3: [", "case-3: [No idea., "),
        "case case-3: golden answers added",
    ),
    Row("empty a golden answer", swap(GOLDEN, golden("case-3"), "case-3: []\n"), "empty golden answer", alone=True),
    Row("remove a golden answer", swap(GOLDEN, golden("case-3"), ""), "case case-3: golden answers removed"),
    Row("delete the goldens", gone(GOLDEN), "golden answers", alone=True),
    Row(
        "move the goldens into another format",
        both(
            gone(GOLDEN),
            put("golden/demo.jsonl", "".join(json.dumps({"id": name, "golden": BAD}) + "\n" for name in IDS)),
        ),
        "golden answers changed",
    ),
    Row(
        "make the goldens a symbolic link",
        both(put("g.yaml", golden(*IDS)), link(GOLDEN, "../g.yaml")),
        "symbolic link",
        alone=True,
    ),
    Row(
        "attribute the goldens to the accepted version",
        attributed,
        "golden answer attributed to fake.plain, so that the case cannot fail its gates",
    ),
    Row("delete the baseline", gone(BASELINE), "baseline fake.plain: accepted run"),
    Row("lower the scores of the baseline", swap(BASELINE, '"rouge_l": 0.', '"rouge_l": 0.1'), "scores differ"),
    Row("edit the texts of the baseline", swap(BASELINE, "You may return", "You can return"), "20 texts differ"),
    Row("edit the tokens of the baseline", swap(BASELINE, '_tokens": 7', '_tokens": 70'), "token counts differ"),
    Row(
        "edit the settings of metrics in the baseline",
        swap(BASELINE, "rouge_l|", "rouge_l|x"),
        "signatures of accepted",
    ),
    Row("remove a case from the baseline", without_case("case-2"), "case case-2 removed from accepted run"),
    Row("cut the baseline", swap(BASELINE, '"cases": 20', '"cases": 19'), "cannot be read"),
    Row(
        "accept the bad answers",
        badly_accepted,
        "baseline fake.plain: accepted run",
    ),
    Row("replace the baseline by the bad answers", replaced, "replaced: "),
    Row(
        "give the baseline to another model",
        moved(BASELINE, "golden/baselines/demo/packaged.plain.jsonl"),
        "cannot be read",
    ),
    Row("delete the pinned baseline", gone(PINNED), "baseline pinned/fake.plain: accepted run"),
    Row("edit the pinned baseline", swap(PINNED, '"rouge_l": 0.', '"rouge_l": 0.1'), "baseline pinned/fake.plain"),
    Row(
        "make the recordings a link to another folder",
        both(gone(RECORDING), moved("golden/recordings", "tape"), link("golden/recordings", "../tape")),
        "file golden/recordings: added link to ../tape",
    ),
    Row("edit the labels that calibrate a judge", swap(LABELS, "case-1", "case-7"), "1 label is removed or edited"),
    Row("delete the labels that calibrate a judge", gone(LABELS), "2 labels are removed or edited"),
    Row(
        "edit what a judge said about labelled answers",
        swap(VERDICTS, "0.25", "0.75"),
        "1 verdict is removed or edited",
    ),
    Row("delete what judges said about labelled answers", gone(VERDICTS), "the calibration of this judge is removed"),
]
