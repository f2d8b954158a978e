"""`gc3 history`."""

from __future__ import annotations

import argparse
import time

from gc3libs.cli import _exits as exits
from gc3libs.cli._output import iso, printable, write, write_json
from gc3libs.cli._place import open_session, split
from gc3libs.cli._select import one_task, record_of

MORE = """\
example:
  gc3 history flu 17
"""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = f"gc3 {name} [SESSION] TASK [options]"
    parser.add_argument("words", metavar="TASK", nargs="*", help="ID, number or name")


def run(args: argparse.Namespace) -> int:
    path, words = split(args.session, args.words)
    if len(words) != 1:
        raise exits.UsageError("say which task: gc3 history SESSION TASK")
    session = open_session(path)
    try:
        from gc3libs.model import decode_details

        summary = one_task(session, words[0])
        details = decode_details(record_of(session, summary.id).details)
        steps = details.history
        if args.json:
            history = [{"time": iso(moment), "what": text} for moment, text in steps]
            write_json("history", session.path, id=summary.id, history=history)
        for moment, text in [] if args.json else steps:
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
            lines = text.splitlines() or [""]
            write(f"{when}  {printable(lines[0])}")
            for line in lines[1:]:
                write(f"{'':19}  {printable(line)}")
    finally:
        session.close()
    return exits.OK
