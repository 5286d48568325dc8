"""Telemetry of dependencies, switched off before they are imported.

Of the packages that evalharness imports, huggingface_hub sends telemetry, for sentence-transformers and transformers:
https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables.
"""

from __future__ import annotations

import os

SWITCHES = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
"""Environment variables that a dependency reads at import, and the value that switches its telemetry off."""


def switch_off() -> None:
    """Set the switches for this process and its children. Call it before the import of a package with telemetry."""
    os.environ.update(SWITCHES)
