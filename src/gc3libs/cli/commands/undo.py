"""`gc3 undo`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._ordering import order, say_left
from gc3libs.cli._output import clock, iso, plural, say, write, write_json
from gc3libs.cli._place import open_session, split
from gc3libs.cmdline._requests import Request
from gc3libs.cmdline._undo import Change, Log

if TYPE_CHECKING:
    from gc3libs.cmdline._desk import Outcome
    from gc3libs.session import Session

MORE = """\
What commands have changed is kept in the session for 30 days, and up to 1 GB
(settings undo_time, undo_size). Removed tasks come back to their place. What
has gone on since stays as it is. Jobs that were ended do not come back: retry
them.
"""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 undo [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help="what can be taken back, last first")
    types.add_dry_run(parser)


def run(args: argparse.Namespace) -> int:
    path, rest = split(args.session, args.words)
    if rest:
        raise exits.UsageError(f"{rest[0]!r} is too much: gc3 undo [SESSION]")
    session = open_session(path)
    try:
        log = Log(session.path)
        if args.list:
            return _list(args, session, log)
        files = log.files()
        if not files:
            raise exits.CannotDo(f"there is nothing to take back in {session.name}")
        last = log.read(files[-1])
        if args.dry_run:
            return _only_say(args, session, last)
        return _report(args, session, last, order(session, Request(verb="undo")))
    finally:
        session.close()


def _list(args: argparse.Namespace, session: Session, log: Log) -> int:
    changes = [log.read(file) for file in reversed(log.files())]
    if args.json:
        known = [{"verb": c.verb, "count": c.count, "time": iso(c.time)} for c in changes]
        write_json("undo", session.path, changes=known)
        return exits.OK
    for change in changes:
        write(f"{clock(change.time)}  {change.verb} of {plural(change.count)}")
    return exits.OK


def _only_say(args: argparse.Namespace, session: Session, last: Change) -> int:
    if args.json:
        ids = [*(record.id for record in last.records), *last.removed]
        write_json(
            "undo", session.path, verb=last.verb, ids=ids, left={}, queued=False, dry_run=True
        )
    else:
        say(f"would take back: {_words(last)}", quiet=args.quiet)
    return exits.OK


def _report(
    args: argparse.Namespace, session: Session, last: Change, outcome: Outcome | None
) -> int:
    done, left = ([], {}) if outcome is None else (outcome.done, outcome.left)
    if args.json:
        queued = outcome is None
        write_json("undo", session.path, verb=last.verb, ids=done, left=left, queued=queued)
    elif outcome is None:
        say(f"queued: whoever runs {session.name} will take back: {_words(last)}", quiet=args.quiet)
    else:
        say(f"{'taken back' if done else 'nothing was left of'}: {_words(last)}", quiet=args.quiet)
        say_left(left)
    return exits.OK


def _words(change: Change) -> str:
    return f"{change.verb} of {plural(change.count)} at {clock(change.time)}"
