"""Why tasks failed, in a word or two."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gc3libs.backends.streams import last_line
from gc3libs.model.causes import family_of, in_short
from gc3libs.model.termination import words


def cause_of(task: Any) -> str:
    """Why a task failed, in a word or two, as far as that can be seen at once."""
    details = task.execution.details
    if details.error is not None:
        return str(details.error.type)
    return in_short(family_of(details.reason or _last_words(task))) or words(
        task.execution.returncode
    )


def _last_words(task: Any) -> str:
    """The last line of a task's standard error, where that was brought back."""
    name, place = getattr(task, "stderr", None), getattr(task, "output_path", None)
    return last_line(Path(place, name)) if isinstance(name, str) and place is not None else ""
