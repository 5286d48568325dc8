"""Other tools' files -> a suite, its goldens, and a list of all that has no counterpart here.

promptfoo.yaml ── import_promptfoo ──> Imported ── suite_text, golden_text ──> suites/NAME.yaml, golden/NAME.yaml
"""

from evalharness.importers.promptfoo import Imported, import_promptfoo
from evalharness.importers.writing import MOST_NOTES, golden_text, models_text, suite_text

__all__ = ["MOST_NOTES", "Imported", "golden_text", "import_promptfoo", "models_text", "suite_text"]
