"""evalharness: a pytest plugin that keeps LLM features from getting worse.

The public names below are loaded on first use, so that `import evalharness` (which every pytest run in this
environment does, through the plugin's entry point) costs nothing.
"""

from __future__ import annotations

import importlib

__version__ = "0.2.0"

_PUBLIC = {
    "Case": "records",
    "Config": "config",
    "EvalHarnessError": "errors",
    "Metric": "scoring.metrics.base",
    "Provider": "providers.base",
    "ProviderError": "errors",
    "Request": "records",
    "Response": "records",
    "Run": "records",
    "Sample": "records",
    "Score": "records",
    "ScriptedProvider": "providers.scripted",
    "Suite": "records",
    "SuiteError": "errors",
    "Timing": "records",
    "Usage": "records",
    "Verdict": "records",
    "load_config": "config",
    "load_suite": "suites",
    "read_baseline": "store",
    "read_run": "store",
    "run_suite": "evaluation.api",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'evalharness' has no attribute {name!r}")
    return getattr(importlib.import_module(f"evalharness.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
