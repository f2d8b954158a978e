"""`gc3 status`."""

from __future__ import annotations

import argparse
import math
import os
import sys
from typing import TYPE_CHECKING, Any

from gc3libs._clock import SYSTEM
from gc3libs.cli import _exits as exits
from gc3libs.cli._figures import causes_of, examples_of, numbers_of, usage_of
from gc3libs.cli._left import Left, left_by
from gc3libs.cli._output import clock, has_colours, iso, say, styled, width, write, write_json
from gc3libs.cli._place import open_session, shown, split
from gc3libs.cli._tables import cut
from gc3libs.cmdline._figures import Progress, headline, names_of_running, printable
from gc3libs.cmdline._messages import core_hours, pace
from gc3libs.cmdline._published import Published, published

if TYPE_CHECKING:
    from gc3libs.session import Holder, Session

MORE = """\
examples:
  gc3 status flu
  gc3 status flu --watch
"""
_PAUSE = 1.0
_BAR = 40


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 status [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("-w", "--watch", action="store_true", help="until it is over, or Ctrl-C")


def run(args: argparse.Namespace) -> int:
    path, rest = split(args.session, args.words)
    if rest:
        raise exits.UsageError(f"{rest[0]!r} is too much: gc3 status [SESSION]")
    session = open_session(path)
    try:
        if args.watch:
            return _watch(session)
        if args.json:
            _write_json(session)
        else:
            for line in _Status(session).lines():
                write(line)
    finally:
        session.close()
    return exits.OK


class _Status:
    """How a session is at this moment."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.numbers = numbers_of(session)
        self.usage = usage_of(session, self.numbers)
        self.holder: Holder | None = session.holder()
        self.published: Published | None = (
            published(session.run_directory) if self.holder is not None else None
        )
        failed = session.summaries(failed=True)
        self.causes = causes_of(session, failed) if self.numbers["failed"] else {}
        nobody = self.holder is None
        self.left = left_by(session) if nobody and self.numbers["running"] else Left()
        self.progress = self._progress()

    def _progress(self) -> Progress:
        n = self.numbers
        live = self.published.progress if self.published else None
        running = self.session.summaries(state="RUNNING") if n["running"] else iter(())
        return Progress(
            total=n["total"],
            done=n["done"],
            failed=n["failed"],
            running=n["running"],
            waiting=n["waiting"],
            held=n["held"],
            examples=examples_of(running),
            slots=live.slots if live else None,
            notes=live.notes if live else (),
        )

    def lines(self) -> list[str]:
        columns = width() or 80
        n = self.numbers
        lines = [headline(self.session.name, self._runs(), self.progress), ""]
        lines.append(self._row("done", n["done"], "green"))
        if n["failed"]:
            lines.append(self._row("failed", n["failed"], "red"))
            indent = " " * len(self._start("", 0))
            lines += [f"{indent}{each}" for each in self._cause_lines()]
        lines.append(self._plain_row("running", n["running"], self._running()))
        lines.append(self._plain_row("waiting", n["waiting"]))
        if n["held"]:
            lines.append(self._plain_row("held", n["held"]))
        lines += [f"  {printable(note)}" for note in self.progress.notes]
        lines += ["", f"  {self._foot()}"]
        hint = self._hint()
        return [cut(each, columns) if "\x1b" not in each else each for each in lines] + hint

    def _runs(self) -> str:
        if self.holder is None:
            return "nobody runs it"
        where = f"{self.holder.host}, process {self.holder.pid}"
        return f"run on {where}, since {clock(self.holder.since)}"

    def _row(self, label: str, count: int, colour: str) -> str:
        from gc3libs.cmdline._picture import bar, percent

        total = self.numbers["total"]
        strip = bar(count, total, _BAR, _can_draw())
        strip = styled(strip, colour) if has_colours() else strip
        return f"{self._start(label, count)}{strip}{percent(count, total):>6}"

    def _plain_row(self, label: str, count: int, words: str = "") -> str:
        return f"{self._start(label, count)}{words}".rstrip()

    def _start(self, label: str, count: int) -> str:
        digits = max(len(f"{self.numbers['total']:,}"), 5)
        return f"  {label:<8}{count:>{digits},}  "

    def _running(self) -> str:
        return self.left.words() or ", ".join(names_of_running(self.progress))

    def _cause_lines(self) -> list[str]:
        return [f"{count:,} x {printable(cause)}" for cause, count in _most(self.causes)]

    def _foot(self) -> str:
        parts = []
        if self.published is not None:
            parts.append(pace(self.published.estimate))
        parts.append(f"{core_hours(self.usage.used) or '0 core-hours'} used")
        if self.usage.to_go and (to_go := core_hours(self.usage.to_go)):
            parts.append(f"about {to_go} to go")
        return " · ".join(filter(None, parts))

    def _hint(self) -> list[str]:
        named = shown(self.session.path)
        hints = []
        if self.numbers["failed"]:
            hints.append(f"why:  gc3 failures {named}")
        if self.holder is None and self.numbers["waiting"] + self.numbers["running"]:
            hints.append(f"go on:  gc3 run {named}")
        return [f"  {'      '.join(hints)}"] if hints else []


def _most(causes: Any) -> list[tuple[str, int]]:
    return sorted(causes.items(), key=lambda item: -item[1])[:3]


def _can_draw() -> bool:
    return (sys.stdout.encoding or "").lower().startswith("utf")


def _write_json(session: Session) -> None:
    status = _Status(session)
    holder, usage = status.holder, status.usage
    estimate = status.published.estimate if status.published else None
    write_json(
        "status",
        session.path,
        name=session.name,
        uuid=session.uuid,
        store=session.store_url,
        created=iso(session.created),
        finished=iso(session.finished if session.finished >= 0 else None),
        counts=status.numbers,
        runner=None
        if holder is None
        else {"host": holder.host, "pid": holder.pid, "since": iso(holder.since)},
        rate=None if estimate is None else estimate.rate,
        seconds_left=None
        if estimate is None
        else {
            "likely": estimate.left,
            "low": estimate.low,
            "high": None if math.isinf(estimate.high) else estimate.high,
        },
        core_seconds={"used": usage.used, "to_go": usage.to_go},
        left={"ended": status.left.ended, "cut_off": status.left.cut_off},
        causes=[{"cause": cause, "count": count} for cause, count in _most(status.causes)],
    )


def _watch(session: Session) -> int:
    """Show it again and again: in place on a terminal, else whenever the numbers have changed."""
    last: dict[str, int] | None = None
    in_place = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    height = 0
    try:
        while True:
            status = _Status(session)
            if in_place:
                lines = status.lines()
                sys.stdout.write(f"\x1b[{height}F\x1b[J" if height else "")
                sys.stdout.write("\n".join(lines) + "\n")
                height = len(lines)
            elif status.numbers != last:
                _write_one_line(status)
            sys.stdout.flush()
            last = status.numbers
            if status.holder is None and not status.numbers["running"]:
                return exits.OK
            SYSTEM.sleep(_PAUSE)
    except KeyboardInterrupt:
        if status.holder is not None:
            say(f"{session.name} goes on; this was only a look")
        return exits.OK


def _write_one_line(status: _Status) -> None:
    from gc3libs.cmdline._figures import line

    words = pace(status.published.estimate) if status.published else ""
    write(line(status.session.name, status.progress, words))
