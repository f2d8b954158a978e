"""`gc3 sessions`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._output import clock, iso, printable, say, write_json
from gc3libs.cli._place import is_session, open_session
from gc3libs.cli._tables import Column, write_table
from gc3libs.exceptions import Error

MORE = """\
example:
  gc3 sessions ~/campaigns
"""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 sessions [DIR] [options]"
    parser.add_argument(
        "directory", metavar="DIR", nargs="?", default=".", help="here if not given"
    )
    parser.add_argument(
        "--depth",
        metavar="N",
        type=types.natural,
        default=3,
        help="so many levels below; default: 3",
    )
    types.add_table_options(parser)


def run(args: argparse.Namespace) -> int:
    top = Path(args.directory)
    if not top.is_dir():
        raise exits.CannotDo(f"there is no directory {args.directory}")
    found = [_facts(path) for path in _sessions(top, args.depth)]
    if args.json:
        write_json("sessions", None, sessions=found)
        return exits.OK
    if not found:
        say(f"no sessions below {args.directory}", quiet=args.quiet)
        return exits.OK
    columns = [
        Column("SESSION", shrinks=True),
        *(Column(each, right=True) for each in ("TASKS", "DONE", "FAILED", "RUNNING", "WAITING")),
        Column("CHANGED"),
        Column("RUN BY", shrinks=True),
    ]
    write_table(columns, map(_row, found), header=not args.no_header)
    return exits.OK


def _sessions(top: Path, depth: int) -> Iterator[Path]:
    """Sessions in a directory and below; what is inside of one is not looked at."""
    if is_session(top):
        yield top
        return
    if depth < 0:
        return
    try:
        with os.scandir(top) as entries:
            below = sorted(
                each.name
                for each in entries
                if each.is_dir(follow_symlinks=False) and not each.name.startswith(".")
            )
    except OSError:
        return
    for name in below:
        yield from _sessions(top / name, depth - 1)


def _facts(path: Path) -> dict[str, Any]:
    from gc3libs.cli._figures import numbers_of

    try:
        session = open_session(path)
        try:
            holder = session.holder()
            return {
                "path": str(path),
                "counts": numbers_of(session),
                "changed": iso((path / "index.txt").stat().st_mtime),
                "runner": None if holder is None else {"host": holder.host, "pid": holder.pid},
                "error": None,
            }
        finally:
            session.close()
    except Error as err:
        return {"path": str(path), "counts": None, "runner": None, "error": str(err)}


def _row(facts: dict[str, Any]) -> list[str]:
    path = printable(facts["path"])
    if facts["error"]:
        return [path, *[""] * 6, facts["error"]]
    counts, runner = facts["counts"], facts["runner"]
    return [
        path,
        *(f"{counts[name]:,}" for name in ("total", "done", "failed", "running", "waiting")),
        clock(datetime.fromisoformat(facts["changed"]).timestamp()),
        "" if runner is None else f"{runner['host']} ({runner['pid']})",
    ]
