"""`_Script`: what command-line programs have in common."""

from __future__ import annotations

import argparse
import inspect
import logging
import os
import sys
from pathlib import Path
from typing import IO, Any

from gc3libs.cmdline._logging import make_logger, messages
from gc3libs.cmdline._trouble import advice, described, exit_code, is_to_be_caught
from gc3libs.cmdline.options import add_base
from gc3libs.config import Configuration
from gc3libs.exceptions import InvalidArgument


class _Script:
    """A command-line program: a parser, messages, and an exit code for everything.

    A class of its own has a docstring, which is the text of `--help`, and defines `setup_args`,
    `setup_options`, `parse_args` and `main` as it needs them.

    Args:
        version: What `--version` says; may be an attribute of the class instead.
        description: Text of `--help`, if not the class's docstring.
        name: Of the program; default: that of its file.
        usage, epilog: Further text of `--help`.
        argv: The command line; default: that of the process.
        stdin, stdout, stderr: Default: those of the process.
        exit_after_main: `run` ends the process.
        **extra: Become attributes.

    Attributes:
        params: The values of arguments and options.
        actions: The options and arguments by the name that they have in `params`.
        log: A logger named as the program.
        config: Which configuration files of GC3Pie hold.

    Raises:
        InvalidArgument: There is no version, or no description.
    """

    version: str
    verbose_logging_threshold = 0
    params: argparse.Namespace

    def __init__(
        self,
        *,
        version: str | None = None,
        description: str | None = None,
        name: str | None = None,
        usage: str | None = None,
        epilog: str | None = None,
        argv: list[str] | None = None,
        stdin: IO[str] | None = None,
        stdout: IO[str] | None = None,
        stderr: IO[str] | None = None,
        exit_after_main: bool = True,
        **extra: Any,
    ) -> None:
        self.argv = sys.argv if argv is None else argv
        self.name = name or Path(self.argv[0]).stem
        self.stdin: IO[str] = sys.stdin if stdin is None else stdin
        self.stdout: IO[str] = sys.stdout if stdout is None else stdout
        self.stderr: IO[str] = sys.stderr if stderr is None else stderr
        self.exit_after_main = exit_after_main
        for attribute, value in extra.items():
            setattr(self, attribute, value)
        if version is not None:
            self.version = version
        if getattr(self, "version", None) is None:
            raise InvalidArgument(f"{type(self).__name__} needs a version=, shown by --version")
        text = description or vars(type(self)).get("__doc__")
        if not text:
            raise InvalidArgument(
                f"{type(self).__name__} needs a docstring, shown by --help, or a description="
            )
        self.log: logging.Logger = logging.getLogger(self.name)
        self.actions: dict[str, argparse.Action] = {}
        self._own: list[argparse.Action] = []
        self._options: list[argparse.Action] = []
        self._parser = self._built(inspect.cleandoc(text), usage, epilog)

    # the command line

    def _built(self, description: str, usage: str | None, epilog: str | None) -> Any:
        """The parser: the script's own options before the standard ones, whose letters win."""
        base, own, standard = (_part() for _ in range(3))
        self._target = base.add_argument
        add_base(self._add, f"{self.name} {self.version}")
        self._add_base()
        self._target = standard.add_argument_group("session and tasks").add_argument
        self._add_standard()
        self._target = own.add_argument
        self.setup_options()
        self.setup_args()
        parser = argparse.ArgumentParser(
            prog=self.name,
            usage=usage,
            description=description,
            epilog=epilog,
            parents=[base, own, standard],
            formatter_class=argparse.RawDescriptionHelpFormatter,
            conflict_handler="resolve",
        )
        lost = [each for each in self._options if not each.option_strings]
        parser.set_defaults(**{each.dest: each.default for each in lost})
        return parser

    def _add(self, *names: Any, **options: Any) -> argparse.Action:
        action: argparse.Action = self._target(*names, **options)
        self.actions[action.dest] = action
        if action.option_strings:
            self._options.append(action)
        return action

    def add_param(self, *names: Any, **options: Any) -> argparse.Action:
        """Add an option or an argument, as `argparse.ArgumentParser.add_argument` takes it."""
        action = self._add(*names, **options)
        self._own.append(action)
        return action

    def _add_base(self) -> None:
        """Add further options that a script's own ones replace."""

    def _add_standard(self) -> None:
        """Add further options whose letters a script's own ones do not get."""

    def setup_options(self) -> None:
        """Add options, by `add_param`. To be overridden."""

    def setup_args(self) -> None:
        """Add arguments, by `add_param`. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not say what its arguments are")

    def parse_args(self) -> None:
        """Check the values in `params`, and make of them what is needed. To be overridden.

        To refuse them, raise `InvalidUsage`.
        """

    # running

    def run(self) -> int:
        """Do what the command line says, and end the process with an exit code that tells.

        Whatever goes wrong is said in a line. With the environment variable
        `GC3PIE_NO_CATCH_ERRORS`, it is raised.

        Returns:
            The exit code, if the process is not to be ended.
        """
        try:
            code = self._run()
        except (Exception, KeyboardInterrupt) as err:
            if not is_to_be_caught():
                raise
            code = exit_code(err)
            self._report(err)
        if self.exit_after_main:
            sys.exit(code)
        return code

    def _run(self) -> int:
        messages(self.name)
        self.params = self._parser.parse_args(self.argv[1:])
        self._prepare()
        self.log = make_logger(
            int(self.params.verbose or 0), self.name, self.verbose_logging_threshold
        )
        self.config = Configuration(*self.params.config_files)
        self._configure()
        self.parse_args()
        return self.main()

    def _prepare(self) -> None:
        """Bring `params` to the form that scripts expect."""
        self.params.config_files = self.params.config_files.split(",")

    def _configure(self) -> None:
        """Find out what the configuration says."""

    def main(self) -> int:
        """Do the work; the exit code. To be overridden."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it does")

    def _report(self, error: BaseException) -> None:
        handler = messages(self.name)
        text = "stopped" if isinstance(error, KeyboardInterrupt) else described(error)
        if not str(error) or handler.said != str(error):
            self.log.critical("%s", text)
        self.log.debug("this is where it was raised", exc_info=error)
        hint = advice(error, self.name)
        if hint:
            self._say(hint, self.stderr)

    def _say(self, text: str, stream: IO[str] | None = None) -> None:
        """Print for the user; somebody who does not listen any more is no reason to stop."""
        try:
            print(text, file=stream or self.stdout, flush=True)
        except BrokenPipeError:
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123  # for what is still to come
                os.dup2(nowhere.fileno(), (stream or self.stdout).fileno())

    def _typed(self) -> list[str]:
        """The command line, as it was typed."""
        return list(sys.orig_argv if self.argv is sys.argv else self.argv)


def _part() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(add_help=False, conflict_handler="resolve")
