"""Write the files of a new project: a model, a suite, goldens, a workflow."""

from evalharness.scaffold.models import ScaffoldModel, configured_model, scaffold_model
from evalharness.scaffold.project import FileChange, write_project

__all__ = ["FileChange", "ScaffoldModel", "configured_model", "scaffold_model", "write_project"]
