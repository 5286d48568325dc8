"""Exports of other evaluation tools as data sets: each field has its documented meaning, and nothing is guessed.

row ── Export.read ──> columns ── ExportPlan ──> Plan ── datasets ──> suites/cases/NAME.jsonl, golden/NAME.jsonl

A row becomes a case, or is in the list of what is left out, with its place and a reason.
"""

from evalharness.importers.exports.export import Export
from evalharness.importers.exports.planning import form_of
from evalharness.importers.exports.tools import EXPORTS

__all__ = ["EXPORTS", "Export", "form_of"]
