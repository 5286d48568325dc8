"""The files that a run writes into its folder. Those of an older run are deleted before."""

from __future__ import annotations

import os
from contextlib import suppress

from evalharness.evaluation.resources import Resources
from evalharness.store.files import delete_leftovers
from evalharness.store.folders import folder_of
from evalharness.store.runs import PART, RECORD

REFERENCE = "reference.jsonl"
"""File name of the record of the other version."""


def files_of(resources: Resources) -> list[str]:
    """The names of the files that a run writes into its folder: the records, then the reports."""
    return [RECORD, REFERENCE, *(one.file_name for one in resources.formats.values())]


def delete_stale_reports(resources: Resources, name: str) -> None:
    """Delete the files of an older run of a suite, so that none is taken for this run's.

    From now on, no other run can write there. A missing folder stays missing until the first sample. Raises StoreError
    if another run writes there, or the folder is a symbolic link.
    """
    folder = resources.folder(name)
    if not os.path.lexists(folder):
        return
    resources.lock(name)
    with folder_of(folder / RECORD, resources.config.root) as handle:
        delete_leftovers(files_of(resources), handle)
        for file in reversed(files_of(resources)):  # the record last: if this is interrupted, the others belong to it
            for stale in (file, f"{file}{PART}"):
                with suppress(OSError):  # a file that cannot be deleted cannot be written either, which raises later
                    os.unlink(stale, dir_fd=handle)
