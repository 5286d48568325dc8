"""The progress line of `evalharness load`; silent unless stdout is a terminal outside of CI."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from evalharness.cli._output import progress_bar
from evalharness.load.tally import meets
from evalharness.load.wording import percent
from evalharness.records.load import LoadBound, LoadRequest
from evalharness.report.encode import one_line
from evalharness.report.progress import fitting, is_live

_BAR, _LABEL = 10, 14


class LoadProgress(ExitStack):
    """Requests, attainment so far and errors on one line. Use as a context manager."""

    def __init__(self, label: str, total: int, bounds: Sequence[LoadBound], *, hidden: bool = False) -> None:
        super().__init__()
        self._bounds, self._ended, self._good, self._errors = bounds, 0, 0, 0
        self._bar = self.enter_context(
            progress_bar(
                one_line(label, _LABEL),
                figures=self._shown,
                length=total,
                hidden=hidden or not is_live(sys.stdout),
                show_pos=True,
                show_percent=False,
                show_eta=False,
                width=_BAR,
                update_min_steps=max(1, total // 200),
            )
        )

    def add(self, request: LoadRequest) -> None:
        """Count a request that has ended."""
        self._ended += 1
        self._good += meets(request, self._bounds)
        self._errors += request.error != ""
        self._bar.update(1)

    def _shown(self) -> str:
        if not self._ended:  # the bar draws itself before it has its name here
            return ""
        start = f"{self._bar.label}  [{'#' * _BAR}]  {self._bar.format_pos()}  "
        texts = [f"{percent(self._good / self._ended)} good"]
        texts += [f"{self._errors:,} errors"] if self._errors else []
        return fitting(texts, shutil.get_terminal_size().columns - 1 - len(start))
