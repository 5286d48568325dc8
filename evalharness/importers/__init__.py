"""Convert files of other tools to a suite, and list parts without an equivalent.

promptfoo.yaml ── promptfoo.suite ──> ImportedSuite ── writing ──> suites/NAME.yaml, golden/NAME.yaml
any table      ── datasets ─────────> Dataset ─────────────────> suites/NAME.yaml, suites/cases/, golden/
export of tool ── exports, datasets ─> Dataset, with a documented use of each field
"""

from evalharness.importers.promptfoo.suite import ImportedSuite, import_promptfoo
from evalharness.importers.writing import MAX_NOTES, checks_text, golden_text, models_text, suite_text

__all__ = ["MAX_NOTES", "ImportedSuite", "checks_text", "golden_text", "import_promptfoo", "models_text", "suite_text"]
