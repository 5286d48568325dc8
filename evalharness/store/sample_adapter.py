"""Reads and writes samples by their types. Imported on first use: making this takes ten milliseconds."""

from __future__ import annotations

from pydantic import TypeAdapter

from evalharness.records import Sample

SAMPLES = TypeAdapter(Sample)
