"""`Application`: a command with its files."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gc3libs.exceptions import InvalidArgument, InvalidType
from gc3libs.model._files import (
    ANY_OUTPUT,
    command_inputs,
    command_outputs,
    inside_job,
    is_here,
    job_name,
    plain_inputs,
    plain_outputs,
)
from gc3libs.model._plain import (
    Kept,
    freeze_inputs,
    freeze_outputs,
    thaw_inputs,
    thaw_outputs,
)
from gc3libs.model._shell import expanded
from gc3libs.model.job import Command, Job
from gc3libs.model.resources import (
    check_architecture,
    check_cores,
    check_gpus,
    check_nodes,
    check_site_name,
)
from gc3libs.url import UrlKeyDict, UrlValueDict

_STDOUT = -2
"""`subprocess.STDOUT`, without what comes with that module."""

_CHECKS = {
    "requested_architecture": check_architecture,
    "requested_cores": check_cores,
    "requested_gpus": check_gpus,
    "requested_nodes": check_nodes,
}
_SITE_NAMES = frozenset({"requested_account", "requested_qos", "requested_queue"})

logger = logging.getLogger(__name__)


class Application(Job):
    """A command that reads files, runs in a directory of its own, and leaves files.

    Args:
        arguments: The command and its arguments, or all of it as one text, split as a shell does.
            In an argument that contains `$` or a backtick, `$VAR`, `$(...)` and backticks are
            expanded when the job starts.
        inputs: Files and directories to copy to the job's directory: paths, URLs, pairs (path, name
            there), or a dictionary from path to name. Relative paths start at the current
            directory.
        outputs: What to bring back: names in the job's directory, pairs (name, path below
            `output_dir`), or a dictionary; or `ANY_OUTPUT`.
        output_dir: Where to. Made when outputs are brought back; one that holds anything is
            renamed `output_dir.~1~` first. None: nothing is brought back.
        **extra: `stdin` (path of a local file), `stdout`, `stderr` (names in the job's directory,
            brought back, too), `join` (standard error goes where standard output goes), `jobname`,
            `tags`, `environment`, `requested_cores`, `requested_memory`, `requested_walltime`,
            `requested_architecture`, `requested_nodes`, `requested_gpus`, `requested_queue`,
            `requested_account`, `requested_qos`, `capture`; anything else becomes an attribute.

    Raises:
        InvalidArgument: Something of this makes no sense; says what.

    >>> app = Application(["./fit", "--beta", 1.5], ["/data/fit"], ["fit.json"], "out", beta=1.5)
    >>> app.arguments, app.outputs["fit.json"].path, app.beta
    (['./fit', '--beta', '1.5'], 'fit.json', 1.5)
    """

    application_name = "generic"

    arguments: list[str | None]
    output_dir: str | None
    output_base_url: Any = None
    stdin: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    join: bool = True

    inputs: Kept[UrlKeyDict] = Kept(dict, thaw_inputs, freeze_inputs, plain_inputs, UrlKeyDict)
    outputs: Kept[UrlValueDict] = Kept(
        dict, thaw_outputs, freeze_outputs, plain_outputs, UrlValueDict
    )

    def __init__(
        self,
        arguments: str | Iterable[Any],
        inputs: Mapping[Any, Any] | Iterable[Any],
        outputs: Mapping[Any, Any] | Iterable[Any],
        output_dir: str | os.PathLike[str] | None,
        **extra: Any,
    ) -> None:
        attributes = self.__dict__
        attributes["arguments"] = _arguments(arguments, extra)
        self._remember_base()
        attributes["inputs"] = plain_inputs(inputs, attributes["_base"])
        attributes["outputs"] = plain_outputs(outputs)
        attributes["output_dir"] = None if output_dir is None else os.fspath(output_dir)
        if extra:
            self._check(extra)
            self._take(extra)
        if attributes["outputs"]:
            attributes["would_output"] = True

    def _check(self, extra: dict[str, Any]) -> None:
        """Bring the keywords that mean something to their final form."""
        for name, check in _CHECKS.items():
            if name in extra:
                extra[name] = check(extra[name])
        for name in _SITE_NAMES & extra.keys():
            extra[name] = check_site_name(name, extra[name])
        if "jobname" in extra:
            jobname = self._jobname(extra.pop("jobname"))
            if jobname is not None:
                extra["jobname"] = jobname
        if extra.get("stdin") is not None:
            extra["stdin"] = os.fspath(extra["stdin"])
            self._stage_stdin(extra["stdin"])
        if not extra.keys().isdisjoint(("stdout", "stderr", "join")):
            self._declare_streams(extra)

    def _jobname(self, jobname: Any) -> str | None:
        """A job name as batch systems take it: it begins with a letter."""
        if jobname is None:
            return None
        name = jobname.decode("ascii") if isinstance(jobname, bytes) else str(jobname)
        if not name:
            from uuid import uuid4

            name = f"GC3Pie.{type(self).__name__}.{uuid4()}"
            logger.warning("an empty job name was replaced by %s", name)
        elif not (name[0].isascii() and name[0].isalpha()):
            given, name = name, f"GC3Pie.{name}"
            logger.warning("job name %r does not begin with a letter: it becomes %r", given, name)
        return name

    def _stage_stdin(self, path: str) -> None:
        inputs = self.__dict__["inputs"]
        for place, name in plain_inputs([path]).items():
            inputs.setdefault(place, name)

    def _declare_streams(self, extra: dict[str, Any]) -> None:
        stdout, stderr = extra.get("stdout"), extra.get("stderr")
        join = bool(extra.get("join")) or stderr in (stdout, _STDOUT)
        if join:
            stderr = stdout
        outputs = self.__dict__["outputs"]
        for stream in (stdout, stderr):
            if stream is not None:
                name = inside_job(stream, "stdout or stderr")
                if name not in outputs and not any(map(_is_everything, outputs)):
                    outputs[name] = name
        extra["stdout"], extra["stderr"], extra["join"] = stdout, stderr, join

    def job_spec(self) -> Command:
        """What is to be run.

        Raises:
            InvalidArgument: There is no command, or None is among its arguments.
        """
        argv = self._argv()
        inputs = _frozen(self, "inputs")
        stdin = self.stdin
        if stdin is not None:
            stdin = job_name(inputs[next(iter(plain_inputs([stdin])))])
        return Command(
            argv=expanded(argv),
            environment=dict(self.environment),
            inputs=command_inputs(inputs),
            outputs=command_outputs(_frozen(self, "outputs")),
            executable=_in_job_directory(argv[0]),
            stdin=stdin,
            stdout=None if self.stdout is None else job_name(self.stdout),
            stderr=None if self.stderr is None or self.join else job_name(self.stderr),
            join=self.join and self.stdout is not None,
            capture=self.capture,
            **self._requests(),
        )

    def _argv(self) -> list[str]:
        argv = [str(each) for each in self.arguments if each is not None]
        if not argv:
            raise InvalidArgument(f"{self} has no command: its list of arguments is empty")
        if len(argv) < len(self.arguments):
            place = self.arguments.index(None)
            raise InvalidArgument(
                f"{self} cannot be started: argument {place} of {self.arguments!r} is None"
            )
        return argv

    def cmdline(self, resource: Any = None) -> list[str]:
        """The command with its environment, as one list of words."""
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        return [*(["/usr/bin/env", *variables] if variables else []), *self._argv()]

    def compatible_resources(self, resources: Sequence[Any]) -> list[Any]:
        """Those that are enabled and large enough.

        A resource says so by `enabled`, `architecture`, `max_cores_per_job`, `max_memory_per_core`
        and `max_walltime`.
        """
        return [resource for resource in resources if resource.enabled and self._fits(resource)]

    def rank_resources(self, resources: Sequence[Any]) -> list[Any]:
        """The same, the best first; those that were tried already come last.

        A resource says how full it is by `user_queued`, `free_slots`, `queued` and `user_run`.
        """
        details = self.execution.details
        tried = {details.resource, *(attempt.resource for attempt in details.attempts)}
        return sorted(
            resources,
            key=lambda each: (
                each.name in tried,
                each.user_queued,
                -each.free_slots,
                each.queued,
                each.user_run,
            ),
        )

    def _fits(self, resource: Any) -> bool:
        cores, memory, walltime = (
            self.requested_cores,
            self.requested_memory,
            self.requested_walltime,
        )
        architecture = self.requested_architecture
        return (
            (architecture is None or architecture in resource.architecture)
            and cores <= resource.max_cores_per_job
            and (memory is None or memory <= cores * resource.max_memory_per_core)
            and (walltime is None or walltime <= resource.max_walltime)
        )

    def _identity(self, parameters: dict[str, Any]) -> tuple[Any, ...]:
        inputs = {
            self._relative_to_home(place): name for place, name in _frozen(self, "inputs").items()
        }
        environment = self.__dict__.get("environment")
        return (
            self.__dict__["arguments"],
            inputs,
            _frozen(self, "outputs"),
            environment or {},
            parameters,
        )

    def _relative_to_home(self, place: str) -> str:
        """A path beside the session's directory as seen from there: both can be moved together."""
        if self._home is None:
            return place
        around = os.path.dirname(self._home)  # noqa: PTH120
        return place[len(around) :] if place.startswith(f"{around}/") else place


def _arguments(arguments: str | Iterable[Any], extra: dict[str, Any]) -> list[str | None]:
    if isinstance(arguments, str):
        words: list[str | None] = list(shlex.split(arguments))
    elif isinstance(arguments, Iterable) and not isinstance(arguments, bytes | Mapping):
        words = [None if each is None else str(each) for each in arguments]
    else:
        raise InvalidType(f"arguments={arguments!r}: give a list, or the command line as text")
    if "executable" in extra:
        logger.warning("the keyword `executable` is outdated: put it first in `arguments`")
        words.insert(0, str(extra.pop("executable")))
    return words


def _is_everything(name: str) -> bool:
    return name == ANY_OUTPUT or is_here(name)


def _in_job_directory(command: str) -> str | None:
    """The name of a command that begins with `./`; it lies in the job's directory."""
    if not command.startswith("./"):
        return None
    name = job_name(command)
    return None if name.startswith("..") else name


def _frozen(app: Application, attribute: str) -> dict[str, str]:
    """Inputs or outputs in plain form."""
    kept: Kept[Any] = getattr(Application, attribute)
    return kept.frozen(app.__dict__.get(attribute, {}))  # type: ignore[no-any-return]
