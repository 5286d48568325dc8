"""What `evalharness init` writes: a model that runs at once, a suite, a workflow. Nothing is overwritten."""

from evalharness.scaffold.models import ScaffoldModel, configured_model, scaffold_model
from evalharness.scaffold.project import Change, begin

__all__ = ["Change", "ScaffoldModel", "begin", "configured_model", "scaffold_model"]
