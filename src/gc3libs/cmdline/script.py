"""`SessionBasedScript`: a program that makes tasks of its arguments, and runs them in a session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gc3libs.cmdline._frame import Frame
from gc3libs.cmdline._inputs import search
from gc3libs.exceptions import InvalidArgument

__all__ = ["SessionBasedScript"]


class SessionBasedScript(Frame):
    """A program that makes tasks of its arguments, keeps them in a session, and runs them.

    A class of its own has a docstring (the text of `--help`) and defines `new_tasks`. Run with the
    arguments with which the session was made, it goes on; with others, new tasks are added.

    Each round, and there is one unless `-C` is given, calls `every_main_loop`, starts what can be
    started and takes in what is over. The exit code is the sum of 2 if some task has failed, 4 if
    some is in flight, and 8 if some waits; 1 means that the script itself could not go on.

    Ctrl-C leaves what runs as it is, prints the command that goes on, and lets `after_main_loop`
    run; pressed once more, within two seconds, it ends what runs.

    Args:
        application: Class of the tasks that the default `new_tasks` makes.
        stats_only_for: Class, or classes, of tasks that the summary counts; None: all.
        input_filename_pattern: Of the files that the default `new_tasks` takes.
        instances_per_file: How many instances each file has; more than one makes more tasks.
        instances_per_job: How many of them a task has.
        **extra: As for any script: `version`, `name`, `description`, ...; others become attributes.

    Attributes:
        params: The values of arguments and options.
        session: The session; None until `parse_args` has been called.
        extra: What `new_tasks` is given; may be added to in `parse_args`.
    """

    def __init__(
        self,
        *,
        application: Any = None,
        stats_only_for: Any = None,
        input_filename_pattern: str | None = None,
        instances_per_file: int = 1,
        instances_per_job: int = 1,
        **extra: Any,
    ) -> None:
        self.application = application
        self.stats_only_for = stats_only_for
        self.input_filename_pattern = input_filename_pattern
        self.instances_per_file = instances_per_file
        self.instances_per_job = instances_per_job
        self.extra: dict[str, Any] = {}
        super().__init__(**extra)

    # what scripts override

    def setup_args(self) -> None:
        """Add arguments; by default `args`, any number of them."""
        self.add_param(
            "args",
            nargs="*",
            metavar="INPUT",
            help="files, or directories that are searched for files, to make tasks of",
        )

    def new_tasks(self, extra: dict[str, Any]) -> Iterable[Any]:
        """The tasks, made of `params`; by default, one or more for each input file.

        Args:
            extra: Keywords for tasks: `requested_cores`, `requested_memory`, `requested_walltime`,
                `output_dir` (in which the word NAME stands for the job name), and those of
                `self.extra`.

        Raises:
            InvalidArgument: The script says neither how tasks are made nor of which class they are.
        """
        if self.application is None:
            raise InvalidArgument(
                f"{type(self).__name__} has to define new_tasks(), or be given application="
            )
        for path in sorted(self._search_for_input_files(self.params.args)):
            base = Path(path).stem
            for name in self._instances(base):
                yield name, self.application, [path], extra.copy()

    def _instances(self, base: str) -> Iterator[str]:
        """Names of the tasks of one input file."""
        total, step = self.instances_per_file, self.instances_per_job
        if total <= 1:
            yield base
            return
        for first in range(1, total + 1, step):
            last = min(first + step - 1, total)
            yield f"{base}.{first}--{last}" if step > 1 else f"{base}.{first}"

    def process_args(self) -> None:
        """Add the tasks that `new_tasks` makes of the arguments to the session."""
        maker = self._maker()
        with self._interrupts.allowed():
            made = self.new_tasks(self.extra.copy())
        self._supply.take(self._interrupts.allowed_between(maker.tasks(made)))

    def _search_for_input_files(self, paths: Iterable[str], pattern: str | None = None) -> set[str]:
        """The files that paths of files and directories mean; see `input_filename_pattern`."""
        chosen = pattern or self.input_filename_pattern
        return search(paths, chosen, self.log, complete=pattern is None)

    @property
    def _makes_tasks_its_own_way(self) -> bool:
        return type(self).process_args is not SessionBasedScript.process_args
