"""The formats: which fields each tool exports, and what they mean.

Sources: deepeval 4.3 `EvaluationDataset.save_as`; openai/evals `evals/elsuite/basic` (samples of its registry);
LangSmith SDK 0.15 `Example`; Langfuse 3 `DatasetItem`; Inspect 0.3 `Sample` with the default `FieldSpec`.
"""

from __future__ import annotations

from evalharness.importers.datasets.table import Values
from evalharness.importers.datasets.texts import is_empty
from evalharness.importers.exports.export import Export

_RECORDED = "answers of a model; docs/python.md shows how to gate them"
_ABOUT = "about the row"


def _scenario(row: Values) -> str:
    is_conversation = is_empty(row.get("input")) and not is_empty(row.get("scenario"))
    return "a conversation with a scenario, which has no single question" if is_conversation else ""


def _archived(row: Values) -> str:
    return "" if str(row.get("status") or "ACTIVE").upper() == "ACTIVE" else "archived in Langfuse"


def _sandboxed(row: Values) -> str:
    needed = [name for name in ("sandbox", "files", "setup") if not is_empty(row.get(name))]
    return f"needs a sandbox ({', '.join(needed)})" if needed else ""


DEEPEVAL = Export(
    "deepeval",
    "goldens of deepeval",
    "deepeval 4.3",
    "input",
    "expected_output",
    uses={"name": "id", "context": "variable"},
    dropped={
        "actual_output": _RECORDED,
        "retrieval_context": "contexts that an application found; --var uses it",
        "tools_called": "tools that an application called; --var uses it",
        "comments": _ABOUT,
        "source_file": _ABOUT,
        "custom_column_key_values": "columns of your own; --var uses it",
        "scenario": "of a conversation",
        "expected_outcome": "of a conversation",
        "user_description": "of a conversation",
        "turns": "of a conversation",
    },
    metadata="additional_metadata",
    calls="expected_tools",
    problem=_scenario,
)
OPENAI_EVALS = Export(
    "openai-evals",
    "samples of OpenAI evals",
    "openai/evals of 2025-11",
    "input",
    "ideal",
    several=True,
    uses={"id": "id"},
    wrapper="item",
)
LANGSMITH = Export(
    "langsmith",
    "examples of LangSmith",
    "LangSmith SDK 0.15",
    "inputs",
    "outputs",
    uses={"id": "id"},
    dropped={
        **dict.fromkeys(("created_at", "modified_at", "dataset_id", "source_run_id", "runs", "name"), _ABOUT),
        "attachments": "files",
        "attachment_urls": "files",
    },
    metadata="metadata",
)
LANGFUSE = Export(
    "langfuse",
    "items of a Langfuse data set",
    "Langfuse 3",
    "input",
    "expected_output",
    uses={"id": "id"},
    dropped=dict.fromkeys(
        (
            *("status", "dataset_id", "dataset_name", "project_id", "created_at", "updated_at"),
            *("source_trace_id", "source_observation_id", "valid_from"),
        ),
        _ABOUT,
    ),
    metadata="metadata",
    problem=_archived,
)
INSPECT = Export(
    "inspect",
    "samples of Inspect",
    "Inspect 0.3",
    "input",
    "target",
    several=True,
    uses={"id": "id", "choices": "variable"},
    dropped=dict.fromkeys(("sandbox", "files", "setup"), "of a sandbox"),
    metadata="metadata",
    problem=_sandboxed,
)
EXPORTS = {one.command: one for one in (DEEPEVAL, OPENAI_EVALS, LANGSMITH, LANGFUSE, INSPECT)}
"""By the name of the command."""
