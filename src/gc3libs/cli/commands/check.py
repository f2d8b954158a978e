"""`gc3 check`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gc3libs.cli import _exits as exits
from gc3libs.cli import _parser as types
from gc3libs.cli._examination import Examination, Finding
from gc3libs.cli._output import plural, printable, say, write, write_json
from gc3libs.cli._place import open_session, shown, split

if TYPE_CHECKING:
    from gc3libs.session import Session

MORE = """\
Looks at the index, every record, what an engine has left, and what waits. With
--repair it puts right what it can prove; what it takes away is kept in the
directory "lost" of the session.

exit code: 0 if nothing is wrong (any more), 1 otherwise.
"""
_SHOWN: Final = 20


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 check [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--repair", action="store_true", help="put right what can be proved")
    types.add_dry_run(parser)


def run(args: argparse.Namespace) -> int:
    path, rest = split(args.session, args.words)
    if rest:
        raise exits.UsageError(f"{rest[0]!r} is too much: gc3 check [SESSION]")
    session = open_session(path)
    try:
        if args.repair and not args.dry_run:
            with session.lease("gc3 check"):
                examination = Examination(session, idle=True)
                findings = list(examination.findings())
                repaired = _repair(findings)
        else:
            examination = Examination(session, idle=session.holder() is None)
            findings, repaired = list(examination.findings()), 0
        if args.json:
            found = [{"where": f.where, "what": f.what, "remedy": f.remedy} for f in findings]
            write_json(
                "check",
                session.path,
                tasks=examination.looked_at,
                findings=found,
                repaired=repaired,
                dry_run=args.dry_run,
            )
        else:
            _write(findings, repaired)
            _say(args, session, path, examination.looked_at, len(findings), repaired)
    finally:
        session.close()
    return exits.OK if len(findings) == repaired else exits.FATAL


def _repair(findings: list[Finding]) -> int:
    repaired = 0
    for finding in findings:
        if finding.repair is not None:
            finding.repair()
            repaired += 1
    return repaired


def _write(findings: list[Finding], repaired: int) -> None:
    for finding in findings[:_SHOWN]:
        write(f"{printable(finding.where)}: {printable(finding.what)}")
        if finding.remedy:
            write(f"    {'repaired' if repaired else 'repair'}: {finding.remedy}")
    if len(findings) > _SHOWN:
        write(f"... and {len(findings) - _SHOWN:,} more: --json shows all")


def _say(
    args: argparse.Namespace, session: Session, path: Path, tasks: int, found: int, repaired: int
) -> None:
    if not found:
        say(f"{session.name}: {plural(tasks)}, nothing wrong", quiet=args.quiet)
    elif args.repair:
        left = f"; {found - repaired} cannot be repaired" if found > repaired else ""
        say(f"{plural(found, 'fault')}, {repaired} repaired{left}", quiet=args.quiet)
    else:
        say(
            f"{plural(found, 'fault')} in {plural(tasks)}. To put right what can be:"
            f" gc3 check {shown(path)} --repair",
            quiet=args.quiet,
        )
