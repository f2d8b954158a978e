"""`gc3 wait`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gc3libs._clock import SYSTEM
from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._ending import exit_code
from gc3libs.cli._figures import numbers_of
from gc3libs.cli._output import say, write_json
from gc3libs.cli._place import open_session, split
from gc3libs.cli._where import Condition, unknown_name
from gc3libs.cmdline._requests import Queue

if TYPE_CHECKING:
    from gc3libs.session import Session

MORE = """\
conditions are about numbers of tasks:
  total done failed running waiting held over
  gc3 wait flu --for 'failed > 0 or done >= 100'

exit code: as that of run; 0 if the condition of --for holds; 124 after
--timeout.
"""
_PAUSES = (0.1, 0.25, 0.5, 1.0)
"""Seconds between two looks; the last one again and again."""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 wait [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--for", dest="condition", metavar="CONDITION", help="until this holds")
    parser.add_argument("--timeout", metavar="TIME", type=types.duration, help="at most so long")


def run(args: argparse.Namespace) -> int:
    path, rest = split(args.session, args.words)
    if rest:
        raise exits.UsageError(f"{rest[0]!r} is too much: gc3 wait [SESSION]")
    condition = Condition(args.condition) if args.condition else None
    session = open_session(path)
    try:
        code = _wait(session, condition, args)
        if args.json:
            write_json("wait", session.path, counts=numbers_of(session), code=code)
        return code
    finally:
        session.close()


def _is_asked_for_more(session: Session) -> bool:
    """Whether whoever runs the session has requests to carry out."""
    return bool(Queue(session.path)) and session.holder() is not None


def _wait(session: Session, condition: Condition | None, args: argparse.Namespace) -> int:
    limit = None if args.timeout is None else SYSTEM.monotonic() + args.timeout.in_seconds()
    pauses = iter(_PAUSES)
    while True:
        numbers = numbers_of(session)
        if condition is not None:
            for name in condition.names - numbers.keys():
                raise unknown_name(name, set(numbers), "there is no number")
            if condition(numbers.get):
                return exits.OK
        if numbers["waiting"] + numbers["running"] == 0 and not _is_asked_for_more(session):
            if condition is not None:
                say(f"all tasks are over, and not: {condition.text}", quiet=args.quiet)
            return exit_code(session.counts()) or (exits.OK if condition is None else exits.FATAL)
        if limit is not None and SYSTEM.monotonic() >= limit:
            return exits.TIMED_OUT
        pause = next(pauses, _PAUSES[-1])
        SYSTEM.sleep(pause if limit is None else min(pause, max(0, limit - SYSTEM.monotonic())))
