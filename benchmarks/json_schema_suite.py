"""The official JSON-Schema-Test-Suite against the metric `json_schema`.

    git clone https://github.com/json-schema-org/JSON-Schema-Test-Suite
    python benchmarks/json_schema_suite.py JSON-Schema-Test-Suite [-v]

Prints, for each draft, how many tests are right, wrong, and of a schema that is refused: by design (a remote reference,
an unknown keyword, a keyword without effect) or because it is not supported (`$id` below the root). A test is a false
green if the suite calls its value invalid. `-v` shows each wrong test and each reason for a refusal.

With commit 44401e0 of the suite (2026-08-22), the wrong tests are those that say that `format` is only an annotation,
`pattern` where RE2 is not ECMA 262 (optional tests), one right-to-left host name (optional), and one false red of
jsonschema in 2019-09 (`unevaluatedProperties` next to `additionalProperties`).
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalharness.scoring.metrics.json import schema_problem

DIALECTS = {
    "draft4": "http://json-schema.org/draft-04/schema#",
    "draft6": "http://json-schema.org/draft-06/schema#",
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}


def groups(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for file in sorted(folder.rglob("*.json")):
        for group in json.loads(file.read_text(encoding="utf-8")):
            if isinstance(group["schema"], dict):  # a suite's schema is a mapping
                yield str(file.relative_to(folder)), group


def outcomes(file: str, group: dict[str, Any], dialect: str) -> Iterator[tuple[str, str]]:
    """Yield the kind of result of each test, and an explanation."""
    try:
        problem = schema_problem({"$schema": dialect, **group["schema"]})
    except ValueError as error:
        yield from [("refused", f"{file}: {error}")] * len(group["tests"])
        return
    for test in group["tests"]:
        found = problem(json.dumps(test["data"])) is None
        kind = "right" if found == test["valid"] else "false green" if found else "false red"
        yield kind, f"{file}: {group['description']}: {test['description']}"


def main() -> None:
    root, verbose = Path(sys.argv[1]), "-v" in sys.argv
    for draft, dialect in DIALECTS.items():
        counts: Counter[str] = Counter()
        for file, group in groups(root / "tests" / draft):
            for kind, explanation in outcomes(file, group, dialect):
                counts[kind] += 1
                if verbose and kind != "right":
                    print(f"{kind:<12} {draft} {explanation[:150]}")
        print(f"{draft:<13}", ", ".join(f"{count} {kind}" for kind, count in counts.most_common()))


if __name__ == "__main__":
    main()
