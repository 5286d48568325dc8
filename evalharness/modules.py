"""Imports belong to the thread that calls `evaluate()`; the threads that a run starts import nothing.

Two threads that import the same modules can meet a half-made module, and where Python writes no bytecode they compile
at the same time, which crashes some versions (python/cpython#106905). So whatever a thread needs is imported first:

    extensions                    opened with the plan, by the registry
    modules of a provider         named in `Provider.modules`, imported before its first request is queued
    modules of a metric           imported by `Metric.warm_up`; responses wait for it before they are scored
    modules of the last steps     imported while the first requests are in flight

Under pytest and on the command line, the thread that calls `evaluate()` is the main thread.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache

LAST_STEPS = (
    "evalharness.gate.decide",
    "evalharness.gate.cost",
    "evalharness.gate.latency",
    "evalharness.gate.scores",
    "evalharness.gate.staged",
    "evalharness.report.contents",
    "evalharness.report.html",
    "evalharness.report.markdown",
    "evalharness.report.terminal",
    "evalharness.store.sample_adapter",
    "numpy.fft",
    "numpy.ma",
    "numpy.random",
)
"""The modules that write samples, decide and report."""
ON_DEMAND = (
    "encodings.unicode_escape",
    "evalharness.criteria.changes",
    "evalharness.criteria.labels",
    "evalharness.criteria.twins",
    "evalharness.evaluation.compared_answers",
    "evalharness.evaluation.judge_again",
    "evalharness.evaluation.judge_labels",
    "evalharness.evaluation.judged_again",
    "evalharness.gate.attainment",
    "evalharness.gate.goodput",
    "evalharness.gate.kinds.judged",
    "evalharness.gate.pairwise",
    "evalharness.report.export",
    "evalharness.report.verdict_file",
    "evalharness.store.acceptances",
    "evalharness.store.answer_labels",
    "rapidfuzz.distance",
)
"""What the last steps import on first use. `aevaluate` imports it early: it evaluates in a thread of its own."""
_OBJECTS = 200_000
"""New objects between two collections of the youngest ones. Python's default is 700."""


def import_modules(names: Iterable[str]) -> None:
    """Import modules by name. A missing one shows where it is used. Ctrl-C takes effect once they are imported."""
    with _interrupted_later():
        for name in names:
            with suppress(ImportError):
                importlib.import_module(name)


@contextmanager
def _interrupted_later() -> Iterator[None]:
    """Keep Ctrl-C back: an import that it cuts short cannot be made again, since numpy is only loaded once."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:
        yield  # the handler belongs to the main thread, or is not of Python
        return
    interrupts: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if interrupts:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def not_collected() -> Iterator[None]:
    """Import without the garbage collector, which would scan the modules again and again, then and later.

    It takes a quarter of the processor time of a short command.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        _freeze()
    finally:
        if enabled:
            gc.enable()


@cache
def _freeze() -> None:
    """Freeze what is there, once: frozen garbage is never freed, and a process of many commands would keep it all."""
    gc.freeze()


@cache
def end_without_collection() -> None:
    """Let this process end without a last garbage collection, which takes twenty milliseconds after a run."""
    atexit.register(gc.freeze)


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Run with few garbage collections: a run keeps what it makes, and each full collection scans all of it.

    They take an eighth of the processor time of a run with 10,000 cases.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
