"""Convert data sets to suites: tables, JSON and Parquet, from hubs and other evaluation tools.

file ── open_table ──> rows ── profile_rows, guess ──> Plan ── Cases ──> suites/cases/NAME.jsonl, golden/NAME.jsonl

Rows are streamed: every pass reads the file again, so the memory does not grow with the number of rows.
"""

from evalharness.importers.datasets.dataset import Dataset, DatasetOptions, import_dataset
from evalharness.importers.datasets.fields import Choice
from evalharness.importers.datasets.prompt import rendered
from evalharness.importers.datasets.reading import ReadOptions
from evalharness.importers.datasets.table import DatasetError

__all__ = ["Choice", "Dataset", "DatasetError", "DatasetOptions", "ReadOptions", "import_dataset", "rendered"]
