"""Which command is meant, and what became of it."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from gc3libs.cli import _exits as exits
from gc3libs.cli._table import COMMANDS, Command, overview
from gc3libs.exceptions import Error


def main(argv: Sequence[str] | None = None) -> int:
    """The command `gc3`; gives its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run(words)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return exits.PIPE
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except exits.UsageError as err:
        return _complain(err, exits.USAGE)
    except Error as err:
        return _complain(err, exits.FATAL)
    except OSError as err:
        where = "" if err.filename is None else f"{err.filename}: "
        return _complain(f"{where}{err.strerror or err}", exits.FATAL)
    except SystemExit as err:  # --help and --version
        sys.stdout.flush()
        return err.code if isinstance(err.code, int) else exits.OK
    except Exception as err:  # noqa: BLE001  # a fault of ours
        return _own_up(err, words)
    return code


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        return _help(words[1:])
    if words[0] in ("-V", "--version"):
        from gc3libs.cli._parser import version

        sys.stdout.write(f"{version()}\n")
        return exits.OK
    if words[0] == "_complete":
        from gc3libs.cli._completing import complete

        return complete(words[1:])
    return _run_command(_command(words[0]), words[1:])


def _help(words: Sequence[str]) -> int:
    if words:
        return _run_command(_command(words[0]), ["--help"])
    sys.stdout.write(f"{overview()}\n")
    return exits.OK


def _command(name: str) -> Command:
    command = COMMANDS.get(name)
    if command is None:
        import difflib

        near = difflib.get_close_matches(name, COMMANDS, 1)
        hint = f"Did you mean {near[0]!r}?" if near else "gc3 shows the commands."
        raise exits.UsageError(f"there is no command {name!r}. {hint}")
    return command


def _run_command(command: Command, words: Sequence[str]) -> int:
    from gc3libs.cli._parser import add_common_options, make_parser

    module: Any = import_module(f"gc3libs.cli.commands.{command.module}")
    parser = make_parser(command.name, command.summary, more=getattr(module, "MORE", ""))
    module.arguments(parser, command.name)
    add_common_options(parser)
    take_apart = getattr(module, "take_apart", None)
    words, rest = (words, []) if take_apart is None else take_apart(parser, list(words))
    args = parser.parse(words)
    args.command, args.rest = command.name, rest
    _log(args.verbose - args.quiet)
    code: int = module.run(args)
    return code


def _log(verbosity: int) -> None:
    import logging

    from gc3libs.cli._output import printable

    class _OneLine(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            return f"gc3: {printable(record.getMessage())}"

    level = {-1: logging.ERROR, 0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def _own_up(err: Exception, words: Sequence[str]) -> int:
    """Say that something went wrong that never should; the traceback goes into a file."""
    import traceback

    report = f"{shlex.join(['gc3', *words])}\n\n{''.join(traceback.format_exception(err))}"
    return _complain(
        f"a fault of gc3 itself: {type(err).__name__}: {err}\n"
        f"gc3: what its authors need to know is in {_kept(report)}",
        exits.FAULT,
    )


def _kept(report: str) -> str:
    """The file that has it from now on; the report itself where there can be none."""
    from platformdirs import user_state_path

    path = user_state_path("gc3libs") / "fault.txt"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(report, encoding="utf-8", errors="backslashreplace")
    except OSError:
        return f"this report:\n{report}"
    return str(path)


def _complain(err: object, code: int) -> int:
    try:
        sys.stdout.flush()
        sys.stderr.write(f"gc3: {err}\n")
    except BrokenPipeError:
        _forget_output()
    return code


def _forget_output() -> None:
    """Whoever read the output has gone: have the interpreter's last flush go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
