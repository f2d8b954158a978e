"""`gc3 failures`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gc3libs.cli import _exits as exits
from gc3libs.cli._output import plural, printable, say, width, write, write_json
from gc3libs.cli._place import open_session, shown, split
from gc3libs.cli._standing_out import what_stands_out
from gc3libs.cli._tables import cut
from gc3libs.cli._why import reasons
from gc3libs.cli._words import exit_word, number_of
from gc3libs.model.causes import family_of

if TYPE_CHECKING:
    from gc3libs.session import Session

MORE = """\
Tasks are of one family if they ended the same way, for the same reason: what is
known of it, or the last line of their standard error, without numbers and
paths.

examples:
  gc3 failures flu
  gc3 retry flu --family F1 --memory x2
"""
MOST: Final = 20_000
"""Failed tasks that are looked at."""


class Family(msgspec.Struct, kw_only=True):
    """Tasks that failed for the same reason.

    Attributes:
        name: F1 is the largest.
        ending: How they ended, such as `exit 1`.
        reason: Of the first one.
        tasks: All of them.
    """

    name: str = ""
    ending: str
    reason: str
    tasks: list[Any]


def arguments(parser: argparse.ArgumentParser, name: str) -> None:
    parser.usage = "gc3 failures [SESSION] [options]"
    parser.add_argument("words", metavar="SESSION", nargs="*", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    path, rest = split(args.session, args.words)
    if rest:
        raise exits.UsageError(f"{rest[0]!r} is too much: gc3 failures [SESSION]")
    session = open_session(path)
    try:
        found = families(session)
        if args.json:
            write_json("failures", session.path, families=[_object(session, f) for f in found])
            return exits.OK
        if not found:
            say(f"nothing has failed in {session.name}", quiet=args.quiet)
        for family in found:
            _write(session, family, shown(path))
        looked_at = sum(len(family.tasks) for family in found)
        failed = session.counts()["failed"]
        if looked_at < failed:
            say(f"looked at {looked_at:,} of {plural(failed)} that failed", quiet=args.quiet)
    finally:
        session.close()
    return exits.OK


def families(session: Session) -> list[Family]:
    """The families of a session's failed tasks, the largest first."""
    from itertools import islice

    found: dict[tuple[str, str], Family] = {}
    failed = islice(session.summaries(failed=True), MOST)
    for summary, reason in reasons(session, failed):
        word = exit_word(summary)
        ending = f"exit {word}" if word.isdigit() else word
        key = ending, family_of(reason)
        if key not in found:
            found[key] = Family(ending=ending, reason=reason, tasks=[])
        found[key].tasks.append(summary)
    ordered = sorted(found.values(), key=lambda f: (-len(f.tasks), number_of(f.tasks[0].id)))
    for place, family in enumerate(ordered, 1):
        family.name = f"F{place}"
    return ordered


def family_ids(session: Session, name: str) -> list[str]:
    """IDs of the tasks of a family.

    Raises:
        UsageError: There is no such family.
    """
    found = families(session)
    for family in found:
        if family.name == name.upper():
            return [task.id for task in family.tasks]
    known = ", ".join(f.name for f in found) or "none"
    raise exits.UsageError(f"there is no family {name!r} of failures in {session.name}: {known}")


def _write(session: Session, family: Family, named: str) -> None:
    columns = width() or 80
    first = family.tasks[0]
    parts = [plural(len(family.tasks)), _ending(family)]
    if family.reason and family.reason not in parts[-1]:
        parts.append(printable(family.reason))
    write(cut(f"{family.name}  {' · '.join(parts)}", columns))
    for each in what_stands_out(session, family.tasks):
        write(cut(f"    {printable(each.words())}", columns))
    reason = family.reason
    wish = ""
    if reason.startswith("walltime"):
        wish = " --walltime x2"
    elif reason.startswith("memory"):
        wish = " --memory x2"
    stream = "" if wish else " --stderr"
    look = f"look: gc3 logs {named} {number_of(first.id)}{stream}"
    again = f"again: gc3 retry {named} --family {family.name}{wish}"
    one_line = f"    {look:<37} {again}"
    write(one_line if len(one_line) <= columns else f"    {look}\n    {again}")


def _ending(family: Family) -> str:
    if family.reason.startswith("walltime"):
        return f"ended after its {family.reason}"
    return f"ended for its {family.reason}" if family.reason.startswith("memory") else family.ending


def _object(session: Session, family: Family) -> dict[str, Any]:
    return {
        "family": family.name,
        "count": len(family.tasks),
        "ending": family.ending,
        "reason": family.reason,
        "example": family.tasks[0].id,
        "ids": [task.id for task in family.tasks],
        "stands_out": [msgspec.to_builtins(p) for p in what_stands_out(session, family.tasks)],
    }
