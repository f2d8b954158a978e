"""The former name of `gc3libs.workflow`."""

from gc3libs import workflow
from gc3libs.compat._deprecation import moved

__getattr__ = moved(
    __name__,
    {name: (f"gc3libs.workflow.{name}", getattr(workflow, name)) for name in workflow.__all__},
)
