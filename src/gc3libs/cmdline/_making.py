"""From what `new_tasks` gives to tasks: their names, and where their outputs go."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from gc3libs.exceptions import InternalError
from gc3libs.model import Job, Task
from gc3libs.persistence.children import Unavailable

logger = logging.getLogger(__name__)

NAME = "NAME"
"""Stands for the job name in paths of output directories."""

_DEFAULTED = ("output_dir", "requested_cores", "requested_memory", "requested_walltime")
"""Keywords that a description of a task need not have."""


class Maker:
    """Makes tasks of what a script's `new_tasks` gives.

    Args:
        extra: What tasks are made with. The word NAME in `output_dir` stands for the job name.
        name: Of the script, for error messages.
        enforce_memory: A job is ended if it takes more than the `requested_memory` of `extra`;
            otherwise that only tells how many find a place at a time.
        home: The session's directory; paths of inputs count as seen from there.
    """

    def __init__(
        self,
        extra: dict[str, Any],
        name: str,
        *,
        enforce_memory: bool,
        home: str | None = None,
    ) -> None:
        self._home = home
        self._output_dir: str | None = extra.get("output_dir")
        self._extra = extra
        self._script = name
        self._unenforced = None if enforce_memory else extra.get("requested_memory")

    def tasks(self, items: Iterable[Any]) -> Iterator[Task]:
        """The tasks, each with a job name.

        Raises:
            InternalError: An item is no task and describes none.
        """
        for position, item in enumerate(items, 1):
            task = item if isinstance(item, Task) else self._made_of(item)
            if task is None:
                continue
            if "jobname" not in task:
                task.jobname = f"{type(task).__name__}-N{position}"
            self.settle(task, type(task).__name__)
            yield task

    def _made_of(self, item: Any) -> Task | None:
        """The task of a description `(jobname, class, arguments, keywords)`."""
        if not (isinstance(item, tuple) and len(item) == 4):
            raise InternalError(
                f"new_tasks() of {self._script} gave {item!r}: give tasks, or tuples of job name,"
                " class, arguments and keywords"
            )
        warnings.warn(
            f"new_tasks() of {self._script} gave a tuple: give a task",
            DeprecationWarning,
            stacklevel=2,
        )
        jobname, cls, args, kwargs = item
        defaults = {name: self._extra[name] for name in _DEFAULTED if name in self._extra}
        keywords = {"jobname": jobname, **defaults, **kwargs}
        if isinstance(keywords.get("output_dir"), str):
            keywords["output_dir"] = keywords["output_dir"].replace(NAME, jobname)
        try:
            task: Task = cls(*args, **keywords)
        except Exception as err:  # noqa: BLE001  # one bad input does not stop the others
            logger.error("task %s was left out: %s: %s", jobname, type(err).__name__, err)
            return None
        return task

    def settle(self, task: Task, name: str) -> None:
        """Give a task, and what is in it, their directories: the job name comes where NAME stands.

        Args:
            name: What to take if the task has no job name.
        """
        waiting = [(task, name)]
        while waiting:
            task, name = waiting.pop()
            name = task.__dict__.get("jobname") or name
            self._settle_one(task, name)
            children = [each for each in task._owned() or () if not isinstance(each, Unavailable)]
            if len(children) == 1:
                waiting.append((cast("Task", children[0]), name))
            else:
                numbered = enumerate(children, 1)
                waiting += [(cast("Task", each), f"{name}-{n}") for n, each in numbered]

    def _settle_one(self, task: Task, name: str) -> None:
        if self._home is not None:
            task._set_home(self._home)
        if task.would_output and self._is_template(task):
            assert self._output_dir is not None
            task.output_dir = self._output_dir.replace(NAME, name)
        if self._unenforced is not None and isinstance(task, Job):
            asked = task.requested_memory
            if asked is not None and asked == self._unenforced:
                task.enforce_memory = False

    def _is_template(self, task: Task) -> bool:
        """Whether the task's outputs would go to a directory that is called NAME, or nowhere."""
        own = task.__dict__
        if self._output_dir is None:
            return False
        if "output_dir" not in own:
            return task._leaf
        return bool(own["output_dir"] == self._output_dir)


def filled_in(path: str, *, session: str, name: str) -> str:
    """A path with the words in it replaced: SESSION, NAME, DATE and TIME.

    The current directory's own path is left as it is.

    >>> filled_in("out/NAME", session="/s", name="first")
    'out/first'
    """
    here = f"{Path.cwd()}/"
    fixed, rest = (here, path[len(here) :]) if path.startswith(here) else ("", path)
    words = {
        "SESSION": f"{session}.out",
        NAME: name,
        "DATE": time.strftime("%Y-%m-%d"),
        "TIME": time.strftime("%H:%M"),
    }
    for word, value in words.items():
        rest = rest.replace(word, value)
    return rest if rest.startswith("/") else fixed + rest
