"""evalharness: a pytest plugin that keeps LLM features from getting worse.

The public names below are loaded on first use, so that `import evalharness` (which every pytest run in this
environment does, through the plugin's entry point) costs nothing.
"""

from __future__ import annotations

import importlib

__version__ = "0.2.0"

_PUBLIC = {
    "AcceptedRun": "records",
    "Baseline": "records",
    "Case": "records",
    "Comparison": "evaluation.api",
    "Config": "config",
    "ConfigError": "errors",
    "EvalHarnessError": "errors",
    "Evaluation": "evaluation.api",
    "Message": "records",
    "Metric": "scoring.metrics.base",
    "MetricError": "errors",
    "MissingExtraError": "errors",
    "Params": "records",
    "Provider": "providers.base",
    "ProviderError": "errors",
    "Request": "records",
    "Response": "records",
    "Run": "records",
    "Sample": "records",
    "SampleKey": "records",
    "SampleView": "scoring.metrics.base",
    "Score": "records",
    "ScriptedProvider": "providers.scripted",
    "StoreError": "errors",
    "Suite": "records",
    "SuiteError": "errors",
    "Timing": "records",
    "Usage": "records",
    "Verdict": "records",
    "aevaluate": "evaluation.api",
    "compare": "evaluation.api",
    "evaluate": "evaluation.api",
    "load_config": "config",
    "load_suite": "suites",
    "read_baseline": "store",
    "read_run": "store",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'evalharness' has no attribute {name!r}")
    return getattr(importlib.import_module(f"evalharness.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
