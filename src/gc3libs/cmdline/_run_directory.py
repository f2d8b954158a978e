"""Where, in the directory `run` of a session, what is known of jobs lies."""

from __future__ import annotations

import os
from pathlib import Path


def of_others(run_directory: str | os.PathLike[str]) -> Path:
    """Where resources that are not this machine have a directory each."""
    return Path(run_directory) / "resources"


def run_of(run_directory: str | os.PathLike[str], resource: str) -> Path:
    """Where a session has what is known of its jobs at a resource."""
    other = of_others(run_directory) / resource
    return other if resource and other.is_dir() else Path(run_directory)
