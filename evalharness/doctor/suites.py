"""Check each suite: problems, recorded responses, estimated cost of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from evalharness.config import Config
from evalharness.doctor.project import ledger_path
from evalharness.doctor.result import CheckResult
from evalharness.errors import EvalHarnessError, SuiteError
from evalharness.evaluation.plan import Plan, make_plan
from evalharness.evaluation.recorded import wanted_keys
from evalharness.providers import Provider
from evalharness.records import Request, SampleKey, Suite
from evalharness.report.usage import dollars
from evalharness.store.baselines import accepted_suites
from evalharness.store.ledger import Ledger
from evalharness.suites import load_suite, suite_names

_NO_MODEL = "no model: tests give the answers, with the fixture llm"


@dataclass(frozen=True, slots=True)
class SuiteCheck:
    """The result for one suite, and what other checks need to know about it."""

    result: CheckResult
    models: frozenset[str] = frozenset()
    """Models with unrecorded requests."""
    embedders: frozenset[str] = frozenset()
    name: str = ""


def check_suites(config: Config) -> Iterator[SuiteCheck]:
    """A check of each suite of the project."""
    opened: dict[str, Provider] = {}
    accepted = accepted_suites(config.root)
    for name in suite_names(config.root):
        yield _check(name, config, opened, "a baseline" if name in accepted else "no baseline yet")


def _check(name: str, config: Config, opened: dict[str, Provider], baseline: str) -> SuiteCheck:
    models: frozenset[str] = frozenset()
    try:
        suite = load_suite(name, config)
        models = frozenset(suite.models)
        if not suite.models:
            return SuiteCheck(CheckResult("suites", "ok", f"{name}: {len(suite.cases)} cases, {_NO_MODEL}; {baseline}"))
        plan = make_plan(suite, config, opened=opened)
        missing = _not_recorded(plan, config)
    except SuiteError as error:
        first, more = error.problems[0], len(error.problems) - 1
        rest = f" (and {more} more: evalharness validate {name})" if more else ""
        return SuiteCheck(CheckResult("suites", "broken", f"{first}{rest}", needed=True))
    except EvalHarnessError as error:
        return SuiteCheck(CheckResult("suites", "broken", f"{name}: {error}", needed=True), models)
    total = len(plan.requests)
    parts = [
        f"{len(suite.cases)} cases, {total} requests to {', '.join(plan.providers)}",
        f"{total - len(missing)} recorded",
        *_costs(plan, missing),
        baseline,
    ]
    result = CheckResult("suites", "ok", f"{name}: {'; '.join(parts)}", needed=True)
    return SuiteCheck(result, frozenset(request.key.model for request in missing), _embedders(suite), name)


def _not_recorded(plan: Plan, config: Config) -> list[Request]:
    """The requests without a recorded response. Raises StoreError."""
    found: Mapping[str, SampleKey] = {}
    path = ledger_path(config)
    if path.exists():
        wanted = wanted_keys(plan)
        with closing(Ledger(path)) as ledger:
            found = {key: wanted[key] for key in ledger.find(wanted)}
    recorded = set(found.values())
    return [request for _, request in plan.requests if request.key not in recorded]


def _costs(plan: Plan, missing: list[Request]) -> Iterator[str]:
    """The estimated cost of the missing responses, one text for each model."""
    for model, provider in plan.providers.items():
        mine = [request for request in missing if request.key.model == model]
        pricing = plan.pricing.get(model)
        if mine and pricing:
            about = dollars(sum(map(pricing.about_usd, mine)))
            most = dollars(sum(pricing.most_usd(request, provider.capabilities.deadline_s) for request in mine))
            yield f"a run costs about {about} at {model}, at most {most}"
        elif mine and provider.capabilities.price_reference:
            yield f"no price configured for {model}"


def _embedders(suite: Suite) -> frozenset[str]:
    return frozenset(str(spec.options.get("model")) for spec in suite.metrics if spec.name == "embedding")
