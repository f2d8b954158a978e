"""`gc3 undo`."""

from __future__ import annotations

import argparse

from gc3libs.cli import _exits as exits
from gc3libs.cli._ordering import order
from gc3libs.cli._output import clock, iso, plural, say, write, write_json
from gc3libs.cli._place import open_session, split
from gc3libs.cmdline._requests import Request
from gc3libs.cmdline._undo import Log

MORE = """\
What commands have changed is kept in the session for 30 days, and up to 1 GB.
Removed tasks come back at the end of the list. What has gone on since stays as
it is. Jobs that were ended do not come back: retry them.
"""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 undo [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--list", action="store_true", help="what can be taken back, last first")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be done")


def run(args: argparse.Namespace) -> int:
    path, rest = split(args.session, args.words)
    if rest:
        raise exits.UsageError(f"{rest[0]!r} is too much: gc3 undo [SESSION]")
    session = open_session(path)
    try:
        log = Log(session.path)
        files = log.files()
        if args.list:
            changes = [log.read(file) for file in reversed(files)]
            if args.json:
                known = [{"verb": c.verb, "count": c.count, "time": iso(c.time)} for c in changes]
                write_json("undo", session.path, changes=known)
            for change in [] if args.json else changes:
                write(f"{clock(change.time)}  {change.verb} of {plural(change.count)}")
            return exits.OK
        if not files:
            raise exits.CannotDo(f"there is nothing to take back in {session.name}")
        last = log.read(files[-1])
        what = f"{last.verb} of {plural(last.count)} at {clock(last.time)}"
        if args.dry_run:
            say(f"would take back: {what}", quiet=args.quiet)
            return exits.OK
        outcome = order(session, Request(verb="undo"))
        done, left = (0, 0) if outcome is None else (len(outcome.done), len(outcome.left))
        if args.json:
            write_json(
                "undo", session.path, verb=last.verb, done=done, left=left, queued=outcome is None
            )
        elif outcome is None:
            say(f"queued: whoever runs {session.name} will take back: {what}", quiet=args.quiet)
        else:
            stays = f"; {plural(left)} went on since and stay" if left else ""
            say(f"taken back: {what}{stays}", quiet=args.quiet)
    finally:
        session.close()
    return exits.OK
