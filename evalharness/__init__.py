"""evalharness: a pytest plugin that keeps LLM features from getting worse.

The public names are imported on first use: `import evalharness`, which every pytest run in this environment does, costs
nothing. Type checkers see them under TYPE_CHECKING. What is not named here is internal,
but for the module `evalharness.gate` (the statistics).
"""

from __future__ import annotations

import importlib

TYPE_CHECKING = False  # as type checkers know it; importing `typing` would take ten times as long as all of this

__version__ = "0.2.0"

if TYPE_CHECKING:
    from evalharness.config import Config as Config
    from evalharness.config import load_config as load_config
    from evalharness.errors import BilledError as BilledError
    from evalharness.errors import ConfigError as ConfigError
    from evalharness.errors import EvalHarnessError as EvalHarnessError
    from evalharness.errors import GitError as GitError
    from evalharness.errors import MetricError as MetricError
    from evalharness.errors import MissingExtraError as MissingExtraError
    from evalharness.errors import ModelUnavailableError as ModelUnavailableError
    from evalharness.errors import ProviderError as ProviderError
    from evalharness.errors import RefusedError as RefusedError
    from evalharness.errors import RetryableError as RetryableError
    from evalharness.errors import StoreError as StoreError
    from evalharness.errors import SuiteError as SuiteError
    from evalharness.errors import ThrottledError as ThrottledError
    from evalharness.errors import UnknownOutcomeError as UnknownOutcomeError
    from evalharness.evaluation.api import Evaluation as Evaluation
    from evalharness.evaluation.api import aevaluate as aevaluate
    from evalharness.evaluation.api import evaluate as evaluate
    from evalharness.evaluation.comparison import Comparison as Comparison
    from evalharness.evaluation.comparison import compare as compare
    from evalharness.execution.executor import Executor as Executor
    from evalharness.gate.context import GateContext as GateContext
    from evalharness.gate.context import NoComparison as NoComparison
    from evalharness.gate.evidence import GateResult as GateResult
    from evalharness.gate.kinds import GateKind as GateKind
    from evalharness.providers.base import Provider as Provider
    from evalharness.providers.capabilities import Capabilities as Capabilities
    from evalharness.providers.scripted import ScriptedProvider as ScriptedProvider
    from evalharness.records import AcceptedRun as AcceptedRun
    from evalharness.records import Baseline as Baseline
    from evalharness.records import Case as Case
    from evalharness.records import Citation as Citation
    from evalharness.records import Context as Context
    from evalharness.records import Message as Message
    from evalharness.records import NotApplicable as NotApplicable
    from evalharness.records import Params as Params
    from evalharness.records import Request as Request
    from evalharness.records import Response as Response
    from evalharness.records import Run as Run
    from evalharness.records import Sample as Sample
    from evalharness.records import SampleKey as SampleKey
    from evalharness.records import Score as Score
    from evalharness.records import Suite as Suite
    from evalharness.records import Timing as Timing
    from evalharness.records import Tool as Tool
    from evalharness.records import ToolCall as ToolCall
    from evalharness.records import Usage as Usage
    from evalharness.records import Verdict as Verdict
    from evalharness.report import Outcome as Outcome
    from evalharness.report import ReportFormat as ReportFormat
    from evalharness.scoring.judges.base import Judge as Judge
    from evalharness.scoring.judges.base import Opinion as Opinion
    from evalharness.scoring.judges.base import Question as Question
    from evalharness.scoring.metrics.base import Metric as Metric
    from evalharness.scoring.metrics.base import SampleView as SampleView
    from evalharness.scoring.metrics.base import request_to as request_to
    from evalharness.store import read_baseline as read_baseline
    from evalharness.store import read_run as read_run
    from evalharness.suites import load_suite as load_suite

_PUBLIC = {
    "AcceptedRun": "records",
    "Baseline": "records",
    "BilledError": "errors",
    "Capabilities": "providers.capabilities",
    "Case": "records",
    "Comparison": "evaluation.comparison",
    "Config": "config",
    "ConfigError": "errors",
    "Citation": "records",
    "Context": "records",
    "EvalHarnessError": "errors",
    "Evaluation": "evaluation.api",
    "Executor": "execution.executor",
    "GateContext": "gate.context",
    "GateKind": "gate.kinds",
    "GateResult": "gate.evidence",
    "GitError": "errors",
    "Judge": "scoring.judges.base",
    "Message": "records",
    "Metric": "scoring.metrics.base",
    "MetricError": "errors",
    "MissingExtraError": "errors",
    "ModelUnavailableError": "errors",
    "NoComparison": "gate.context",
    "NotApplicable": "records",
    "Opinion": "scoring.judges.base",
    "Outcome": "report",
    "Params": "records",
    "Provider": "providers.base",
    "ProviderError": "errors",
    "Question": "scoring.judges.base",
    "RefusedError": "errors",
    "ReportFormat": "report",
    "Request": "records",
    "Response": "records",
    "RetryableError": "errors",
    "Run": "records",
    "Sample": "records",
    "SampleKey": "records",
    "SampleView": "scoring.metrics.base",
    "Score": "records",
    "ScriptedProvider": "providers.scripted",
    "StoreError": "errors",
    "Suite": "records",
    "SuiteError": "errors",
    "ThrottledError": "errors",
    "Timing": "records",
    "Tool": "records",
    "ToolCall": "records",
    "UnknownOutcomeError": "errors",
    "Usage": "records",
    "Verdict": "records",
    "aevaluate": "evaluation.api",
    "compare": "evaluation.comparison",
    "evaluate": "evaluation.api",
    "load_config": "config",
    "load_suite": "suites",
    "read_baseline": "store",
    "read_run": "store",
    "request_to": "scoring.metrics.base",
}

__all__ = ["__version__", *_PUBLIC]

if not TYPE_CHECKING:  # a checker must refuse a name that is not above

    def __getattr__(name):
        if name not in _PUBLIC:
            raise AttributeError(f"module 'evalharness' has no attribute {name!r}")
        return getattr(importlib.import_module(f"evalharness.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
