"""`gc3 new`."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._output import say, write_json
from gc3libs.cli._place import is_session

MORE = """\
stores:
  sqlite (default), file, or a URL such as
  postgresql://USER@HOST/DATABASE#table=NAME

example:
  gc3 new flu
"""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.add_argument("path", metavar="SESSION", help="the directory to make")
    parser.add_argument("--store", metavar="URL", default="sqlite", help="where tasks are kept")
    types.add_dry_run(parser)


def run(args: argparse.Namespace) -> int:
    from gc3libs.session import Session

    if is_session(args.path):
        raise exits.CannotDo(
            f"there is a session {args.path} already. To look: gc3 status {shlex.quote(args.path)}"
        )
    if args.dry_run:
        return _only_say(args)
    session = Session(args.path, store_or_url=args.store)
    try:
        if args.json:
            write_json(
                "new", session.path, name=session.name, uuid=session.uuid, store=session.store_url
            )
        else:
            named = shlex.quote(args.path)
            say(f"made {Path(args.path)}. Next: gc3 add {named} -- COMMAND ...", quiet=args.quiet)
    finally:
        session.close()
    return exits.OK


def _only_say(args: argparse.Namespace) -> int:
    path = Path(args.path).absolute()
    if args.json:
        write_json("new", str(path), name=path.name, uuid=None, store=args.store, dry_run=True)
    else:
        say(f"would make the session {args.path}, with the store {args.store}", quiet=args.quiet)
    return exits.OK
