"""`gc3 logs`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gc3libs._clock import SYSTEM
from gc3libs.cli import _exits as exits
from gc3libs.cli._output import say, write_json
from gc3libs.cli._place import open_session, split
from gc3libs.cli._select import one_task, record_of

if TYPE_CHECKING:
    from gc3libs.persistence import Record
    from gc3libs.session import Session

MORE = """\
examples:
  gc3 logs flu 17 --stderr
  gc3 logs flu beta=2.1 -f
"""
_PAUSE = 0.25
"""Seconds between two looks at a file that grows."""


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 logs [SESSION] TASK [options]"
    parser.add_argument("words", metavar="TASK", nargs="*", help="ID, number or name")
    parser.add_argument("-f", "--follow", action="store_true", help="go on until the task is over")
    parser.add_argument("--stderr", action="store_true", help="the standard error stream")
    parser.add_argument("--path", action="store_true", help="only say where the file is")


def run(args: argparse.Namespace) -> int:
    path, words = split(args.session, args.words)
    if len(words) != 1:
        raise exits.UsageError("say which task: gc3 logs SESSION TASK")
    session = open_session(path)
    try:
        which = "stderr" if args.stderr else "stdout"
        source = _Source(session, one_task(session, words[0]).id, which)
        if args.follow:
            source.follow()
            return exits.OK
        file = source.file()
        if args.json:
            text = None if file is None else file.read_bytes().decode(errors="replace")
            where = None if file is None else str(file)
            write_json("logs", session.path, id=source.id, stream=which, path=where, text=text)
        elif file is None:
            say(source.nothing(), quiet=args.quiet)
        elif args.path:
            sys.stdout.write(f"{file}\n")
        else:
            _copy(file, 0)
    finally:
        session.close()
    return exits.OK


class _Source:
    """The file that has what a task writes; another one, once the task is over."""

    def __init__(self, session: Session, id_: str, which: str) -> None:
        self.id = id_
        self._session = session
        self._which = which

    def _record(self) -> Record:
        return record_of(self._session, self.id)

    def file(self) -> Path | None:
        from gc3libs.cli._why import stream, stream_names
        from gc3libs.model import decode_details

        record = self._record()
        name = stream_names(self._session, [self.id], self._which).get(self.id)
        details = decode_details(record.details)
        return stream(self._session, record, self._which, name, details)

    def nothing(self) -> str:
        """Why there is nothing to be seen."""
        state = self._record().summary.state
        if state == "NEW":
            return f"{self.id} has not been started"
        other = "" if self._which == "stderr" else " Its other stream: --stderr"
        return f"{self.id} has written nothing to its {self._which} that was kept.{other}"

    def follow(self) -> None:
        """Show what is there and what comes, until the task is over."""
        seen: Path | None = None
        offset = 0
        while True:
            over = self._record().summary.state == "TERMINATED"
            file = self.file() if seen is None or not seen.exists() else seen
            if file is not None:
                offset = _copy(file, offset)
                seen = file
            if over:
                return
            SYSTEM.sleep(_PAUSE)
            self._session.store.invalidate_cache()


def _copy(file: Path, offset: int) -> int:
    """Show a file from some byte on; how far it was shown."""
    sys.stdout.flush()
    try:
        with file.open("rb") as source:
            source.seek(offset)
            while chunk := source.read(1 << 16):
                sys.stdout.buffer.write(chunk)
                offset += len(chunk)
    except FileNotFoundError:
        return offset
    sys.stdout.buffer.flush()
    return offset
