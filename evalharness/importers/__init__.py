"""Convert files of other tools to a suite, and list parts without an equivalent.

promptfoo.yaml ── import_promptfoo ──> ImportedSuite ── suite_text, golden_text ──> suites/NAME.yaml, golden/NAME.yaml
"""

from evalharness.importers.promptfoo import ImportedSuite, import_promptfoo
from evalharness.importers.writing import MAX_NOTES, golden_text, models_text, suite_text

__all__ = ["MAX_NOTES", "ImportedSuite", "golden_text", "import_promptfoo", "models_text", "suite_text"]
